import type { Counters } from "../counters.js";
import type { MacSession } from "../proof/mac.js";
import type { ChannelParts } from "../transport/channel.js";
import type { CallTable } from "./calls.js";
import type { Challenge } from "./challenge.js";
import type { Encoding } from "./frames.js";
import type { Inbox } from "./inbox.js";

/** What calls are made with: what carries them, and what proves them. All of it is the session's. */
export interface RpcParts extends ChannelParts {
  readonly deliveries: CallTable;
  readonly inbox: Inbox;
  readonly counters: Counters;
  /** null: frames carry no MAC. */
  readonly mac: MacSession | null;
  /** null: the proof answers no challenge. */
  readonly challenge: Challenge | null;
  /** Another way to spell frames than JSON, whose name the channel has; null: there is none. */
  readonly frames: Encoding | null;
}
