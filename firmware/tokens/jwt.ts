import { readBase64url } from "../crypto/base64.js";
import { IN_JWT, Member, memberOf } from "../wire/frame/fields.js";
import type { JsonReader } from "../wire/json/json.js";
import { ValueEvent } from "../wire/value.js";

const DOT = 0x2e;
const SPACE = 0x20;
const SECONDS_MAX = 9007199254740991;
/** Characters decoded at a time: 4 of them are 3 bytes. */
const PIECE_CHARACTERS = 40;
/** Room that {@link readJwtLifetime} needs. */
export const JWT_SCRATCH_BYTES = 30;

const dotAfter = (token: Uint8Array, from: number, to: number): number => {
  let i = from;
  while (i < to && token[i] !== DOT) i++;
  return i;
};

/**
 * `exp − iat` of a JWT's claims (RFC 7519, 4.1.4 and 4.1.6), seconds; −1 when the token is not a JWT or does not
 * name both as numbers, each once. It serves for scheduling only: the signature is its app's matter, not ours.
 * @param json a reader that nobody uses meanwhile
 * @param scratch {@link JWT_SCRATCH_BYTES} or more
 */
export const readJwtLifetime = (
  json: JsonReader,
  token: Uint8Array,
  length: number,
  scratch: Uint8Array,
): number => {
  const from = dotAfter(token, 0, length) + 1;
  const to = dotAfter(token, from, length);
  if (to >= length) return -1;
  let issuedAtS = -1;
  let expiresAtS = -1;
  let member = Member.NONE;
  let seen = 0;
  json.reset();
  for (let piece = from; piece < to; piece += PIECE_CHARACTERS) {
    const decodedTo = readBase64url(scratch, 0, token, piece, Math.min(piece + PIECE_CHARACTERS, to));
    let event = decodedTo < 0 ? ValueEvent.REFUSED : json.read(scratch, 0, decodedTo);
    while (event !== ValueEvent.MORE && event !== ValueEvent.END) {
      if (event === ValueEvent.REFUSED) return -1;
      if (event === ValueEvent.KEY) {
        member = json.depth === 1 ? memberOf(IN_JWT, json.key, json.keyLength) : Member.NONE;
        if (member === Member.NONE) json.skip();
        else if ((seen & (1 << member)) !== 0) return -1;
        else seen |= 1 << member;
      } else if (event === ValueEvent.NUMBER && json.depth === 1) {
        if (member === Member.ISSUED_AT) issuedAtS = json.number;
        if (member === Member.EXPIRES_AT) expiresAtS = json.number;
      }
      event = json.read(scratch, json.at, decodedTo);
    }
    // Behind the claims: nothing but white space.
    for (let i = json.at; i < decodedTo; i++) if (scratch[i] > SPACE) return -1;
  }
  const lifetimeS = expiresAtS - issuedAtS;
  const isNamed = json.finish() === ValueEvent.END && issuedAtS >= 0;
  return isNamed && lifetimeS > 0 && lifetimeS <= SECONDS_MAX ? lifetimeS : -1;
};
