import { randomId } from "../crypto/random.js";
import type { Sha256 } from "../crypto/sha256.js";
import type { Entropy } from "../ports.js";
import { DIGEST_RESPONSE_BYTES, writeDigestResponse } from "../proof/digest.js";
import { Status } from "../status.js";
import { bytesOf, sameBytes, writeDecimal } from "../wire/bytes.js";
import { IN_CHALLENGE, Member, memberOf } from "../wire/frame/fields.js";
import type { FrameReader } from "../wire/frame/frame.js";
import { ValueEvent } from "../wire/value.js";
import type { Writer } from "../wire/writer.js";

const TEXT_BYTES_MAX = 64;
const DIGEST = bytesOf("digest");
const SHA_256 = bytesOf("SHA-256");

const OPEN_REALM = bytesOf(',"auth":{"realm":"');
const OPEN_USERNAME = bytesOf('","username":"');
const OPEN_NONCE = bytesOf('","nonce":');
const QUOTE = bytesOf('"');
const OPEN_NC = bytesOf(',"nc":');
const OPEN_CNONCE = bytesOf(',"cnonce":');
const OPEN_RESPONSE = bytesOf(',"response":"');
const CLOSE = bytesOf('","algorithm":"SHA-256"}');

/** Whether a text goes back into JSON as it is. */
const isPlain = (bytes: Uint8Array, length: number): boolean => {
  for (let i = 0; i < length; i++)
    if (bytes[i] < 0x20 || bytes[i] === 0x22 || bytes[i] === 0x5c) return false;
  return true;
};

/**
 * The digest challenge in force (mg-rpc): read from a 401's message, answered in each frame while it is valid. A nonce
 * of text is RFC 7616's, whose uses are counted (3.4, `nc`). One that is a number may be too, or be of Mongoose OS
 * and what is built on it, which take each use for the first: that shows when a second one is refused.
 */
export class Challenge {
  /** Whether there is a nonce to answer. */
  isHeld: boolean;
  /** This number distinguishes it from earlier nonces and ways of counting. */
  serial: number;
  /** Frames that left with an answer to this nonce. */
  uses: number;
  private readonly realm: Uint8Array;
  private realmLength: number;
  private nonce: Uint8Array;
  private nonceLength: number;
  /** Two buffers: the next challenge is read into one while the other still serves; then they swap. */
  private nextNonce: Uint8Array;
  /** Real devices send integers, others strings: we send it back as it came. */
  private isNonceText: boolean;
  private isCounting: boolean;
  private nc: number;
  private cnonce: number;
  private readonly response: Uint8Array;

  constructor() {
    this.isHeld = false;
    this.serial = 1;
    this.uses = 0;
    this.realm = new Uint8Array(TEXT_BYTES_MAX);
    this.realmLength = 0;
    this.nonce = new Uint8Array(TEXT_BYTES_MAX);
    this.nextNonce = new Uint8Array(TEXT_BYTES_MAX);
    this.nonceLength = 0;
    this.isNonceText = false;
    this.isCounting = true;
    this.nc = 0;
    this.cnonce = 0;
    this.response = new Uint8Array(DIGEST_RESPONSE_BYTES);
  }

  /** Drops the challenge. */
  drop(): void {
    this.isHeld = false;
    this.response.fill(0);
  }

  /** The cloud refused a frame's proof, which was this use of the nonce with this serial. */
  refused(serial: number, use: number): void {
    if (serial !== this.serial || use < 2 || this.isNonceText) return;
    this.isCounting = !this.isCounting;
    this.serial++;
  }

  /**
   * Takes the challenge out of a 401's message, JSON inside the frame's staging area.
   * @returns OK; CHALLENGE_REFUSED for any algorithm but SHA-256; UNAUTHENTICATED where there is no challenge
   */
  read(frame: FrameReader): Status {
    const json = frame.json;
    json.reset();
    const text = frame.staging;
    const to = frame.messageLength;
    const realm = this.realm;
    let member = Member.NONE;
    let seen = 0;
    let isDigest = false;
    let isSha256 = false;
    let at = 0;
    const heldLength = this.isHeld ? this.nonceLength : 0;
    const held = this.nonce;
    this.nonce = this.nextNonce;
    this.nextNonce = held;
    this.isHeld = false;
    this.nonceLength = 0;
    this.realmLength = 0;
    for (;;) {
      const event = json.read(text, at, to);
      at = json.at;
      if (event === ValueEvent.END) break;
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return Status.UNAUTHENTICATED;
      if (event === ValueEvent.KEY) {
        member = json.depth === 1 ? memberOf(IN_CHALLENGE, json.key, json.keyLength) : Member.NONE;
        if ((seen & (1 << member)) !== 0) return Status.UNAUTHENTICATED;
        if (member === Member.NONE) json.skip();
        else seen |= 1 << member;
        if (member === Member.REALM) json.capture(realm, 0, TEXT_BYTES_MAX);
        else if (member === Member.NONCE) json.capture(this.nonce, 0, TEXT_BYTES_MAX);
        else if (member !== Member.NONE) json.capture(this.response, 0, DIGEST_RESPONSE_BYTES);
      } else if (json.depth !== 1) {
        // Values inside a list or an object are not ours.
      } else if (event === ValueEvent.STRING) {
        const length = json.textLength;
        if (length > TEXT_BYTES_MAX) return Status.UNAUTHENTICATED;
        if (member === Member.REALM) this.realmLength = length;
        if (member === Member.NONCE) this.takeNonce(length, true);
        if (member === Member.AUTH_TYPE) isDigest = this.said(DIGEST, length);
        if (member === Member.ALGORITHM) isSha256 = this.said(SHA_256, length);
      } else if (
        event === ValueEvent.NUMBER &&
        member === Member.NONCE &&
        json.isInteger &&
        json.number >= 0
      ) {
        this.takeNonce(writeDecimal(this.nonce, 0, json.number), false);
      }
    }
    if (!isDigest || this.nonceLength === 0 || this.realmLength === 0) return Status.UNAUTHENTICATED;
    if (!isPlain(realm, this.realmLength) || !isPlain(this.nonce, this.nonceLength))
      return Status.UNAUTHENTICATED;
    if (!isSha256) return Status.CHALLENGE_REFUSED;
    this.isHeld = true;
    // Requests that left together get a nonce each, or all the same one: then its count goes on.
    const isSame = this.nonceLength === heldLength && sameBytes(held, 0, this.nonce, 0, heldLength);
    if (isSame) return Status.OK;
    this.serial++;
    this.uses = 0;
    return Status.OK;
  }

  /** Computes the answer for one more frame; it counts once it is {@link sent}. */
  answer(hash: Sha256, entropy: Entropy, username: Uint8Array, psk: Uint8Array): void {
    const response = this.response;
    this.nc = this.isCounting || this.isNonceText ? this.uses + 1 : 1;
    this.cnonce = randomId(entropy, response);
    writeDigestResponse(
      response,
      0,
      hash,
      username,
      this.realm,
      this.realmLength,
      psk,
      psk.length,
      this.nonce,
      this.nonceLength,
      this.nc,
      this.cnonce,
    );
  }

  /** The frame with the latest answer leaves. */
  sent(): void {
    this.uses++;
  }

  /** The frame's `auth` member; without `nc` where it is 1, which real devices assume. */
  write(writer: Writer, username: Uint8Array): void {
    writer.bytes(OPEN_REALM);
    writer.part(this.realm, this.realmLength);
    writer.bytes(OPEN_USERNAME);
    writer.bytes(username);
    writer.bytes(OPEN_NONCE);
    if (this.isNonceText) writer.bytes(QUOTE);
    writer.part(this.nonce, this.nonceLength);
    if (this.isNonceText) writer.bytes(QUOTE);
    if (this.nc > 1) {
      writer.bytes(OPEN_NC);
      writer.decimal(this.nc);
    }
    writer.bytes(OPEN_CNONCE);
    writer.decimal(this.cnonce);
    writer.bytes(OPEN_RESPONSE);
    writer.bytes(this.response);
    writer.bytes(CLOSE);
  }

  private takeNonce(length: number, isText: boolean): void {
    this.nonceLength = length;
    this.isNonceText = isText;
  }

  private said(word: Uint8Array, length: number): boolean {
    return length === word.length && sameBytes(word, 0, this.response, 0, length);
  }
}
