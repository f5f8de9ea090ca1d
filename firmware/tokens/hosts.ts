import type { Limits } from "../limits.js";
import { copyBytes, jsonTextLength, type Text } from "../wire/bytes.js";
import { Host, type HostCalls } from "./host.js";

/** All hosts: those whose handles the app has, and those that only the store names. */
export class Hosts {
  readonly list: Host[];
  private readonly limits: Limits;
  private readonly calls: HostCalls;

  constructor(limits: Limits, calls: HostCalls) {
    this.list = [];
    this.limits = limits;
    this.calls = calls;
  }

  /**
   * The app's handle of a host: the same for the same name.
   * @construction
   * @throws Error when the name is empty or too long, or `limits.hosts` are in use
   */
  claim(name: string): Host {
    const host = this.named(name);
    let claimed = 0;
    for (let i = 0; i < this.list.length; i++) if (this.list[i].isClaimed) claimed++;
    if (!host.isClaimed && claimed >= this.limits.hosts) {
      throw new Error(`motekey: more than ${this.limits.hosts} hosts; raise limits.hosts`);
    }
    if (this.list.indexOf(host) < 0) this.list.push(host);
    host.isClaimed = true;
    return host;
  }

  /**
   * The host that the store names in `bytes[from..to)`; null where that can be no host's name.
   * @construction
   */
  recall(bytes: Uint8Array, from: number, to: number): Host | null {
    if (to <= from || to - from > this.limits.hostBytes) return null;
    const name = new Uint8Array(to - from);
    copyBytes(name, 0, bytes, from, to);
    if (jsonTextLength(name) !== name.length) return null;
    const host = this.named(name);
    if (this.list.indexOf(host) < 0) this.list.push(host);
    return host;
  }

  /** The host of this name, in the list or new. @construction */
  private named(name: Text): Host {
    const host = new Host(name, this.limits, this.calls);
    for (let i = 0; i < this.list.length; i++) {
      if (this.list[i].isSame(host)) return this.list[i];
    }
    return host;
  }
}
