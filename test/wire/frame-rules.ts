/**
 * What a v2 frame says, by plain rules over a value that somebody else has read: JSON.parse, cbor-x or
 * {@link file://./cbor-plain.ts}. The firmware's reader is held against them.
 */

import { FrameEvent } from "../../firmware/wire/frame/event.js";
import { FrameReader } from "../../firmware/wire/frame/frame.js";
import type { ValueReader } from "../../firmware/wire/value.js";

const US = "device_1";
const CLOUD = "//api.mongoose-iot.com";
const ID_BYTES = 16;
const HOST_BYTES = 12;
const TOKEN_BYTES = 48;

/** All that can be known of a frame; null where it is refused. */
export interface Reading {
  id: number;
  src: string;
  /** Us, or whoever else. */
  dst: string;
  hasMethod: boolean;
  noReply: boolean;
  result: string;
  exist: boolean;
  /** Authenticate's and AuthorizeCommand's verdict, if there is one. */
  verdict: boolean | null;
  /** Seconds, −1 where nothing is said. */
  expiresInS: number;
  timeS: number;
  isOffered: boolean;
  sealsTokens: boolean;
  /** The token came sealed, and is still. */
  isSealed: boolean;
  error: { code: number; message: string; retryAfterS: number } | null;
  /** Of no meaning beside an error, as are the hosts. */
  token: string;
  hosts: string[];
  /** A token or a host had no room. */
  isCut: boolean;
}

const PARTIES = ["absent", "us", "cloud", "other"];
const RESULTS = ["absent", "verdict", "text", "object", "list", "other"];

const bytesIn = (text: string): number => Buffer.byteLength(text);
/** Of a message that fills the room only the length is compared: a character at its edge may be cut. */
const keptOf = (message: string): string => (bytesIn(message) < TOKEN_BYTES ? message : "…");
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
/** What {@link isObject} and has this member itself; else undefined. */
const memberOf = (value: unknown, name: string): unknown =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
const has = (value: unknown, name: string): boolean => isObject(value) && Object.hasOwn(value, name);
const secondsIn = (value: unknown): number =>
  typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : -1;
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const partyOf = (frame: unknown, name: string): string => {
  if (!has(frame, name)) return "absent";
  const value = memberOf(frame, name);
  return value === US ? "us" : value === CLOUD ? "cloud" : "other";
};

const kindOf = (frame: unknown): string => {
  if (!has(frame, "result")) return "absent";
  const result = memberOf(frame, "result");
  if (typeof result === "boolean") return "verdict";
  if (typeof result === "string") return "text";
  if (Array.isArray(result)) return "list";
  return isObject(result) ? "object" : "other";
};

/** What is sealed in a text of base64url, behind 12 bytes of salt. */
const unsalted = (text: string): Buffer => {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes.subarray(12) : Buffer.alloc(0);
};

/**
 * What the rules say of the value: members of a wrong type are refused where the frame hangs on them, else absent.
 * @param isCounter it answers Counter, whose result has `c` and `mac` and nothing else
 */
export function readingOf(frame: unknown, isCounter = false): Reading | null {
  if (!isObject(frame)) return null;
  const wrong =
    (has(frame, "v") && frame.v !== 2) ||
    ["src", "dst", "method"].some((name) => has(frame, name) && typeof frame[name] !== "string") ||
    (has(frame, "id") && typeof frame.id !== "string" && !(isWhole(frame.id) && frame.id >= 1)) ||
    (has(frame, "error") && !isObject(frame.error));
  if (wrong) return null;
  const { result } = frame;
  const inResult = (name: string): unknown => (isCounter ? undefined : memberOf(result, name));
  const code = memberOf(frame.error, "code");
  const hasError = has(frame, "error");
  if (hasError && !(isWhole(code) && code !== 0)) return null;
  const message = memberOf(frame.error, "message");
  const bare = typeof result === "boolean" ? result : inResult("success");
  const clear = typeof result === "string" ? result : memberOf(result, isCounter ? "mac" : "token");
  const sealed = typeof result === "string" ? undefined : inResult("sealed");
  const isSealed = !isCounter && has(result, "sealed");
  const texts = [
    typeof clear === "string" ? Buffer.from(clear) : null,
    typeof sealed === "string" ? unsalted(sealed) : null,
  ];
  const tokens = texts.filter((text) => text !== null);
  const isLong = tokens.some(({ length }) => length > TOKEN_BYTES);
  const list = Array.isArray(result) ? result : [];
  const hosts = list.map((item) => memberOf(item, "host")).filter((host) => typeof host === "string");
  const last = tokens[0];
  const token =
    tokens.length === 1 && last !== undefined && last.length <= TOKEN_BYTES ? last.toString() : "";
  return {
    id: isWhole(frame.id) ? frame.id : 0,
    src: partyOf(frame, "src"),
    dst: partyOf(frame, "dst").replace("cloud", "other"),
    hasMethod: has(frame, "method"),
    noReply: frame.nr === true,
    result: kindOf(frame),
    exist: inResult("exist") !== false,
    verdict: typeof bare === "boolean" ? bare : null,
    expiresInS: secondsIn(inResult("expires_in")),
    timeS: secondsIn(memberOf(result, isCounter ? "c" : "time")),
    isOffered: [memberOf(inResult("ext"), "cbor"), inResult("rotate")].includes(1),
    sealsTokens: memberOf(inResult("ext"), "seal") === 1,
    isSealed: isSealed && !hasError,
    error: hasError
      ? {
          code: code as number,
          message: typeof message === "string" ? keptOf(message) : "",
          retryAfterS: secondsIn(memberOf(frame.error, "retry_after")),
        }
      : null,
    token: hasError ? "" : token,
    hosts: hasError ? [] : hosts.filter((host) => bytesIn(host) <= HOST_BYTES),
    isCut: !hasError && (isLong || hosts.some((host) => bytesIn(host) > HOST_BYTES)),
  };
}

/** A reader of frames as {@link readingOf} takes them to be for; the cloud's address is longer than other ids may be. */
export const frameReader = (): FrameReader =>
  new FrameReader(Buffer.from(US), Buffer.from(CLOUD), ID_BYTES, HOST_BYTES, TOKEN_BYTES, true);

/** The hosts that are staged, which are taken. */
export function takeHosts(frame: FrameReader): string[] {
  const hosts: string[] = [];
  for (let i = 0; i < frame.hostsTo; i += 1 + frame.staging[i])
    hosts.push(Buffer.from(frame.staging.subarray(i + 1, i + 1 + frame.staging[i])).toString());
  frame.hostsTo = 0;
  return hosts;
}

/** What the reader told, behind END. @param hosts that it told on the way */
export function toldBy(frame: FrameReader, hosts: readonly string[]): Reading {
  const text = (length: number): string => Buffer.from(frame.staging.subarray(0, length)).toString();
  const { hasError, hasVerdict } = frame;
  return {
    id: frame.id,
    src: PARTIES[frame.src] ?? "",
    dst: (PARTIES[frame.dst] ?? "").replace("cloud", "other"),
    hasMethod: frame.hasMethod,
    noReply: frame.noReply,
    result: RESULTS[frame.result] ?? "",
    exist: frame.exist,
    verdict: hasVerdict ? frame.success : null,
    expiresInS: frame.expiresInS,
    timeS: frame.timeS,
    isOffered: frame.isOffered,
    sealsTokens: frame.sealed.isOffered,
    isSealed: frame.sealed.isPresent && !hasError,
    error: hasError
      ? { code: frame.code, message: keptOf(text(frame.messageLength)), retryAfterS: frame.retryAfterS }
      : null,
    token: hasError ? "" : text(frame.tokenLength),
    hosts: hasError ? [] : [...hosts],
    isCut: !hasError && frame.overflow !== 0,
  };
}

/** Reads a whole frame in pieces that end at the given indices. Returns what was told, or null and why. */
export function readPieces(
  bytes: Uint8Array,
  ends: readonly number[],
  encoded: ValueReader | null,
): { reading: Reading | null; status: number } {
  const frame = frameReader();
  const hosts: string[] = [];
  frame.reset(encoded);
  let at = 0;
  let event = FrameEvent.MORE;
  for (const end of [...ends, bytes.length]) {
    do {
      event = frame.read(bytes, at, end);
      at = frame.at;
      if (event === FrameEvent.HOST) hosts.push(...takeHosts(frame));
    } while (event === FrameEvent.HOST);
    if (event !== FrameEvent.MORE) break;
  }
  if (event === FrameEvent.MORE) event = frame.finish();
  return { reading: event === FrameEvent.END ? toldBy(frame, hosts) : null, status: frame.status };
}
