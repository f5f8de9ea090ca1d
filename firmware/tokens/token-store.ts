import type { Config } from "../config.js";
import type { Counters } from "../counters.js";
import type { Keeper } from "../store/keeper.js";
import {
  KeptRecord,
  OWNER_BYTES,
  PAYLOAD_AT,
  type Payload,
  RECORD_BYTES_MIN,
  RecordKind,
  readUint32,
  Unread,
  writeUint32,
} from "../store/record.js";
import { copyBytes } from "../wire/bytes.js";
import type { FrameReader } from "../wire/frame/frame.js";
import type { Host } from "./host.js";
import type { Hosts } from "./hosts.js";
import type { Leases } from "./leases.js";
import type { Slot } from "./slot.js";
import type { Slots } from "./slots.js";

/** The slots of the hosts' records are `motekey-h0a`, `motekey-h0b`, `motekey-h1a`… */
const NAME = "motekey-h";
/** In a token's record, behind that: the lifetime, what was consumed of it, the host's length, and the host. */
const CONSUMED = 4;
const HOST_LENGTH = 8;
const HOST = 9;
/** A lifetime without an end, as earlier records have it: `tokenMaxAgeMs` holds. */
const NO_END = 0xffffffff;

/** One host's place in the store. */
class Page {
  readonly record: KeptRecord;
  isRead: boolean;
  /** Whose it is; null: free. */
  host: Host | null;

  constructor(keeper: Keeper, name: string) {
    this.record = new KeptRecord(keeper, name, RecordKind.VACANT, RecordKind.TOKEN);
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
 * What outlives a reboot: which hosts the cloud has tokens of ours for, which revocations it does not know of yet,
 * and the tokens themselves, from the end of one client to the beginning of the next. While a client lives its
 * tokens are in memory only: what a crash leaves in the store says nothing of their remaining life.
 */
export class TokenStore implements Payload {
  private readonly config: Config;
  private readonly frame: FrameReader;
  private readonly hosts: Hosts;
  private readonly slots: Slots;
  private readonly leases: Leases;
  private readonly counters: Counters;
  private readonly pages: Page[];
  private isRead: boolean;
  /** What is being written: the host, null for none; its token, null for none; when. */
  private subject: Host | null;
  private token: Slot | null;
  private nowMs: number;

  /** @param frame its staging area serves for what holds a token, while no frame is being read */
  constructor(
    keeper: Keeper,
    config: Config,
    frame: FrameReader,
    hosts: Hosts,
    slots: Slots,
    leases: Leases,
    counters: Counters,
  ) {
    this.config = config;
    this.frame = frame;
    this.hosts = hosts;
    this.slots = slots;
    this.leases = leases;
    this.counters = counters;
    this.pages = new Array(config.limits.hosts);
    for (let i = 0; i < this.pages.length; i++) this.pages[i] = new Page(keeper, `${NAME}${i}`);
    this.isRead = false;
    this.subject = null;
    this.token = null;
    this.nowMs = 0;
  }

  /**
   * Takes over what the life before left: once, as early as the store can be read. No frame may be half read.
   * @construction
   * @returns false while the store fails: nothing is written then
   */
  open(): boolean {
    if (this.isRead) return true;
    for (let i = 0; i < this.pages.length; i++) if (!this.openPage(this.pages[i])) return false;
    this.isRead = true;
    return true;
  }

  /** Whether the store holds what is true of this host. */
  holds(host: Host, isOwing: boolean): boolean {
    const page = this.pageOf(host);
    const kind = kindOf(host, isOwing);
    if (page !== null) return page.record.kind === kind && !page.record.isOld;
    // A known host without a page is asked for a new token after a reboot: no harm where there is none for it.
    const isHarmless = kind === RecordKind.HOST && (!host.isClaimed || this.freePage() === null);
    return this.isRead && (kind === RecordKind.VACANT || isHarmless);
  }

  /**
   * Sees to it that {@link holds} is so, which costs a write only when something changed.
   * @param isOwing the cloud does not know of a revocation yet
   * @returns false when that failed; it is to be tried again at each turn
   */
  keep(host: Host, isOwing: boolean): boolean {
    if (this.holds(host, isOwing)) return true;
    const own = this.pageOf(host);
    const page = own === null && this.isRead ? this.freePage() : own;
    return page !== null && this.save(page, kindOf(host, isOwing), host, null);
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
      if (slot === null || !isLast || slot.isGuess || !slot.isLive(nowMs)) continue;
      const bytes = RECORD_BYTES_MIN + OWNER_BYTES + HOST + host.length + slot.length;
      this.nowMs = nowMs;
      if (bytes <= this.frame.staging.length) this.save(page, RecordKind.TOKEN, host, slot);
    }
  }

  /** What is being written, as in RECORD.md. */
  layOut(bytes: Uint8Array): number {
    const host = this.subject;
    const slot = this.token;
    let at = PAYLOAD_AT + OWNER_BYTES;
    if (host === null) return 0;
    writeUint32(bytes, PAYLOAD_AT, this.config.owner);
    if (slot !== null) {
      const lease = slot.lease;
      writeUint32(bytes, at, wholeSeconds(lease.lifetimeMs));
      writeUint32(bytes, at + CONSUMED, wholeSeconds(this.nowMs - lease.sentAtMs) + 1);
      bytes[at + HOST_LENGTH] = host.length;
      at += HOST;
    }
    at = copyBytes(bytes, at, host.bytes, 0, host.length);
    if (slot !== null) at = copyBytes(bytes, at, slot.bytes, 0, slot.length);
    return at - PAYLOAD_AT;
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
    const isOld = page.record.isOld;
    const isForeign = !isOld && readUint32(bytes, PAYLOAD_AT) !== this.config.owner;
    const at = isOld ? PAYLOAD_AT : PAYLOAD_AT + OWNER_BYTES;
    const to = PAYLOAD_AT + length;
    const hostAt = isToken ? at + HOST : at;
    const hostTo = isToken ? hostAt + bytes[at + HOST_LENGTH] : to;
    const host = !isForeign && hostTo <= to ? this.hosts.recall(bytes, hostAt, hostTo) : null;
    const isStray = host === null || this.pageOf(host) !== null;
    if (isForeign) this.counters.recordsDropped++;
    if (host !== null && kind === RecordKind.REVOCATION) {
      host.isKnown = false;
      host.owesRevoke = true;
      if (host.slot !== null) host.slot.wipe();
    } else if (host !== null) host.isKnown = !host.owesRevoke;
    // Nothing of it is left in either slot.
    if (isStray) for (let i = 0; i < 2; i++) this.save(page, RecordKind.VACANT, null, null);
    else {
      page.host = host;
      if (isToken) this.takeOut(page, host, bytes, at, hostTo, to);
    }
    bytes.fill(0);
    return true;
  }

  /**
   * From the store into memory, the lease from `at` on and the token `bytes[from..to)`: the store forgets it first, or a
   * crash would give it the life again that it has now. Where the app has the handle already the store was read late: the
   * token may have been revoked meanwhile, and is of no use.
   */
  private takeOut(page: Page, host: Host, bytes: Uint8Array, at: number, from: number, to: number): void {
    const lifetimeS = readUint32(bytes, at);
    const lifetimeMs = lifetimeS === NO_END ? this.config.limits.tokenMaxAgeMs : lifetimeS * 1000;
    const ageMs = readUint32(bytes, at + CONSUMED) * 1000 + this.config.sleptMs;
    const isGood = this.config.sleptMs >= 0 && ageMs < lifetimeMs && !host.isClaimed;
    if (this.save(page, RecordKind.HOST, host, null) && isGood && to > from && this.slots.reserve(host, 0)) {
      const slot = host.slot as Slot;
      slot.length = copyBytes(slot.bytes, 0, bytes, from, to);
      slot.isGuess = false;
      this.leases.begin(host, slot, -ageMs, lifetimeMs);
    }
  }

  private save(page: Page, kind: RecordKind, host: Host | null, slot: Slot | null): boolean {
    this.subject = kind === RecordKind.VACANT ? null : host;
    this.token = slot;
    const isKept = page.record.save(
      kind,
      slot === null ? this.config.recordBuffer : this.frame.staging,
      this,
    );
    if (isKept) page.host = this.subject;
    return isKept;
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
