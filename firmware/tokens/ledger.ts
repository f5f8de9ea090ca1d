import type { Config } from "../config.js";
import {
  KeptRecord,
  PAYLOAD_AT,
  RECORD_BYTES_MIN,
  RecordKind,
  readUint32,
  Unread,
  writeUint32,
} from "../keep/record.js";
import type { Store } from "../ports.js";
import { copyBytes } from "../wire/bytes.js";
import type { FrameReader } from "../wire/frame.js";
import type { Host } from "./host.js";
import type { Hosts } from "./hosts.js";
import type { Leases } from "./leases.js";
import type { Slot } from "./slot.js";
import type { Slots } from "./slots.js";

/** The slots of the hosts' records are `motekey-h0a`, `motekey-h0b`, `motekey-h1a`… */
const NAME = "motekey-h";
/** In a token's record: the lifetime, what was consumed of it, the host's length, and the host. */
const CONSUMED_AT = PAYLOAD_AT + 4;
const HOST_LENGTH_AT = PAYLOAD_AT + 8;
const HOST_AT = PAYLOAD_AT + 9;
/** A lifetime that nobody knows an end of. */
const NO_END = 0xffffffff;

/** One host's place in the store. */
class Page {
  readonly record: KeptRecord;
  isRead: boolean;
  /** Whose it is; null: free. */
  host: Host | null;

  constructor(store: Store, name: string) {
    this.record = new KeptRecord(store, name, RecordKind.VACANT, RecordKind.TOKEN);
    this.isRead = false;
    this.host = null;
  }
}

const wholeSeconds = (ms: number): number => Math.min(NO_END - 2, Math.floor(ms / 1000));

/** What is to be kept of a host. */
const kindOf = (host: Host, isOwing: boolean): RecordKind => {
  if (isOwing) return RecordKind.REVOCATION;
  return host.isKnown ? RecordKind.HOST : RecordKind.VACANT;
};

/**
 * What outlives a reboot: which hosts the cloud has tokens of ours for, which revocations it has yet to be told,
 * and the tokens themselves, from the end of one client to the beginning of the next. While a client lives its
 * tokens are in memory only: what a crash leaves in the store says nothing of their remaining life.
 */
export class Ledger {
  /** The store could not be read, or not be written, the last time. */
  isFailing: boolean;
  private readonly config: Config;
  private readonly frame: FrameReader;
  private readonly hosts: Hosts;
  private readonly slots: Slots;
  private readonly leases: Leases;
  private readonly pages: Page[];
  private isRead: boolean;
  private retryAtMs: number;

  /** @param frame its staging area serves for what holds a token, while no frame is being read */
  constructor(store: Store, config: Config, frame: FrameReader, hosts: Hosts, slots: Slots, leases: Leases) {
    this.config = config;
    this.frame = frame;
    this.hosts = hosts;
    this.slots = slots;
    this.leases = leases;
    this.pages = new Array(config.limits.hosts);
    for (let i = 0; i < this.pages.length; i++) this.pages[i] = new Page(store, `${NAME}${i}`);
    this.isFailing = false;
    this.isRead = false;
    this.retryAtMs = 0;
  }

  /**
   * Takes over what the life before left: once, as early as the store can be read. No frame may be half read.
   * @construction
   * @returns false while the store cannot tell: nothing is written then
   */
  open(): boolean {
    if (this.isRead) return true;
    for (let i = 0; i < this.pages.length; i++) {
      this.isFailing = !this.openPage(this.pages[i]);
      if (this.isFailing) return false;
    }
    this.isRead = true;
    return true;
  }

  /** Whether the store tells of this host what is so. */
  holds(host: Host, isOwing: boolean): boolean {
    const page = this.pageOf(host);
    const kind = kindOf(host, isOwing);
    if (page !== null) return page.record.kind === kind;
    // A known host without a page is asked for a new token after a reboot: no harm where there is none for it.
    const isHarmless = kind === RecordKind.HOST && (!host.isClaimed || this.freePage() === null);
    return this.isRead && (kind === RecordKind.VACANT || isHarmless);
  }

  /**
   * Sees to it that {@link holds} is so, which costs a write only when something changed.
   * @param isOwing the cloud has yet to be told a revocation
   * @returns false when that failed; it is to be tried again later
   */
  keep(host: Host, isOwing: boolean): boolean {
    if (this.holds(host, isOwing)) return true;
    const own = this.pageOf(host);
    const page = own === null && this.isRead ? this.freePage() : own;
    return page !== null && this.save(page, host, kindOf(host, isOwing));
  }

  /** The same at a turn, and not at every one where it fails. */
  tend(host: Host, isOwing: boolean, nowMs: number): void {
    if (nowMs < this.retryAtMs || this.keep(host, isOwing)) return;
    this.isFailing = true;
    this.retryAtMs = nowMs + this.config.limits.backoffCapMs;
  }

  /** The client ends: its tokens go into the store, with what was consumed of their lives. */
  close(nowMs: number): void {
    if (!this.open()) return;
    for (let i = 0; i < this.pages.length; i++) {
      const page = this.pages[i];
      const host = page.host;
      if (host === null || page.record.kind !== RecordKind.HOST) continue;
      const slot = host.slot;
      const call = host.flight;
      // A new token may be under way, and would end this one soon.
      const isLast = call === null || call.attempts === 0;
      if (slot !== null && isLast && !slot.isGuess && slot.isLive(nowMs)) {
        this.put(page, host, slot, nowMs);
      }
    }
  }

  private put(page: Page, host: Host, slot: Slot, nowMs: number): void {
    const bytes = this.frame.staging;
    const lease = slot.lease;
    const length = HOST_AT - PAYLOAD_AT + host.length + slot.length;
    if (RECORD_BYTES_MIN + length > bytes.length) return;
    const hasEnd = lease.lifetimeMs < Infinity;
    writeUint32(bytes, PAYLOAD_AT, hasEnd ? wholeSeconds(lease.lifetimeMs) : NO_END);
    writeUint32(bytes, CONSUMED_AT, wholeSeconds(nowMs - lease.sentAtMs) + 1);
    bytes[HOST_LENGTH_AT] = host.length;
    const tokenAt = copyBytes(bytes, HOST_AT, host.bytes, 0, host.length);
    copyBytes(bytes, tokenAt, slot.bytes, 0, slot.length);
    page.record.save(RecordKind.TOKEN, bytes, length);
  }

  /** @construction */
  private openPage(page: Page): boolean {
    if (page.isRead) return true;
    const bytes = this.frame.staging;
    const length = page.record.load(bytes);
    if (length === Unread.UNREADABLE) return false;
    page.isRead = true;
    const kind = page.record.kind;
    if (kind === RecordKind.VACANT) return true;
    const isToken = kind === RecordKind.TOKEN;
    const to = PAYLOAD_AT + length;
    const hostAt = isToken ? HOST_AT : PAYLOAD_AT;
    const hostTo = isToken ? HOST_AT + bytes[HOST_LENGTH_AT] : to;
    const host = hostTo <= to ? this.hosts.recall(bytes, hostAt, hostTo) : null;
    const isStray = host === null || this.pageOf(host) !== null;
    if (host !== null && kind === RecordKind.REVOCATION) {
      host.isKnown = false;
      host.owesRevoke = true;
      if (host.slot !== null) host.slot.wipe();
    } else if (host !== null) host.isKnown = !host.owesRevoke;
    if (isStray) page.record.save(RecordKind.VACANT, bytes, 0);
    else {
      page.host = host;
      if (isToken) this.takeOut(page, host, bytes, hostTo, to);
    }
    return true;
  }

  /**
   * From the store into memory, `bytes[from..to)`: the store forgets it first, or a crash would give it the life
   * again that it has now. Where the app has the handle already the store was read late: the token may have been
   * revoked meanwhile, and is of no use.
   */
  private takeOut(page: Page, host: Host, bytes: Uint8Array, from: number, to: number): void {
    const lifetimeS = readUint32(bytes, PAYLOAD_AT);
    const lifetimeMs = lifetimeS === NO_END ? Infinity : lifetimeS * 1000;
    const ageMs = readUint32(bytes, CONSUMED_AT) * 1000 + this.config.sleptMs;
    const isGood = this.config.sleptMs >= 0 && ageMs < lifetimeMs && !host.isClaimed;
    if (this.save(page, host, RecordKind.HOST) && isGood && to > from && this.slots.reserve(host, 0)) {
      const slot = host.slot as Slot;
      slot.length = copyBytes(slot.bytes, 0, bytes, from, to);
      slot.isGuess = false;
      this.leases.begin(host, slot, -ageMs, lifetimeMs);
    }
    bytes.fill(0);
  }

  private save(page: Page, host: Host, kind: RecordKind): boolean {
    const buffer = this.config.recordBuffer;
    const length = kind === RecordKind.VACANT ? 0 : host.length;
    copyBytes(buffer, PAYLOAD_AT, host.bytes, 0, length);
    this.isFailing = !page.record.save(kind, buffer, length);
    if (!this.isFailing) page.host = kind === RecordKind.VACANT ? null : host;
    return !this.isFailing;
  }

  private pageOf(host: Host): Page | null {
    for (let i = 0; i < this.pages.length; i++) if (this.pages[i].host === host) return this.pages[i];
    return null;
  }

  /** A page that nobody has, or whose host the app does not ask for any more; null: all are taken. */
  private freePage(): Page | null {
    let unclaimed: Page | null = null;
    for (let i = 0; i < this.pages.length; i++) {
      const page = this.pages[i];
      const host = page.host;
      if (host === null) return page;
      if (!host.isClaimed && page.record.kind === RecordKind.HOST) unclaimed = page;
    }
    return unclaimed;
  }
}
