import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { OnToken } from "./api.js";
import { noteFailure, takeCall } from "./calls.js";
import { keepHost, openPages } from "./ledger.js";
import { hmac, random, u32, unit } from "./proofs.js";
import { type Call, CallPhase, type Host, Method, my, Phase, Rejection, type Tries, Wish } from "./state.js";
import { claimedMs, isAbsent, quoted, secondsOf, tokenIn } from "./text.js";
import { excuseNow, nextChance, soon, waitFor } from "./turns.js";

/** Ends a host's tokens, here at once and in the cloud as soon as it can be told. */
export function revokeHost(host: Host, onToken: OnToken | null): Status {
  let status = my.isClosed ? Status.CLOSED : Status.OK;
  if (onToken !== null) status = waitFor(host, Wish.REVOCATION, onToken);
  if (status !== Status.OK) return status;
  const flight = host.flight;
  soon();
  if (flight !== null && flight.method !== Method.REVOKE) {
    host.flight = null;
    if (flight.attempts === 0) my.flights[my.flights.indexOf(flight)] = null;
    else {
      flight.isAbandoned = true;
      flight.phase = CallPhase.SENT;
      flight.attemptAt = Infinity;
    }
  }
  host.token = "";
  host.isKnown = false;
  host.mustGenerate = false;
  host.rejection = Rejection.NONE;
  host.owesRevoke = true;
  const isKept = keepHost(host);
  finishWaiters(host, Wish.TOKEN, Status.REVOKED);
  finishWaiters(host, Wish.NEW_TOKEN, Status.REVOKED);
  return isKept ? Status.OK : Status.STORE_FAILED;
}

/** How long a call may take, ms. */
export function callMs(): number {
  return my.bounds.callDeadlineMs ?? DEFAULT_LIMITS.callDeadlineMs;
}

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
  return host.token !== "" && my.nowMs < host.sentAt + host.lifetime;
}

/** Ends all of a host's callers with this wish. */
export function finishWaiters(host: Host, wish: Wish, status: Status): void {
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    if (waiter.host === host && waiter.wish === wish && !waiter.isDone) {
      waiter.isDone = true;
      waiter.status = status;
    }
  }
}

/** Whether somebody waits for this of this host. */
export function isAwaited(host: Host, wish: Wish): boolean {
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    if (waiter.host === host && waiter.wish === wish && !waiter.isDone) return true;
  }
  return false;
}

/** Whether a call about a host was abandoned, and its answer may still come. */
export function hasAbandoned(host: Host): boolean {
  for (let i = 1; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (call?.isAbandoned && call.host === host) return true;
  }
  return false;
}

/** Ends what has waited too long, and starts the calls that are wanted now. */
export function tendTokens(): void {
  my.isBlocked = false;
  my.isForgetful = false;
  if (!my.isOpened && !my.isClosed && my.phase < Phase.CONNECTING) openPages();
  for (let i = 0; i < my.apps.length; i++) tendHost(my.apps[i]);
  const chance = nextChance();
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    const host = waiter.host;
    if (!waiter.isDone) {
      const isHeld = host.flight === null && host.notBefore >= waiter.deadline;
      if (!isHeld && chance < waiter.deadline) {
        my.wakeAt = Math.min(my.wakeAt, waiter.deadline);
        continue;
      }
      const excuse = excuseNow();
      waiter.isDone = true;
      if (excuse === Status.TIMEOUT && host.status === Status.OK) {
        host.status = excuse;
        noteFailure(host, excuse, host.flight);
      }
      waiter.status = excuse === Status.TIMEOUT ? host.status : excuse;
    }
  }
}

/** Looks at one host: what is awaited, due or owed. */
export function tendHost(host: Host): void {
  const isGood = isLive(host);
  if (isGood) finishWaiters(host, Wish.TOKEN, Status.OK);
  else host.token = "";
  if (host.rejection === Rejection.REPORTED) {
    if (my.nowMs >= host.rejectedUntil) host.rejection = Rejection.NONE;
    else finishWaiters(host, Wish.TOKEN, Status.REJECTED);
  }
  if (!my.isClosed && !keepHost(host)) my.isForgetful = true;
  if (host.flight !== null || my.isClosed || my.phase === Phase.RESTING) return;
  const isInUse = isGood && my.nowMs - host.askedAt <= host.lifetime;
  let method = Method.HELLO;
  if (host.owesRevoke) method = Method.REVOKE;
  else if (hasAbandoned(host)) method = Method.HELLO;
  else if (host.mustGenerate || isAwaited(host, Wish.NEW_TOKEN)) method = Method.GENERATE;
  else if (isAwaited(host, Wish.TOKEN)) method = host.isKnown ? Method.GET : Method.GENERATE;
  else if (isInUse && isDue(host)) method = Method.GENERATE;
  let startAt = Math.max(host.notBefore, host.refreshAt);
  if (method !== Method.HELLO) {
    // Now, or when the next connection is tried if a call of now would be over by then.
    const chance = nextChance();
    startAt = Math.max(host.notBefore, chance >= my.nowMs + callMs() ? chance : 0);
    if (my.nowMs >= startAt) {
      const call = takeCall(method, host, `"host":"${host.name}"`, null);
      if (call === null) my.isBlocked = true;
      host.flight = call;
      return;
    }
  } else if (!isInUse) return;
  my.wakeAt = Math.min(my.wakeAt, startAt);
}

/** Whether the host's token is to be replaced now: at a moment of its own, between 70 and 90 % of its life. */
export function isDue(host: Host): boolean {
  if (my.nowMs < host.refreshAt) return false;
  if (!host.isSpread) spreadRefresh(host, unit(hmac(my.secret, host.name + u32(host.generation))));
  return my.nowMs >= host.refreshAt;
}

/** Plans a refresh: `share` is the device's own, in [0, 1). */
export function spreadRefresh(host: Host, share: number): void {
  const life = host.lifetime;
  const latest = Math.min(life * (0.7 + 0.2 * share), life - 2 * callMs());
  host.refreshAt = host.sentAt + Math.max(latest, life / 2);
  host.isSpread = true;
}

/** A host has a new token, asked for at `sentAt`. */
export function beginLease(host: Host, sentAt: number, lifetime: number): void {
  host.generation++;
  host.sentAt = sentAt;
  host.lifetime = lifetime;
  spreadRefresh(host, 0);
  host.isSpread = false;
}

/** A call about a host is over. */
export function hostCallEnded(call: Call, host: Host, frame: Frame | null): void {
  const status = call.status;
  if (host.flight === call) host.flight = null;
  if (call.isAbandoned) {
    // The answer came after the revocation, or may still be made: revoke once more.
    if (status === Status.OK || !call.code) host.owesRevoke = true;
    call.host = null;
    return;
  }
  if (status !== Status.OK) failHost(host, call, frame);
  else {
    host.status = Status.OK;
    host.failures = 0;
    if (call.method === Method.REVOKE) {
      host.owesRevoke = false;
      finishWaiters(host, Wish.REVOCATION, keepHost(host) ? Status.OK : Status.STORE_FAILED);
    } else if (frame !== null) takeToken(host, call, frame);
  }
  noteFailure(host, call.status, call);
}

/** GetToken or GenerateToken succeeded. */
export function takeToken(host: Host, call: Call, frame: Frame): void {
  const isNew = call.method === Method.GENERATE;
  const result = frame.result;
  const token = tokenIn(result);
  const seconds = typeof result === "object" && result !== null ? secondsOf(result.expires_in) : -1;
  if (!isNew && (isAbsent(result) || seconds === 0)) {
    host.mustGenerate = true;
    return;
  }
  if (seconds === 0) {
    call.status = Status.BAD_RESULT;
    failHost(host, call, frame);
    return;
  }
  const isGuess = !isNew && seconds < 0;
  if (isGuess && host.generation === 0) {
    // It was had before a reboot, and nobody says what is left of it.
    host.mustGenerate = true;
    return;
  }
  // A token that was not refused until its refresh clears the one before it of suspicion.
  if (isNew && !host.mustGenerate && isLive(host)) host.rejection = Rejection.NONE;
  host.token = token;
  beginLease(
    host,
    call.sentAt,
    seconds > 0
      ? seconds * 1000
      : (claimedMs(token) ?? my.bounds.tokenMaxAgeMs ?? DEFAULT_LIMITS.tokenMaxAgeMs),
  );
  host.isGuess = isGuess;
  if (isGuess) {
    host.refreshAt = my.nowMs;
    host.isSpread = true;
  }
  host.isKnown = true;
  host.mustGenerate = false;
  if (isNew) finishWaiters(host, Wish.NEW_TOKEN, Status.OK);
  finishWaiters(host, Wish.TOKEN, Status.OK);
}

/** The wait before the next attempt, full jitter; a bound at the cap stays there. */
export function backoff(tries: Tries, share: number): number {
  const cap = my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs;
  const base = my.bounds.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs;
  const bound = Math.min(cap, base * Math.pow(2, tries.failures));
  if (bound < cap) tries.failures++;
  return share * bound;
}

/** A call about a host failed. */
export function failHost(host: Host, call: Call, frame: Frame | null): void {
  const status = call.status;
  const code = call.code ? call.code : 0;
  const isPassing =
    status === my.lastLoss ||
    (status >= Status.TIMEOUT && status <= Status.SUBSCRIPTION_REFUSED) ||
    status === Status.THROTTLED ||
    status === Status.UNAVAILABLE ||
    (status === Status.CLOUD_ERROR && (code === 500 || code === 504));
  host.status = status;
  // Where no answer came because there was no connection, the session's backoff is wait enough.
  if (code !== 0 || !isPassing || my.phase === Phase.READY) {
    const asked =
      frame !== null && frame.error !== undefined ? Math.max(0, secondsOf(frame.error.retry_after)) : 0;
    const most = my.bounds.retryAfterCapMs ?? DEFAULT_LIMITS.retryAfterCapMs;
    host.notBefore = my.nowMs + Math.min(asked * 1000, most) + backoff(host, unit(random(6)));
  }
  if (call.method === Method.REVOKE) {
    if (isPassing) return;
    host.owesRevoke = false;
    finishWaiters(host, Wish.REVOCATION, status);
    return;
  }
  // The cloud may have made the new token all the same, and then ends ours soon.
  if (isLive(host) && code === 0 && call.attempts > 0) {
    host.refreshAt = my.nowMs;
    host.isSpread = true;
  }
  if (isPassing) return;
  host.mustGenerate = false;
  finishWaiters(host, Wish.TOKEN, status);
  finishWaiters(host, Wish.NEW_TOKEN, status);
}
