import type { Transport } from "./channel.js";
import type { Encoding } from "./frames.js";

/** What the app chose of what not every app needs: bundlers leave out what nobody names. */
export interface Features {
  readonly transport: Transport;
  /** What frames may be spelt in beside JSON; null: nothing. */
  readonly encoding: Encoding | null;
}
