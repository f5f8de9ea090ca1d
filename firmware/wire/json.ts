import { Status } from "../status.js";
import { JsonNumber } from "./json-number.js";
import { JsonText } from "./json-text.js";
import { copyPlain, skipPlain } from "./run.js";

/** What {@link JsonReader.read} found. */
export enum JsonEvent {
  /** All bytes were consumed; the text goes on. */
  MORE,
  /** The text is not JSON or exceeds a limit; `status` says why. */
  REFUSED,
  OBJECT,
  OBJECT_END,
  ARRAY,
  ARRAY_END,
  /** A member's name: `key`, `keyLength`. */
  KEY,
  /** A string value: where {@link JsonReader.capture} put it, `textLength`. */
  STRING,
  /** A number: `number`, `isInteger`. */
  NUMBER,
  TRUE,
  FALSE,
  NULL,
  /** The top-level value is complete. */
  END,
}

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
 * An incremental, strict reader of JSON (RFC 8259) that is pulled: each {@link read} goes on to the next
 * event. The text may come in pieces of any size; the events do not depend on where it was cut. Nothing is
 * allocated after construction, and nothing of the text is kept but what the caller asks for.
 *
 * Refused with a status of its own: JSON_SYNTAX, JSON_UTF8 (inside strings), JSON_SURROGATE (a `\u` surrogate
 * without its pair), JSON_DEPTH, JSON_NUMBER (longer than 64 characters), JSON_TRUNCATED.
 */
export class JsonReader {
  /** Index of the first byte that was not consumed. */
  at: number;
  /** Why REFUSED. */
  status: Status;
  /** Open objects and arrays. */
  depth: number;
  /** The last KEY in UTF-8, escapes decoded. */
  readonly key: Uint8Array;
  /** Its length in bytes; above `key.length` only its start was kept. */
  keyLength: number;
  /** The last NUMBER: exact when `isInteger`, else see {@link JsonNumber.value}. */
  number: number;
  /** Whether it was written without fraction and exponent and lies within ±(2^53 − 1). */
  isInteger: boolean;
  /** Bytes of the last STRING if it was captured, else 0; above the capacity it did not fit. */
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
    this.key = new Uint8Array(keyBytesMax);
    this.text = new JsonText();
    this.digits = new JsonNumber();
    this.into = this.key;
    this.intoFrom = 0;
    this.intoTo = 0;
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

  /** Ready for a new text. */
  reset(): void {
    this.status = Status.OK;
    this.depth = 0;
    this.state = State.VALUE;
    this.after = State.DONE;
    this.objects = 0;
    this.skipDepth = -1;
    this.isCapturing = false;
  }

  /**
   * For the next value only: if it is a string, its UTF-8 goes to `into[from…to)`. A string that was not asked
   * for is checked and dropped.
   */
  capture(into: Uint8Array, from: number, to: number): void {
    this.into = into;
    this.intoFrom = from;
    this.intoTo = to;
    this.isCapturing = true;
  }

  /**
   * Behind a KEY: its value, of any size and nesting within the depth, is checked and dropped without events.
   * The next event is that of the next member or the end of the object.
   */
  skip(): void {
    this.skipDepth = this.depth;
    this.isCapturing = false;
  }

  /**
   * Goes on with `bytes[from…to)` to the next event; `at` tells how far. END comes as soon as the top-level
   * value is complete (a number: at the byte behind it); what follows is the caller's business.
   */
  read(bytes: Uint8Array, from: number, to: number): JsonEvent {
    let i = from;
    let state = this.state;
    if (state >= State.KEY_TEXT) {
      const event = this.resume(bytes, from, to);
      if (event !== JsonEvent.MORE) return event;
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
      } else if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        i++;
      } else {
        const event = this.token(state, bytes, i, to);
        if (event !== JsonEvent.MORE) return event;
        i = this.at;
        state = this.state;
      }
    }
    this.at = i;
    this.state = state;
    return JsonEvent.MORE;
  }

  /** The input is over: END, or the NUMBER that was the whole text (END the next time), or REFUSED. */
  finish(): JsonEvent {
    if (this.state === State.NUMBER && this.depth === 0 && this.digits.finish() === Status.OK) {
      return this.numberEnded(this.digits.value, this.digits.isInteger, this.at);
    }
    if (this.state === State.DONE) return JsonEvent.END;
    if (this.state === State.REFUSED) return JsonEvent.REFUSED;
    return this.refuse(Status.JSON_TRUNCATED, this.at);
  }

  /** The token at `bytes[from]`. MORE: nothing to tell, go on at `at`. */
  private token(state: State, bytes: Uint8Array, from: number, to: number): JsonEvent {
    const byte = bytes[from];
    if (byte === 0x22) {
      if (state <= State.FIRST_ITEM) return this.openText(bytes, from + 1, to);
      if (state <= State.NEXT_KEY) return this.openKey(bytes, from + 1, to);
    } else if (byte === 0x7d) {
      if (state === State.FIRST_KEY || state === State.AFTER_MEMBER)
        return this.close(JsonEvent.OBJECT_END, from + 1);
    } else if (byte === 0x5d) {
      if (state === State.FIRST_ITEM || state === State.AFTER_ITEM)
        return this.close(JsonEvent.ARRAY_END, from + 1);
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
  private openKey(bytes: Uint8Array, from: number, to: number): JsonEvent {
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
  private openText(bytes: Uint8Array, from: number, to: number): JsonEvent {
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
  private openNumber(bytes: Uint8Array, from: number, to: number): JsonEvent {
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

  /** Goes on in the middle of a token. MORE: nothing to tell, go on at `at`. */
  private resume(bytes: Uint8Array, from: number, to: number): JsonEvent {
    const state = this.state;
    if (state === State.KEY_TEXT) return this.keyText(bytes, from, to);
    if (state === State.VALUE_TEXT) return this.valueText(bytes, from, to);
    if (state === State.NUMBER) return this.digitsRead(bytes, from, to);
    if (state === State.WORD) return this.word(this.wordAt, this.wordEnd, bytes, from, to);
    this.at = from;
    return state === State.DONE ? JsonEvent.END : JsonEvent.REFUSED;
  }

  private keyText(bytes: Uint8Array, from: number, to: number): JsonEvent {
    const text = this.text;
    const status = text.read(bytes, from, to, this.key, 0, this.skipDepth < 0 ? this.key.length : 0);
    return status === Status.OK
      ? this.keyEnded(text.length, text.at)
      : this.unfinished(status, State.KEY_TEXT, text.at);
  }

  private keyEnded(length: number, at: number): JsonEvent {
    this.at = at;
    this.state = State.COLON;
    if (this.skipDepth >= 0) return JsonEvent.MORE;
    this.keyLength = length;
    return JsonEvent.KEY;
  }

  private valueText(bytes: Uint8Array, from: number, to: number): JsonEvent {
    const text = this.text;
    const textTo = this.isCapturing ? this.intoTo : this.intoFrom;
    const status = text.read(bytes, from, to, this.into, this.intoFrom, textTo);
    return status === Status.OK
      ? this.textEnded(text.length, text.at)
      : this.unfinished(status, State.VALUE_TEXT, text.at);
  }

  private textEnded(length: number, at: number): JsonEvent {
    if (this.skipDepth < 0) this.textLength = this.isCapturing ? length : 0;
    this.isCapturing = false;
    return this.ended(JsonEvent.STRING, at);
  }

  private digitsRead(bytes: Uint8Array, from: number, to: number): JsonEvent {
    const digits = this.digits;
    const status = digits.read(bytes, from, to);
    return status === Status.OK
      ? this.numberEnded(digits.value, digits.isInteger, digits.at)
      : this.unfinished(status, State.NUMBER, digits.at);
  }

  private numberEnded(value: number, isInteger: boolean, at: number): JsonEvent {
    if (this.skipDepth < 0) {
      this.number = value;
      this.isInteger = isInteger;
    }
    return this.ended(JsonEvent.NUMBER, at);
  }

  private word(wordAt: number, wordEnd: number, bytes: Uint8Array, from: number, to: number): JsonEvent {
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
        isTrue ? JsonEvent.TRUE : wordEnd === FALSE_END ? JsonEvent.FALSE : JsonEvent.NULL,
        i,
      );
    }
    this.wordAt = w;
    this.wordEnd = wordEnd;
    this.at = i;
    this.state = State.WORD;
    return JsonEvent.MORE;
  }

  private open(isObject: boolean, at: number): JsonEvent {
    if (this.depth === this.depthMax) return this.refuse(Status.JSON_DEPTH, at);
    const bit = 1 << this.depth;
    this.objects = isObject ? this.objects | bit : this.objects & ~bit;
    this.depth++;
    this.at = at + 1;
    this.state = isObject ? State.FIRST_KEY : State.FIRST_ITEM;
    this.after = isObject ? State.AFTER_MEMBER : State.AFTER_ITEM;
    if (this.skipDepth >= 0) return JsonEvent.MORE;
    return isObject ? JsonEvent.OBJECT : JsonEvent.ARRAY;
  }

  private close(event: JsonEvent, at: number): JsonEvent {
    const depth = this.depth - 1;
    const isInObject = depth > 0 && ((this.objects >> (depth - 1)) & 1) === 1;
    this.depth = depth;
    this.after = depth === 0 ? State.DONE : isInObject ? State.AFTER_MEMBER : State.AFTER_ITEM;
    return this.ended(event, at);
  }

  /** A value is complete: told, unless it is skipped. */
  private ended(event: JsonEvent, at: number): JsonEvent {
    this.at = at;
    this.state = this.after;
    if (this.skipDepth < 0) return event;
    if (this.skipDepth === this.depth) this.skipDepth = -1;
    return this.state === State.DONE ? JsonEvent.END : JsonEvent.MORE;
  }

  /** The piece ends inside a token, or the token was refused. */
  private unfinished(status: Status, state: State, at: number): JsonEvent {
    if (status !== Status.JSON_TRUNCATED) return this.refuse(status, at);
    this.at = at;
    this.state = state;
    return JsonEvent.MORE;
  }

  private refuse(status: Status, at: number): JsonEvent {
    this.at = at;
    this.status = status;
    this.state = State.REFUSED;
    return JsonEvent.REFUSED;
  }
}
