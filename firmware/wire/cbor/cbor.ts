import { Status } from "../../status.js";
import { NO_BYTES } from "../bytes.js";
import { type TextSink, ValueEvent, type ValueReader } from "../value.js";
import { readFloat } from "./float.js";
import { CborString } from "./string.js";

/** Major types (RFC 8949, 3.1). */
enum Major {
  UNSIGNED,
  NEGATIVE,
  BYTES,
  TEXT,
  ARRAY,
  MAP,
  TAG,
  /** Floats and simple values. */
  OTHER,
}

/** What comes next. */
enum State {
  /** An item's first byte. */
  HEAD,
  /** The bytes of its argument. */
  ARGUMENT,
  /** The content of a string, or of one of its chunks. */
  STRING,
  /** The first byte of a chunk, or the break behind the last one. */
  CHUNK,
  DONE,
  REFUSED,
}

const DEPTH_MAX = 30;
const BREAK = 0xff;
/** Additional information of an item that says no length: a break ends it. */
const INDEFINITE = 31;
/** What is left of a container that a break ends; of a map: its next item is a key, or a value. */
const OPEN_END = -1;
const OPEN_END_VALUE = -2;
/** Strings of more bytes, and containers of more items, fit no message: MQTT's longest is no longer. */
const LENGTH_MAX = 268_435_455;
const INTEGER_MAX = 9_007_199_254_740_991;
const TWO_32 = 4294967296;
const FALSE = 20;
const TRUE = 21;
const NULL = 22;
/** Simple values below are said in the first byte, and nowhere else. */
const SIMPLE_MIN = 32;

/**
 * A strict {@link ValueReader} of CBOR (RFC 8949). It takes every well-formed item, in any of its encodings, whose
 * texts are UTF-8 and whose map keys are texts or integers; tags are passed over, the last of them is kept.
 *
 * Refused with a status of its own: CBOR_ADDITIONAL (reserved additional information), CBOR_BREAK (where none may
 * be), CBOR_CHUNK (not of its string's type and a definite length), CBOR_SIMPLE (a two-byte simple value below
 * 32), CBOR_UTF8, CBOR_KEY, CBOR_DEPTH, CBOR_LENGTH (of more than 268,435,455), CBOR_TRUNCATED.
 */
export class CborReader implements ValueReader {
  at: number;
  status: Status;
  depth: number;
  readonly isText: boolean;
  readonly key: Uint8Array;
  keyLength: number;
  /** The last KEY that is an integer. */
  keyNumber: number;
  /** The last NUMBER; integers beyond 2^53 are rounded. */
  number: number;
  /** Whether it is whole and within ±(2^53 − 1), be it written as a float: JavaScript's encoders do so beyond 32 bits. */
  isInteger: boolean;
  textLength: number;
  /** The last string or byte string has a length, not chunks: it is the `textLength` bytes before `at`. */
  isWhole: boolean;
  /** The tag of the last value, the innermost where there are more; −1 for none. */
  tag: number;

  private readonly depthMax: number;
  private readonly string: CborString;
  private state: State;
  /** Items that are left of each open container, keys counted; below 0: a break ends it. */
  private readonly left: Int32Array;
  /** Bit n: the container at depth n + 1 is a map. */
  private maps: number;
  private skipDepth: number;
  private isCapturing: boolean;
  private into: Uint8Array;
  private intoFrom: number;
  private intoTo: number;
  private sink: TextSink | null;
  /** The item whose argument is read: its type, how many bytes of argument it has and how many are to come. */
  private major: Major;
  private width: number;
  private need: number;
  private high: number;
  private low: number;
  /** Behind a tag: its item must follow. */
  private isTagged: boolean;
  /** The string is a map's key; it comes in chunks. */
  private isKey: boolean;
  private isChunked: boolean;

  /**
   * @param depthMax open maps and arrays at most, 1…30
   * @param keyBytesMax bytes of a key that are kept: as long as the longest known name
   */
  constructor(depthMax: number, keyBytesMax: number) {
    if (!(depthMax >= 1 && depthMax <= DEPTH_MAX))
      throw new Error("CborReader: depthMax must be 1 to 30; one bit is kept for each open container");
    this.depthMax = depthMax;
    this.isText = false;
    this.key = new Uint8Array(keyBytesMax);
    this.string = new CborString();
    this.left = new Int32Array(depthMax);
    this.into = this.key;
    this.intoFrom = 0;
    this.intoTo = 0;
    this.sink = null;
    this.at = 0;
    this.keyLength = 0;
    this.keyNumber = 0;
    this.number = 0;
    this.isInteger = false;
    this.textLength = 0;
    this.major = Major.UNSIGNED;
    this.width = 0;
    this.need = 0;
    this.high = 0;
    this.low = 0;
    this.isKey = false;
    this.isChunked = false;
    this.isWhole = true;
    this.reset();
  }

  reset(): void {
    this.tag = -1;
    this.isTagged = false;
    this.status = Status.OK;
    this.depth = 0;
    this.state = State.HEAD;
    this.maps = 0;
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

  /** The end of a container of known length takes no byte: the next call emits it, be it with none. */
  read(bytes: Uint8Array, from: number, to: number): ValueEvent {
    let event = ValueEvent.MORE;
    this.at = from;
    while (event === ValueEvent.MORE) {
      const state = this.state;
      if (state === State.HEAD && this.depth > 0 && this.left[this.depth - 1] === 0) event = this.close();
      else if (state === State.DONE) return ValueEvent.END;
      else if (state === State.REFUSED) return ValueEvent.REFUSED;
      else if (this.at === to) return ValueEvent.MORE;
      else if (state === State.HEAD) event = this.head(bytes[this.at]);
      else if (state === State.ARGUMENT) event = this.argument(bytes, to);
      else if (state === State.STRING) event = this.content(bytes, to);
      else event = this.chunk(bytes[this.at]);
    }
    return event;
  }

  finish(): ValueEvent {
    const at = this.at;
    const event = this.read(NO_BYTES, 0, 0);
    this.at = at;
    return event === ValueEvent.MORE ? this.refuse(Status.CBOR_TRUNCATED) : event;
  }

  /** Whether the next item is a map's key. */
  private isKeyNext(): boolean {
    const top = this.depth - 1;
    if (top < 0 || ((this.maps >> top) & 1) === 0) return false;
    const left = this.left[top];
    return left < 0 ? left === OPEN_END : (left & 1) === 0;
  }

  private head(byte: number): ValueEvent {
    const major: Major = byte >> 5;
    const information = byte & 31;
    if (byte === BREAK) return this.breakOff();
    const isTyped = major >= Major.BYTES && major <= Major.MAP;
    if (information >= 28 && !(information === INDEFINITE && isTyped))
      return this.refuse(Status.CBOR_ADDITIONAL);
    this.isKey = this.isKeyNext();
    if (this.isKey && major > Major.NEGATIVE && major !== Major.TEXT) return this.refuse(Status.CBOR_KEY);
    if (!this.isTagged) this.tag = -1;
    this.isTagged = false;
    this.at++;
    this.major = major;
    this.high = 0;
    this.low = information;
    this.width = 0;
    if (information < 24) return this.item();
    this.low = 0;
    if (information === INDEFINITE) return major <= Major.TEXT ? this.openChunks() : this.open(OPEN_END);
    this.width = 1 << (information - 24);
    this.need = this.width;
    this.state = State.ARGUMENT;
    return ValueEvent.MORE;
  }

  /** The argument's bytes, most significant first. */
  private argument(bytes: Uint8Array, to: number): ValueEvent {
    while (this.need > 0 && this.at < to) {
      const byte = bytes[this.at];
      if (this.need > 4) this.high = this.high * 256 + byte;
      else this.low = this.low * 256 + byte;
      this.need--;
      this.at++;
    }
    return this.need > 0 ? ValueEvent.MORE : this.item();
  }

  /** An item whose argument is known. */
  private item(): ValueEvent {
    const value = this.high * TWO_32 + this.low;
    switch (this.major) {
      case Major.UNSIGNED:
        return this.numberEnded(value);
      case Major.NEGATIVE:
        return this.numberEnded(-1 - value);
      case Major.TAG:
        this.tag = value;
        this.isTagged = true;
        this.state = State.HEAD;
        return ValueEvent.MORE;
      case Major.OTHER:
        return this.width > 1
          ? this.numberEnded(readFloat(this.width, this.high, this.low))
          : this.simple(value);
      default:
    }
    if (value > LENGTH_MAX) return this.refuse(Status.CBOR_LENGTH);
    if (this.major === Major.ARRAY) return this.open(value);
    if (this.major === Major.MAP) return this.open(2 * value);
    if (this.isChunked) {
      this.string.left = value;
      this.state = value > 0 ? State.STRING : State.CHUNK;
      return ValueEvent.MORE;
    }
    this.string.start(this.major === Major.TEXT, value);
    this.isWhole = true;
    this.state = State.STRING;
    return value > 0 ? ValueEvent.MORE : this.stringEnded();
  }

  private openChunks(): ValueEvent {
    this.string.start(this.major === Major.TEXT, 0);
    this.isChunked = true;
    this.isWhole = false;
    this.state = State.CHUNK;
    return ValueEvent.MORE;
  }

  private chunk(byte: number): ValueEvent {
    if (byte === BREAK) {
      this.at++;
      this.isChunked = false;
      return this.stringEnded();
    }
    const information = byte & 31;
    if (byte >> 5 !== this.major || information === INDEFINITE) return this.refuse(Status.CBOR_CHUNK);
    if (information >= 28) return this.refuse(Status.CBOR_ADDITIONAL);
    this.at++;
    this.high = 0;
    this.low = information;
    if (information < 24) return this.item();
    this.low = 0;
    this.need = 1 << (information - 24);
    this.state = State.ARGUMENT;
    return ValueEvent.MORE;
  }

  private content(bytes: Uint8Array, to: number): ValueEvent {
    const string = this.string;
    const isKept = this.isKey ? this.skipDepth < 0 : this.isCapturing;
    const out = this.isKey ? this.key : this.into;
    const from = this.isKey ? 0 : this.intoFrom;
    const outTo = this.isKey ? this.key.length : this.intoTo;
    const start = this.at;
    const status = string.read(bytes, start, to, out, from, isKept ? outTo : from);
    this.at = string.at;
    const sink = this.isKey || !this.isCapturing ? null : this.sink;
    if (sink !== null && sink.take(bytes, start, this.at) < this.at) sink.spoil();
    if (status === Status.CBOR_TRUNCATED) return ValueEvent.MORE;
    if (status !== Status.OK) return this.refuse(status);
    if (!this.isChunked) return this.stringEnded();
    this.state = State.CHUNK;
    return ValueEvent.MORE;
  }

  private stringEnded(): ValueEvent {
    if (this.isKey) return this.keyEnded(this.string.length);
    if (this.skipDepth < 0) this.textLength = this.isCapturing ? this.string.length : 0;
    return this.ended(this.string.isText ? ValueEvent.STRING : ValueEvent.BYTES);
  }

  private numberEnded(value: number): ValueEvent {
    if (this.isKey) {
      if (this.skipDepth < 0) this.keyNumber = value;
      return this.keyEnded(-1);
    }
    if (this.skipDepth < 0) {
      this.number = value;
      this.isInteger = Math.floor(value) === value && value >= -INTEGER_MAX && value <= INTEGER_MAX;
    }
    return this.ended(ValueEvent.NUMBER);
  }

  private simple(value: number): ValueEvent {
    if (this.width === 1 && value < SIMPLE_MIN) {
      this.at--;
      return this.refuse(Status.CBOR_SIMPLE);
    }
    if (this.skipDepth < 0) this.number = value;
    if (value === FALSE) return this.ended(ValueEvent.FALSE);
    if (value === TRUE) return this.ended(ValueEvent.TRUE);
    return this.ended(value === NULL ? ValueEvent.NULL : ValueEvent.SIMPLE);
  }

  private open(left: number): ValueEvent {
    const isMap = this.major === Major.MAP;
    const bit = 1 << this.depth;
    if (this.depth === this.depthMax) return this.refuse(Status.CBOR_DEPTH);
    this.maps = isMap ? this.maps | bit : this.maps & ~bit;
    this.left[this.depth] = left;
    this.depth++;
    this.isCapturing = false;
    this.state = State.HEAD;
    if (this.skipDepth >= 0) return ValueEvent.MORE;
    return isMap ? ValueEvent.OBJECT : ValueEvent.ARRAY;
  }

  private breakOff(): ValueEvent {
    const top = this.depth - 1;
    if (this.isTagged || top < 0 || this.left[top] !== OPEN_END) return this.refuse(Status.CBOR_BREAK);
    this.at++;
    return this.close();
  }

  private close(): ValueEvent {
    this.depth--;
    return this.ended(((this.maps >> this.depth) & 1) === 1 ? ValueEvent.OBJECT_END : ValueEvent.ARRAY_END);
  }

  private keyEnded(length: number): ValueEvent {
    this.counted();
    this.state = State.HEAD;
    if (this.skipDepth >= 0) return ValueEvent.MORE;
    this.keyLength = length;
    return ValueEvent.KEY;
  }

  /** A value is complete: emitted, unless it is skipped. */
  private ended(event: ValueEvent): ValueEvent {
    this.isCapturing = false;
    this.state = this.depth === 0 ? State.DONE : State.HEAD;
    this.counted();
    if (this.skipDepth < 0) return event;
    if (this.skipDepth === this.depth) this.skipDepth = -1;
    return ValueEvent.MORE;
  }

  /** One item less of the container that is open. */
  private counted(): void {
    const top = this.depth - 1;
    if (top < 0) return;
    const left = this.left[top];
    if (left > 0) this.left[top] = left - 1;
    else if (((this.maps >> top) & 1) === 1) this.left[top] = left === OPEN_END ? OPEN_END_VALUE : OPEN_END;
  }

  private refuse(status: Status): ValueEvent {
    this.status = status;
    this.state = State.REFUSED;
    return ValueEvent.REFUSED;
  }
}
