import { RecordKind } from "../store/record.js";
import { savePage } from "./ledger.js";
import { type Host, my } from "./state.js";

/** Whether a call about a host was abandoned, and its answer may still come. */
export function hasAbandoned(host: Host): boolean {
  if (my.abandoned === 0) return false;
  for (let i = 1; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (call?.isAbandoned && call.host === host) return true;
  }
  return false;
}

/** Whether Storage says of this host what is so; it is written where something changed. */
export function keepHost(host: Host): boolean {
  const isOwing = host.owesRevoke || hasAbandoned(host);
  const kind = isOwing ? RecordKind.REVOCATION : host.isKnown ? RecordKind.HOST : RecordKind.VACANT;
  let page = host.page;
  if (page !== null) {
    if (page.kind === kind && !page.isOld) return true;
  } else {
    // A page that nobody has, or whose host the app does not ask for any more.
    for (let i = 0; i < my.pages.length; i++) {
      const free = my.pages[i];
      const holder = free.host as Host | null;
      if (!holder) {
        page = free;
        break;
      }
      if (!holder.isClaimed && free.kind === RecordKind.HOST) page = free;
    }
    if (my.isOpened) {
      if (kind === RecordKind.VACANT) return true;
      if (kind === RecordKind.HOST && (!host.isClaimed || page === null)) return true;
    }
    if (!my.isOpened || page === null) return false;
  }
  return savePage(page, kind, host, "");
}
