import type { Status } from "../status.js";
import { type Host, my, type Wish } from "./state.js";

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

/** A host has a new token, asked for at `sentAt`: its refresh is planned, `share` in [0, 1) of the way from 70 to 90 %. */
export function plan(host: Host, share: number): void {
  const life = host.lifetime;
  const latest = Math.min(life * (0.7 + 0.2 * share), life - 2 * my.callMs);
  host.refreshAt = host.sentAt + Math.max(latest, life / 2);
  host.isSpread = share > 0;
}
