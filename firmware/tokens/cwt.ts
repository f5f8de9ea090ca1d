import { readBase64url } from "../proof/base64.js";
import { sameSecret } from "../proof/compare.js";
import { HmacKey, hmacBegin, hmacEnd } from "../proof/hmac.js";
import type { Scratch } from "../proof/scratch.js";
import { DIGEST_BYTES } from "../proof/sha256.js";
import type { TokenReader } from "../session/features.js";
import { Status } from "../status.js";
import { NO_BYTES } from "../wire/bytes.js";
import { CborReader } from "../wire/cbor.js";
import { CborPen, cborText } from "../wire/cbor-pen.js";
import { ValueEvent } from "../wire/value.js";

const DEPTH_MAX = 8;
const KEY_BYTES_MAX = 1;
/** CBOR tag of a COSE_Mac0 (RFC 9052, 2). */
const MAC0 = 17;
/** Header parameter `alg` (RFC 9052, 3.1), and HMAC 256/256 (RFC 9053, 3.1). */
const ALG = 1;
const HMAC_256_256 = 5;
/** Claims (RFC 8392, 3.1; `exi` of RFC 9200, 5.10.3). */
const EXP = 4;
const IAT = 6;
const EXI = 40;
/** Of the MAC's input: an array's head, its context, and the heads of three byte strings. */
const HEADS_BYTES_MAX = 16;
const CONTEXT = cborText("MAC0");

/**
 * CBOR Web Tokens (RFC 8392) in base64url: their times for scheduling, and, where there is a key, their MAC. The
 * signature of a COSE_Sign1 is its app's matter, not ours.
 */
export class CwtReader implements TokenReader {
  lifetimeS: number;
  private readonly scratch: Scratch;
  private readonly key: HmacKey | null;
  private readonly cbor: CborReader;
  private readonly pen: CborPen;
  private readonly heads: Uint8Array;
  private readonly bytes: Uint8Array;
  private length: number;
  /** Where the byte strings of the COSE structure lie: protected header, payload, tag or signature. */
  private readonly from: Int32Array;
  private readonly to: Int32Array;

  /** @param key of the MAC, which every token must then have; null: none is checked */
  constructor(key: Uint8Array | null, tokenBytes: number, scratch: Scratch) {
    this.scratch = scratch;
    this.key = key === null ? null : new HmacKey();
    if (this.key !== null && key !== null) this.key.set(scratch.hash, key, 0, key.length);
    this.cbor = new CborReader(DEPTH_MAX, KEY_BYTES_MAX);
    this.pen = new CborPen();
    this.heads = new Uint8Array(HEADS_BYTES_MAX);
    this.bytes = new Uint8Array(Math.floor((tokenBytes * 3) / 4));
    this.from = new Int32Array(3);
    this.to = new Int32Array(3);
    this.length = 0;
    this.lifetimeS = -1;
  }

  read(token: Uint8Array, length: number): Status {
    this.lifetimeS = -1;
    this.length = readBase64url(this.bytes, 0, token, 0, length);
    const tag = this.length > 0 ? this.openCose() : -1;
    if (tag >= 0) this.readClaims();
    const isProved =
      this.key === null || (tag === MAC0 && this.algorithm() === HMAC_256_256 && this.verifies());
    this.bytes.fill(0);
    if (!isProved) this.lifetimeS = -1;
    return isProved ? Status.OK : Status.CWT_REFUSED;
  }

  wipe(): void {
    if (this.key !== null) this.key.wipe();
    this.bytes.fill(0);
  }

  /** Finds the three byte strings of a COSE_Mac0 or COSE_Sign1. Returns its tag, −1 where it is neither. */
  private openCose(): number {
    const cbor = this.cbor;
    let found = 0;
    let hasHeader = false;
    cbor.reset();
    let event = this.next(0, this.length);
    if (event !== ValueEvent.ARRAY) return -1;
    const tag = cbor.tag;
    while (event !== ValueEvent.END) {
      event = this.next(cbor.at, this.length);
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return -1;
      if (cbor.depth !== 1) continue;
      // The unprotected header is the map behind the first of them.
      if (event === ValueEvent.OBJECT_END && found === 1 && !hasHeader) {
        hasHeader = true;
        continue;
      }
      if (event !== ValueEvent.BYTES || !cbor.isWhole || found === 3 || hasHeader !== found > 0) return -1;
      this.to[found] = cbor.at;
      this.from[found] = cbor.at - cbor.textLength;
      found++;
    }
    return found === 3 && cbor.at === this.length ? tag : -1;
  }

  /** `exi`, else `exp − iat`, of the claims in the payload. */
  private readClaims(): void {
    const exi = this.numberOf(1, EXI);
    const exp = this.numberOf(1, EXP);
    const iat = this.numberOf(1, IAT);
    if (exi > 0) this.lifetimeS = exi;
    else if (iat >= 0 && exp > iat) this.lifetimeS = exp - iat;
  }

  private algorithm(): number {
    return this.numberOf(0, ALG);
  }

  /** The number under an integer key of the map in one of the byte strings; −1 where there is none. */
  private numberOf(part: number, name: number): number {
    const cbor = this.cbor;
    const to = this.to[part];
    let number = -1;
    cbor.reset();
    let event = this.next(this.from[part], to);
    if (event !== ValueEvent.OBJECT) return -1;
    while (event !== ValueEvent.END) {
      event = this.next(cbor.at, to);
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return -1;
      if (event === ValueEvent.KEY && !(cbor.keyLength < 0 && cbor.keyNumber === name)) cbor.skip();
      else if (event === ValueEvent.NUMBER && cbor.depth === 1) number = cbor.number;
    }
    return cbor.at === to ? number : -1;
  }

  /** HMAC 256/256 over the MAC_structure (RFC 9052, 6.3). */
  private verifies(): boolean {
    const key = this.key;
    const hash = this.scratch.hash;
    const pen = this.pen;
    const from = this.from;
    const to = this.to;
    if (key === null || to[2] - from[2] !== DIGEST_BYTES) return false;
    hmacBegin(hash, key);
    pen.pen.write(this.heads, 0);
    pen.items(4);
    pen.bytes(CONTEXT);
    pen.byteString(to[0] - from[0]);
    hash.update(this.heads, 0, pen.pen.at);
    hash.update(this.bytes, from[0], to[0]);
    pen.pen.write(this.heads, 0);
    pen.byteString(0);
    pen.byteString(to[1] - from[1]);
    hash.update(this.heads, 0, pen.pen.at);
    hash.update(this.bytes, from[1], to[1]);
    hmacEnd(hash, key, key.digest, 0);
    return sameSecret(key.digest, 0, this.bytes, from[2], DIGEST_BYTES);
  }

  /** The next event; strings are passed over, but their lengths are told. */
  private next(from: number, to: number): ValueEvent {
    this.cbor.capture(NO_BYTES, 0, 0);
    return this.cbor.read(this.bytes, from, to);
  }
}
