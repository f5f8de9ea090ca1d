import type { BrokerBinding, Receiver, Sender } from "../../cloud/channel.js";
import type { Events } from "../../cloud/events.js";
import type { Health } from "../../cloud/health.js";
import type { BrokerTls } from "../../cloud/types.js";

/** The connection to the site's broker: devices' requests come from it, and replies go to it. */
export interface BrokerLine extends Sender {
  /** Without user and password. */
  readonly url: string;
  /** Takes no new request, and still answers the pending ones. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** What a line works with. */
export interface BrokerLineParts extends BrokerBinding {
  /** The replicas of one group share the requests. */
  group: string;
  tls: BrokerTls;
  receiver: Receiver;
  events: Events;
  health: Health;
}

/** Reports what is wrong with a line, once for each sentence. @param trouble null: it works */
export function tellLine({ events, health }: BrokerLineParts, trouble: string | null): void {
  if (!health.set("broker", trouble)) return;
  if (trouble === null) events.emit({ event: "broker-attached" });
  else events.emit({ event: "broker-lost", reason: trouble });
}
