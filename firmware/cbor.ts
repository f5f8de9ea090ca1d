import type { Config } from "./config.js";
import { CborFrames } from "./session/cbor-frames.js";
import type { Encoding, FrameWriter } from "./session/frames.js";
import { CborReader } from "./wire/cbor.js";
import { FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX } from "./wire/frame.js";
import type { ValueReader } from "./wire/value.js";

/** @construction */
const reader = (): ValueReader => new CborReader(FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX);

/** @construction */
const writer = (config: Config): FrameWriter => new CborFrames(config);

/** Frames in CBOR (RFC 8949), for `createAuth`'s `encoding`. */
export const cbor: Encoding = { name: "cbor", reader, writer };
