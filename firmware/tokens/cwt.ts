import { readBase64url } from "../crypto/base64.js";
import { sameSecret } from "../crypto/compare.js";
import { HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import type { Scratch } from "../crypto/scratch.js";
import { DIGEST_BYTES } from "../crypto/sha256.js";
import type { TokenReader } from "../session/features.js";
import { Status } from "../status.js";
import { NO_BYTES, sameBytes } from "../wire/bytes.js";
import { CborReader } from "../wire/cbor/cbor.js";
import { CborWriter, cborText } from "../wire/cbor/writer.js";
import { ValueEvent } from "../wire/value.js";

const DEPTH_MAX = 8;
const KEY_BYTES_MAX = 1;
/** CBOR tag of a COSE_Mac0 (RFC 9052, 2), and the one that a CWT may have around it (RFC 8392, 6). */
const MAC0 = 17;
const CWT = 61;
/** Header parameters `alg` and `crit` (RFC 9052, 3.1), and HMAC 256/256 (RFC 9053, 3.1). */
const ALG = 1;
const CRIT = 2;
const HMAC_256_256 = 5;
/** Claims (RFC 8392, 3.1; `exi` of RFC 9200, 5.10.3). */
/** `nbf` lies between them. */
const EXP = 4;
const IAT = 6;
const EXI = 40;
const SECONDS_MAX = 9007199254740991;
/** Parts of the structure. */
const PROTECTED = 0;
const PAYLOAD = 1;
const TAG = 2;
const UNPROTECTED = 3;
/** Of the MAC's input: an array's head, its context, and the heads of three byte strings. */
const HEADS_BYTES_MAX = 16;
const CONTEXT = cborText("MAC0");

/**
 * CBOR Web Tokens (RFC 8392) in base64url: their times for scheduling, and, where there is a key, their MAC. The
 * signature of a COSE_Sign1 is its app's matter, not ours. What has a key is one thing alone: a COSE_Mac0, whose
 * header parameters are understood where they are critical, whose payload is a map with numbers for times, and in
 * none of whose maps a label stands twice.
 */
export class CwtReader implements TokenReader {
  lifetimeS: number;
  private readonly scratch: Scratch;
  private readonly key: HmacKey | null;
  private readonly cbor: CborReader;
  private readonly writer: CborWriter;
  private readonly heads: Uint8Array;
  private readonly bytes: Uint8Array;
  private length: number;
  /** Where the parts of the COSE structure lie: PROTECTED, PAYLOAD, and TAG or signature without their heads. */
  private readonly from: Int32Array;
  private readonly to: Int32Array;

  /** @param key of the MAC, which every token must then have; null: none is checked */
  constructor(key: Uint8Array | null, tokenBytes: number, scratch: Scratch) {
    this.scratch = scratch;
    this.key = key === null ? null : new HmacKey();
    if (this.key !== null && key !== null) this.key.set(scratch.hash, key, key.length);
    this.cbor = new CborReader(DEPTH_MAX, KEY_BYTES_MAX);
    this.writer = new CborWriter();
    this.heads = new Uint8Array(HEADS_BYTES_MAX);
    this.bytes = new Uint8Array(Math.floor((tokenBytes * 3) / 4));
    this.from = new Int32Array(4);
    this.to = new Int32Array(4);
    this.length = 0;
    this.lifetimeS = -1;
  }

  read(token: Uint8Array, length: number): Status {
    this.lifetimeS = -1;
    this.length = readBase64url(this.bytes, 0, token, 0, length);
    const tag = this.length > 0 ? this.openCose() : -1;
    const hasClaims = tag >= 0 && this.readClaims();
    const isProved =
      this.key === null ||
      (hasClaims && tag === MAC0 && this.isUnderstood() && this.verifies() && this.isUnique());
    this.bytes.fill(0);
    if (!isProved) this.lifetimeS = -1;
    return isProved ? Status.OK : Status.CWT_REFUSED;
  }

  wipe(): void {
    if (this.key !== null) this.key.wipe();
    this.bytes.fill(0);
  }

  /** Finds the parts of a COSE_Mac0 or COSE_Sign1. Returns its tag; −1 where it is neither, or has a strange one around. */
  private openCose(): number {
    const cbor = this.cbor;
    let found = PROTECTED;
    let hasHeader = false;
    cbor.reset();
    let event = this.next(0, this.length);
    if (event !== ValueEvent.ARRAY) return -1;
    const tag = cbor.tag;
    // Tags in their shortest form: one, or that of a CWT before it.
    const isBare = cbor.at === 2;
    if (!isBare && !(cbor.at === 4 && this.bytes[1] === CWT)) return -1;
    while (event !== ValueEvent.END) {
      event = this.next(cbor.at, this.length);
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return -1;
      if (cbor.depth !== 1) continue;
      // The unprotected header is the map behind the first of them.
      if (event === ValueEvent.OBJECT_END && found === PAYLOAD && !hasHeader) {
        hasHeader = true;
        this.from[UNPROTECTED] = this.to[PROTECTED];
        this.to[UNPROTECTED] = cbor.at;
        continue;
      }
      const isPart = event === ValueEvent.BYTES && cbor.isWhole && cbor.tag < 0;
      if (!isPart || found === UNPROTECTED || hasHeader !== found > PROTECTED) return -1;
      this.to[found] = cbor.at;
      this.from[found] = cbor.at - cbor.textLength;
      found++;
    }
    return found === UNPROTECTED && cbor.at === this.length ? tag : -1;
  }

  /**
   * Takes `exi`, else `exp − iat`, of the claims in the payload.
   * @returns whether it is a map whose times are numbers (RFC 8392, 2), each once
   */
  private readClaims(): boolean {
    const cbor = this.cbor;
    const to = this.to[PAYLOAD];
    let label = 0;
    let seen = 0;
    let exp = -1;
    let iat = -1;
    let exi = -1;
    cbor.reset();
    if (this.next(this.from[PAYLOAD], to) !== ValueEvent.OBJECT) return false;
    while (cbor.depth > 0) {
      const event = this.next(cbor.at, to);
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return false;
      if (event === ValueEvent.KEY) {
        label = cbor.keyLength < 0 ? cbor.keyNumber : 0;
        const isTime = label === EXI || (label >= EXP && label <= IAT);
        if (!isTime) cbor.skip();
        else if ((seen & (1 << label)) !== 0) return false;
        else seen |= 1 << label;
      } else if (cbor.depth > 0) {
        const number = cbor.number;
        const isNumber = event === ValueEvent.NUMBER && number >= -SECONDS_MAX && number <= SECONDS_MAX;
        // Without the tag of a time (RFC 8392, 2).
        if (!isNumber || cbor.tag >= 0) return false;
        if (label === EXP) exp = number;
        else if (label === IAT) iat = number;
        else if (label === EXI) exi = number;
      }
    }
    if (exi > 0) this.lifetimeS = exi;
    else if (iat >= 0 && exp > iat) this.lifetimeS = exp - iat;
    return cbor.at === to;
  }

  /** Whether the protected header says HMAC 256/256, and neither header wants more to be understood (RFC 9052, 3.1). */
  private isUnderstood(): boolean {
    return this.readHeader(PROTECTED) === HMAC_256_256 && this.readHeader(UNPROTECTED) >= 0;
  }

  /** `alg` of a header; 0 where it has none. −1: it is no header of ours. */
  private readHeader(part: number): number {
    const cbor = this.cbor;
    const to = this.to[part];
    let label = 0;
    let algorithm = 0;
    let named = 0;
    cbor.reset();
    if (this.next(this.from[part], to) !== ValueEvent.OBJECT) return -1;
    while (cbor.depth > 0) {
      const event = this.next(cbor.at, to);
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return -1;
      if (event === ValueEvent.KEY) {
        label = cbor.keyLength < 0 ? cbor.keyNumber : 0;
        // What is critical is protected.
        if (label === CRIT && part === UNPROTECTED) return -1;
        if (label !== ALG && label !== CRIT) cbor.skip();
      } else if (event === ValueEvent.NUMBER && label === ALG) algorithm = cbor.number;
      else if (event === ValueEvent.NUMBER && cbor.depth === 2 && cbor.number === ALG) named++;
      else if (event === ValueEvent.ARRAY_END && named === 0) return -1;
      else if (event <= ValueEvent.OBJECT || event >= ValueEvent.STRING) return -1;
    }
    return cbor.at === to ? algorithm : -1;
  }

  /** Whether no label stands twice, in any map of any depth or in both headers (RFC 9052, 3; RFC 8392, 7.2). */
  private isUnique(): boolean {
    for (let part = PROTECTED; part <= UNPROTECTED; part++) {
      let uses = part === TAG ? 0 : 1;
      for (let n = 1; uses > 0; n++) {
        uses = this.usesOf(part, n);
        if (uses > 1) return false;
      }
    }
    return true;
  }

  /** How often the label that is the nth key in this part is found in its map: 0 where there are no n, 2 for more than once. */
  private usesOf(part: number, n: number): number {
    const cbor = this.cbor;
    let at = part;
    let keys = 0;
    let depth = 0;
    let length = 0;
    let number = 0;
    let end = 0;
    for (;;) {
      cbor.reset();
      let event = this.next(this.from[at], this.to[at]);
      while (event !== ValueEvent.END && cbor.depth >= depth) {
        if (event === ValueEvent.KEY) {
          keys++;
          if (keys === n) {
            depth = cbor.depth;
            length = cbor.keyLength;
            number = cbor.keyNumber;
            end = cbor.at;
            // A text in chunks is not compared: nobody writes labels so.
            if (length >= 0 && !cbor.isWhole) return 2;
          } else if (cbor.depth === depth && this.isLabel(length, number, end)) return 2;
        }
        event = this.next(cbor.at, this.to[at]);
      }
      if (depth !== 1 || at !== PROTECTED) return depth > 0 ? 1 : 0;
      at = UNPROTECTED;
    }
  }

  /** Whether the last key is that number, or the text that ends there. */
  private isLabel(length: number, number: number, end: number): boolean {
    const cbor = this.cbor;
    if (cbor.keyLength !== length) return false;
    return length < 0
      ? cbor.keyNumber === number
      : sameBytes(this.bytes, end - length, this.bytes, cbor.at - length, length);
  }

  /** HMAC 256/256 over the MAC_structure (RFC 9052, 6.3). */
  private verifies(): boolean {
    const key = this.key;
    const hash = this.scratch.hash;
    const writer = this.writer;
    const from = this.from;
    const to = this.to;
    if (key === null || to[2] - from[2] !== DIGEST_BYTES) return false;
    hmacBegin(hash, key);
    writer.writer.write(this.heads, 0);
    writer.items(4);
    writer.bytes(CONTEXT);
    writer.byteString(to[0] - from[0]);
    hash.update(this.heads, 0, writer.writer.at);
    hash.update(this.bytes, from[0], to[0]);
    writer.writer.write(this.heads, 0);
    writer.byteString(0);
    writer.byteString(to[1] - from[1]);
    hash.update(this.heads, 0, writer.writer.at);
    hash.update(this.bytes, from[1], to[1]);
    hmacEnd(hash, key, key.digest, 0);
    return sameSecret(key.digest, 0, this.bytes, from[2], DIGEST_BYTES);
  }

  /** The next event; strings are passed over, but their lengths are emitted. */
  private next(from: number, to: number): ValueEvent {
    this.cbor.capture(NO_BYTES, 0, 0);
    return this.cbor.read(this.bytes, from, to);
  }
}
