import { Status } from "../../status.js";
import { copyPlain, skipPlain } from "../run.js";
import { type TextSink, ValueEvent, type ValueReader } from "../value.js";
import { JsonNumber } from "./number.js";
import { JsonText } from "./text.js";

/** What may come next; from KEY_TEXT on: in the middle of a token, or behind the text. */
enum State {
  VALUE,
  FIRST_ITEM,
  FIRST_KEY,
  NEXT_KEY,
  COLON,
  AFTER_MEMBER,
  AFTER_ITEM,
  KEY_TEXT,
  VALUE_TEXT,
  NUMBER,
  WORD,
  DONE,
  REFUSED,
}

const DEPTH_MAX = 30;
/** As many digits are always below 2^53. */
const INTEGER_DIGITS = 15;

/** `true`, `false`, `null`, one behind the other. */
const WORDS = new Uint8Array([0x74, 0x72, 0x75, 0x65, 0x66, 0x61, 0x6c, 0x73, 0x65, 0x6e, 0x75, 0x6c, 0x6c]);
const TRUE_END = 4;
const FALSE_END = 9;
const NULL_END = 13;

/**
 * A strict {@link ValueReader} of JSON (RFC 8259).
 *
 * Refused with a status of its own: JSON_SYNTAX, JSON_UTF8 (inside strings), JSON_SURROGATE (a `\u` surrogate
 * without its pair), JSON_DEPTH, JSON_NUMBER (longer than 64 characters), JSON_TRUNCATED.
 */
export class JsonReader implements ValueReader {
  at: number;
  status: Status;
  depth: number;
  readonly isText: boolean;
  readonly key: Uint8Array;
  keyLength: number;
  /** The last NUMBER: exact when `isInteger`, else see {@link JsonNumber.value}. */
  number: number;
  /** Whether it was written without fraction and exponent and lies within ±(2^53 − 1). */
  isInteger: boolean;
  textLength: number;

  private readonly depthMax: number;
  private readonly text: JsonText;
  private readonly digits: JsonNumber;
  private state: State;
  /** The state behind a value at this depth. */
  private after: State;
  /** Bit n: the container at depth n + 1 is an object. */
  private objects: number;
  /** The depth of the value that is being skipped, −1 for none. */
  private skipDepth: number;
  private isCapturing: boolean;
  private into: Uint8Array;
  private intoFrom: number;
  private intoTo: number;
  /** Takes the next string in the place of `into`; null: that does. */
  private sink: TextSink | null;
  /** The next letter of a literal, and the end of it, in WORDS. */
  private wordAt: number;
  private wordEnd: number;

  /**
   * @param depthMax open objects and arrays at most, 1…30
   * @param keyBytesMax bytes of a key that are kept: as long as the longest known name
   */
  constructor(depthMax: number, keyBytesMax: number) {
    if (!(depthMax >= 1 && depthMax <= DEPTH_MAX)) {
      throw new Error("JsonReader: depthMax must be 1 to 30; one bit is kept for each open container");
    }
    this.depthMax = depthMax;
    this.isText = true;
    this.key = new Uint8Array(keyBytesMax);
    this.text = new JsonText();
    this.digits = new JsonNumber();
    this.into = this.key;
    this.intoFrom = 0;
    this.intoTo = 0;
    this.sink = null;
    this.at = 0;
    this.keyLength = 0;
    this.number = 0;
    this.isInteger = false;
    this.textLength = 0;
    this.wordAt = 0;
    this.wordEnd = 0;
    this.status = Status.OK;
    this.depth = 0;
    this.state = State.VALUE;
    this.after = State.DONE;
    this.objects = 0;
    this.skipDepth = -1;
    this.isCapturing = false;
  }

  reset(): void {
    this.status = Status.OK;
    this.depth = 0;
    this.state = State.VALUE;
    this.after = State.DONE;
    this.objects = 0;
    this.skipDepth = -1;
    this.isCapturing = false;
  }

  capture(into: Uint8Array, from: number, to: number): void {
    this.into = into;
    this.intoFrom = from;
    this.intoTo = to;
    this.sink = null;
    this.isCapturing = true;
  }

  stream(sink: TextSink): void {
    this.intoTo = this.intoFrom;
    this.sink = sink;
    this.isCapturing = true;
  }

  skip(): void {
    this.skipDepth = this.depth;
    this.isCapturing = false;
  }

  /** A number at the top is complete at the byte behind it. */
  read(bytes: Uint8Array, from: number, to: number): ValueEvent {
    let i = from;
    let state = this.state;
    if (state >= State.KEY_TEXT) {
      const event = this.resume(bytes, from, to);
      if (event !== ValueEvent.MORE) return event;
      i = this.at;
      state = this.state;
    }
    while (i < to) {
      const byte = bytes[i];
      if (byte === 0x3a && state === State.COLON) {
        state = State.VALUE;
        i++;
      } else if (byte === 0x2c && (state === State.AFTER_MEMBER || state === State.AFTER_ITEM)) {
        state = state === State.AFTER_MEMBER ? State.NEXT_KEY : State.VALUE;
        i++;
      } else if (byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) {
        i++;
      } else {
        const event = this.token(state, bytes, i, to);
        if (event !== ValueEvent.MORE) return event;
        i = this.at;
        state = this.state;
      }
    }
    this.at = i;
    this.state = state;
    return ValueEvent.MORE;
  }

  finish(): ValueEvent {
    if (this.state === State.NUMBER && this.depth === 0 && this.digits.finish() === Status.OK) {
      return this.numberEnded(this.digits.value, this.digits.isInteger, this.at);
    }
    if (this.state === State.DONE) return ValueEvent.END;
    if (this.state === State.REFUSED) return ValueEvent.REFUSED;
    return this.refuse(Status.JSON_TRUNCATED, this.at);
  }

  /** The token at `bytes[from]`. MORE: nothing to report, go on at `at`. */
  private token(state: State, bytes: Uint8Array, from: number, to: number): ValueEvent {
    const byte = bytes[from];
    if (byte === 0x22) {
      if (state <= State.FIRST_ITEM) return this.openText(bytes, from + 1, to);
      if (state <= State.NEXT_KEY) return this.openKey(bytes, from + 1, to);
    } else if (byte === 0x7d) {
      if (state === State.FIRST_KEY || state === State.AFTER_MEMBER)
        return this.close(ValueEvent.OBJECT_END, from + 1);
    } else if (byte === 0x5d) {
      if (state === State.FIRST_ITEM || state === State.AFTER_ITEM)
        return this.close(ValueEvent.ARRAY_END, from + 1);
    } else if (state <= State.FIRST_ITEM) {
      this.isCapturing = false;
      if (byte === 0x7b || byte === 0x5b) return this.open(byte === 0x7b, from);
      if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.openNumber(bytes, from, to);
      if (byte === 0x74) return this.word(0, TRUE_END, bytes, from, to);
      if (byte === 0x66) return this.word(TRUE_END, FALSE_END, bytes, from, to);
      if (byte === 0x6e) return this.word(FALSE_END, NULL_END, bytes, from, to);
    }
    return this.refuse(Status.JSON_SYNTAX, from);
  }

  /** A key from behind its quote on. Most are plain and whole: they need no more than one run. */
  private openKey(bytes: Uint8Array, from: number, to: number): ValueEvent {
    const isTold = this.skipDepth < 0;
    const room = this.key.length;
    const end = isTold
      ? copyPlain(bytes, from, to - from < room ? to : from + room, this.key, 0)
      : skipPlain(bytes, from, to);
    if (end < to && bytes[end] === 0x22) return this.keyEnded(end - from, end + 1);
    this.text.start(end - from);
    return this.keyText(bytes, end, to);
  }

  /** A string value from behind its quote on. */
  private openText(bytes: Uint8Array, from: number, to: number): ValueEvent {
    if (this.isCapturing && this.sink !== null) {
      this.text.start(0);
      return this.streamed(this.sink, bytes, from, to);
    }
    const at = this.intoFrom;
    const room = this.intoTo - at;
    const end = this.isCapturing
      ? copyPlain(bytes, from, to - from < room ? to : from + room, this.into, at)
      : skipPlain(bytes, from, to);
    if (end < to && bytes[end] === 0x22) return this.textEnded(end - from, end + 1);
    this.text.start(end - from);
    return this.valueText(bytes, end, to);
  }

  /** A number from its first character on. Most are integers that lie whole in the piece. */
  private openNumber(bytes: Uint8Array, from: number, to: number): ValueEvent {
    let i = from;
    let value = 0;
    let digit = bytes[i] - 0x30;
    const stop = to - from > INTEGER_DIGITS ? from + INTEGER_DIGITS : to - 1;
    if (digit !== 0) {
      while (digit >= 0 && digit <= 9 && i < stop) {
        value = value * 10 + digit;
        i++;
        digit = bytes[i] - 0x30;
      }
      const byte = bytes[i];
      if (i > from && (byte === 0x2c || byte === 0x7d || byte === 0x5d)) {
        return this.numberEnded(value, true, i);
      }
    }
    const isNegative = bytes[from] === 0x2d;
    this.digits.start(isNegative);
    return this.digitsRead(bytes, isNegative ? from + 1 : from, to);
  }

  /** Goes on in the middle of a token. MORE: nothing to report, go on at `at`. */
  private resume(bytes: Uint8Array, from: number, to: number): ValueEvent {
    const state = this.state;
    if (state === State.KEY_TEXT) return this.keyText(bytes, from, to);
    if (state === State.VALUE_TEXT) return this.valueText(bytes, from, to);
    if (state === State.NUMBER) return this.digitsRead(bytes, from, to);
    if (state === State.WORD) return this.word(this.wordAt, this.wordEnd, bytes, from, to);
    this.at = from;
    return state === State.DONE ? ValueEvent.END : ValueEvent.REFUSED;
  }

  private keyText(bytes: Uint8Array, from: number, to: number): ValueEvent {
    const text = this.text;
    const status = text.read(bytes, from, to, this.key, 0, this.skipDepth < 0 ? this.key.length : 0);
    return status === Status.OK
      ? this.keyEnded(text.length, text.at)
      : this.unfinished(status, State.KEY_TEXT, text.at);
  }

  private keyEnded(length: number, at: number): ValueEvent {
    this.at = at;
    this.state = State.COLON;
    if (this.skipDepth >= 0) return ValueEvent.MORE;
    this.keyLength = length;
    return ValueEvent.KEY;
  }

  private valueText(bytes: Uint8Array, from: number, to: number): ValueEvent {
    const text = this.text;
    if (this.isCapturing && this.sink !== null) return this.streamed(this.sink, bytes, from, to);
    const textTo = this.isCapturing ? this.intoTo : this.intoFrom;
    const status = text.read(bytes, from, to, this.into, this.intoFrom, textTo);
    return status === Status.OK
      ? this.textEnded(text.length, text.at)
      : this.unfinished(status, State.VALUE_TEXT, text.at);
  }

  /** What the sink has no use for spoils it: its kinds of text need no escape. The rest is checked and dropped. */
  private streamed(sink: TextSink, bytes: Uint8Array, from: number, to: number): ValueEvent {
    const end = sink.take(bytes, from, to);
    if (end === to) return this.unfinished(Status.JSON_TRUNCATED, State.VALUE_TEXT, end);
    if (bytes[end] === 0x22) return this.textEnded(0, end + 1);
    sink.spoil();
    this.isCapturing = false;
    return this.valueText(bytes, end, to);
  }

  private textEnded(length: number, at: number): ValueEvent {
    if (this.skipDepth < 0) this.textLength = this.isCapturing ? length : 0;
    this.isCapturing = false;
    return this.ended(ValueEvent.STRING, at);
  }

  private digitsRead(bytes: Uint8Array, from: number, to: number): ValueEvent {
    const digits = this.digits;
    const status = digits.read(bytes, from, to);
    return status === Status.OK
      ? this.numberEnded(digits.value, digits.isInteger, digits.at)
      : this.unfinished(status, State.NUMBER, digits.at);
  }

  private numberEnded(value: number, isInteger: boolean, at: number): ValueEvent {
    if (this.skipDepth < 0) {
      this.number = value;
      this.isInteger = isInteger;
    }
    return this.ended(ValueEvent.NUMBER, at);
  }

  private word(wordAt: number, wordEnd: number, bytes: Uint8Array, from: number, to: number): ValueEvent {
    let i = from;
    let w = wordAt;
    while (i < to && w < wordEnd) {
      if (bytes[i] !== WORDS[w]) return this.refuse(Status.JSON_SYNTAX, i);
      i++;
      w++;
    }
    if (w === wordEnd) {
      const isTrue = wordEnd === TRUE_END;
      return this.ended(
        isTrue ? ValueEvent.TRUE : wordEnd === FALSE_END ? ValueEvent.FALSE : ValueEvent.NULL,
        i,
      );
    }
    this.wordAt = w;
    this.wordEnd = wordEnd;
    this.at = i;
    this.state = State.WORD;
    return ValueEvent.MORE;
  }

  private open(isObject: boolean, at: number): ValueEvent {
    if (this.depth === this.depthMax) return this.refuse(Status.JSON_DEPTH, at);
    const bit = 1 << this.depth;
    this.objects = isObject ? this.objects | bit : this.objects & ~bit;
    this.depth++;
    this.at = at + 1;
    this.state = isObject ? State.FIRST_KEY : State.FIRST_ITEM;
    this.after = isObject ? State.AFTER_MEMBER : State.AFTER_ITEM;
    if (this.skipDepth >= 0) return ValueEvent.MORE;
    return isObject ? ValueEvent.OBJECT : ValueEvent.ARRAY;
  }

  private close(event: ValueEvent, at: number): ValueEvent {
    const depth = this.depth - 1;
    const isInObject = depth > 0 && ((this.objects >> (depth - 1)) & 1) === 1;
    this.depth = depth;
    this.after = depth === 0 ? State.DONE : isInObject ? State.AFTER_MEMBER : State.AFTER_ITEM;
    return this.ended(event, at);
  }

  /** A value is complete: emitted, unless it is skipped. */
  private ended(event: ValueEvent, at: number): ValueEvent {
    this.at = at;
    this.state = this.after;
    if (this.skipDepth < 0) return event;
    if (this.skipDepth === this.depth) this.skipDepth = -1;
    return this.state === State.DONE ? ValueEvent.END : ValueEvent.MORE;
  }

  /** The piece ends inside a token, or the token was refused. */
  private unfinished(status: Status, state: State, at: number): ValueEvent {
    if (status !== Status.JSON_TRUNCATED) return this.refuse(status, at);
    this.at = at;
    this.state = state;
    return ValueEvent.MORE;
  }

  private refuse(status: Status, at: number): ValueEvent {
    this.at = at;
    this.status = status;
    this.state = State.REFUSED;
    return ValueEvent.REFUSED;
  }
}
