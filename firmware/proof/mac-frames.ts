import { base64urlLength, writeBase64url } from "../crypto/base64.js";
import type { Scratch } from "../crypto/scratch.js";
import { Sha256 } from "../crypto/sha256.js";
import type { Entropy } from "../ports.js";
import type { Status } from "../status.js";
import { bytesOf } from "../wire/bytes.js";
import type { FieldWriter } from "../wire/field-writer.js";
import type { FrameReader } from "../wire/frame/frame.js";
import { MAC_NONCE_BYTES, MacSession } from "./mac.js";
import {
  type FrameProof,
  type ProofParts,
  type ProofUse,
  type Protection,
  type Prover,
  Strength,
} from "./proof.js";

const SEC = bytesOf("sec");
const COUNTER = bytesOf("c");
/** Asks for sealed tokens. */
const SEALS = bytesOf("e");
const NONCE = bytesOf("n");

/** MAC sessions one after the other: one per connection, and another where the cloud may have forgotten it. */
export class MacProtection implements Protection {
  private readonly prover: Prover;
  private readonly entropy: Entropy;
  private readonly scratch: Scratch;
  readonly session: MacSession;
  /** For what comes: it may be half computed while a request is signed. */
  private readonly hash: Sha256;
  private readonly nonce: Uint8Array;
  private readonly nonceText: Uint8Array;
  private counter: number;
  private isCounterFresh: boolean;
  private needsSession: boolean;
  /** The next frame begins the session: it names counter and nonce. */
  private announces: boolean;

  constructor(parts: ProofParts) {
    this.prover = parts.config;
    this.entropy = parts.entropy;
    this.scratch = parts.scratch;
    this.session = new MacSession();
    this.hash = new Sha256();
    this.nonce = new Uint8Array(MAC_NONCE_BYTES);
    this.nonceText = new Uint8Array(base64urlLength(MAC_NONCE_BYTES));
    this.counter = 0;
    this.isCounterFresh = false;
    this.needsSession = true;
    this.announces = false;
  }

  renew(isCounterFresh: boolean): void {
    this.needsSession = true;
    this.isCounterFresh = isCounterFresh;
  }

  prepare(): boolean {
    return !this.needsSession || this.begin();
  }

  open(): number {
    return this.announces ? 1 : 0;
  }

  write(fields: FieldWriter): void {
    fields.open(SEC, 3);
    fields.number(COUNTER, this.counter);
    fields.number(SEALS, 1);
    fields.plain(NONCE, this.nonceText, this.nonceText.length);
    fields.close();
  }

  trailerLength(): number {
    return this.session.trailerLength();
  }

  close(_use: ProofUse, out: Uint8Array, from: number, to: number): number {
    this.announces = false;
    return this.session.sign(this.scratch.hash, out, from, to);
  }

  refused(status: Status, _use: ProofUse, _frame: FrameReader): Status {
    return status;
  }

  receive(): void {
    this.session.receiveBegin(this.hash);
  }

  update(bytes: Uint8Array, from: number, to: number): void {
    this.hash.update(bytes, from, to);
  }

  behind(bytes: Uint8Array, from: number, to: number, _isText: boolean): Status {
    return this.session.receiveTrailer(this.hash, bytes, from, to);
  }

  end(): Status {
    return this.session.receiveEnd(this.hash);
  }

  openToken(frame: FrameReader): void {
    this.session.seal.open(this.hash, frame.sealed.salt, frame.staging, frame.tokenLength);
  }

  isUnheard(): boolean {
    return this.session.receiveSequence === 0;
  }

  wipe(): void {
    this.session.wipe();
    this.hash.wipe();
    this.nonce.fill(0);
    this.nonceText.fill(0);
  }

  private begin(): boolean {
    const psk = this.prover.psk;
    const counters = this.prover.counterBlock;
    const counter = this.isCounterFresh ? counters.latest : counters.next();
    if (counter === 0) return false;
    const nonce = this.nonce;
    this.entropy.fill(nonce, 0, MAC_NONCE_BYTES);
    writeBase64url(this.nonceText, 0, nonce, 0, MAC_NONCE_BYTES);
    this.session.begin(this.scratch.hash, psk, counter, nonce);
    this.counter = counter;
    this.isCounterFresh = false;
    this.needsSession = false;
    this.announces = true;
    return true;
  }
}

/** A MAC over the frame, both ways. */
export const mac: FrameProof = {
  name: "mac",
  strength: Strength.MAC,
  needsKey: true,
  takesCounter: true,
  isMutual: true,
  /** @construction */
  protection: (parts: ProofParts) => new MacProtection(parts),
};
