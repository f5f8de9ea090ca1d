import { type Answer, takeToken } from "../../wire/whole.js";

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
  if (E.toJS(token).length !== token.length + 2) return false;
  answer.staging.set(token, 0);
  takeToken(answer, id, token.length, lifetimeS);
  return true;
};

/**
 * In the place of wire/whole on this engine, for the one frame that comes all the time: a token and its lifetime,
 * whole in one piece, in the cloud's own spelling. The engine's `JSON.parse` takes what is no JSON, too, but what
 * its `JSON.stringify` writes is JSON; so a text that comes out of both as it went in is. Members that come twice
 * do not come out twice, for they are copied one by one in between. What is deep is not shown to it, as its limit
 * of depth is its stack; and a token with an escape is left, as it takes some escapes for single bytes. Whatever
 * is not exactly this, right or wrong, is the strict reader's to judge.
 */
export function readWhole(answer: Answer, bytes: Uint8Array, from: number, to: number): number {
  const text = E.toString(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from));
  const second = text.indexOf("{", 1);
  if (second < 0 || text.indexOf("{", second + 1) > 0 || text.indexOf("[", 0) > 0) return -1;
  // Behind a line feed stands the frame's MAC.
  const length = bytes[to - 1] === CLOSING_BRACE ? text.length : text.indexOf("\n", 0);
  if (length < 0 || bytes[from + length - 1] !== CLOSING_BRACE) return -1;
  const read = readIn(length === text.length ? text : text.substr(0, length));
  return read !== null && take(answer, read) ? from + length : -1;
}
