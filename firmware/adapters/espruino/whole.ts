import { type Answer, takeToken } from "../../wire/whole.js";

const LINE_FEED = 0x0a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const INTEGER_MAX = 9007199254740991;

const isWhole = (value: unknown): value is number =>
  typeof value === "number" && value >= 0 && value <= INTEGER_MAX && value % 1 === 0;

/** The answer that the text spells out exactly as the engine would, each member once; else null. */
const readIn = (text: string): ParsedAnswer | null => {
  try {
    const read = Object.assign({}, JSON.parse(text));
    read.result = Object.assign({}, read.result);
    return JSON.stringify(read) === text ? read : null;
  } catch (_otherText) {
    return null;
  }
};

/** Takes an answer with a token, if that is what it is; else nothing is taken. */
const take = (answer: Answer, read: ParsedAnswer): boolean => {
  const id = read.id;
  const result = read.result;
  const token = result.token;
  const lifetimeS = result.expires_in;
  if (read.v !== 2 || !isWhole(id) || id === 0 || !isWhole(lifetimeS)) return false;
  if (read.src !== E.toString(answer.names.cloud) || read.dst !== E.toString(answer.names.us)) return false;
  if (read.method !== undefined || read.nr !== undefined || read.error !== undefined) return false;
  if (result.exist !== undefined || result.success !== undefined || result.time !== undefined) return false;
  if (typeof token !== "string" || token.length > answer.staging.length) return false;
  answer.staging.set(token, 0);
  takeToken(answer, id, token.length, lifetimeS);
  return true;
};

/**
 * In the place of wire/whole on this engine, for the one frame that comes all the time: a token and its lifetime,
 * whole in one piece, in the cloud's own spelling. The engine's `JSON.parse` takes what is no JSON, too, but what
 * its `JSON.stringify` writes is JSON; so a text that comes out of both as it went in is. Members that come twice
 * do not come out twice, for they are copied one by one in between. The engine's limit of depth is its stack, so a
 * third brace or a bracket is not shown to it; neither is a backslash, as it takes some escapes for single bytes.
 * Whatever is not exactly this, right or wrong, is the strict reader's to judge.
 */
export function readWhole(answer: Answer, bytes: Uint8Array, from: number, to: number): number {
  const rest = new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
  const second = rest.indexOf(BRACE, 1);
  if (second < 0 || rest.indexOf(BRACE, second + 1) > 0) return -1;
  if (rest.indexOf(BRACKET, 0) >= 0 || rest.indexOf(BACKSLASH, 0) >= 0) return -1;
  // Behind a line feed stands the frame's MAC.
  const lineFeed = rest.indexOf(LINE_FEED, second);
  const end = lineFeed < 0 ? to : from + lineFeed;
  if (bytes[end - 1] !== CLOSING_BRACE) return -1;
  const read = readIn(E.toString(new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from)));
  return read !== null && take(answer, read) ? end : -1;
}
