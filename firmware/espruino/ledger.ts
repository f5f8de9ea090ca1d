import { RecordKind } from "../keep/record.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { AppHost } from "./host.js";
import { chr, u32, uint } from "./proofs.js";
import { type Slots, Unread } from "./records.js";
import { type Host, my, NO_END } from "./state.js";
import { beginLease, hasAbandoned, hostNamed, isHostName, isLive } from "./tokens.js";

/** Whether the cloud has yet to be told a revocation. */
export function isOwing(host: Host): boolean {
  return host.owesRevoke || hasAbandoned(host);
}

/** Whether Storage says of this host what is so; it is written where something changed. */
export function keepHost(host: Host): boolean {
  const kind = isOwing(host) ? RecordKind.REVOCATION : host.isKnown ? RecordKind.HOST : RecordKind.VACANT;
  let page = host.page;
  if (page !== null) {
    if (page.kind === kind && !page.isOld) return true;
  } else {
    page = freePage();
    if (my.isOpened) {
      if (kind === RecordKind.VACANT) return true;
      if (kind === RecordKind.HOST && (!host.isClaimed || page === null)) return true;
    }
    if (!my.isOpened || page === null) return false;
  }
  return savePage(page, kind, host, "");
}

/** Writes a host's record; the page is that host's then. */
export function savePage(page: Slots, kind: RecordKind, host: Host | null, token: string): boolean {
  let payload = "";
  if (host !== null && kind !== RecordKind.VACANT)
    payload = my.ownerText + (token === "" ? host.name : token);
  if (!page.save(kind, payload, my.nowMs)) return false;
  const before = page.host as Host | null;
  if (before) before.page = null;
  page.host = null;
  if (host !== null && kind !== RecordKind.VACANT) {
    page.host = host;
    host.page = page;
  }
  return true;
}

/** A page that nobody has, or whose host the app does not ask for any more; null: all are taken. */
export function freePage(): Slots | null {
  let unclaimed: Slots | null = null;
  for (let i = 0; i < my.pages.length; i++) {
    const page = my.pages[i];
    const host = page.host as Host | null;
    if (!host) return page;
    if (!host.isClaimed && page.kind === RecordKind.HOST) unclaimed = page;
  }
  return unclaimed;
}

/** Takes over what the life before left. */
export function openPages(): void {
  for (let i = 0; i < my.pages.length; i++) if (!openPage(my.pages[i])) return;
  my.isOpened = true;
}

/** One place of a host in Storage. false: it cannot be read now. */
export function openPage(page: Slots): boolean {
  if (page.isRead) return true;
  const payload = page.load(my.nowMs);
  if (payload === Unread.UNREADABLE) return false;
  page.isRead = true;
  const kind = page.kind;
  if (kind === RecordKind.VACANT || typeof payload !== "string") return true;
  const at = page.isOld ? 0 : 4;
  const isToken = kind === RecordKind.TOKEN;
  const nameAt = isToken ? at + 9 : at;
  const nameTo = isToken ? nameAt + payload.charCodeAt(at + 8) : payload.length;
  const name = payload.substr(nameAt, nameTo - nameAt);
  const isOurs = page.isOld || payload.substr(0, 4) === my.ownerText;
  let host: Host | null = null;
  if (isOurs && nameTo <= payload.length && isHostName(name)) {
    host = hostNamed(name);
    if (host === null) {
      host = new AppHost(name);
      my.apps.push(host);
    }
    if (kind === RecordKind.REVOCATION) {
      host.isKnown = false;
      host.owesRevoke = true;
      host.token = "";
    } else host.isKnown = !host.owesRevoke;
  }
  if (host === null || host.page !== null) {
    // Nothing of it is left in either slot.
    for (let i = 0; i < 2; i++) savePage(page, RecordKind.VACANT, null, "");
    return true;
  }
  page.host = host;
  host.page = page;
  if (!isToken) return true;
  // The store forgets a token before anybody gets it, or a crash would give it its life again.
  const seconds = uint(payload, at, 4);
  const sleptMs = my.given.sleptMs ?? -1;
  const lifetime =
    seconds === NO_END ? (my.bounds.tokenMaxAgeMs ?? DEFAULT_LIMITS.tokenMaxAgeMs) : seconds * 1000;
  const age = uint(payload, at + 4, 4) * 1000 + sleptMs;
  const isGood = sleptMs >= 0 && age < lifetime && !host.isClaimed;
  if (savePage(page, RecordKind.HOST, host, "") && isGood) {
    host.token = payload.substr(nameTo);
    host.isGuess = false;
    beginLease(host, -age, lifetime);
  }
  return true;
}

/** The client ends: its tokens go into Storage, with what was consumed of their lives. */
export function putTokens(): void {
  if (!my.isOpened) openPages();
  for (let i = 0; i < my.apps.length && my.isOpened; i++) {
    const host = my.apps[i];
    const page = host.page;
    const call = host.flight;
    if (page === null || page.kind !== RecordKind.HOST || host.isGuess || !isLive(host)) continue;
    // A new token may be under way, and would end this one soon.
    if (call !== null && call.attempts > 0) continue;
    const age = Math.floor((my.nowMs - host.sentAt) / 1000) + 1;
    const life = Math.min(Math.floor(host.lifetime / 1000), NO_END - 2);
    const record = u32(life) + u32(age) + chr(host.name.length) + host.name + host.token;
    if (record.length + 18 <= (my.bounds.tokenBytes ?? DEFAULT_LIMITS.tokenBytes))
      savePage(page, RecordKind.TOKEN, host, record);
  }
}
