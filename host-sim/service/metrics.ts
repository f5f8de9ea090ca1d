import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Events } from "../cloud/events.js";
import type { CloudEvent } from "../cloud/types.js";
import type { HeldUp } from "./limits/limits.js";

const UNKNOWN = "(unknown)";

/** Metrics for Prometheus. Labels come from closed sets, so that no peer can add any. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = this.counter("motekey_requests_total", "Requests of proved senders", [
    "method",
  ]);
  private readonly replies = this.counter("motekey_replies_total", "Replies", ["method", "code"]);
  private readonly repeated = this.counter("motekey_replies_repeated_total", "Replies given again", []);
  private readonly refused = this.counter("motekey_refused_total", "Senders not believed", ["reason"]);
  private readonly connects = this.counter("motekey_connects_total", "Connections let in", ["proof"]);
  private readonly connectsRefused = this.counter("motekey_connects_refused_total", "Connections refused", [
    "reason",
  ]);
  private readonly dropped = this.counter("motekey_dropped_total", "Messages let fall", ["reason"]);
  private readonly heldUpTotal = this.counter("motekey_held_up_total", "Held to a limit, or told late", [
    "why",
  ]);
  private readonly failed = this.counter("motekey_failed_total", "What should not have failed", []);
  private broker: Gauge | null = null;
  /** The known methods: all others count as one. */
  private readonly methods = new Set<string>();

  constructor(events: Events) {
    const { registry } = this;
    collectDefaultMetrics({ register: registry });
    new Gauge({
      name: "motekey_connections",
      help: "Clients connected to this replica",
      registers: [registry],
      collect() {
        this.set(events.stats.connections);
      },
    });
    events.on((event) => this.count(event));
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** All metrics, in Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Is this replica a client of the site's broker now? */
  brokerIs(isAttached: boolean): void {
    this.broker ??= new Gauge({
      name: "motekey_broker_attached",
      help: "1 while this replica is a client of the site's broker",
      registers: [this.registry],
    });
    this.broker.set(isAttached ? 1 : 0);
  }

  /** A limit applied to somebody. */
  heldUp(why: HeldUp): void {
    this.heldUpTotal.inc({ why });
  }

  private counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private count(event: CloudEvent): void {
    if (event.event === "request") {
      this.methods.add(event.method);
      this.requests.inc({ method: event.method });
    } else if (event.event === "replied") {
      const method = this.methods.has(event.method) ? event.method : UNKNOWN;
      this.replies.inc({ method, code: String(event.code) });
      if (event.repeated) this.repeated.inc();
    } else if (event.event === "refused") this.refused.inc({ reason: event.reason });
    else if (event.event === "connected") this.connects.inc({ proof: event.proof });
    else if (event.event === "connect-refused") this.connectsRefused.inc({ reason: event.reason });
    else if (event.event === "dropped") this.dropped.inc({ reason: event.reason });
    else if (event.event === "failed") this.failed.inc();
    else if (event.event === "broker-attached") this.brokerIs(true);
    else if (event.event === "broker-lost") this.brokerIs(false);
  }
}
