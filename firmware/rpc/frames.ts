import type { Config } from "../config.js";
import type { Protection } from "../proof/proof.js";
import type { Addressing } from "../wire/frame/addressing.js";
import type { ValueReader } from "../wire/value.js";
import type { Writer } from "../wire/writer.js";
import type { Call } from "./calls.js";

/** Writes frames with a writer that counts or writes. */
export interface FrameWriter {
  readonly writer: Writer;
  /** A call's whole frame with `fields` of its protection in it, without the protection's trailer. */
  request(call: Call, protection: Protection, fields: number): void;
  /** 404 for a request of a stranger, whose id is the first `length` bytes of the addressing'. */
  refusal(addressing: Addressing, length: number, id: number): void;
}

/**
 * Another way to spell frames than JSON, used where the cloud's Hello names it. What the app does not give to
 * `createAuth` does not get into its bundle.
 */
export interface Encoding {
  /** As in Hello's `ext`, and behind `rpc-` in topics. */
  readonly name: string;
  /** @construction @internal */
  readonly valueReader: () => ValueReader;
  /** @construction @internal */
  readonly writer: (config: Config) => FrameWriter;
}
