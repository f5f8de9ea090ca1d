/** A provider of OpenTelemetry's standard API that keeps spans in memory. */
import {
  type Attributes,
  type Context,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanOptions,
  type SpanStatus,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";

/** A span that has ended. */
export interface KeptSpan {
  tracer: string;
  name: string;
  options: SpanOptions;
  attributes: Attributes;
  status: SpanStatus | null;
  /** Whose child it is; undefined: a root. */
  parent: Span | undefined;
  ms: number;
}

/** What was traced. */
export class KeptSpans implements TracerProvider {
  readonly spans: KeptSpan[] = [];

  getTracer(tracer: string): Tracer {
    const startSpan = (name: string, options: SpanOptions = {}, context?: Context): Span => {
      const startedAtMs = performance.now();
      const attributes: Attributes = { ...options.attributes };
      let status: SpanStatus | null = null;
      const span = {
        ...trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
        spanContext: () => INVALID_SPAN_CONTEXT,
        setAttribute: (key: string, value: Attributes[string]) => {
          attributes[key] = value;
          return span;
        },
        setStatus: (given: SpanStatus) => {
          status = given;
          return span;
        },
        end: () => {
          const parent = context && trace.getSpan(context);
          const ms = performance.now() - startedAtMs;
          this.spans.push({ tracer, name, options, attributes, status, parent, ms });
        },
      } as unknown as Span;
      return span;
    };
    return {
      startSpan,
      startActiveSpan: () => {
        throw new Error("not used");
      },
    } as Tracer;
  }
}
