/**
 * What is fuzzed: each target reads an input in the given pieces and tells all that it saw as text. It throws where
 * a reader broke its word: an endless loop, a byte written outside of the range that it was given, a frame that says
 * something else to an independent reader.
 */
import { createHmac, hkdfSync } from "node:crypto";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { isCounterProved, RECOVERY_NONCE_BYTES } from "../../firmware/proof/recover.js";
import { Status } from "../../firmware/status.js";
import { CborReader } from "../../firmware/wire/cbor/cbor.js";
import { FrameEvent } from "../../firmware/wire/frame/event.js";
import { JsonReader } from "../../firmware/wire/json/json.js";
import { Mqtt5Reader } from "../../firmware/wire/mqtt/mqtt5-reader.js";
import { MqttEvent, MqttReader } from "../../firmware/wire/mqtt/reader.js";
import { ValueEvent, type ValueReader } from "../../firmware/wire/value.js";
import { HandshakeEvent, HandshakeReader } from "../../firmware/wire/websocket/handshake.js";
import { WebSocketEvent, WebSocketReader } from "../../firmware/wire/websocket/reader.js";
import { decodePlain } from "../wire/cbor-plain.js";
import { frameReader, type Reading, readingOf, takeHosts, toldBy } from "../wire/frame-rules.js";
import { readPlanted } from "./planted.js";

/** Reads `bytes` in pieces that end at the given indices (ascending), and behind the last byte. */
export type Target = (bytes: Uint8Array, ends: readonly number[]) => string;

const GUARD = 0xa5;
const GUARD_BYTES = 8;
const ROOM_BYTES = 24;

/** What a target does with one event. MORE: the piece is consumed; OVER: nothing follows. */
enum Step {
  GO_ON,
  MORE,
  OVER,
}

/** What a link hands over: a piece of the input in its place, guards around it. */
class Window {
  readonly bytes: Uint8Array;
  private readonly before: Buffer;

  constructor(input: Uint8Array, from: number, to: number) {
    this.bytes = new Uint8Array(input.length + GUARD_BYTES).fill(GUARD);
    this.bytes.set(input.subarray(from, to), from);
    this.before = Buffer.from(this.bytes);
  }

  /** @throws Error when a reader wrote into what it was to read */
  check(): void {
    if (!this.before.equals(this.bytes)) throw new Error("the window was written to");
  }
}

interface Position {
  /** First byte not consumed. */
  readonly at: number;
}

/**
 * Drives a reader over all pieces, each in a window that holds nothing else: who looks beyond a piece sees the guard,
 * and tells other events than at another split. Returns whether it was OVER.
 */
function drive(
  bytes: Uint8Array,
  ends: readonly number[],
  reader: Position,
  step: (window: Uint8Array, at: number, to: number) => Step,
): boolean {
  let at = 0;
  let calls = 0;
  for (const end of [...ends, bytes.length]) {
    let said = Step.GO_ON;
    const piece = new Window(bytes, at, end);
    while (said === Step.GO_ON) {
      said = step(piece.bytes, at, end);
      piece.check();
      if (reader.at < at || reader.at > end) throw new Error(`at ${reader.at}, outside of ${at} to ${end}`);
      at = reader.at;
      if (said === Step.MORE && at !== end) throw new Error(`MORE at ${at} with bytes left up to ${end}`);
      // A byte may end a value, its container and the whole; more than that is going in circles.
      if (++calls > 8 * (bytes.length + ends.length + 2)) throw new Error("an endless loop");
    }
    if (said === Step.OVER) return true;
  }
  return false;
}

const textOf = (bytes: Uint8Array, from: number, length: number): string =>
  Buffer.from(bytes.subarray(from, from + length)).toString("latin1");

/** A value's events. Members whose name ends in an odd byte are skipped; strings are captured where there is room. */
function readValue(reader: ValueReader, bytes: Uint8Array, ends: readonly number[]): string {
  const into = new Uint8Array(ROOM_BYTES + 2 * GUARD_BYTES).fill(GUARD);
  const seen: string[] = [];
  const expectNext = (): void => reader.capture(into, GUARD_BYTES, GUARD_BYTES + ROOM_BYTES);
  const note = (event: ValueEvent): Step => {
    if (event === ValueEvent.MORE) return Step.MORE;
    seen.push(`${ValueEvent[event]}/${reader.depth}`);
    if (event === ValueEvent.REFUSED || event === ValueEvent.END) return Step.OVER;
    if (event === ValueEvent.NUMBER) seen.push(`${reader.number} ${reader.isInteger}`);
    if (event === ValueEvent.STRING || event === ValueEvent.BYTES) {
      const { textLength } = reader;
      // What does not fit may be cut anywhere.
      seen.push(`${textLength} ${textLength > ROOM_BYTES ? "" : textOf(into, GUARD_BYTES, textLength)}`);
    }
    if (event === ValueEvent.KEY) {
      const kept = Math.max(0, Math.min(reader.keyLength, reader.key.length));
      seen.push(`${reader.keyLength} ${textOf(reader.key, 0, kept)}`);
      if (kept > 0 && (reader.key[kept - 1] & 1) === 1) {
        reader.skip();
        return Step.GO_ON;
      }
    }
    expectNext();
    return Step.GO_ON;
  };
  expectNext();
  const isOver = drive(bytes, ends, reader, (window, at, to) => note(reader.read(window, at, to)));
  for (let i = 0; !isOver && i < 64; i++) if (note(reader.finish()) !== Step.GO_ON) break;
  const guards = [...into.subarray(0, GUARD_BYTES), ...into.subarray(GUARD_BYTES + ROOM_BYTES)];
  if (guards.some((byte) => byte !== GUARD)) throw new Error("a string was written outside of its range");
  return `${seen.join("\n")}\nstatus ${reader.status} at ${reader.at}`;
}

/** More digits than are read to the last bit: `1.0000000000000001` may be 1 for one reader and not for another. */
const LONG_NUMBER = /[\d.]{17}/;
/** Numbers as near to each other as two readers promise to be. */
const near = (reading: Reading | null): string =>
  JSON.stringify(reading, (_, value) => (typeof value === "number" ? Number(value.toPrecision(12)) : value));

/** @throws Error where a whole frame is read otherwise than an independent reader and plain rules have it */
function checkFrame(told: Reading, bytes: Uint8Array, isCbor: boolean, isCounter: boolean): void {
  const text = Buffer.from(bytes).toString();
  if (!isCbor && LONG_NUMBER.test(text)) return;
  const expected = near(readingOf(isCbor ? decodePlain(bytes) : JSON.parse(text), isCounter));
  if (near(told) !== expected) throw new Error(`the frame says ${expected}, and was read as ${near(told)}`);
}

function readFrame(
  encoded: ValueReader | null,
  bytes: Uint8Array,
  ends: readonly number[],
  frame = frameReader(),
): string {
  const hosts: string[] = [];
  let event = FrameEvent.MORE;
  frame.reset(encoded);
  const isOver = drive(bytes, ends, frame, (window, at, to) => {
    event = frame.read(window, at, to);
    if (event === FrameEvent.MORE) return Step.MORE;
    if (event !== FrameEvent.HOST) return Step.OVER;
    hosts.push(...takeHosts(frame));
    return Step.GO_ON;
  });
  if (!isOver) event = frame.finish();
  if (event !== FrameEvent.END) return `${hosts} refused ${frame.status}`;
  const told = toldBy(frame, hosts);
  checkFrame(told, bytes.subarray(0, frame.at), encoded !== null, frame.isCounter);
  return `${JSON.stringify({ ...told, hosts, srcLength: frame.srcLength })} at ${frame.at}`;
}

const asking = {
  deviceId: Buffer.from("device_1"),
  psk: Buffer.from("K7xQ2mVb9RtYw4ZsLc8NpHd3FjGa6UeTi1BoXvCnMzS"),
};
const askingNonce = Buffer.alloc(RECOVERY_NONCE_BYTES, 0x11);
const askingKey = Buffer.from(hkdfSync("sha256", asking.psk, "", "motekey recover v1", 32));
const scratch = new Scratch();

/** The MAC that proves a counter, by Node's own hashes. */
function counterMac(counter: number): string {
  const { deviceId } = asking;
  const ending = Buffer.alloc(8);
  ending.writeBigUInt64BE(BigInt(counter));
  const parts = [Buffer.from("a"), Buffer.of(deviceId.length), deviceId, askingNonce, ending];
  return createHmac("sha256", askingKey).update(Buffer.concat(parts)).digest("base64url");
}

/** The answer to a device that asks for its counter, and whether it is proved. */
function readCounter(bytes: Uint8Array, ends: readonly number[]): string {
  const frame = frameReader();
  frame.isCounter = true;
  const seen = readFrame(null, bytes, ends, frame);
  const { timeS: counter, tokenLength, staging } = frame;
  if (frame.status !== Status.OK || frame.hasError || !Number.isSafeInteger(counter) || counter < 0)
    return seen;
  const mac = textOf(staging, 0, tokenLength);
  const behind = textOf(staging, tokenLength, staging.length - tokenLength);
  const isProved = isCounterProved(staging, tokenLength, scratch, asking, askingNonce, counter);
  if (isProved !== (mac === counterMac(counter)))
    throw new Error(`the counter ${counter} with ${mac} was ${isProved ? "" : "not "}taken as proved`);
  if (behind !== textOf(staging, tokenLength, behind.length))
    throw new Error("bytes behind the MAC were written");
  return `${seen} proved ${isProved}`;
}

function readMqtt(reader: MqttReader, bytes: Uint8Array, ends: readonly number[]): string {
  let seen = "";
  drive(bytes, ends, reader, (window, at, to) => {
    const event = reader.read(window, at, to);
    if (event === MqttEvent.MORE) return Step.MORE;
    if (event === MqttEvent.PAYLOAD) {
      seen += textOf(window, reader.payloadFrom, reader.payloadTo - reader.payloadFrom);
      return Step.GO_ON;
    }
    seen += `\n${MqttEvent[event]} ${reader.packetIdentifier} ${reader.returnCode} ${reader.qos} `;
    if (event === MqttEvent.PUBLISH)
      seen += textOf(reader.topic, 0, Math.min(reader.topicLength, reader.topic.length));
    return event === MqttEvent.REFUSED ? Step.OVER : Step.GO_ON;
  });
  return `${seen}\nstatus ${reader.status} at ${reader.at}`;
}

function readWebSocket(bytes: Uint8Array, ends: readonly number[]): string {
  const reader = new WebSocketReader();
  let seen = "";
  drive(bytes, ends, reader, (window, at, to) => {
    const event = reader.read(window, at, to);
    if (event === WebSocketEvent.MORE) return Step.MORE;
    if (event === WebSocketEvent.PAYLOAD) {
      seen += textOf(window, reader.payloadFrom, reader.payloadTo - reader.payloadFrom);
      return Step.GO_ON;
    }
    seen += `\n${WebSocketEvent[event]} ${reader.closeCode} `;
    if (event === WebSocketEvent.PING) seen += textOf(reader.ping, 0, reader.pingLength);
    return event === WebSocketEvent.REFUSED ? Step.OVER : Step.GO_ON;
  });
  return `${seen}\nstatus ${reader.status} at ${reader.at}`;
}

const handshake = { subprotocol: Buffer.from("mqtt"), accept: Buffer.from("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") };

function readHandshake(bytes: Uint8Array, ends: readonly number[]): string {
  const reader = new HandshakeReader(handshake.subprotocol, handshake.accept);
  let said = HandshakeEvent.MORE;
  drive(bytes, ends, reader, (window, at, to) => {
    said = reader.read(window, at, to);
    return said === HandshakeEvent.MORE ? Step.MORE : Step.OVER;
  });
  return `${HandshakeEvent[said]} ${reader.code} status ${reader.status} at ${reader.at}`;
}

/** The targets by name. */
export const targets: Readonly<Record<string, Target>> = {
  json: (bytes, ends) => readValue(new JsonReader(6, 8), bytes, ends),
  cbor: (bytes, ends) => readValue(new CborReader(6, 8), bytes, ends),
  "frame-json": (bytes, ends) => readFrame(null, bytes, ends),
  "frame-cbor": (bytes, ends) => readFrame(new CborReader(16, 16), bytes, ends),
  counter: readCounter,
  mqtt: (bytes, ends) => readMqtt(new MqttReader(12), bytes, ends),
  mqtt5: (bytes, ends) => readMqtt(new Mqtt5Reader(12), bytes, ends),
  websocket: readWebSocket,
  handshake: readHandshake,
};

/** Not a target: what shows that the fuzzer finds a bug. */
export const planted: Target = (bytes) => readPlanted(bytes);
