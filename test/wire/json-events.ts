import { Status } from "../../firmware/status.js";
import { JsonReader } from "../../firmware/wire/json/json.js";
import { ValueEvent } from "../../firmware/wire/value.js";
import { Builder } from "./value-builder.js";

/** The limits of a reader in tests. */
export const DEPTH_MAX = 16;
export const KEY_BYTES_MAX = 24;
const TEXT_BYTES_MAX = 4096;

/** What a text came to: the value it stands for, or why it was refused; and all events in short. */
export interface Outcome {
  readonly status: Status;
  readonly value: unknown;
  readonly events: string;
  /** Index in the whole text of the first byte that was not consumed. */
  readonly at: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads `bytes` in pieces that end at the given indices (ascending; the last piece ends the text). */
export function readPieces(
  bytes: Uint8Array,
  ends: readonly number[],
  reader = new JsonReader(DEPTH_MAX, 255),
): Outcome {
  const into = new Uint8Array(TEXT_BYTES_MAX);
  const builder = new Builder();
  const events: string[] = [];
  let at = 0;
  let event = ValueEvent.MORE;

  function take(): void {
    let note = ValueEvent[event] as string;
    if (event === ValueEvent.KEY) {
      const key = utf8.decode(reader.key.subarray(0, reader.keyLength));
      builder.name(key);
      note += ` ${key}`;
    } else if (event === ValueEvent.STRING) {
      const text = utf8.decode(into.subarray(0, reader.textLength));
      builder.add(text);
      note += ` ${text}`;
    } else if (event === ValueEvent.NUMBER) {
      builder.add(reader.number);
      note += ` ${reader.number} ${reader.isInteger}`;
    } else builder.take(event);
    note += ` /${reader.depth}`;
    events.push(note);
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

/** Reads a whole text: one JSON value and white space behind it, else it is refused, as JSON.parse does. */
export function readText(text: string | Uint8Array, ends: readonly number[] = []): Outcome {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const outcome = readPieces(bytes, ends);
  const isTrailing = bytes.subarray(outcome.at).some((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  return outcome.status === Status.OK && isTrailing ? { ...outcome, status: Status.JSON_SYNTAX } : outcome;
}

/** The indices that cut a text of `length` bytes into pieces of `size`. */
export function everyBytes(size: number, length: number): number[] {
  const ends: number[] = [];
  for (let end = size; end < length; end += size) ends.push(end);
  return ends;
}
