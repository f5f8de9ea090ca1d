import type { Config } from "../config.js";
import type { Counters } from "../counters.js";
import { Backoff } from "../keep/backoff.js";
import type { MacSession } from "../proof/mac.js";
import { Status } from "../status.js";
import type { Channel, ChannelParts, Transport } from "./channel.js";
import type { Inbox } from "./inbox.js";
import { needsPerson } from "./phases.js";
import { Recovery } from "./recovery.js";

/** Of the backoff's base: the longest wait before the question for a counter, and before the connection that has it. */
const SOON = 0.25;

/** The connections that are made one after the other: whose the next one is, when, and to which place. */
export class Attempts {
  /** Why the last one ended or could not be made. */
  status: Status;
  /** The device's own. */
  readonly own: Channel;
  private readonly config: Config;
  private readonly inbox: Inbox;
  private readonly backoff: Backoff;
  /** null: no counter proves the device, so none can be behind. */
  private readonly recovery: Recovery | null;

  constructor(config: Config, transport: Transport, parts: ChannelParts, counters: Counters) {
    const principal = config.recoverer;
    this.status = Status.OK;
    this.config = config;
    this.inbox = parts.inbox;
    this.own = transport.channel(parts);
    this.backoff = new Backoff(config.limits.backoffBaseMs, config.limits.backoffCapMs);
    this.recovery = principal === null ? null : new Recovery(config, principal, transport, parts, counters);
  }

  /** The channel of the next connection. */
  next(): Channel {
    const recovery = this.recovery;
    return recovery !== null && recovery.isDue ? recovery.channel : this.own;
  }

  /**
   * The link is open: composes what the connection begins with.
   * @param mac of the device's own frames
   * @returns whether the connection is the device's own
   */
  open(mac: MacSession | null): boolean {
    const recovery = this.recovery;
    const isOwn = recovery === null || !recovery.isDue;
    this.inbox.mac = isOwn ? mac : null;
    if (isOwn) this.own.open();
    else recovery.open();
    return isOwn;
  }

  /** What is sent to us arrives. Returns whether the device itself is let in. */
  isLetIn(): boolean {
    const recovery = this.recovery;
    if (recovery === null || !recovery.isDue) return true;
    recovery.isOpen = true;
    return false;
  }

  /** Composes what a connection other than the device's own wants to say. Returns whether this is one. */
  tend(): boolean {
    const recovery = this.recovery;
    if (recovery === null || !recovery.isDue) return false;
    recovery.tend();
    return true;
  }

  /** A message was read. OK: what it is shows in the inbox; else the connection is to be ended, with that. */
  take(mac: MacSession | null): Status {
    const recovery = this.recovery;
    return recovery === null ? Status.OK : recovery.take(mac);
  }

  /**
   * A connection ended, or could not be made.
   * @param wasOpen its link was open
   * @param isStable it had served for a while
   * @param random evenly spread in [0, 1)
   * @returns the wait before the next one, ms
   */
  waitMs(status: Status, wasOpen: boolean, isStable: boolean, random: number): number {
    const config = this.config;
    const addresses = config.addresses;
    const recovery = this.recovery;
    const isRefusal = needsPerson(status);
    const isAgain = wasOpen && this.next().lost(status);
    const isSoon = recovery !== null && recovery.goesOn(status, isAgain);
    let isHopeless = false;
    this.status = recovery === null ? status : recovery.cause;
    if (isStable) this.backoff.reset();
    if (isStable && !isRefusal) addresses.served();
    else if (!isAgain && !isSoon && status !== Status.STORE_FAILED) isHopeless = addresses.failed(isRefusal);
    if (isSoon) return random * config.limits.backoffBaseMs * SOON;
    return isHopeless ? this.backoff.cappedMs(random) : this.backoff.nextMs(random, 0);
  }

  /** Wipes what the proofs of connections left. */
  wipe(): void {
    if (this.recovery !== null) this.recovery.wipe();
    this.own.wipe();
  }
}
