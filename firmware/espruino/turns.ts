import { State } from "../auth.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { RecordKind } from "../store/record.js";
import type { OnAnswer } from "./api.js";
import { publishCall, reserveCounter, takeCall } from "./calls.js";
import { now, wake } from "./clock.js";
import { endCall, noteFailure } from "./ending.js";
import { finish, isLive, plan } from "./hosts.js";
import { hasAbandoned, keepHost } from "./kept.js";
import { derive, keyOf, random, unit } from "./keys.js";
import { openPages } from "./ledger.js";
import { openLink } from "./link.js";
import { loseLink } from "./loss.js";
import { base64url, hmac, u32, u64 } from "./proofs.js";
import { CallPhase, type Host, Method, my, Phase, Rejection, Wish } from "./state.js";

/** Where the client stands, as the app sees it. */
export function stateNow(): State {
  if (my.isClosed) return State.CLOSED;
  return [State.SUSPENDED, State.WAITING, State.CONNECTING, State.CONNECTING, State.READY][my.phase];
}

/** Calls the app back with what has ended, does what is due, and sleeps. */
export function turn(): void {
  if (my.isTurning) {
    my.isRung = true;
    return;
  }
  let isAtRest = false;
  my.isTurning = true;
  my.isCalm = false;
  my.only = null;
  try {
    do {
      while (tellOne(false));
      my.isRung = false;
      act();
      while (tellOne(true));
    } while (my.isRung);
    isAtRest = true;
  } finally {
    my.isTurning = false;
    if (!my.isClosed) wake(isAtRest ? my.wakeAt : my.nowMs);
    if (isAtRest) settle();
  }
}

/** Keeps what is to be kept, does what is wanted now, and sends. Each level of a loop is stack, and so is each call. */
function act(): void {
  my.isRestless = true;
  while (my.isRestless) {
    now();
    my.isRestless = false;
    my.isForgetful = false;
    my.wakeAt = Infinity;
    if (!my.isOpened && !my.isClosed && my.phase < Phase.CONNECTING) openPages();
    for (let i = 0; i < my.apps.length && !my.isClosed; i++) if (!keepHost(my.apps[i])) my.isForgetful = true;
    tend();
    const isOpen = my.phase >= Phase.OPENING && tendConnection() && openSession();
    for (let i = my.flights.length - 1; isOpen && i >= 0; i--) {
      const call = my.flights[i];
      if (call && call.phase === CallPhase.QUEUED) publishCall(call);
    }
    rest();
    if (!my.isRestless && my.phase === Phase.WAITING && my.nowMs >= my.phaseEnds && !my.isUntold) {
      my.isRestless = true;
      if (reserveCounter()) openLink();
      else loseLink(Status.STORE_FAILED, false);
    }
  }
  const outbox = my.outbox;
  if (outbox !== "" && my.socket !== null) {
    // The engine takes all of it.
    my.outbox = "";
    my.sentAt = my.nowMs;
    my.queued += outbox.length;
    my.socket.write(outbox);
  }
}

/** Calls one callback of the app, if one is due: that of a call, or else of a new state where `tellsState`. */
export function tellOne(tellsState: boolean): boolean {
  const state = tellsState ? stateNow() : my.told;
  if (!my.hasNews && state === my.told && my.given.messages === undefined) {
    if (tellsState) my.isUntold = false;
    return false;
  }
  my.hasNews = false;
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    if (!waiter.isDone) continue;
    const host = waiter.host;
    const isTold = waiter.outcome === Status.OK && waiter.wish !== Wish.REVOCATION;
    if (isTold && !isLive(host)) {
      // The token left between its coming and this moment: the caller goes on waiting.
      waiter.isDone = false;
      my.hasNews = true;
      wake(my.nowMs);
      return true;
    }
    my.waiting.splice(i, 1);
    // There may be more.
    my.hasNews = true;
    if (my.isBlocked) wake(my.nowMs);
    if (waiter.onToken !== null)
      waiter.onToken(
        waiter.outcome,
        isTold
          ? {
              token: host.text,
              generation: host.count,
              remainingMs: host.sentAt + host.lifetime - my.nowMs,
            }
          : null,
      );
    return true;
  }
  for (let i = 1; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (!call || call.phase !== CallPhase.DONE) continue;
    my.flights[i] = null;
    my.hasNews = true;
    if (my.isBlocked) wake(my.nowMs);
    if (call.onDone !== null) (call.onDone as OnAnswer<unknown>)(call.outcome, call.result);
    return true;
  }
  if (my.given.messages !== undefined && my.given.messages.deliver()) return true;
  if (!tellsState) return false;
  my.isUntold = false;
  if (state === my.told) return false;
  my.told = state;
  if (my.tellState !== null) my.tellState(state);
  return true;
}

/** Ends what has waited too long, and does what is wanted now. */
export function tend(): void {
  const calls = my.flights;
  const excuse = my.phase === Phase.READY || my.lastLoss === Status.OK ? Status.TIMEOUT : my.lastLoss;
  my.isBlocked = false;
  // The next moment at which something can be sent: now, or at the end of the backoff.
  let chance = my.phase === Phase.WAITING ? Math.max(my.heardOfMs, my.phaseEnds) : my.heardOfMs;
  for (let i = 0; i < my.apps.length; i++) tendHost(my.apps[i], chance);
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    const host = waiter.host;
    if (waiter.isDone) continue;
    const isHeld = host.flight === null && host.notBefore >= waiter.deadline;
    if (!isHeld && chance < waiter.deadline) {
      my.wakeAt = Math.min(my.wakeAt, waiter.deadline);
      continue;
    }
    waiter.isDone = true;
    my.hasNews = true;
    if (excuse === Status.TIMEOUT && host.outcome === Status.OK) {
      host.outcome = excuse;
      noteFailure(host, excuse, host.flight);
    }
    waiter.outcome = excuse === Status.TIMEOUT ? host.outcome : excuse;
  }
  my.heardOfMs = my.nowMs;
  chance = my.phase === Phase.WAITING ? Math.max(my.nowMs, my.phaseEnds) : my.nowMs;
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i];
    if (!call || call.phase === CallPhase.DONE) continue;
    if (chance >= call.deadline) endCall(call, excuse, null);
    else if (call.phase === CallPhase.SENT && my.nowMs >= call.attemptAt) {
      call.phase = CallPhase.QUEUED;
      my.needsMac = true;
      my.isFresh = false;
      if (my.heardAt < call.attemptAt - call.patience && my.answerBy === Infinity) my.isPinging = true;
    }
  }
}

/** When there is something to do again. */
function rest(): void {
  const calls = my.flights;
  if (my.given.messages !== undefined)
    my.wakeAt = Math.min(my.wakeAt, my.given.messages.tend(my.nowMs, my.phase === Phase.READY));
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i];
    if (call && call.phase !== CallPhase.DONE)
      my.wakeAt = Math.min(
        my.wakeAt,
        call.phase === CallPhase.SENT ? Math.min(call.attemptAt, call.deadline) : call.deadline,
      );
  }
  if (my.phase === Phase.READY) my.wakeAt = Math.min(my.wakeAt, aliveAt());
  else if (my.phase !== Phase.RESTING) my.wakeAt = Math.min(my.wakeAt, my.phaseEnds);
}

/** Looks at one host: what is awaited, due or pending. @param chance the next moment at which something can be sent */
export function tendHost(host: Host, chance: number): void {
  const isGood = isLive(host);
  const isAsked = my.waiting.length > 0;
  if (!isGood) host.text = "";
  else if (isAsked) finish(host, Wish.TOKEN, Status.OK);
  if (host.rejection === Rejection.REPORTED) {
    if (my.nowMs >= host.rejectedUntil) host.rejection = Rejection.NONE;
    else finish(host, Wish.TOKEN, Status.REJECTED);
  }
  if (host.flight !== null || my.isClosed || my.phase === Phase.RESTING) return;
  const isInUse = isGood && my.nowMs - host.askedAt <= host.lifetime;
  let method = Method.HELLO;
  if (host.owesRevoke) method = Method.REVOKE;
  else if (hasAbandoned(host)) method = Method.HELLO;
  else if (host.mustGenerate || (isAsked && finish(host, Wish.NEW_TOKEN, null))) method = Method.GENERATE;
  else if (isAsked && finish(host, Wish.TOKEN, null)) method = host.isKnown ? Method.GET : Method.GENERATE;
  else if (isInUse && my.nowMs >= host.refreshAt) {
    // A moment of its own, which takes an HMAC: it is found late, once in a token's life.
    if (!host.isSpread) plan(host, unit(hmac(keyOf(my.dice), host.name + u32(host.count))));
    if (my.nowMs >= host.refreshAt) method = Method.GENERATE;
  }
  let startAt = Math.max(host.notBefore, host.refreshAt);
  if (method !== Method.HELLO) {
    // Now, or when the next connection is tried if a call of now would be over by then.
    startAt = Math.max(host.notBefore, chance >= my.nowMs + my.callMs ? chance : 0);
    if (my.nowMs >= startAt) {
      host.flight = takeCall(method, host, `"host":"${host.name}"`, null);
      if (host.flight === null) my.isBlocked = true;
      return;
    }
  } else if (!isInUse) return;
  my.wakeAt = Math.min(my.wakeAt, startAt);
}

/** At a turn's end: what may follow it without one. */
function settle(): void {
  my.isCalm = false;
  my.only = null;
  if (my.phase !== Phase.READY || !my.isSigned || my.sec !== "" || my.needsMac) return;
  if (my.isBlocked || my.isForgetful || my.abandoned > 0) return;
  for (let i = 0; i < my.apps.length; i++) {
    const host = my.apps[i];
    const page = host.page;
    host.isPlain =
      page !== null &&
      page.kind === RecordKind.HOST &&
      !page.isOld &&
      host.isKnown &&
      !host.owesRevoke &&
      !host.mustGenerate &&
      host.rejection === Rejection.NONE;
  }
  let only = null;
  for (let i = 0; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (!call) continue;
    if (only !== null || call.phase !== CallPhase.SENT || call.method !== Method.GENERATE) return;
    if (i !== 1 || call.host === null || !call.host.isPlain) return;
    only = call;
  }
  if (only === null) my.isCalm = my.waiting.length === 0;
  else if (my.waiting.length === 0 || (my.waiting.length === 1 && my.waiting[0].host === only.host))
    my.only = only;
}

/** When the keep-alive has something to do. */
export function aliveAt(): number {
  if (my.answerBy !== Infinity) return my.answerBy;
  const keepAliveS = my.bounds.keepAliveS ?? DEFAULT_LIMITS.keepAliveS;
  return keepAliveS > 0 ? Math.min(my.sentAt, my.heardAt) + keepAliveS * 750 : Infinity;
}

/** Opens the session of MACs where there is none. @returns whether there is one, or none is needed */
function openSession(): boolean {
  if (!my.isMac || !my.needsMac) return true;
  if (!my.isFresh) {
    if (!reserveCounter()) return !loseLink(Status.STORE_FAILED, false);
    my.latest++;
  }
  const nonce = random(16);
  const key = derive(my.secret, "mac");
  const counter = u64(my.latest);
  const mac = hmac(key, `s${counter}${nonce}`);
  my.macKey = keyOf(mac);
  my.sealKey = hmac(my.macKey, "motekey seal v1");
  const n = base64url(nonce, 22);
  my.sec = `,"sec":{"c":${my.latest},"e":1,"n":"${n}"}`;
  my.sends = 0;
  my.receives = 0;
  my.isFresh = false;
  my.needsMac = false;
  return true;
}

/** Times out and pings. @returns whether requests may be published */
export function tendConnection(): boolean {
  const isReady = my.phase === Phase.READY;
  let loss = Status.OK;
  if (!isReady && my.nowMs >= my.phaseEnds) loss = Status.CONNECT_TIMEOUT;
  else if (my.phase === Phase.OPENING) return false;
  else if (my.nowMs >= my.answerBy) loss = Status.KEEP_ALIVE_TIMEOUT;
  else {
    if (isReady && (my.isPinging || (my.answerBy === Infinity && my.nowMs >= aliveAt()))) {
      my.isPinging = false;
      my.outbox += "\xc0\0";
      my.answerBy = Math.min(
        my.answerBy,
        my.nowMs + (my.bounds.pingTimeoutMs ?? DEFAULT_LIMITS.pingTimeoutMs),
      );
    }
    if (!isReady && (my.isAsking || my.given.cloud.pipeline === false)) return false;
  }
  if (loss !== Status.OK) loseLink(loss, false);
  return loss === Status.OK;
}
