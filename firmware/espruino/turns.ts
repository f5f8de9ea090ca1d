import { State } from "../auth.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { OnAnswer, OnToken } from "./api.js";
import { reserveCounter, tendCalls } from "./calls.js";
import { loseLink, openLink } from "./link.js";
import { CallPhase, type Host, my, Phase, Wish } from "./state.js";
import { callMs, isLive, tendTokens } from "./tokens.js";

/** Where the client stands, as the app sees it. */
export function stateNow(): State {
  if (my.isClosed) return State.CLOSED;
  if (my.phase === Phase.RESTING) return State.SUSPENDED;
  if (my.phase === Phase.WAITING) return State.WAITING;
  return my.phase === Phase.READY ? State.READY : State.CONNECTING;
}

/** Monotonic, ms. The engine has the wall clock only: a step forward counts as time that passed, one back as none. */
export function now(): number {
  const clock = Math.round(getTime() * 1000);
  if (clock > my.clock) my.nowMs += clock - my.clock;
  my.clock = clock;
  return my.nowMs;
}

/** A turn as soon as this one, or the app's code, is over. */
export function soon(): void {
  if (my.isTurning) my.isRung = true;
  else arm(my.nowMs);
}

/** Somebody waits. */
export function waitFor(host: Host, wish: Wish, onToken: OnToken | null): Status {
  if (my.isClosed) return Status.CLOSED;
  if (my.waiting.length >= (my.bounds.waiters ?? DEFAULT_LIMITS.waiters)) return Status.BUSY;
  my.waiting.push({
    host,
    wish,
    onToken,
    deadline: now() + callMs(),
    isDone: false,
    status: 0,
  });
  soon();
  return Status.OK;
}

/** Wakes the client at a moment of its time. */
export function arm(at: number): void {
  if (at >= my.armedAt && my.armedAt > my.nowMs) return;
  my.armedAt = at;
  if (my.timer) clearTimeout(my.timer);
  my.timer = setTimeout(
    () => {
      my.timer = 0;
      my.armedAt = Infinity;
      turn();
    },
    Math.min(Math.max(0, at - my.nowMs), 86400000),
  );
}

/** Tells the app what is over, does what is wanted now, and sleeps. */
export function turn(): void {
  if (my.isTurning) {
    my.isRung = true;
    return;
  }
  let isAtRest = false;
  my.isTurning = true;
  try {
    do {
      while (tellOne());
      my.isRung = false;
      act();
      while (tellOne() || tellState());
    } while (my.isRung);
    isAtRest = true;
  } finally {
    my.isTurning = false;
    if (!my.isClosed) arm(isAtRest ? my.wakeAt : my.nowMs);
  }
}

/** Calls one callback of the app, if one is due. */
export function tellOne(): boolean {
  for (let i = 0; i < my.waiting.length; i++) {
    const waiter = my.waiting[i];
    if (!waiter.isDone) continue;
    const host = waiter.host;
    const isTold = waiter.status === Status.OK && waiter.wish !== Wish.REVOCATION;
    if (isTold && !isLive(host)) {
      // The token left between its coming and this moment: the caller goes on waiting.
      waiter.isDone = false;
      soon();
      return true;
    }
    my.waiting.splice(i, 1);
    if (my.isBlocked) soon();
    if (waiter.onToken !== null)
      waiter.onToken(
        waiter.status,
        isTold
          ? {
              token: host.token,
              generation: host.generation,
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
    if (my.isBlocked) soon();
    if (call.onDone !== null) (call.onDone as OnAnswer<unknown>)(call.status, call.value);
    return true;
  }
  return my.given.messages !== undefined && my.given.messages.deliver();
}

/** Tells the app a new state, if there is one. */
export function tellState(): boolean {
  const state = stateNow();
  my.isUntold = false;
  if (state === my.told) return false;
  my.told = state;
  if (my.onState !== null) my.onState(state);
  return true;
}

/** Does all there is to do now. */
export function act(): void {
  for (;;) {
    now();
    do {
      my.isRestless = false;
      my.wakeAt = Infinity;
      tendTokens();
      tendCalls();
    } while (my.isRestless);
    if (my.phase !== Phase.WAITING || my.nowMs < my.phaseEnds || my.isUntold) break;
    if (reserveCounter()) openLink();
    else loseLink(Status.STORE_FAILED, false);
  }
  flush();
}

/** Writes what was composed: the engine takes all of it. */
export function flush(): void {
  const outbox = my.outbox;
  if (outbox === "" || my.socket === null) return;
  my.outbox = "";
  my.sentAt = my.nowMs;
  my.queued += outbox.length;
  my.socket.write(outbox);
}

/** The next moment at which something can be sent: now, or at the end of the backoff. */
export function nextChance(): number {
  return my.phase === Phase.WAITING ? Math.max(my.heardOfMs, my.phaseEnds) : my.heardOfMs;
}

/** Why a call ends that got no answer. */
export function excuseNow(): Status {
  return my.phase === Phase.READY || my.lastLoss === Status.OK ? Status.TIMEOUT : my.lastLoss;
}
