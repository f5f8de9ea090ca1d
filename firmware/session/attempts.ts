import { randomUnit } from "../crypto/random.js";
import { isCounterProved, RECOVERY_NONCE_BYTES, writeRecoveryPassword } from "../proof/recover.js";
import { type Call, CallPhase } from "../rpc/calls.js";
import type { RpcParts } from "../rpc/parts.js";
import { Requests } from "../rpc/requests.js";
import { Status } from "../status.js";
import { Backoff } from "../time/backoff.js";
import type { Channel } from "../transport/channel.js";
import { NO_BYTES } from "../wire/bytes.js";
import type { FrameReader } from "../wire/frame/frame.js";
import { Method } from "../wire/frame/methods.js";
import type { Features, KeyChange } from "./features.js";
import { needsPerson } from "./phases.js";

/** Of the backoff's base: the longest wait before the question for a counter, and before the connection that has it. */
const SOON = 0.25;
/** 2^52: counters from here on are refused, so that no answer uses up all that exist. */
const COUNTER_END = 4_503_599_627_370_496;
const UNAUTHENTICATED = 401;

/**
 * One connection after the other: whose the next one is, when it begins, and to which address.
 *
 * Nearly all are the device's own. A refusal may mean that its counter is behind the cloud's, as after a
 * lost store: then the next connection logs in as `<id>-recover`, which asks for the counter and ends
 * (the wire's B8). There is at most one such between two of the device's own, and its answer counts for its own nonce only.
 */
export class Attempts {
  /** What keeps the device from its work, whatever the question for its counter came to. */
  status: Status;
  /** The channel of the next connection, or of the present one. */
  next: Channel;
  readonly own: Channel;
  private readonly parts: RpcParts;
  private readonly backoff: Backoff;
  private readonly keys: KeyChange | null;
  /** The channel that asks for the counter; the device's own channel where no counter proves it, so none can be behind. */
  private readonly asking: Channel;
  private readonly requests: Requests | null;
  private readonly nonce: Uint8Array;
  /** The question; it uses Hello's slot, which is free then. */
  private readonly call: Call;
  /** The counter was behind, and is repaired. */
  private isFound: boolean;
  /** The connection to come follows a question, which is not asked twice in a row. */
  private wasAsked: boolean;
  /** No connection is tried before; −1: none was wanted yet, and all devices may have booted at this moment. */
  private notBeforeMs: number;

  constructor(features: Features, parts: RpcParts) {
    const config = parts.config;
    const transport = features.transport;
    const recoverer = config.recoverer;
    this.parts = parts;
    this.own = transport.channel(parts);
    this.next = this.own;
    this.backoff = new Backoff(config.limits.backoffBaseMs, config.limits.backoffCapMs);
    this.keys = features.rotation;
    this.asking = this.own;
    this.requests = null;
    this.nonce = NO_BYTES;
    this.call = parts.deliveries.calls[0];
    this.status = Status.OK;
    this.isFound = false;
    this.wasAsked = false;
    // A device that slept wakes at a moment of its own.
    this.notBeforeMs = config.limits.spreadMs > 0 && config.sleptMs < 0 ? -1 : 0;
    if (recoverer === null) return;
    const others = Object.create(parts);
    others.config = recoverer;
    others.encoding = null;
    others.frames = null;
    others.protection = recoverer.proof.frame.protection(others);
    others.app = null;
    this.asking = transport.channel(others);
    this.requests = new Requests(others, this.asking);
    this.nonce = new Uint8Array(RECOVERY_NONCE_BYTES);
  }

  /** When a connection is tried that is wanted now: where boots are spread no earlier than drawn, though the app rests meanwhile. */
  startAtMs(nowMs: number): number {
    const parts = this.parts;
    const spreadMs = parts.config.limits.spreadMs;
    if (this.notBeforeMs < 0) {
      const random = randomUnit(parts.entropy, parts.scratch.key.digest);
      this.notBeforeMs = nowMs + this.backoff.nextMs(random, 0, spreadMs, 0);
    }
    return Math.max(nowMs, this.notBeforeMs);
  }

  /**
   * The link is open: composes what the connection begins with.
   * @returns whether the connection is the device's own
   */
  open(): boolean {
    const parts = this.parts;
    const recoverer = this.parts.config.recoverer;
    const isOwn = recoverer === null || this.next === this.own;
    parts.inbox.protection = isOwn || this.requests === null ? parts.protection : this.requests.protection;
    parts.inbox.frame.isCounter = !isOwn;
    if (!isOwn) {
      parts.entropy.fill(this.nonce, 0, RECOVERY_NONCE_BYTES);
      writeRecoveryPassword(recoverer.psk, parts.scratch, this.parts.config, this.nonce);
    }
    this.next.open();
    return isOwn;
  }

  /** The subscription stands: a recovery asks its question. Returns whether this is the device's own connection. */
  isLetIn(): boolean {
    const calls = this.parts.deliveries;
    const call = this.call;
    if (this.requests === null || this.next === this.own) return true;
    calls.take(Method.HELLO, Infinity);
    call.method = Method.COUNTER;
    call.packetIdentifier = calls.nextPacketIdentifier();
    // Its answer counts, but nobody publishes it again.
    call.attempts = 1;
    call.phase = CallPhase.SENT;
    call.attemptAtMs = Infinity;
    this.requests.publish(call);
    return false;
  }

  /**
   * A message is read.
   * @returns OK: the inbox says what it is; else the status that ends the connection
   */
  take(): Status {
    const inbox = this.parts.inbox;
    if (this.next === this.own)
      return !inbox.isFrame && this.parts.protection.isUnheard() && this.isHinted()
        ? Status.MAC_MISSING
        : Status.OK;
    const isEnd = inbox.isFrame && this.isEnd(inbox.frame);
    inbox.isFrame = false;
    return isEnd ? this.status : Status.OK;
  }

  /**
   * A connection ended, or failed to open.
   * @param wasOpen its link was open
   * @param isStable it had served for a while
   * @param random evenly spread in [0, 1)
   * @returns the wait before the next one, ms
   */
  waitMs(status: Status, wasOpen: boolean, isStable: boolean, random: number): number {
    const limits = this.parts.config.limits;
    const addresses = this.parts.config.addresses;
    const isRefusal = needsPerson(status);
    const isAgain = wasOpen && this.next.lost(status);
    let isSoon = false;
    let isHopeless = false;
    if (this.next !== this.own) {
      // A hint that led nowhere counts no more: the connection may still be useful.
      this.wasAsked = this.isFound || this.status === Status.MAC_MISSING;
      isSoon = this.wasAsked || isAgain;
      if (!isAgain) this.next = this.own;
    } else {
      const isUnproved =
        status === Status.BAD_CREDENTIALS ||
        status === Status.NOT_AUTHORIZED ||
        status === Status.MAC_MISSING;
      // Try the other key first: the cloud has no counter for a key that it does not know.
      const isOther = isUnproved && this.keys !== null && this.keys.refused();
      if (isUnproved && !isOther && !this.wasAsked) this.next = this.asking;
      isSoon = isOther || this.next !== this.own;
      this.status = status;
      this.isFound = false;
      this.wasAsked = false;
    }
    if (isStable) this.backoff.reset();
    if (isStable && !isRefusal) addresses.served();
    else if (!isAgain && !isSoon && status !== Status.STORE_FAILED) isHopeless = addresses.failed(isRefusal);
    const spreadMs = limits.spreadMs;
    // A broker may refuse all that it served, at one moment.
    if (isSoon) return random * Math.max(limits.backoffBaseMs * SOON, isStable && isRefusal ? spreadMs : 0);
    return isHopeless
      ? this.backoff.cappedMs(random, spreadMs)
      : this.backoff.nextMs(random, 0, spreadMs, spreadMs);
  }

  /** Wipes what the connections' proofs left in memory. */
  wipe(): void {
    this.asking.wipe();
    this.own.wipe();
  }

  /** Whether this is the cloud's answer, or refuses us. Others are counted, and dropped. */
  private isEnd(frame: FrameReader): boolean {
    const config = this.parts.config;
    const block = config.counterBlock;
    const counter = frame.timeS;
    const isCounter = counter >= 0 && counter < COUNTER_END && counter % 1 === 0;
    const isRight =
      !frame.hasMethod &&
      frame.id === this.call.id &&
      (frame.hasError ||
        (isCounter &&
          isCounterProved(
            frame.staging,
            frame.tokenLength,
            this.parts.scratch,
            config,
            this.nonce,
            counter,
          )));
    if (!isRight) this.parts.counters.macRefused++;
    else if (!frame.hasError && counter >= block.latest) {
      block.latest = counter;
      this.isFound = true;
      this.status = Status.COUNTER_BEHIND;
      this.parts.counters.recoveries++;
    }
    return isRight;
  }

  /**
   * Whether a message without a MAC refuses the MAC session's counter. Nobody can prove that, so we
   * believe it once, and only before the first proved message.
   */
  private isHinted(): boolean {
    const frame = this.parts.inbox.frame;
    return (
      frame.code === UNAUTHENTICATED && !this.wasAsked && this.parts.deliveries.sentWithId(frame.id) !== null
    );
  }
}
