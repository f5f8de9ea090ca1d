import { randomId } from "../crypto/random.js";
import { Status } from "../status.js";
import { bytesOf, sameBytes, writeDecimal } from "../wire/bytes.js";
import type { FieldWriter } from "../wire/field-writer.js";
import { IN_CHALLENGE, Member, memberOf } from "../wire/frame/fields.js";
import type { FrameReader } from "../wire/frame/frame.js";
import type { JsonReader } from "../wire/json/json.js";
import { ValueEvent } from "../wire/value.js";
import {
  DIGEST_RESPONSE_BYTES,
  type DigestChallenge,
  type DigestUse,
  writeDigestResponse,
} from "./digest.js";
import { Unprotected } from "./none.js";
import { type FrameProof, type ProofParts, type ProofUse, Strength } from "./proof.js";

const TEXT_BYTES_MAX = 64;
const DIGEST = bytesOf("digest");
const SHA_256 = bytesOf("SHA-256");

const AUTH = bytesOf("auth");
const REALM = bytesOf("realm");
const USERNAME = bytesOf("username");
const NONCE = bytesOf("nonce");
const NC = bytesOf("nc");
const CNONCE = bytesOf("cnonce");
const RESPONSE = bytesOf("response");
const ALGORITHM = bytesOf("algorithm");

/** Whether a text goes back into JSON as it is. */
const isPlain = (bytes: Uint8Array, length: number): boolean => {
  for (let i = 0; i < length; i++)
    if (bytes[i] < 0x20 || bytes[i] === 0x22 || bytes[i] === 0x5c) return false;
  return true;
};

/** A digest challenge (mg-rpc): what a 401's message asks to be answered. */
class Challenge implements DigestChallenge {
  /** Whether there is a nonce to answer. */
  isHeld: boolean;
  readonly realm: Uint8Array;
  realmLength: number;
  nonce: Uint8Array;
  nonceLength: number;
  /** Real devices send integers, others strings: we send it back as it came. */
  isNonceText: boolean;
  nonceNumber: number;
  /** Two buffers: the next challenge is read into one while the other still serves; then they swap. */
  private nextNonce: Uint8Array;
  /** A member whose value is one of two words at the most. */
  private readonly word: Uint8Array;
  private isDigest: boolean;
  private isSha256: boolean;

  /** @param word 64 bytes, in use only while a challenge is read */
  constructor(word: Uint8Array) {
    this.isHeld = false;
    this.realm = new Uint8Array(TEXT_BYTES_MAX);
    this.realmLength = 0;
    this.nonce = new Uint8Array(TEXT_BYTES_MAX);
    this.nonceLength = 0;
    this.isNonceText = false;
    this.nonceNumber = 0;
    this.nextNonce = new Uint8Array(TEXT_BYTES_MAX);
    this.word = word;
    this.isDigest = false;
    this.isSha256 = false;
  }

  /**
   * Takes the challenge out of a 401's message, JSON inside the frame's staging area.
   * @returns OK; CHALLENGE_REFUSED for any algorithm but SHA-256; UNAUTHENTICATED where there is no challenge
   */
  read(frame: FrameReader): Status {
    const held = this.nonce;
    this.nonce = this.nextNonce;
    this.nextNonce = held;
    this.isHeld = false;
    this.nonceLength = 0;
    this.realmLength = 0;
    this.isDigest = false;
    this.isSha256 = false;
    if (!this.readFields(frame.json, frame.staging, frame.messageLength)) return Status.UNAUTHENTICATED;
    if (!this.isDigest || this.nonceLength === 0 || this.realmLength === 0) return Status.UNAUTHENTICATED;
    if (!isPlain(this.realm, this.realmLength) || !isPlain(this.nonce, this.nonceLength))
      return Status.UNAUTHENTICATED;
    if (!this.isSha256) return Status.CHALLENGE_REFUSED;
    this.isHeld = true;
    return Status.OK;
  }

  /** Whether its nonce is that of the challenge before, whose nonce had `length` bytes. */
  isSame(length: number): boolean {
    return this.nonceLength === length && sameBytes(this.nextNonce, 0, this.nonce, 0, length);
  }

  private readFields(json: JsonReader, text: Uint8Array, to: number): boolean {
    let member = Member.NONE;
    let seen = 0;
    let at = 0;
    json.reset();
    for (;;) {
      const event = json.read(text, at, to);
      at = json.at;
      if (event === ValueEvent.END) return true;
      if (event === ValueEvent.MORE || event === ValueEvent.REFUSED) return false;
      if (event === ValueEvent.KEY) {
        member = json.depth === 1 ? memberOf(IN_CHALLENGE, json.key, json.keyLength) : Member.NONE;
        if ((seen & (1 << member)) !== 0) return false;
        if (member !== Member.NONE) seen |= 1 << member;
        this.expect(json, member);
      } else if (json.depth === 1 && !this.take(json, event, member)) return false;
      // Values inside a list or an object are not ours.
    }
  }

  /** Says where a member's text goes. */
  private expect(json: JsonReader, member: Member): void {
    if (member === Member.NONE) json.skip();
    else if (member === Member.REALM) json.capture(this.realm, 0, TEXT_BYTES_MAX);
    else if (member === Member.NONCE) json.capture(this.nonce, 0, TEXT_BYTES_MAX);
    else json.capture(this.word, 0, TEXT_BYTES_MAX);
  }

  /** @returns false: a text is too long to be one of a challenge */
  private take(json: JsonReader, event: ValueEvent, member: Member): boolean {
    if (event === ValueEvent.STRING) {
      const length = json.textLength;
      if (length > TEXT_BYTES_MAX) return false;
      if (member === Member.REALM) this.realmLength = length;
      if (member === Member.NONCE) this.takeNonce(length, true);
      if (member === Member.AUTH_TYPE) this.isDigest = this.said(DIGEST, length);
      if (member === Member.ALGORITHM) this.isSha256 = this.said(SHA_256, length);
    } else if (event === ValueEvent.NUMBER && member === Member.NONCE && json.isInteger && json.number >= 0) {
      this.nonceNumber = json.number;
      this.takeNonce(writeDecimal(this.nonce, 0, json.number), false);
    }
    return true;
  }

  private takeNonce(length: number, isText: boolean): void {
    this.nonceLength = length;
    this.isNonceText = isText;
  }

  private said(word: Uint8Array, length: number): boolean {
    return length === word.length && sameBytes(word, 0, this.word, 0, length);
  }
}

/**
 * Answers the challenge in force in each frame while it is valid. A nonce of text is RFC 7616's, whose uses are counted
 * (3.4, `nc`). One that is a number may be too, or be of Mongoose OS and what is built on it, which take each use for
 * the first: that shows when a second one is refused.
 */
class DigestProtection extends Unprotected implements DigestUse {
  private readonly parts: ProofParts;
  private readonly challenge: Challenge;
  /** This number distinguishes it from earlier nonces and ways of counting. */
  private serial: number;
  /** Frames that left with an answer to this nonce. */
  private uses: number;
  private isCounting: boolean;
  nc: number;
  cnonce: number;
  private readonly response: Uint8Array;

  constructor(parts: ProofParts) {
    super();
    this.parts = parts;
    this.serial = 1;
    this.uses = 0;
    this.isCounting = true;
    this.nc = 0;
    this.cnonce = 0;
    this.response = new Uint8Array(DIGEST_RESPONSE_BYTES);
    this.challenge = new Challenge(this.response);
  }

  /** Computes the answer for one more frame; it counts when that has left. */
  override open(): number {
    const challenge = this.challenge;
    if (!challenge.isHeld) return 0;
    const response = this.response;
    this.nc = this.isCounting || challenge.isNonceText ? this.uses + 1 : 1;
    this.cnonce = randomId(this.parts.entropy, response);
    writeDigestResponse(response, this.parts.scratch.hash, this.parts.config, challenge, this);
    return 1;
  }

  /** Without `nc` where it is 1, which real devices assume. */
  override write(fields: FieldWriter): void {
    const challenge = this.challenge;
    const user = this.parts.config.user;
    fields.open(AUTH, this.nc > 1 ? 7 : 6);
    fields.plain(REALM, challenge.realm, challenge.realmLength);
    fields.plain(USERNAME, user, user.length);
    if (challenge.isNonceText) fields.plain(NONCE, challenge.nonce, challenge.nonceLength);
    else fields.number(NONCE, challenge.nonceNumber);
    if (this.nc > 1) fields.number(NC, this.nc);
    fields.number(CNONCE, this.cnonce);
    fields.plain(RESPONSE, this.response, DIGEST_RESPONSE_BYTES);
    fields.plain(ALGORITHM, SHA_256, SHA_256.length);
    fields.close();
  }

  override close(use: ProofUse, _out: Uint8Array, _from: number, to: number): number {
    const isAnswered = this.challenge.isHeld;
    if (isAnswered) this.uses++;
    use.proofUse = isAnswered ? this.uses : 0;
    use.proofSerial = isAnswered ? this.serial : 0;
    return to;
  }

  /** A 401 brings the next challenge. */
  override refused(status: Status, use: ProofUse, frame: FrameReader): Status {
    // After too many proofs with an expired nonce, the cloud sends no new one until a frame without a proof asks for it.
    if (status === Status.THROTTLED) this.wipe();
    if (status !== Status.UNAUTHENTICATED) return status;
    const challenge = this.challenge;
    if (use.proofSerial === this.serial && use.proofUse > 1 && !challenge.isNonceText) {
      this.isCounting = !this.isCounting;
      this.serial++;
    }
    const heldLength = challenge.isHeld ? challenge.nonceLength : 0;
    const verdict = challenge.read(frame);
    // Requests that left together get a nonce each, or all the same one: then its count goes on.
    if (verdict === Status.OK && !challenge.isSame(heldLength)) {
      this.serial++;
      this.uses = 0;
    }
    return verdict;
  }

  override wipe(): void {
    this.challenge.isHeld = false;
    this.response.fill(0);
  }
}

/** mg-rpc's challenge and response: it binds neither method nor arguments. */
export const digest: FrameProof = {
  name: "digest",
  strength: Strength.DIGEST,
  needsKey: true,
  isJson: true,
  /** @construction */
  protection: (parts: ProofParts) => new DigestProtection(parts),
};
