import { Status } from "../../firmware/status.js";
import { JsonReader } from "../../firmware/wire/json.js";
import { ValueEvent } from "../../firmware/wire/value.js";

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

/** Builds a value from events, so that it can be held against JSON.parse. */
class Builder {
  root: unknown;
  private readonly open: { container: Record<string, unknown> | unknown[]; name: string }[] = [];

  name(name: string): void {
    const parent = this.open[this.open.length - 1];
    if (parent !== undefined) parent.name = name;
  }

  add(value: unknown): void {
    const parent = this.open[this.open.length - 1];
    if (parent === undefined) this.root = value;
    else if (Array.isArray(parent.container)) parent.container.push(value);
    // As JSON.parse does it: `__proto__` is a member like any other.
    else
      Object.defineProperty(parent.container, parent.name, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }

  start(container: Record<string, unknown> | unknown[]): void {
    this.add(container);
    this.open.push({ container, name: "" });
  }

  end(): void {
    this.open.pop();
  }
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
    if (event === ValueEvent.OBJECT) builder.start({});
    else if (event === ValueEvent.ARRAY) builder.start([]);
    else if (event === ValueEvent.OBJECT_END || event === ValueEvent.ARRAY_END) builder.end();
    else if (event === ValueEvent.KEY) {
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
    } else if (event === ValueEvent.TRUE || event === ValueEvent.FALSE) builder.add(event === ValueEvent.TRUE);
    else if (event === ValueEvent.NULL) builder.add(null);
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
