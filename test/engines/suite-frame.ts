/** Frames on every engine. This file runs inside the engines, as `suite.ts` does. */
import { bytesOf } from "../../firmware/wire/bytes.js";
import { FrameEvent } from "../../firmware/wire/frame/event.js";
import { FrameReader } from "../../firmware/wire/frame/frame.js";
import { readWhole } from "../../firmware/wire/frame/whole.js";
import { bytesOfHex, hex } from "./suite-store.js";

const TOKEN_BYTES = 48;

/** As the device `d1` reads what the cloud sends. */
const reader = (): FrameReader =>
  new FrameReader(bytesOf("d1"), bytesOf("cloud"), 16, 16, TOKEN_BYTES, false);

/** Reads a frame given in hexadecimal, in one piece, and tells all that is known of it then. */
export function readFrame(text: string): string {
  const bytes = bytesOfHex(text);
  const frame = reader();
  let event = frame.read(bytes, 0, bytes.length);
  const end = frame.at;
  if (event === FrameEvent.MORE) event = frame.finish();
  if (event === FrameEvent.REFUSED) return `refused at ${end}: ${frame.status}`;
  const flags = [
    frame.hasMethod,
    frame.noReply,
    frame.exist,
    frame.success,
    frame.hasVerdict,
    frame.hasError,
  ];
  const numbers = [frame.id, frame.src, frame.dst, frame.result, frame.expiresInS, frame.timeS, frame.code];
  const token = hex(frame.staging, 0, Math.min(frame.tokenLength, TOKEN_BYTES));
  return `${event} at ${end}: ${flags.join(" ")} ${numbers.join(" ")} ${frame.overflow} ${frame.tokenLength} ${token}`;
}

/** Whether the engine's own JSON serves for this frame. */
export function isReadWhole(text: string): boolean {
  const bytes = bytesOfHex(text);
  return readWhole(reader(), bytes, 0, bytes.length) > 0;
}
