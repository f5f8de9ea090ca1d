import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { CallWatch } from "../cloud/call-watch.js";

const SERVER_FAILED = 500;

/**
 * A span of OpenTelemetry for each call, where the program that runs the service has registered a provider: its method,
 * its proof and how it ended. Each is a root: nothing that a device sends has a place in anybody's trace.
 */
export const callSpans: CallWatch = ({ method, proof }) => {
  const attributes = { "rpc.system": "motekey", "rpc.method": method, "motekey.proof": proof };
  const span = trace
    .getTracer("motekey-service")
    .startSpan(method, { kind: SpanKind.SERVER, attributes }, ROOT_CONTEXT);
  return ({ code, isRepeated }) => {
    span.setAttribute("motekey.outcome", code === null ? "dropped" : code === 0 ? "done" : "refused");
    if (code !== null) span.setAttribute("motekey.code", code);
    if (isRepeated) span.setAttribute("motekey.repeated", true);
    if (code !== null && code >= SERVER_FAILED) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
};
