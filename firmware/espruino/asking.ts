/** What an app asks. */
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { OnAnswer, OnToken } from "./api.js";
import { takeCall } from "./calls.js";
import { now, wake } from "./clock.js";
import { finish } from "./hosts.js";
import { keepHost } from "./kept.js";
import { CallPhase, type Host, Method, my, Rejection, Wish, writeDown } from "./state.js";
import { tellOne } from "./turns.js";

/** What an app asks of a host's handle where something else is under way. */
export function serveAny(host: Host, wish: Wish, onToken: OnToken | null, generation: number): Status {
  if (my.isClosed) return Status.CLOSED;
  if (wish === Wish.TOKEN) host.askedAt = my.nowMs;
  if (onToken !== null || wish < Wish.REVOCATION) {
    if (my.waiting.length >= (my.bounds.waiters ?? DEFAULT_LIMITS.waiters)) return Status.BUSY;
    my.waiting.push({ host, wish, onToken, deadline: my.nowMs + my.callMs, isDone: false, outcome: 0 });
  }
  wake(my.nowMs);
  if (wish === Wish.TOKEN) return Status.OK;
  if (wish === Wish.NEW_TOKEN) {
    host.rejection = Rejection.NONE;
    return Status.OK;
  }
  if (wish === Wish.REJECTION) {
    if (host.text === "" || generation !== host.count) return Status.STALE;
    host.text = "";
    if (host.rejection !== Rejection.NONE) {
      host.rejection = Rejection.REPORTED;
      host.rejectedUntil = my.nowMs + (my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs);
      writeDown(host, Status.REJECTED, 0);
      return Status.REJECTED;
    }
    host.rejection = Rejection.RETRIED;
    host.mustGenerate = true;
    return Status.OK;
  }
  host.rejection = Rejection.NONE;
  // Revoked: here at once, and in the cloud as soon as it can be reached.
  const flight = host.flight;
  if (flight !== null && flight.method !== Method.REVOKE) {
    host.flight = null;
    if (flight.attempts === 0) my.flights[my.flights.indexOf(flight)] = null;
    else {
      flight.isAbandoned = true;
      my.abandoned++;
      flight.phase = CallPhase.SENT;
      flight.attemptAt = Infinity;
    }
  }
  host.text = "";
  host.isKnown = false;
  host.mustGenerate = false;
  host.owesRevoke = true;
  const isKept = keepHost(host);
  finish(host, Wish.TOKEN, Status.REVOKED);
  finish(host, Wish.NEW_TOKEN, Status.REVOKED);
  return isKept ? Status.OK : Status.STORE_FAILED;
}

/** Delivers all that is due, the rest too when a callback throws. */
export function drain(): void {
  let isLeft = true;
  try {
    while (tellOne(true));
    isLeft = false;
  } finally {
    if (isLeft) drain();
  }
}

/** A call that is about no host. BUSY: there is no place for it. */
export function ask(method: Method, args: string, onDone: OnAnswer<never>): Status {
  if (my.isClosed) return Status.CLOSED;
  now();
  if (takeCall(method, null, args, onDone) === null) return Status.BUSY;
  wake(my.nowMs);
  return Status.OK;
}
