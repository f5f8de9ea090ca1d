import { isRestBlank, Reading, readText } from "./json.js";
import { base64url, chr, u16 } from "./proofs.js";
import { SECONDS_MAX } from "./state.js";

/** A text as JSON; bytes beyond ASCII stay as they are. */
export const quoted = (plain: string): string => {
  let quote = '"';
  for (let i = 0; i < plain.length; i++) {
    const code = plain.charCodeAt(i);
    const isPlain = code > 31 && code !== 34 && code !== 92;
    const escaped = isPlain ? plain[i] : JSON.stringify(plain[i]);
    quote += isPlain ? escaped : escaped.substr(1, escaped.length - 2);
  }
  return `${quote}"`;
};

/** A text or binary data behind its length (MQTT 3.1.1, 1.5.3). */
export const text = (plain: string): string => u16(plain.length) + plain;

/** A control packet of up to 16,383 bytes (2.2). */
export const mqttPacket = (first: number, body: string): string => {
  const length = body.length;
  return (length < 128 ? chr(first, length) : chr(first, (length & 127) | 128, length >> 7)) + body;
};

/** The token of a result, or "". */
export const tokenIn = (result: Result | undefined): string => {
  const token = typeof result === "object" && result !== null ? result.token : result;
  return typeof token === "string" ? token : "";
};

/** GetToken says that there is none. */
export const isAbsent = (result: Result | undefined): boolean =>
  typeof result === "object" && result !== null && result.exist === false;

/** A number of seconds, or −1. */
export const secondsOf = (value: unknown): number =>
  typeof value === "number" && value >= 0 && value <= SECONDS_MAX ? value : -1;

/** `exp − iat` of a JWT's claims, ms, for scheduling only; undefined where it is none. */
export const claimedMs = (token: string): number | undefined => {
  const parts = token.split(".");
  if (parts.length < 3) return undefined;
  try {
    const plain = parts[1].split("-").join("+").split("_").join("/");
    const json = atob(plain + "===".substr(0, -plain.length & 3));
    if (base64url(json, plain.length) !== parts[1]) return undefined;
    const claims: Claims = readText(json, Reading.CLAIMS) as Claims;
    const seconds = (claims.exp as number) - (claims.iat as number);
    const isBlank = isRestBlank(json);
    const areNumbers = typeof claims.exp === "number" && typeof claims.iat === "number";
    return isBlank && areNumbers && (claims.iat as number) >= 0 && seconds > 0 && seconds <= SECONDS_MAX
      ? seconds * 1000
      : undefined;
  } catch (_noClaims) {
    return undefined;
  }
};
