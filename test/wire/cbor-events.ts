import type { Status } from "../../firmware/status.js";
import { CborReader } from "../../firmware/wire/cbor/cbor.js";
import { ValueEvent } from "../../firmware/wire/value.js";
import { Builder } from "./value-builder.js";

/** The limits of a reader in tests. */
export const DEPTH_MAX = 16;
const KEY_BYTES_MAX = 255;
const TEXT_BYTES_MAX = 4096;

/** What an item came to: the value it stands for, or why it was refused; and all events in short. */
export interface Outcome {
  readonly status: Status;
  /** Integer keys are told as `#1`. */
  readonly value: unknown;
  readonly events: string;
  /** Index of the first byte that was not consumed. */
  readonly at: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads `bytes` in pieces that end at the given indices (ascending; the last piece ends the item). */
export function readPieces(
  bytes: Uint8Array,
  ends: readonly number[] = [],
  reader = new CborReader(DEPTH_MAX, KEY_BYTES_MAX),
): Outcome {
  const into = new Uint8Array(TEXT_BYTES_MAX);
  const builder = new Builder();
  const events: string[] = [];
  let at = 0;
  let event = ValueEvent.MORE;

  function take(): void {
    let note = ValueEvent[event] as string;
    const kept = into.slice(0, reader.textLength);
    if (event === ValueEvent.KEY) {
      const name =
        reader.keyLength < 0 ? `#${reader.keyNumber}` : utf8.decode(reader.key.subarray(0, reader.keyLength));
      builder.name(name);
      note += ` ${name}`;
    } else if (event === ValueEvent.STRING) {
      builder.add(utf8.decode(kept));
      note += ` ${utf8.decode(kept)}`;
    } else if (event === ValueEvent.BYTES) {
      builder.add(Buffer.from(kept));
      note += ` ${Buffer.from(kept).toString("hex")}`;
    } else if (event === ValueEvent.NUMBER) {
      builder.add(reader.number);
      note += ` ${reader.number} ${reader.isInteger}`;
    } else if (event === ValueEvent.SIMPLE) {
      builder.add(undefined);
      note += ` ${reader.number}`;
    } else builder.take(event);
    const isOfItem = event !== ValueEvent.OBJECT_END && event !== ValueEvent.ARRAY_END && !isOver();
    events.push(reader.tag >= 0 && isOfItem ? `${reader.tag}(${note})` : note);
  }

  function isOver(): boolean {
    return event === ValueEvent.END || event === ValueEvent.REFUSED;
  }

  for (const end of [...ends, bytes.length]) {
    do {
      reader.capture(into, 0, into.length);
      event = reader.read(bytes, at, end);
      at = reader.at;
      if (event !== ValueEvent.MORE) take();
      else if (at !== end) throw new Error(`MORE at ${at} with bytes left up to ${end}`);
    } while (event !== ValueEvent.MORE && !isOver());
    if (isOver()) break;
  }
  while (!isOver()) {
    event = reader.finish();
    take();
  }
  return { status: reader.status, value: builder.root, events: events.join("\n"), at };
}
