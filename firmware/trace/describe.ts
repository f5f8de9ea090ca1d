import { Method, nameOf } from "../wire/frame/methods.js";
import { redactedFrame } from "./redact.js";

/** What is known of the requests under way. */
export interface Dialogue {
  /** Ids of the latest requests of the device's own methods: of what answers others no result is shown. */
  readonly ownIds: number[];
}

/** More requests than are under way at once. */
const OWN_IDS_MAX = 256;

/** CONNACK, SUBACK, PUBACK and PINGRESP are shorter. */
const ANSWER_BYTES_MAX = 8;
/** `<id>-recover/rpc`, its length and a packet identifier are shorter. */
const TOPIC_BYTES_MAX = 160;
const CONNECT = 1;
const PUBLISH = 3;
const LINE_FEED = 0x0a;
const DOT = 0x2e;
/** Behind the frame: a line feed, the sequence, a dot and the MAC. */
const MAC_CHARACTERS = 43;
const DIGITS_MAX = 10;

const HEX = "0123456789abcdef";

/** Bytes `from` to `to` in hex. */
export const hexOf = (bytes: Uint8Array, from: number, to: number): string => {
  let text = "";
  for (let i = from; i < to; i++) text += HEX[bytes[i] >> 4] + HEX[bytes[i] & 15];
  return text;
};

/** Each byte as a character. */
const textOf = (bytes: Uint8Array, from: number, to: number): string => {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]);
  return text;
};

/** Where a packet's body begins: behind its remaining length. */
const bodyAt = (bytes: Uint8Array, from: number): number => {
  let at = from + 1;
  while (bytes[at] > 127) at++;
  return at + 1;
};

/** Where the frame ends that has a MAC behind it; `to`: it has none. */
const frameEnd = (bytes: Uint8Array, from: number, to: number): number => {
  const dot = to - MAC_CHARACTERS - 1;
  if (dot <= from || bytes[dot] !== DOT) return to;
  let at = dot - 1;
  while (at > from && at >= dot - DIGITS_MAX && bytes[at] >= 0x30 && bytes[at] <= 0x39) at--;
  return bytes[at] === LINE_FEED ? at : to;
};

/** The id of a frame of ours; −1: it is a text, as a stranger's may be. */
const idIn = (frame: string): number => {
  const at = frame.indexOf('"id":');
  const id = parseInt(frame.slice(at + 5), 10);
  return at >= 0 && id >= 0 ? id : -1;
};

/** Whether the firmware itself has this method, and not only the app. */
const isOwnMethod = (name: string): boolean => {
  for (let method = Method.HELLO; method < Method.OTHER; method++) if (nameOf(method) === name) return true;
  return false;
};

const methodIn = (frame: string): string => {
  const at = frame.indexOf('"method":"');
  return at < 0 ? "" : frame.slice(at + 10, frame.indexOf('"', at + 10));
};

/** The place of a PUBLISH's payload. */
const payloadAt = (bytes: Uint8Array, body: number, first: number): number => {
  const topicEnd = body + 2 + bytes[body] * 256 + bytes[body + 1];
  return (first & 6) === 0 ? topicEnd : topicEnd + 2;
};

const topicOf = (bytes: Uint8Array, body: number): string =>
  textOf(bytes, body + 2, body + 2 + bytes[body] * 256 + bytes[body + 1]);

/** A packet that arrived, as the members of a line. */
export const describeInbound = (bytes: Uint8Array, from: number, to: number, dialogue: Dialogue): string => {
  const first = bytes[from];
  const isPublish = first >> 4 === PUBLISH;
  if (!isPublish && to - from <= ANSWER_BYTES_MAX) return `"in":"${hexOf(bytes, from, to)}"`;
  const body = bodyAt(bytes, from);
  const payload = payloadAt(bytes, body, first);
  // Where bits are wrong, a token could be anywhere.
  if (!isPublish || payload > to || payload - body > TOPIC_BYTES_MAX)
    return `"in":"broken","bytes":${to - from}`;
  const topic = topicOf(bytes, body);
  const identifier = (first & 6) === 0 ? 0 : bytes[payload - 2] * 256 + bytes[payload - 1];
  const head = `"in":"PUBLISH","first":${first},"identifier":${identifier},"topic":${JSON.stringify(topic)}`;
  const end = frameEnd(bytes, payload, to);
  const sequence = end === to ? -1 : parseInt(textOf(bytes, end + 1, to), 10);
  const text = textOf(bytes, payload, end);
  const frame = redactedFrame(text, dialogue.ownIds);
  if (frame === null) return `${head},"bytes":${to - payload}`;
  return `${head},"frame":${frame},"sequence":${sequence}`;
};

/** A packet that left: of requests their method and id only. */
export const describeOutbound = (bytes: Uint8Array, from: number, to: number, dialogue: Dialogue): string => {
  const first = bytes[from];
  if (first >> 4 === CONNECT) return '"out":"CONNECT"';
  if (first >> 4 !== PUBLISH) return `"out":"${hexOf(bytes, from, to)}"`;
  const frame = textOf(bytes, payloadAt(bytes, bodyAt(bytes, from), first), to);
  const method = methodIn(frame);
  const id = idIn(frame);
  if (isOwnMethod(method)) dialogue.ownIds.push(id);
  if (dialogue.ownIds.length > OWN_IDS_MAX) dialogue.ownIds.shift();
  return `"out":"PUBLISH","method":${JSON.stringify(method)},"id":${id}`;
};
