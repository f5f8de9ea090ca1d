import type { Host } from "./host.js";
import type { Hosts } from "./hosts.js";
import { Slot } from "./slot.js";
import type { Waiters } from "./waiters.js";

/** The fixed number of places for tokens that all hosts share. */
export class Slots {
  private readonly slots: Slot[];
  private readonly hosts: Hosts;
  private readonly waiters: Waiters;

  constructor(count: number, size: number, hosts: Hosts, waiters: Waiters) {
    this.hosts = hosts;
    this.waiters = waiters;
    this.slots = new Array(count);
    for (let i = 0; i < count; i++) this.slots[i] = new Slot(size);
  }

  /**
   * Makes sure that the host has a place: its own, a free one, or that of the least recently used token.
   * A host with a call under way keeps its place, and so does one whose caller has not had its token yet.
   * @returns false when every place is kept
   */
  reserve(host: Host, nowMs: number): boolean {
    if (host.slot !== null) return true;
    let oldest: Slot | null = null;
    let leaver: Host | null = null;
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i];
      const owner = this.ownerOf(slot);
      if (owner !== null && (owner.flight !== null || this.waiters.isPromised(owner))) continue;
      if (oldest !== null && leaver === null) break;
      if (oldest === null || owner === null || slot.usedAtMs < oldest.usedAtMs) {
        oldest = slot;
        leaver = owner;
      }
    }
    if (oldest === null) return false;
    if (leaver !== null) leaver.slot = null;
    oldest.wipe();
    oldest.usedAtMs = nowMs;
    host.slot = oldest;
    return true;
  }

  /** Wipes all tokens. */
  wipe(): void {
    for (let i = 0; i < this.slots.length; i++) this.slots[i].wipe();
  }

  private ownerOf(slot: Slot): Host | null {
    const hosts = this.hosts.list;
    for (let i = 0; i < hosts.length; i++) if (hosts[i].slot === slot) return hosts[i];
    return null;
  }
}
