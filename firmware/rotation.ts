/**
 * Another key for the device over the air (docs/cloud.md): a separate module, so that an app that does not import it does
 * not carry it.
 */
import type { Auth, KeyRotation } from "./auth.js";
import type { Config, ConfigOptions } from "./config.js";
import { replaceKey } from "./credential.js";
import type { Scratch } from "./crypto/scratch.js";
import type { Entropy, Ports } from "./ports.js";
import { Exchange, Outcome } from "./rotation/exchange.js";
import { checkFit, unreadable } from "./rotation/fit.js";
import { Kept, NextKey } from "./rotation/next-key.js";
import type { OnResult } from "./rpc/calls.js";
import { Phase } from "./session/phases.js";
import { Status } from "./status.js";
import type { Keeper } from "./store/keeper.js";
import { Backoff } from "./time/backoff.js";
import { bytesOf, NO_BYTES, sameBytes } from "./wire/bytes.js";

const NEXT_CREDENTIAL = bytesOf("/v1/Auth.NextCredential");
const PROVE_CREDENTIAL = bytesOf("/v1/Auth.ProveCredential");
/** What failed is tried again after half a minute at the least, and after bounds that double from one to a day, ms. */
const RETRY_FLOOR_MS = 30_000;
const RETRY_MS = 60_000;
const RETRY_MS_MAX = 86_400_000;
/** While the store takes nothing, and while all places for calls are taken, ms. */
const STORE_MS = 60_000;
const BUSY_MS = 1_000;

/** Where the device's next key stands. */
export enum RotationStage {
  /** There is none, as far as the device knows. */
  NONE,
  /** The cloud has one, and the device is fetching it. */
  WANTED,
  /** It is in the store, and not proved yet: both keys are valid. */
  STAGED,
  /** The cloud accepts only this one; the store has it in two places, and not yet in all. */
  PROVED,
}

/** What is under way. */
enum Step {
  NOTHING,
  DRAWING,
  ASKING,
  AWAITING_KEY,
  AGREEING,
  PROVING,
  AWAITING_PROOF,
}

/** What the store has yet to take. */
enum Debt {
  NOTHING,
  /** The credential, and then the record of the next key. */
  CREDENTIAL,
  RECORD,
}

/**
 * Lets the cloud change the device's key while it runs: `createAuth({ …, rotation: new Rotation() })`.
 *
 * A token's answer hints at a next key; the device asks for it, keeps it in its store beside the present one, connects
 * with it, proves it, and forgets the one before. Both are valid until then, so power may fail at any moment. A connection
 * that refuses the next key brings the device back to the present one at once. Only the cloud's word, under the present
 * key's MAC, makes it drop the next one.
 */
export class Rotation implements KeyRotation {
  /** How often the device's key has changed since boot. */
  rotations: number;
  private config: Config;
  private keeper: Keeper;
  private entropy: Entropy;
  private scratch: Scratch;
  private next: NextKey;
  private auth: Auth;
  private present: Uint8Array;
  /** Came, and is not in the store yet. */
  private fetched: Uint8Array;
  /** Connections are proved by the next key. */
  private usesNext: boolean;
  /** The cloud said of the key in the store, under the present one's MAC, that it is the next. */
  private isConfirmed: boolean;
  private isHinted: boolean;
  /** The connection ends: the next one has the other key. */
  private isLeaving: boolean;
  /** Of the two keys one was refused, and the other one is tried. */
  private isTurned: boolean;
  private step: Step;
  private debt: Debt;
  /** null: nothing is under way. */
  private exchange: Exchange | null;
  private notBeforeMs: number;
  private wakeMs: number;
  private nowMs: number;
  private readonly backoff: Backoff;
  private readonly onResult: OnResult;

  constructor() {
    this.rotations = 0;
    this.backoff = new Backoff(RETRY_MS, RETRY_MS_MAX);
    this.onResult = (status, length) => this.answered(status, length);
    this.reset();
  }

  get stage(): RotationStage {
    if (this.debt === Debt.CREDENTIAL) return RotationStage.PROVED;
    if (this.hasNext()) return RotationStage.STAGED;
    return this.isHinted ? RotationStage.WANTED : RotationStage.NONE;
  }

  /** @internal @construction */
  open(options: ConfigOptions, config: Config, ports: Ports, scratch: Scratch): void {
    checkFit(options, config);
    let deviceId = "";
    for (let i = 0; i < config.deviceId.length; i++) deviceId += String.fromCharCode(config.deviceId[i]);
    this.config = config;
    this.keeper = config.keeper as Keeper;
    this.entropy = ports.entropy;
    this.scratch = scratch;
    this.next = new NextKey(this.keeper, { deviceId, cloud: options.cloud }, scratch);
    this.reset();
    this.present = config.psk;
    const kept = this.next.load(this.present);
    if (kept === Kept.UNREADABLE) unreadable();
    this.usesNext = kept === Kept.STAGED;
    if (kept === Kept.PROVED) this.debt = Debt.CREDENTIAL;
    if (kept === Kept.STALE) this.debt = Debt.RECORD;
    if (this.usesNext) config.psk = this.next.key;
    config.owner = this.next.ownerBy(config.owner);
  }

  /** @internal */
  refused(): boolean {
    if (!this.hasNext()) return false;
    // Of two that were refused the later one asks for the counter, and is the first to be tried after the wait.
    const isFirst = !this.isTurned;
    this.isTurned = isFirst;
    if (isFirst) {
      this.cancel();
      this.usesNext = !this.usesNext;
    }
    return isFirst;
  }

  /** @internal */
  hinted(): void {
    if (this.debt === Debt.NOTHING && !this.usesNext) this.isHinted = true;
  }

  /** @internal */
  wakeAtMs(): number {
    return this.wakeMs;
  }

  /** @internal */
  tend(auth: Auth, nowMs: number): void {
    const session = auth.session;
    this.auth = auth;
    this.nowMs = nowMs;
    this.keeper.nowMs = nowMs;
    this.wakeMs = Infinity;
    if (session.phase <= Phase.WAITING) {
      this.config.psk = this.usesNext ? this.next.key : this.present;
      this.isLeaving = false;
    }
    if (this.isLeaving) {
      this.isLeaving = false;
      session.stop(nowMs);
      session.start(nowMs);
    }
    if (this.debt !== Debt.NOTHING) this.pay();
    else if (this.fetched.length > 0) this.keep();
    if (session.phase === Phase.READY) this.isTurned = false;
    if (session.phase !== Phase.RESTING && this.debt === Debt.NOTHING && this.fetched.length === 0)
      this.goOn(session.phase === Phase.READY);
  }

  /** @internal */
  wipe(): void {
    this.end();
    this.present.fill(0);
    this.fetched.fill(0);
    if (this.hasNext()) this.next.drop();
  }

  /** As before the first turn. */
  private reset(): void {
    this.present = NO_BYTES;
    this.fetched = NO_BYTES;
    this.usesNext = false;
    this.isConfirmed = false;
    this.isHinted = false;
    this.isLeaving = false;
    this.isTurned = false;
    this.step = Step.NOTHING;
    this.debt = Debt.NOTHING;
    this.exchange = null;
    this.notBeforeMs = 0;
    this.wakeMs = Infinity;
    this.nowMs = 0;
    this.backoff.reset();
  }

  private hasNext(): boolean {
    return this.next !== undefined && this.next.key.length > 0;
  }

  private goOn(isReady: boolean): void {
    if (this.step === Step.NOTHING && isReady) this.begin();
    const exchange = this.exchange;
    if (exchange === null) return;
    if (this.step === Step.DRAWING || this.step === Step.AGREEING) {
      this.wakeMs = this.nowMs;
      if (!exchange.step()) return;
      if (this.step === Step.AGREEING) {
        this.agree(exchange);
        return;
      }
      exchange.drawn();
      this.step = Step.ASKING;
    }
    const isProof = this.step === Step.PROVING;
    if (!isReady || (!isProof && this.step !== Step.ASKING)) return;
    if (isProof !== this.usesNext) this.end();
    else if (this.call(exchange, isProof)) this.step = isProof ? Step.AWAITING_PROOF : Step.AWAITING_KEY;
    else this.wakeMs = this.nowMs + BUSY_MS;
  }

  /** What the present connection is good for. */
  private begin(): void {
    const hasNext = this.hasNext();
    if (!hasNext && !this.isHinted) return;
    if (this.nowMs < this.notBeforeMs) this.wakeMs = this.notBeforeMs;
    else if (hasNext && this.isConfirmed) this.turn(true);
    else this.start();
  }

  /** @allocates once in a key's life, and where that failed */
  private start(): void {
    const exchange = new Exchange(this.scratch, this.config.deviceId);
    this.exchange = exchange;
    if (this.usesNext) exchange.prove(this.entropy, this.next.key);
    else exchange.draw(this.entropy);
    this.step = this.usesNext ? Step.PROVING : Step.DRAWING;
  }

  private call(exchange: Exchange, isProof: boolean): boolean {
    const method = isProof ? PROVE_CREDENTIAL : NEXT_CREDENTIAL;
    const args = isProof ? exchange.proofArguments : exchange.nextArguments;
    return this.auth.call(method, args, exchange.out, this.onResult) === Status.OK;
  }

  /** The call is over. */
  private answered(status: Status, length: number): void {
    const exchange = this.exchange;
    const wasProof = this.step === Step.AWAITING_PROOF;
    if (exchange === null || (!wasProof && this.step !== Step.AWAITING_KEY)) return;
    const session = this.auth.session;
    // What rotation asks is nothing that keeps the client from its work.
    session.failures.write(this.auth.callFailure, Status.OK, 0, 0);
    this.wakeMs = this.nowMs;
    const isAnswer = status === Status.OK && length <= exchange.out.length;
    if (wasProof) {
      const isProved = isAnswer && exchange.isProved(length, this.next.key);
      if (isAnswer && !isProved) this.auth.counters.macRefused++;
      this.end();
      if (isProved) this.promote();
      else {
        this.waitLonger();
        this.turn(false);
      }
      return;
    }
    const outcome = isAnswer ? exchange.take(length, this.present) : Outcome.WRONG;
    if (outcome === Outcome.AGREEING) this.step = Step.AGREEING;
    else if (outcome === Outcome.NONE) this.drop();
    else {
      if (isAnswer) this.auth.counters.macRefused++;
      this.fail();
    }
  }

  /** The shared secret is there. */
  private agree(exchange: Exchange): void {
    const key = exchange.agreed(this.present);
    const kept = this.next.key;
    if (key === null) {
      this.auth.counters.macRefused++;
      this.fail();
      return;
    }
    this.end();
    if (key.length === kept.length && sameBytes(key, 0, kept, 0, key.length)) {
      // It was refused though it is right, or not answered: the way to the cloud may be another one later.
      key.fill(0);
      this.isConfirmed = true;
      this.waitLonger();
    } else {
      this.next.drop();
      this.fetched = key;
      this.wakeMs = this.nowMs;
    }
  }

  /** Has the store take the key that came: nothing is proved by what a reboot forgets. */
  private keep(): void {
    if (!this.keeper.isWritable() || !this.next.stage(this.present, this.fetched)) {
      this.wakeMs = this.nowMs + STORE_MS;
      return;
    }
    this.fetched = NO_BYTES;
    this.isConfirmed = true;
    this.notBeforeMs = this.nowMs;
  }

  /** The cloud has proved to have the next key, and knows that we have it: the one before is no more. */
  private promote(): void {
    this.present.fill(0);
    this.present = this.next.key;
    this.next.promote();
    this.usesNext = false;
    this.isHinted = false;
    this.debt = Debt.CREDENTIAL;
    this.backoff.reset();
    this.rotations++;
  }

  /** Under the present key's MAC the cloud says that there is none. */
  private drop(): void {
    this.end();
    this.isHinted = false;
    this.isConfirmed = false;
    if (!this.hasNext()) return;
    this.next.drop();
    this.debt = Debt.RECORD;
  }

  private pay(): void {
    const isPaid =
      this.keeper.isWritable() &&
      (this.debt !== Debt.CREDENTIAL || replaceKey(this.keeper, this.present)) &&
      this.next.save();
    if (isPaid) this.debt = Debt.NOTHING;
    else this.wakeMs = this.nowMs + STORE_MS;
  }

  /** The next connection has the other key. */
  private turn(toNext: boolean): void {
    this.usesNext = toNext;
    this.isConfirmed = false;
    this.isLeaving = true;
    this.wakeMs = this.nowMs;
  }

  private fail(): void {
    this.end();
    this.waitLonger();
  }

  private waitLonger(): void {
    this.notBeforeMs = this.nowMs + this.backoff.nextMs(this.auth.session.random(), RETRY_FLOOR_MS, 0, 0);
    this.wakeMs = this.notBeforeMs;
  }

  /** A call that is under way was for the key that is not tried any more. */
  private cancel(): void {
    if (this.step === Step.AWAITING_KEY || this.step === Step.AWAITING_PROOF) {
      const session = this.auth.session;
      const calls = session.calls.calls;
      for (let i = 0; i < calls.length; i++) {
        if (calls[i].onResult !== this.onResult) continue;
        calls[i].release();
        session.frame.raw.id = 0;
      }
    }
    this.end();
  }

  private end(): void {
    if (this.exchange !== null) this.exchange.wipe();
    this.exchange = null;
    this.step = Step.NOTHING;
  }
}
