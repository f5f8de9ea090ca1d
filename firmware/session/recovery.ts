import type { Config, Principal } from "../config.js";
import type { Counters } from "../counters.js";
import type { MacSession } from "../proof/mac.js";
import {
  isCounterProved,
  RECOVERY_MAC_CHARACTERS,
  RECOVERY_NONCE_BYTES,
  writeRecoveryPassword,
} from "../proof/recover.js";
import { Status } from "../status.js";
import type { FrameReader } from "../wire/frame.js";
import { Method } from "../wire/methods.js";
import { CallPhase } from "./calls.js";
import type { Channel, ChannelParts, Transport } from "./channel.js";
import type { Inbox } from "./inbox.js";
import { Requests } from "./requests.js";

/** Counters from here on are refused: the last half is left, so that no answer takes all that there are. */
const COUNTER_END = 4_503_599_627_370_496;
const UNAUTHENTICATED = 401;

/**
 * The way back of a device whose counter is behind the cloud's, as after a lost store (the wire's B8): a connection
 * of a principal of its own, `<id>-recover`, that asks for the highest counter and ends. It is made at most once
 * between two attempts of the device itself, and the answer counts for this one connection's nonce only.
 */
export class Recovery {
  readonly channel: Channel;
  /** The next connection, or the present one, is the recovery's. */
  isDue: boolean;
  /** The broker let us in, and what is sent to us arrives. */
  isOpen: boolean;
  /** What keeps the device from its work, whatever became of the recovery. */
  cause: Status;
  /** The counter was behind, and is not any more. */
  private isFound: boolean;
  /** The connection to come follows a recovery, which is not made twice in a row. */
  private wasTried: boolean;
  private readonly nonce: Uint8Array;
  private readonly config: Config;
  private readonly principal: Principal;
  private readonly parts: ChannelParts;
  private readonly counters: Counters;
  private readonly requests: Requests;

  /** @param parts those of the device's own channel, most of which both use in turn */
  constructor(
    config: Config,
    principal: Principal,
    transport: Transport,
    parts: ChannelParts,
    counters: Counters,
  ) {
    const entropy = parts.entropy;
    const scratch = parts.scratch;
    const outbox = parts.outbox;
    const calls = parts.calls;
    const inbox = parts.inbox;
    this.config = config;
    this.principal = principal;
    this.parts = parts;
    this.counters = counters;
    this.channel = transport.channel({
      config: principal,
      entropy,
      scratch,
      calls,
      outbox,
      inbox,
      words: parts.words,
      encoding: null,
      app: null,
    });
    this.requests = new Requests(principal, outbox, this.channel, entropy, scratch.hash, null, null, null);
    this.nonce = new Uint8Array(RECOVERY_NONCE_BYTES);
    this.isDue = false;
    this.isOpen = false;
    this.cause = Status.OK;
    this.isFound = false;
    this.wasTried = false;
  }

  /** The link is open: composes what the connection begins with, under a nonce of its own. */
  open(): void {
    const parts = this.parts;
    const scratch = parts.scratch;
    const config = this.config;
    this.isOpen = false;
    this.isFound = false;
    parts.entropy.fill(this.nonce, 0, RECOVERY_NONCE_BYTES);
    writeRecoveryPassword(
      this.principal.psk,
      scratch.hash,
      scratch.key,
      config.psk,
      config.deviceId,
      this.nonce,
    );
    this.channel.open();
    const call = parts.calls.take(Method.HELLO, Infinity);
    if (call !== null) call.method = Method.COUNTER;
  }

  /** Sends the question as soon as the broker takes it. */
  tend(): void {
    const calls = this.parts.calls;
    const call = calls.calls[0];
    if (call.phase !== CallPhase.QUEUED || !(this.isOpen || this.channel.isPipelined)) return;
    call.packetIdentifier = calls.nextPacketIdentifier();
    if (this.requests.publish(call) !== Status.OK) return;
    call.phase = CallPhase.SENT;
    call.attemptAtMs = Infinity;
  }

  /**
   * A message was read, of either connection.
   * @param mac of the device's own frames
   * @returns OK: it is the device's own matter, or nothing; else how the connection is to end
   */
  take(mac: MacSession | null): Status {
    const inbox = this.parts.inbox;
    if (!this.isDue) return this.isHinted(inbox, mac) ? Status.MAC_MISSING : Status.OK;
    const isEnd = inbox.isFrame && this.isEnd(inbox.frame);
    inbox.isFrame = false;
    return isEnd ? this.cause : Status.OK;
  }

  /** Whether this is the cloud's answer, or refuses us. */
  private isEnd(frame: FrameReader): boolean {
    const counters = this.counters;
    const scratch = this.parts.scratch;
    const config = this.config;
    const answer = frame.answer;
    const counter = answer.counter;
    if (frame.hasMethod || frame.id !== this.parts.calls.calls[0].id) {
      counters.unknownIds++;
      return false;
    }
    if (frame.hasError) return true;
    const isRight =
      counter >= 0 &&
      counter < COUNTER_END &&
      answer.macLength === RECOVERY_MAC_CHARACTERS &&
      isCounterProved(
        scratch.hash,
        scratch.key,
        config.psk,
        config.deviceId,
        this.nonce,
        counter,
        answer.mac,
      );
    if (!isRight) {
      counters.macRefused++;
      return false;
    }
    this.isFound = config.counterBlock.raise(counter);
    if (this.isFound) {
      this.cause = Status.COUNTER_BEHIND;
      counters.recoveries++;
    }
    return true;
  }

  /**
   * Whether a message without a MAC says that the MAC session's counter is refused: nobody can prove that, so it is
   * believed once, and only while nothing has come that was proved.
   */
  private isHinted(inbox: Inbox, mac: MacSession | null): boolean {
    const frame = inbox.frame;
    return (
      !inbox.isFrame &&
      mac !== null &&
      mac.receiveSequence === 0 &&
      inbox.lastRefusal === Status.MAC_MISSING &&
      frame.code === UNAUTHENTICATED &&
      !this.wasTried &&
      this.parts.calls.sentWithId(frame.id) !== null
    );
  }

  /**
   * A connection ended, or could not be made.
   * @param isAgain the next one begins otherwise: what ended this one need not end it
   * @returns whether the next one follows soon: to ask for the counter, or with what was learned
   */
  goesOn(status: Status, isAgain: boolean): boolean {
    const wasHint = this.cause === Status.MAC_MISSING;
    if (this.isDue) {
      this.forget();
      this.isDue = isAgain;
      // A hint that led nowhere is not followed again: the connection may still be of use.
      this.wasTried = this.isFound || wasHint;
      return this.isFound || isAgain;
    }
    this.cause = status;
    this.isFound = false;
    this.isDue =
      !this.wasTried &&
      (status === Status.BAD_CREDENTIALS ||
        status === Status.NOT_AUTHORIZED ||
        status === Status.MAC_MISSING);
    this.wasTried = false;
    return this.isDue;
  }

  /** Wipes the nonce and what it was proved with. */
  wipe(): void {
    this.forget();
    this.channel.wipe();
  }

  private forget(): void {
    this.nonce.fill(0);
    this.principal.psk.fill(0);
  }
}
