import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { now } from "./clock.js";
import { backoff, endCall } from "./ending.js";
import { random, unit } from "./keys.js";
import { CallPhase, my, Phase, writeDown } from "./state.js";

/**
 * The connection is over, or could not be made, or none is wanted any more (SUSPENDED, CLOSED): what was under way is
 * prepared for the next one.
 * @returns true: there is something to report
 */
export function loseLink(status: Status, isPolite: boolean): boolean {
  const socket = my.socket;
  let why = status;
  let isLeaving = isPolite;
  if (status === Status.SUSPENDED || status === Status.CLOSED) {
    isLeaving = my.phase >= Phase.CONNECTING;
    my.heardOfMs = now();
    my.phase = Phase.RESTING;
  } else {
    const isReady = my.phase === Phase.READY;
    const isStable = isReady && my.nowMs - my.readyAt >= (my.bounds.stableMs ?? DEFAULT_LIMITS.stableMs);
    const share = unit(random(6));
    const isRefusal =
      status >= Status.VERSION_REFUSED &&
      status <= Status.SUBSCRIPTION_REFUSED &&
      status !== Status.SERVER_UNAVAILABLE;
    const places = 1 + (my.given.cloud.alternatives ?? []).length;
    let isSoon = false;
    let isHopeless = false;
    if (my.isAsking) {
      // A hint that led nowhere is not followed again: the connection may still be of use.
      my.wasAsked = my.isFound || my.lastLoss === Status.MAC_MISSING;
      isSoon = my.wasAsked;
      my.isAsking = false;
    } else {
      const isUnproved =
        status === Status.BAD_CREDENTIALS ||
        status === Status.NOT_AUTHORIZED ||
        status === Status.MAC_MISSING;
      my.isAsking = isUnproved && !my.wasAsked && (my.isMac || my.connectBy === "counter");
      isSoon = my.isAsking;
      my.lastLoss = status;
      my.isFound = false;
      my.wasAsked = false;
    }
    if (isStable) my.failures = 0;
    if (isStable && !isRefusal) my.nextPlace = 0;
    else if (!isSoon && status !== Status.STORE_FAILED) {
      my.nextPlace = (my.place + 1) % places;
      my.refusals = isRefusal ? my.refusals + 1 : 0;
      isHopeless = my.refusals === places;
      if (isHopeless) my.refusals = 0;
    }
    if (isSoon) my.phaseEnds = share * (my.bounds.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs) * 0.25;
    else if (isHopeless) {
      const half = 0.5 * (my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs);
      const spread = my.bounds.spreadMs ?? DEFAULT_LIMITS.spreadMs;
      my.phaseEnds = half + spread + share * Math.max(half, spread);
    } else my.phaseEnds = backoff(my, share, 1);
    my.phaseEnds += my.nowMs;
    why =
      my.phase === Phase.CONNECTING && my.lastLoss === Status.CONNECTION_LOST ? Status.HUNG_UP : my.lastLoss;
    my.phase = Phase.WAITING;
    my.isUntold = true;
  }
  writeDown(my.lost, why, 0);
  my.socket = null;
  my.outbox = "";
  my.rest = "";
  for (let i = 0; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (!call || call.phase === CallPhase.DONE) continue;
    if (i === 0) my.flights[0] = null;
    else if (call.isAbandoned) endCall(call, Status.CONNECTION_LOST, null);
    else if (call.phase === CallPhase.SENT) {
      call.phase = CallPhase.QUEUED;
      call.cause = Status.OK;
    }
  }
  if (my.given.messages !== undefined) my.given.messages.lost();
  my.isRestless = true;
  if (socket !== null && socket.end !== undefined) {
    if (isLeaving) socket.write("\xe0\0");
    socket.end();
  }
  return true;
}
