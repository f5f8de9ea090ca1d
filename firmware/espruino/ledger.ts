import { DEFAULT_LIMITS } from "../limits.js";
import { RecordKind } from "../store/record.js";
import { isLive, plan } from "./hosts.js";
import { chr, u32, uint } from "./proofs.js";
import { load, type Slots, save, Unread } from "./records.js";
import { Host, my, NO_END } from "./state.js";
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

/** Writes a host's record; the page is that host's then. */
export function savePage(page: Slots, kind: RecordKind, host: Host | null, token: string): boolean {
  const isKept = host !== null && kind !== RecordKind.VACANT;
  const payload = isKept ? my.ownerText + (token === "" ? host.name : token) : "";
  if (!save(page, kind, payload, my.nowMs)) return false;
  const before = page.host as Host | null;
  if (before) before.page = null;
  page.host = null;
  if (isKept) {
    page.host = host;
    host.page = page;
  }
  return true;
}

/** Takes over what the life before left; what cannot be read now is tried again. */
export function openPages(): void {
  for (let i = 0; i < my.pages.length; i++) {
    const page = my.pages[i];
    if (page.isRead) continue;
    const payload = load(page, my.nowMs);
    if (payload === Unread.UNREADABLE) return;
    page.isRead = true;
    const kind = page.kind;
    if (kind === RecordKind.VACANT || typeof payload !== "string") continue;
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
        host = new Host(name);
        my.apps.push(host);
      }
      if (kind === RecordKind.REVOCATION) {
        host.isKnown = false;
        host.owesRevoke = true;
        host.text = "";
      } else host.isKnown = !host.owesRevoke;
    }
    if (host === null || host.page !== null) {
      // Nothing of it is left in either slot.
      savePage(page, RecordKind.VACANT, null, "");
      savePage(page, RecordKind.VACANT, null, "");
      continue;
    }
    page.host = host;
    host.page = page;
    if (!isToken) continue;
    // The store forgets a token before anybody gets it, or a crash would give it its life again.
    const seconds = uint(payload, at, 4);
    const sleptMs = my.given.sleptMs ?? -1;
    const lifetime =
      seconds === NO_END ? (my.bounds.tokenMaxAgeMs ?? DEFAULT_LIMITS.tokenMaxAgeMs) : seconds * 1000;
    const age = uint(payload, at + 4, 4) * 1000 + sleptMs;
    const isGood = sleptMs >= 0 && age < lifetime && !host.isClaimed;
    if (savePage(page, RecordKind.HOST, host, "") && isGood) {
      host.text = payload.substr(nameTo);
      host.isGuess = false;
      host.count++;
      host.sentAt = -age;
      host.lifetime = lifetime;
      plan(host, 0);
    }
  }
  my.isOpened = true;
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
    const record = u32(life) + u32(age) + chr(host.name.length) + host.name + host.text;
    if (record.length + 18 <= (my.bounds.tokenBytes ?? DEFAULT_LIMITS.tokenBytes))
      savePage(page, RecordKind.TOKEN, host, record);
  }
}
