import type { Counters } from "../counters.js";
import type { Protection } from "../proof/proof.js";
import type { ChannelParts } from "../transport/channel.js";
import type { CallTable } from "./calls.js";
import type { Encoding } from "./frames.js";
import type { Inbox } from "./inbox.js";

/** What calls are made with: what carries them, and what proves them. All of it is the session's. */
export interface RpcParts extends ChannelParts {
  readonly deliveries: CallTable;
  readonly inbox: Inbox;
  readonly counters: Counters;
  readonly protection: Protection;
  /** Another way to spell frames than JSON, whose name the channel has; null: there is none. */
  readonly frames: Encoding | null;
}
