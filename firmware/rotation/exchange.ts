import { writeBase64url } from "../crypto/base64.js";
import { sameSecret } from "../crypto/compare.js";
import type { Scratch } from "../crypto/scratch.js";
import { DIGEST_BYTES } from "../crypto/sha256.js";
import { X25519, X25519_BYTES } from "../crypto/x25519.js";
import type { Entropy } from "../ports.js";
import { isNone, openNextKey, ProofOf, proveNextKey, ROTATION_NONCE_BYTES } from "../proof/rotation.js";
import { bytesOf, copyBytes } from "../wire/bytes.js";
import { Answer } from "./answer.js";

const X_ARGUMENTS = bytesOf('{"x":"0000000000000000000000000000000000000000000"}');
const X_AT = 6;
const PROOF_ARGUMENTS = bytesOf(
  '{"n":"0000000000000000000000","mac":"0000000000000000000000000000000000000000000"}',
);
const N_AT = 6;
const MAC_AT = 37;
/** Longest result: three members, the longest key among them, and some that we do not know. */
const RESULT_BYTES_MAX = 512;

/** What an answer came to. */
export enum Outcome {
  /** Nobody who has the key made it. */
  WRONG,
  NONE,
  /** More steps lead to the next key. */
  AGREEING,
}

/**
 * One question and its answer, with all that they take: it is made when the device asks, and wiped when it has the answer.
 * X25519 goes step by step; between any two of them the device does its other work.
 */
export class Exchange {
  /** Arguments of the call. */
  readonly nextArguments: Uint8Array;
  readonly proofArguments: Uint8Array;
  /** Takes the result. */
  readonly out: Uint8Array;
  private readonly scratch: Scratch;
  private readonly id: Uint8Array;
  private readonly answer: Answer;
  private readonly ladder: X25519;
  private readonly secret: Uint8Array;
  private readonly x: Uint8Array;
  private readonly nonce: Uint8Array;
  private readonly mac: Uint8Array;

  constructor(scratch: Scratch, id: Uint8Array) {
    this.nextArguments = new Uint8Array(X_ARGUMENTS.length);
    this.proofArguments = new Uint8Array(PROOF_ARGUMENTS.length);
    this.out = new Uint8Array(RESULT_BYTES_MAX);
    this.scratch = scratch;
    this.id = id;
    this.answer = new Answer();
    this.ladder = new X25519();
    this.secret = new Uint8Array(X25519_BYTES);
    this.x = new Uint8Array(X25519_BYTES);
    this.nonce = new Uint8Array(ROTATION_NONCE_BYTES);
    this.mac = new Uint8Array(DIGEST_BYTES);
  }

  /** Draws an ephemeral key; steps lead to {@link drawn}. */
  draw(entropy: Entropy): void {
    entropy.fill(this.secret, 0, X25519_BYTES);
    this.ladder.beginPublic(this.secret);
  }

  /** @returns whether that was the last step */
  step(): boolean {
    return this.ladder.step();
  }

  /** The ephemeral key is there: writes the question. */
  drawn(): void {
    this.ladder.finish(this.x);
    copyBytes(this.nextArguments, 0, X_ARGUMENTS, 0, X_ARGUMENTS.length);
    writeBase64url(this.nextArguments, X_AT, this.x, 0, X25519_BYTES);
  }

  /** Takes the result in {@link out}, `length` bytes. @param psk the present key */
  take(length: number, psk: Uint8Array): Outcome {
    const answer = this.answer;
    if (!answer.read(this.out, length)) return Outcome.WRONG;
    if (answer.isBare())
      return isNone(this.scratch, psk, this.id, this.x, answer.mac.bytes) ? Outcome.NONE : Outcome.WRONG;
    if (!answer.hasKey()) return Outcome.WRONG;
    this.ladder.beginShared(this.secret, answer.x.bytes);
    return Outcome.AGREEING;
  }

  /**
   * The shared secret is there: opens the next key.
   * @allocates the key
   * @returns null: nobody who has the present key made it
   */
  agreed(psk: Uint8Array): Uint8Array | null {
    const answer = this.answer;
    const sealed = answer.sealed;
    const shared = this.mac;
    const isRight =
      this.ladder.finish(shared) &&
      openNextKey(
        this.scratch,
        psk,
        this.id,
        this.x,
        answer.x.bytes,
        shared,
        sealed.bytes,
        sealed.length,
        answer.mac.bytes,
      );
    if (!isRight) return null;
    const key = new Uint8Array(sealed.length);
    copyBytes(key, 0, sealed.bytes, 0, sealed.length);
    return key;
  }

  /** Writes the proof that we hold the next key. */
  prove(entropy: Entropy, key: Uint8Array): void {
    entropy.fill(this.nonce, 0, ROTATION_NONCE_BYTES);
    proveNextKey(this.scratch, key, this.id, ProofOf.DEVICE, this.nonce, this.mac);
    copyBytes(this.proofArguments, 0, PROOF_ARGUMENTS, 0, PROOF_ARGUMENTS.length);
    writeBase64url(this.proofArguments, N_AT, this.nonce, 0, ROTATION_NONCE_BYTES);
    writeBase64url(this.proofArguments, MAC_AT, this.mac, 0, DIGEST_BYTES);
  }

  /** Whether the result in {@link out} is the cloud's, which holds the same key. */
  isProved(length: number, key: Uint8Array): boolean {
    if (!this.answer.read(this.out, length)) return false;
    proveNextKey(this.scratch, key, this.id, ProofOf.CLOUD, this.nonce, this.mac);
    return sameSecret(this.mac, 0, this.answer.mac.bytes, 0, DIGEST_BYTES);
  }

  /** Forgets everything. */
  wipe(): void {
    this.nextArguments.fill(0);
    this.proofArguments.fill(0);
    this.out.fill(0);
    this.answer.wipe();
    this.ladder.wipe();
    this.secret.fill(0);
    this.x.fill(0);
    this.nonce.fill(0);
    this.mac.fill(0);
  }
}
