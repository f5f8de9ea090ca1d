import { DEFAULT_LIMITS } from "../limits.js";
import type { Status } from "../status.js";
import { type Host, my, type Wish } from "./state.js";
import { quoted } from "./text.js";

/** The host of this name, or null. */
export function hostNamed(name: string): Host | null {
  for (let i = 0; i < my.apps.length; i++) if (my.apps[i].name === name) return my.apps[i];
  return null;
}

/** A host's name goes into a request as it is. */
export function isHostName(name: string): boolean {
  const most = my.bounds.hostBytes ?? DEFAULT_LIMITS.hostBytes;
  return name.length > 0 && name.length <= most && quoted(name).length === name.length + 2;
}

/** Whether the host has a token that is good. */
export function isLive(host: Host): boolean {
  return host.text !== "" && my.nowMs < host.sentAt + host.lifetime;
}

/** Ends all of a host's callers with this wish; null: none. @returns whether there was one */
export function finish(host: Host, wish: Wish, outcome: Status | null): boolean {
  let isFound = false;
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    if (waiter.host === host && waiter.wish === wish && !waiter.isDone) {
      isFound = true;
      if (outcome === null) break;
      waiter.isDone = true;
      my.hasNews = true;
      waiter.outcome = outcome;
    }
  }
  return isFound;
}

/** Whether a call about a host was abandoned, and its answer may still come. */
export function hasAbandoned(host: Host): boolean {
  if (my.abandoned === 0) return false;
  for (let i = 1; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (call?.isAbandoned && call.host === host) return true;
  }
  return false;
}

/** A host has a new token, asked for at `sentAt`: its refresh is planned, `share` in [0, 1) of the way from 70 to 90 %. */
export function plan(host: Host, share: number): void {
  const life = host.lifetime;
  const latest = Math.min(life * (0.7 + 0.2 * share), life - 2 * my.callMs);
  host.refreshAt = host.sentAt + Math.max(latest, life / 2);
  host.isSpread = share > 0;
}
