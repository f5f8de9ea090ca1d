import type { Config } from "./config.js";
import type { Scratch } from "./crypto/scratch.js";
import { checkGroup, Kind } from "./options.js";
import { CborFrames } from "./rpc/cbor-frames.js";
import type { Encoding, FrameWriter } from "./rpc/frames.js";
import type { TokenFormat, TokenReader } from "./session/features.js";
import { CwtReader } from "./tokens/cwt.js";
import { bytesOf, type Text } from "./wire/bytes.js";
import { CborReader } from "./wire/cbor/cbor.js";
import { FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX } from "./wire/frame/frame.js";
import type { ValueReader } from "./wire/value.js";

/** @construction */
const valueReader = (): ValueReader => new CborReader(FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX);

/** @construction */
const writer = (config: Config): FrameWriter => new CborFrames(config);

/** Frames in CBOR (RFC 8949), for `createAuth`'s `encoding`. */
export const cbor: Encoding = { name: "cbor", valueReader, writer };

/**
 * Tokens are CWTs (RFC 8392) in base64url, for `createAuth`'s `tokenFormat`: `exi`, else `exp − iat`, plans their
 * refresh where the cloud names no lifetime.
 *
 * @construction
 * @param key shared with the issuer: every token must then be a COSE_Mac0 with HMAC 256/256 under it, with no critical
 *   header parameter but `alg`, no label twice, and a map of claims (RFC 9052, 3; RFC 8392, 7.2); any other is
 *   CWT_REFUSED. A string stands for its UTF-8. It stays the app's: `close()` wipes what was derived from it
 * @throws Error when the key is neither text nor bytes, or is empty
 */
export const cwt = (key?: Text): TokenFormat => {
  checkGroup("cwt()", { key }, { rows: { key: Kind.KEY } });
  if (key !== undefined && key.length === 0)
    throw new Error("motekey: cwt().key is empty; leave it out where tokens are not to be verified");
  const keyBytes = key === undefined ? null : typeof key === "string" ? bytesOf(key) : key;
  /** @construction */
  const tokenReader = (tokenBytes: number, scratch: Scratch): TokenReader =>
    new CwtReader(keyBytes, tokenBytes, scratch);
  return { reader: tokenReader };
};
