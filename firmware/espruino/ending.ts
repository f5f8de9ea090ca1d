/** How a call ends. */
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { finish, isLive, plan } from "./hosts.js";
import { isRestBlank, Reading, readText } from "./json.js";
import { keepHost } from "./kept.js";
import { random, unit } from "./keys.js";
import { base64url } from "./proofs.js";
import {
  type Call,
  CallPhase,
  type Failure,
  Method,
  my,
  Phase,
  Rejection,
  SECONDS_MAX,
  type Tries,
  Wish,
  writeDown,
} from "./state.js";

/** The token of a result, or "". */
export const tokenIn = (result: Result | undefined): string => {
  const token = typeof result === "object" && result !== null ? result.token : result;
  return typeof token === "string" ? token : "";
};

/** GetToken says that there is none. */
export const isAbsent = (result: Result | undefined): boolean =>
  typeof result === "object" && result !== null && result.exist === false;

/** A number of seconds, or −1. */
export const secondsOf = (value: unknown): number =>
  typeof value === "number" && value >= 0 && value <= SECONDS_MAX ? value : -1;

/** `exp − iat` of a JWT's claims, ms, for scheduling only; undefined where it is none. */
export const claimedMs = (token: string): number | undefined => {
  const parts = token.split(".");
  if (parts.length < 3) return undefined;
  try {
    const plain = parts[1].split("-").join("+").split("_").join("/");
    const json = atob(plain + "===".substr(0, -plain.length & 3));
    if (base64url(json, plain.length) !== parts[1]) return undefined;
    const claims: Claims = readText(json, Reading.CLAIMS) as Claims;
    const seconds = (claims.exp as number) - (claims.iat as number);
    const isBlank = isRestBlank(json);
    const areNumbers = typeof claims.exp === "number" && typeof claims.iat === "number";
    return isBlank && areNumbers && (claims.iat as number) >= 0 && seconds > 0 && seconds <= SECONDS_MAX
      ? seconds * 1000
      : undefined;
  } catch (_noClaims) {
    return undefined;
  }
};

/** What a call's end says of what keeps us from our work. */
export function noteFailure(failure: Failure, status: Status, call: Call | null): void {
  const code = call === null || call.said === undefined ? 0 : call.said;
  const isConnections = my.phase !== Phase.READY && code === 0 && status !== Status.TOO_LONG;
  if (isConnections) writeDown(failure, Status.OK, 0);
  else if (call !== null && status === Status.TIMEOUT && call.cause !== Status.OK)
    writeDown(failure, call.cause, 0);
  else writeDown(failure, status, code);
}

/**
 * The wait before the next attempt, full jitter; a bound at the cap stays there. What may have befallen a whole fleet
 * at one moment is spread: each wait is drawn from that, and each but the first is longer by it.
 * @param times how often one attempt is published, at the most; 0: it is not spread
 */
export function backoff(tries: Tries, share: number, times: number): number {
  const spread = times > 0 ? (my.bounds.spreadMs ?? DEFAULT_LIMITS.spreadMs) : 0;
  const cap = my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs;
  const base = my.bounds.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs;
  const bound = Math.min(cap, base * Math.pow(2, tries.failures));
  const isFirst = tries.failures === 0;
  if (isFirst || (bound > 0 && bound < cap)) tries.failures++;
  return (isFirst ? 0 : times * spread) + share * Math.max(bound, spread);
}

/** A call is over: its host takes the token, or waits before the next one. */
export function endCall(call: Call, status: Status, frame: Frame | null): void {
  const host = call.host;
  const isNew = call.method === Method.GENERATE;
  let outcome = status;
  call.outcome = status;
  call.phase = CallPhase.DONE;
  my.isRestless = true;
  if (call.onDone !== null) {
    my.hasNews = true;
    noteFailure(my.asked, status, call);
    return;
  }
  my.flights[my.flights.indexOf(call)] = null;
  if (host === null) return;
  if (host.flight === call) host.flight = null;
  if (call.isAbandoned) {
    my.abandoned--;
    // The answer came after the revocation, or may still be made: revoke once more.
    if (status === Status.OK || !call.said) host.owesRevoke = true;
    call.host = null;
    return;
  }
  if (status === Status.OK) {
    const result = frame === null ? undefined : frame.result;
    const seconds = typeof result === "object" && result !== null ? secondsOf(result.expires_in) : -1;
    const isGuess = !isNew && seconds < 0;
    host.outcome = status;
    host.failures = 0;
    if (call.method === Method.REVOKE) {
      host.owesRevoke = false;
      finish(host, Wish.REVOCATION, keepHost(host) ? Status.OK : Status.STORE_FAILED);
    } else if (!isNew && (isAbsent(result) || seconds === 0)) host.mustGenerate = true;
    else if (seconds === 0) outcome = Status.BAD_RESULT;
    // It was had before a reboot, and nobody says what is left of it.
    else if (isGuess && host.count === 0) host.mustGenerate = true;
    else {
      // A token that was not refused until its refresh clears the one before it of suspicion.
      if (isNew && !host.mustGenerate && isLive(host)) host.rejection = Rejection.NONE;
      host.text = tokenIn(result);
      host.count++;
      host.sentAt = call.sentAt;
      host.lifetime =
        seconds > 0
          ? seconds * 1000
          : (claimedMs(host.text) ?? my.bounds.tokenMaxAgeMs ?? DEFAULT_LIMITS.tokenMaxAgeMs);
      plan(host, 0);
      host.isGuess = isGuess;
      if (isGuess) {
        host.refreshAt = my.nowMs;
        host.isSpread = true;
      }
      host.isKnown = true;
      host.mustGenerate = false;
      if (isNew) finish(host, Wish.NEW_TOKEN, Status.OK);
      finish(host, Wish.TOKEN, Status.OK);
    }
  }
  if (outcome === Status.OK) {
    writeDown(host, outcome, 0);
    return;
  }
  call.outcome = outcome;
  const code = call.said ? call.said : 0;
  const isPassing =
    outcome === my.lastLoss ||
    (outcome >= Status.TIMEOUT && outcome <= Status.SUBSCRIPTION_REFUSED) ||
    outcome === Status.THROTTLED ||
    outcome === Status.UNAVAILABLE ||
    (outcome === Status.CLOUD_ERROR && (code === 500 || code === 504));
  host.outcome = outcome;
  // Where no answer came because there was no connection, the session's backoff is wait enough.
  if (code !== 0 || !isPassing || my.phase >= Phase.CONNECTING) {
    const asked =
      frame !== null && frame.error !== undefined ? Math.max(0, secondsOf(frame.error.retry_after)) : 0;
    const most = my.bounds.retryAfterCapMs ?? DEFAULT_LIMITS.retryAfterCapMs;
    // A cloud that is silent is so to all, and says nothing of when to ask again.
    host.notBefore =
      my.nowMs +
      Math.min(asked * 1000, most) +
      backoff(host, unit(random(6)), outcome === Status.TIMEOUT ? 3 : 0);
  }
  if (call.method === Method.REVOKE) {
    if (!isPassing) {
      host.owesRevoke = false;
      finish(host, Wish.REVOCATION, outcome);
    }
  } else {
    // The cloud may have made the new token all the same, and then ends ours soon.
    if (isLive(host) && code === 0 && call.attempts > 0) {
      host.refreshAt = my.nowMs;
      host.isSpread = true;
    }
    if (!isPassing) {
      host.mustGenerate = false;
      finish(host, Wish.TOKEN, outcome);
      finish(host, Wish.NEW_TOKEN, outcome);
    }
  }
  noteFailure(host, outcome, call);
}
