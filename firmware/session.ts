import type { Config } from "./config.js";
import type { Counters } from "./counters.js";
import { randomId, randomUnit } from "./crypto/random.js";
import type { Scratch } from "./crypto/scratch.js";
import type { Entropy } from "./ports.js";
import type { Protection } from "./proof/proof.js";
import { CallTable } from "./rpc/calls.js";
import { Inbox } from "./rpc/inbox.js";
import { Listing } from "./rpc/listing.js";
import { Requests } from "./rpc/requests.js";
import { type CallOwner, Responses } from "./rpc/responses.js";
import { Retransmitter } from "./rpc/retransmitter.js";
import { Attempts } from "./session/attempts.js";
import { Failures } from "./session/failure.js";
import type { Features } from "./session/features.js";
import { After, Change, nextPhase, Phase, Want } from "./session/phases.js";
import { Status } from "./status.js";
import { KeepAlive } from "./time/keep-alive.js";
import type { AppTraffic } from "./transport/app.js";
import { type Channel, ChannelEvent } from "./transport/channel.js";
import { Outbox } from "./transport/outbox.js";
import type { FrameReader } from "./wire/frame/frame.js";
import { Method } from "./wire/frame/methods.js";

/** What a session is made of. */
export interface SessionParts {
  readonly config: Config;
  readonly entropy: Entropy;
  /** For what is computed within one turn. */
  readonly scratch: Scratch;
  readonly counters: Counters;
}

/**
 * One device's connection to the cloud: connects, keeps it alive, publishes calls, matches their answers, and
 * connects again. It does no I/O: `poll` says what is wanted, and `opened`, `wrote`, `received` and `closed`
 * report what happened. The time of each is the latest that any of them was given.
 */
export class Session {
  phase: Phase;
  /** Why the last connection ended or could not be made; OK once one is ready. */
  status: Status;
  readonly failures: Failures;
  /** When `poll` has something to do if nothing happens before. */
  wakeAtMs: number;
  /** What follows the latest {@link received}. */
  after: After;
  /** The next attempt begins only after the app has heard of the loss, even where it is due sooner. */
  isLossUntold: boolean;
  readonly listing: Listing;
  readonly calls: CallTable;
  readonly outbox: Outbox;
  /** Of the present connection, or of the last one. */
  channel: Channel;
  readonly inbox: Inbox;
  readonly frame: FrameReader;
  readonly responses: Responses;
  /** The app's own messages; null: there are none. */
  readonly app: AppTraffic | null;
  private readonly config: Config;
  private readonly counters: Counters;
  private readonly entropy: Entropy;
  private readonly scratch: Scratch;
  private readonly protection: Protection;
  private readonly attempts: Attempts;
  readonly keepAlive: KeepAlive;
  private readonly retransmitter: Retransmitter;
  /** A call waits for its turn to be published, or a message of the app may. */
  private isBehind: boolean;
  private nowMs: number;
  /** The end of WAITING, or of OPENING and CONNECTING together. */
  private phaseEndsAtMs: number;
  private readyAtMs: number;

  constructor(own: SessionParts, features: Features, owner: CallOwner) {
    const config = own.config;
    const entropy = own.entropy;
    const scratch = own.scratch;
    const counters = own.counters;
    this.config = config;
    this.app = features.messages;
    this.counters = counters;
    this.entropy = entropy;
    this.scratch = scratch;
    const protection = config.proof.frame.protection(own);
    this.protection = protection;
    this.outbox = new Outbox(config.limits.sendBytes);
    this.failures = new Failures(config.addresses);
    // What the broker may still hold for us must repeat byte for byte.
    const encoding = config.proof.frame.isJson !== true && config.cleanSession ? features.encoding : null;
    this.calls = new CallTable(config.limits.calls, randomId(entropy, scratch.key.digest));
    this.inbox = new Inbox(config, protection, encoding, counters, this.calls);
    this.frame = this.inbox.frame;
    const parts = {
      config,
      entropy,
      scratch,
      counters,
      protection,
      frames: encoding,
      encoding: encoding === null ? null : encoding.name,
      deliveries: this.calls,
      outbox: this.outbox,
      inbox: this.inbox,
      words: this.failures.words,
      app: features.messages,
    };
    this.attempts = new Attempts(features, parts);
    this.channel = this.attempts.own;
    const requests = new Requests(parts, this.channel);
    this.responses = new Responses(parts, requests, owner);
    this.keepAlive = new KeepAlive(config.limits.pingTimeoutMs);
    this.retransmitter = new Retransmitter(parts, this.responses, requests, this.keepAlive);
    this.listing = new Listing(parts);
    this.phase = Phase.RESTING;
    this.status = Status.OK;
    this.wakeAtMs = Infinity;
    this.after = After.NOTHING;
    this.isBehind = false;
    this.nowMs = 0;
    this.phaseEndsAtMs = 0;
    this.readyAtMs = 0;
    this.isLossUntold = false;
  }

  /** Wants a connection, now and whenever it is lost. */
  start(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.phase === Phase.RESTING || this.phase === Phase.LEAVING) {
      this.phaseEndsAtMs = this.attempts.startAtMs(nowMs);
      this.failures.lost(Status.OK, false, 0);
    }
    this.change(Change.START);
  }

  /** Ends the connection and wants none; pending calls stay. */
  stop(nowMs: number): void {
    this.nowMs = nowMs;
    const isConnected = this.phase === Phase.CONNECTING || this.phase === Phase.READY;
    this.change(Change.STOP);
    this.failures.lost(Status.SUSPENDED, false, 0);
    this.forget();
    if (isConnected) this.channel.leave();
  }

  /** What to do now. */
  poll(nowMs: number): Want {
    this.nowMs = nowMs;
    this.retransmitter.tend(nowMs, this.nextChanceMs(), this.excuse());
    if (this.app !== null) this.app.expire(nowMs);
    if (this.phase === Phase.CONNECTING || this.phase === Phase.READY) this.tendConnection();
    this.plan();
    switch (this.phase) {
      case Phase.RESTING:
        return Want.IDLE;
      case Phase.WAITING:
        if (nowMs < this.phaseEndsAtMs || this.isLossUntold) return Want.IDLE;
        if (!this.config.counterBlock.reserve()) {
          this.lose(Status.STORE_FAILED, 0);
          this.plan();
          return Want.IDLE;
        }
        this.change(Change.WOKEN);
        this.channel = this.attempts.next;
        this.phaseEndsAtMs = nowMs + this.config.limits.connectTimeoutMs;
        this.plan();
        return Want.OPEN;
      case Phase.OPENING:
        if (nowMs < this.phaseEndsAtMs) return Want.IDLE;
        this.fail(Status.CONNECT_TIMEOUT);
        return Want.CLOSE;
      case Phase.FAILING:
      case Phase.LEAVING:
        return this.outbox.isEmpty() ? Want.CLOSE : Want.WRITE;
      default:
        return this.outbox.isEmpty() ? Want.READ : Want.WRITE;
    }
  }

  /** The link is open: composes what a connection begins with, and what may follow at once. */
  opened(nowMs: number): void {
    this.nowMs = nowMs;
    this.change(Change.OPENED);
    const isOwn = this.attempts.open();
    this.keepAlive.reset(nowMs, this.channel.terms.idleMs);
    this.responses.renew();
    if (!isOwn) return;
    this.protection.renew(this.config.proof.connect.takesCounter === true);
    if (!this.config.isMgRpc) this.calls.take(Method.HELLO, nowMs + this.config.limits.callDeadlineMs);
  }

  /**
   * The link took `count` bytes of the outbox. At the end of a connection the rest is dropped.
   * @returns whether {@link poll} may want something else
   */
  wrote(count: number, nowMs: number): boolean {
    const outbox = this.outbox;
    this.nowMs = nowMs;
    if (count > 0) this.keepAlive.sent(nowMs);
    if (this.isEnding()) {
      outbox.clear();
      return true;
    }
    outbox.wrote(count);
    return this.isBehind || outbox.isShort || !outbox.isEmpty();
  }

  /** Bytes from the peer. Returns where it stopped: at `to`, or before it where {@link after} is PAUSED. */
  received(bytes: Uint8Array, from: number, to: number, nowMs: number): number {
    this.nowMs = nowMs;
    this.keepAlive.heardAtMs = nowMs;
    this.after = this.isBehind ? After.TURN : After.NOTHING;
    let at = from;
    while (this.phase === Phase.CONNECTING || this.phase === Phase.READY) {
      if (this.listing.isPending() || this.isCramped() || (this.app !== null && this.app.hasPiece)) {
        this.after = After.PAUSED;
        return at;
      }
      const event = this.channel.read(bytes, at, to);
      at = this.channel.at;
      if (event === ChannelEvent.MORE) return to;
      this.after = After.TURN;
      this.handle(event);
    }
    return to;
  }

  /** The link is gone; we or the peer closed it. */
  closed(status: Status, nowMs: number): void {
    this.nowMs = nowMs;
    if (!this.isEnding()) this.lose(status, 0);
    this.change(Change.GONE);
  }

  /** What lies in the outbox is the farewell. */
  isEnding(): boolean {
    return this.phase === Phase.FAILING || this.phase === Phase.LEAVING;
  }

  /** The next moment at which something can be sent: now, or at the end of the backoff. */
  nextChanceMs(): number {
    return this.phase === Phase.WAITING ? Math.max(this.nowMs, this.phaseEndsAtMs) : this.nowMs;
  }

  /** Why an unanswered call ends: what prevents the connection, or TIMEOUT. */
  excuse(): Status {
    return this.phase === Phase.READY || this.status === Status.OK ? Status.TIMEOUT : this.status;
  }

  /** Reading on may need room for an answer, and there is none: in the outbox, or in the queue beside the app's messages. */
  isCramped(): boolean {
    return this.app === null ? this.outbox.room() < this.channel.replyBytes : this.app.isBacklogged;
  }

  /** The link takes nothing while the peer keeps sending: we give the connection up. */
  congested(nowMs: number): void {
    this.nowMs = nowMs;
    this.counters.congestions++;
    this.fail(Status.CONGESTED);
  }

  /** Evenly spread in [0, 1). */
  random(): number {
    return randomUnit(this.entropy, this.scratch.key.digest);
  }

  /** Wipes what the connection's proofs left in memory. The session is of no use afterwards. */
  wipe(): void {
    this.protection.wipe();
    this.attempts.wipe();
    this.outbox.clear();
    this.inbox.wipe();
    this.scratch.wipe();
  }

  private change(change: Change): void {
    this.phase = nextPhase(this.phase, change);
  }

  private handle(event: ChannelEvent): void {
    if (event === ChannelEvent.BROKEN) {
      this.lose(this.channel.status, this.failures.words.serial);
      this.change(Change.FAILED);
      this.channel.fail();
    } else if (event === ChannelEvent.READY) this.handleReady();
    else if (event === ChannelEvent.PONG) this.keepAlive.answered();
    else if (event === ChannelEvent.HOST) this.listing.hostCame(this.nowMs);
    else if (event === ChannelEvent.MESSAGE) this.handleMessage();
  }

  private handleReady(): void {
    if (!this.attempts.isLetIn()) {
      // A question waits no longer than a call: the refusal behind it may be forged, and then nobody answers.
      this.phaseEndsAtMs = Math.min(this.phaseEndsAtMs, this.nowMs + this.config.limits.callAttemptMs);
      return;
    }
    this.change(Change.ACCEPTED);
    this.status = Status.OK;
    this.failures.ready();
    this.readyAtMs = this.nowMs;
    this.counters.connects++;
    this.keepAlive.idleMs = this.channel.terms.idleMs;
    if (this.app !== null) this.app.ready();
  }

  private handleMessage(): void {
    const ending = this.attempts.take();
    if (ending !== Status.OK) {
      this.fail(ending);
      this.channel.leave();
      return;
    }
    const call = this.responses.take(this.inbox, this.nowMs);
    if (call !== null) this.listing.frameEnded(call);
  }

  private tendConnection(): void {
    const isReady = this.phase === Phase.READY;
    this.outbox.isShort = false;
    const isLate = !isReady && this.nowMs >= this.phaseEndsAtMs;
    if (isLate || this.keepAlive.isDead(this.nowMs)) {
      this.fail(isLate ? Status.CONNECT_TIMEOUT : Status.KEEP_ALIVE_TIMEOUT);
      return;
    }
    if (isReady && this.keepAlive.isDue(this.nowMs)) this.keepAlive.pinged(this.nowMs, this.channel.ping());
    if (isReady && this.responses.takesCbor) this.responses.takesCbor = !this.channel.encode();
    if (isReady || this.channel.isPipelined) {
      if (this.protection.prepare())
        this.isBehind = !this.retransmitter.publish(this.nowMs) || this.app !== null;
      else this.fail(Status.STORE_FAILED);
    }
    if (this.phase === Phase.FAILING) return;
    // Behind the calls: the app's own messages take what room is left.
    this.channel.tend();
    if (this.app !== null && this.app.isBroken) this.fail(Status.CONNECTION_LOST);
  }

  /** Gives the connection up; `poll` asks for CLOSE next. */
  private fail(status: Status): void {
    this.lose(status, 0);
    this.change(Change.FAILED);
  }

  /** The connection is of no use any more: prepares the pending calls for the next one. */
  private lose(status: Status, said: number): void {
    const isReady = this.phase === Phase.READY;
    const isStable = isReady && this.nowMs - this.readyAtMs >= this.config.limits.stableMs;
    const wasOpen = isReady || this.phase === Phase.CONNECTING;
    if (isReady) this.counters.losses++;
    this.phaseEndsAtMs = this.nowMs + this.attempts.waitMs(status, wasOpen, isStable, this.random());
    this.status = this.attempts.status;
    this.failures.lost(this.status, this.phase === Phase.CONNECTING, this.status === status ? said : 0);
    this.isLossUntold = true;
    this.forget();
  }

  private forget(): void {
    this.outbox.clear();
    this.listing.forget();
    this.after = After.TURN;
    this.isBehind = false;
    if (this.app !== null) this.app.lost();
    this.retransmitter.recall();
  }

  private plan(): void {
    let atMs = this.retransmitter.wakeAtMs();
    if (this.app !== null) atMs = Math.min(atMs, this.app.wakeAtMs());
    if (this.phase === Phase.READY) atMs = Math.min(atMs, this.keepAlive.wakeAtMs());
    else if (this.phase >= Phase.WAITING && this.phase <= Phase.CONNECTING)
      atMs = Math.min(atMs, this.phaseEndsAtMs);
    this.wakeAtMs = atMs;
  }
}
