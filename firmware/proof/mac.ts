import { base64urlLength, readBase64url, writeBase64url } from "../crypto/base64.js";
import { sameSecret } from "../crypto/compare.js";
import { deriveKey } from "../crypto/hkdf.js";
import { HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import { DIGEST_BYTES, type Sha256 } from "../crypto/sha256.js";
import { pushUint64 } from "../crypto/uint64.js";
import { Status } from "../status.js";
import { bytesOf, copyBytes, decimalLength, writeDecimal } from "../wire/bytes.js";
import { Seal } from "./seal.js";

const INFO = bytesOf("motekey mac v1");
const MAC_CHARACTERS = base64urlLength(DIGEST_BYTES);
/** No sequence reaches this: a session ends here. */
const SEQUENCE_END = 0x100000000;
const LINE_FEED = 0x0a;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const FROM_DEVICE = 0x64;
const FROM_CLOUD = 0x63;
const SESSION = 0x73;

/** Bytes of a session's nonce. */
export const MAC_NONCE_BYTES = 16;

/** The longest trailer: line feed, a sequence of 10 digits, the dot, 43 characters. */
export const MAC_TRAILER_BYTES_MAX = 55;

/** Where the trailer is read: before its line feed, in the sequence, in the MAC, or malformed. */
enum Part {
  LINE_FEED,
  SEQUENCE,
  MAC,
  REFUSED,
}

/**
 * The frame proof `mac` (the wire's B6), the device's side. A message is the frame, 0x0A, its sequence in
 * decimal, a dot, and 43 characters: base64url(HMAC-SHA-256(S, direction ‖ all before the dot)). Sequences
 * rise from 0 in each direction; gaps are allowed, repeats are not.
 *
 * Sending and receiving may interleave: each has its own `Sha256`. A session that was not begun, or was
 * wiped, signs nothing and accepts nothing.
 */
export class MacSession {
  /** The sequence of the next frame to sign; 2^32 when none is left. */
  sendSequence: number;
  /** The lowest sequence that is still accepted; 2^32 when none is. */
  receiveSequence: number;
  /** Opens this session's tokens. */
  readonly seal: Seal;
  private readonly key: HmacKey;
  private readonly mac: Uint8Array;
  private macLength: number;
  private part: Part;
  private sequence: number;
  private sequenceLength: number;

  constructor() {
    this.seal = new Seal();
    this.key = new HmacKey();
    this.mac = new Uint8Array(MAC_CHARACTERS);
    this.macLength = 0;
    this.part = Part.LINE_FEED;
    this.sequence = 0;
    this.sequenceLength = 0;
    this.sendSequence = SEQUENCE_END;
    this.receiveSequence = SEQUENCE_END;
  }

  /**
   * Starts a session: S = HMAC-SHA-256(Km, `s` ‖ u64be(counter) ‖ nonce), with Km derived from
   * `psk` by HKDF. `counter` (0…2^53−1) has never been used before; `nonce` is 16 fresh bytes.
   * A half-received frame belongs to the previous session, and fails.
   */
  begin(hash: Sha256, psk: Uint8Array, counter: number, nonce: Uint8Array): void {
    const key = this.key;
    deriveKey(hash, key, psk, INFO);
    hmacBegin(hash, key);
    hash.push(SESSION);
    pushUint64(hash, counter);
    hash.update(nonce, 0, MAC_NONCE_BYTES);
    hmacEnd(hash, key, key.digest, 0);
    key.set(hash, key.digest, DIGEST_BYTES);
    this.seal.begin(hash, key);
    this.sendSequence = 0;
    this.receiveSequence = 0;
  }

  /** Forgets the session: signs and accepts nothing until the next {@link begin}. */
  wipe(): void {
    this.key.wipe();
    this.seal.wipe();
    this.mac.fill(0);
    this.sendSequence = SEQUENCE_END;
    this.receiveSequence = SEQUENCE_END;
  }

  /** Bytes that the next {@link sign} appends. */
  trailerLength(): number {
    return 2 + decimalLength(this.sendSequence) + MAC_CHARACTERS;
  }

  /**
   * Signs the frame in `out[from..at)`: appends the trailer and returns where it ends, and uses up the
   * sequence; or −1, writing nothing, when no sequence is left: begin a new session.
   */
  sign(hash: Sha256, out: Uint8Array, from: number, at: number): number {
    const key = this.key;
    if (this.sendSequence >= SEQUENCE_END) return -1;
    out[at] = LINE_FEED;
    const dotAt = writeDecimal(out, at + 1, this.sendSequence);
    hmacBegin(hash, key);
    hash.push(FROM_DEVICE);
    hash.update(out, from, dotAt);
    hmacEnd(hash, key, key.digest, 0);
    out[dotAt] = DOT;
    this.sendSequence++;
    return writeBase64url(out, dotAt + 1, key.digest, 0, DIGEST_BYTES);
  }

  /** Expects a message: `hash.update` takes the frame's bytes, {@link receiveTrailer} what follows them. */
  receiveBegin(hash: Sha256): void {
    hmacBegin(hash, this.key);
    hash.push(FROM_CLOUD);
    this.part = Part.LINE_FEED;
    this.sequence = 0;
    this.sequenceLength = 0;
    this.macLength = 0;
  }

  /**
   * Takes the next bytes after the frame, in pieces of any size. OK while this can become a trailer; the
   * message ends with MAC_MISSING when it does not begin as one, MAC_WRONG when its form is wrong.
   */
  receiveTrailer(hash: Sha256, bytes: Uint8Array, from: number, to: number): Status {
    let i = from;
    let status = Status.OK;
    while (i < to && status === Status.OK && this.part !== Part.MAC)
      status = this.receiveByte(hash, bytes[i++]);
    if (status === Status.OK && i < to) status = this.receiveMac(bytes, i, to);
    if (status !== Status.OK) this.part = Part.REFUSED;
    return status;
  }

  /**
   * Ends the message: OK, and only then trust the frame; MAC_MISSING without a trailer;
   * MAC_WRONG when it is incomplete or wrong; MAC_REPLAYED when it is right but its sequence is not new.
   */
  receiveEnd(hash: Sha256): Status {
    const key = this.key;
    if (this.part === Part.LINE_FEED) return Status.MAC_MISSING;
    if (this.part !== Part.MAC || this.macLength !== MAC_CHARACTERS) return Status.MAC_WRONG;
    this.part = Part.REFUSED;
    if (readBase64url(this.mac, 0, this.mac, 0, MAC_CHARACTERS) < 0) return Status.MAC_WRONG;
    hmacEnd(hash, key, key.digest, 0);
    if (!sameSecret(key.digest, 0, this.mac, 0, DIGEST_BYTES)) return Status.MAC_WRONG;
    if (this.sequence < this.receiveSequence) return Status.MAC_REPLAYED;
    this.receiveSequence = this.sequence + 1;
    return Status.OK;
  }

  private receiveByte(hash: Sha256, byte: number): Status {
    switch (this.part) {
      case Part.LINE_FEED:
        if (byte !== LINE_FEED) return Status.MAC_MISSING;
        hash.push(byte);
        this.part = Part.SEQUENCE;
        return Status.OK;
      case Part.SEQUENCE:
        return this.receiveSequenceByte(hash, byte);
      default:
        return Status.MAC_WRONG;
    }
  }

  private receiveMac(bytes: Uint8Array, from: number, to: number): Status {
    if (this.macLength + to - from > MAC_CHARACTERS) return Status.MAC_WRONG;
    this.macLength = copyBytes(this.mac, this.macLength, bytes, from, to);
    return Status.OK;
  }

  private receiveSequenceByte(hash: Sha256, byte: number): Status {
    if (byte === DOT && this.sequenceLength > 0) {
      this.part = Part.MAC;
      return Status.OK;
    }
    const digit = byte - DIGIT_0;
    const leadingZero = this.sequenceLength === 1 && this.sequence === 0;
    if (digit < 0 || digit > 9 || leadingZero) return Status.MAC_WRONG;
    hash.push(byte);
    this.sequence = this.sequence * 10 + digit;
    this.sequenceLength++;
    return this.sequence < SEQUENCE_END ? Status.OK : Status.MAC_WRONG;
  }
}
