import type { Config } from "./config.js";
import type { Counters } from "./counters.js";
import { randomId, randomUnit } from "./crypto/random.js";
import type { Scratch } from "./crypto/scratch.js";
import type { Entropy } from "./ports.js";
import type { Protection } from "./proof/proof.js";
import { type Call, CallTable } from "./rpc/calls.js";
import { Inbox } from "./rpc/inbox.js";
import { Requests } from "./rpc/requests.js";
import { type CallOwner, Responses } from "./rpc/responses.js";
import { Retransmitter } from "./rpc/retransmitter.js";
import { Attempts } from "./session/attempts.js";
import { Failures } from "./session/failure.js";
import type { Features } from "./session/features.js";
import { Change, nextPhase, Phase, Want } from "./session/phases.js";
import { Status } from "./status.js";
import { KeepAlive } from "./time/keep-alive.js";
import type { AppTraffic } from "./transport/app.js";
import { type Channel, ChannelEvent } from "./transport/channel.js";
import { Outbox } from "./transport/outbox.js";
import type { FrameReader } from "./wire/frame/frame.js";
import { Method } from "./wire/frame/methods.js";

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
  /** `received` stopped early, to hand the app a host or to write: call it again, even with no bytes left. */
  isPaused: boolean;
  /** A call waits for its turn to be published, or a message of the app may. */
  isBehind: boolean;
  /** What was received needs a turn. */
  isStirred: boolean;
  /** The next attempt begins only after the app has heard of the loss, even where it is due sooner. */
  isLossUntold: boolean;
  /** The list whose hosts lie in the staging area from `hostsFrom` on; null when there is none. */
  hostsCall: Call | null;
  hostsFrom: number;
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
  private readonly requests: Requests;
  private readonly attempts: Attempts;
  readonly keepAlive: KeepAlive;
  private readonly retransmitter: Retransmitter;
  private nowMs: number;
  /** The end of WAITING, or of OPENING and CONNECTING together. */
  private phaseEndsAtMs: number;
  private readyAtMs: number;

  /** @param scratch for values computed within one turn; incoming MACs have their own hash */
  constructor(
    config: Config,
    features: Features,
    entropy: Entropy,
    owner: CallOwner,
    counters: Counters,
    scratch: Scratch,
  ) {
    this.config = config;
    this.app = features.messages;
    this.counters = counters;
    this.entropy = entropy;
    this.scratch = scratch;
    const protection = config.proof.frame.protection({ config, entropy, scratch });
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
    this.requests = new Requests(parts, this.channel);
    this.responses = new Responses(parts, this.requests, owner);
    this.keepAlive = new KeepAlive(config.limits.pingTimeoutMs);
    this.retransmitter = new Retransmitter(parts, this.responses, this.requests, this.keepAlive);
    this.phase = Phase.RESTING;
    this.status = Status.OK;
    this.wakeAtMs = Infinity;
    this.isPaused = false;
    this.isBehind = false;
    this.isStirred = false;
    this.hostsCall = null;
    this.hostsFrom = 0;
    this.nowMs = 0;
    this.phaseEndsAtMs = 0;
    this.readyAtMs = 0;
    this.isLossUntold = false;
  }

  /** Wants a connection, now and whenever it is lost. */
  start(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.phase === Phase.RESTING || this.phase === Phase.LEAVING) {
      this.phaseEndsAtMs = nowMs + this.attempts.startMs();
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

  /** The link took `count` bytes of the outbox. At the end of a connection the rest is dropped. */
  wrote(count: number, nowMs: number): void {
    this.nowMs = nowMs;
    if (count > 0) this.keepAlive.sent(nowMs);
    if (this.isEnding()) this.outbox.clear();
    else this.outbox.wrote(count);
  }

  /** Bytes from the peer. Returns where it stopped: at `to`, or before it when `isPaused`. */
  received(bytes: Uint8Array, from: number, to: number, nowMs: number): number {
    this.nowMs = nowMs;
    this.keepAlive.heardAtMs = nowMs;
    this.isPaused = false;
    this.isStirred = this.isBehind;
    let at = from;
    while (this.phase === Phase.CONNECTING || this.phase === Phase.READY) {
      if (this.hostsCall !== null || this.isCramped() || (this.app !== null && this.app.hasPiece)) {
        this.isPaused = true;
        return at;
      }
      const event = this.channel.read(bytes, at, to);
      at = this.channel.at;
      if (event !== ChannelEvent.MORE) this.isStirred = true;
      else return to;
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

  /** All hosts in the staging area are delivered. */
  toldHosts(): void {
    this.hostsCall = null;
    this.frame.hostsTo = 0;
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
    else if (event === ChannelEvent.HOST) this.handleHost();
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

  /** A host of a list is delivered at once when its call is known already; else it stays staged until the frame ends. */
  private handleHost(): void {
    const frame = this.frame;
    if (frame.id === 0) return;
    const call = this.calls.sentWithId(frame.id);
    if (call === null || call.method !== Method.LIST_TOKEN) {
      frame.hostsTo = 0;
      return;
    }
    // A long list is in time while it keeps coming, and it cannot be asked for again after its first host.
    call.attemptAtMs = Infinity;
    call.deadlineMs = this.nowMs + this.config.limits.callDeadlineMs;
    this.tellHosts(call);
  }

  private handleMessage(): void {
    const ending = this.attempts.take();
    if (ending !== Status.OK) {
      this.fail(ending);
      this.channel.leave();
      return;
    }
    const call = this.responses.take(this.inbox, this.nowMs);
    if (call !== null && call.method === Method.LIST_TOKEN && this.frame.hostsTo > 0) this.tellHosts(call);
  }

  private tellHosts(call: Call): void {
    this.hostsCall = call;
    this.hostsFrom = 0;
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
    this.hostsCall = null;
    this.isPaused = false;
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
