import { RecordKind } from "../keep/record.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { OnAnswer } from "./api.js";
import { finish, isLive, plan } from "./hosts.js";
import { keepHost } from "./ledger.js";
import { base64url, chr, derive, hmac, random, u16, u64, uint, unit } from "./proofs.js";
import { Slots, Unread } from "./records.js";
import {
  type Call,
  CallPhase,
  type Failure,
  type Host,
  Method,
  my,
  Phase,
  Rejection,
  SECONDS_MAX,
  type Tries,
  Wish,
} from "./state.js";
import { claimedMs, isAbsent, mqttPacket, quoted, secondsOf, text, tokenIn } from "./text.js";

/** Where answers come from. */
export const cloudAddress = (): string => my.cloud;

/** Writes down what went wrong. */
export function writeDown(failure: Failure, why: Status, code: number): void {
  failure.why = why;
  failure.said = code;
  failure.order = ++my.order;
}

/** What a call's end says of what keeps us from our work. */
export function noteFailure(failure: Failure, status: Status, call: Call | null): void {
  const code = call === null || call.said === undefined ? 0 : call.said;
  const isConnections = my.phase !== Phase.READY && code === 0 && status !== Status.TOO_LONG;
  if (isConnections) writeDown(failure, Status.OK, 0);
  else if (call !== null && status === Status.TIMEOUT && call.cause !== Status.OK)
    writeDown(failure, call.cause, 0);
  else writeDown(failure, status, code);
}

/** A place for a call, with an id; null where all are taken. */
export function takeCall(
  method: Method,
  host: Host | null,
  args: string,
  onDone: OnAnswer<never> | null,
): Call | null {
  let place = method === Method.HELLO || method === Method.COUNTER ? 0 : 1;
  while (my.flights[place]) place++;
  if (place > (my.bounds.calls ?? DEFAULT_LIMITS.calls)) return null;
  const call: Call = {
    method,
    host,
    args,
    onDone,
    phase: CallPhase.QUEUED,
    id: ++my.lastId,
    attempts: 0,
    patience: my.attemptMs / 2,
    deadline: my.nowMs + my.callMs,
    cause: 0,
  } as Call;
  my.flights[place] = call;
  return call;
}

/** A frame for us was dropped: it may have been the answer to the call that it names, or to any. */
export function suspectCall(id: number, status: Status): void {
  for (let i = 0; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (call && call.attempts > 0 && call.phase !== CallPhase.DONE && (id === 0 || call.id === id))
      call.cause = status;
  }
}

/** The published call with this id, or null. */
export function awaitedCall(id: number): Call | null {
  for (let i = 0; i < my.flights.length; i++) {
    const call = my.flights[i];
    if (call && call.id === id && call.attempts > 0 && call.phase !== CallPhase.DONE) return call;
  }
  return null;
}

/** The wait before the next attempt, full jitter; a bound at the cap stays there. */
export function backoff(tries: Tries, share: number): number {
  const cap = my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs;
  const base = my.bounds.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs;
  const bound = Math.min(cap, base * Math.pow(2, tries.failures));
  if (bound < cap) tries.failures++;
  return share * bound;
}

/** A packet identifier that no call has, two bytes. */
export function nextPacket(): string {
  let isTaken = true;
  while (isTaken) {
    my.lastPacket = (my.lastPacket % 65535) + 1;
    isTaken = my.given.messages !== undefined && my.given.messages.has(my.lastPacket);
    for (let i = 0; i < my.flights.length; i++) {
      const call = my.flights[i];
      if (call && call.phase === CallPhase.SENT && call.packet === my.lastPacket) isTaken = true;
    }
  }
  return u16(my.lastPacket);
}

/** Composes the one SUBSCRIBE. */
export function subscribe(): void {
  const packet = nextPacket();
  my.subscription = my.lastPacket;
  my.outbox += mqttPacket(130, `${packet}${text(`${my.caller}/rpc/#`)}\x01`);
}

/** Composes a request (the wire's A1, A4, B6). */
export function publishCall(call: Call): void {
  const id = my.caller;
  const method = call.method;
  let name = "Auth.GenerateToken";
  if (method !== Method.GENERATE)
    name =
      "Hello,,Auth.GetToken,Auth.ListToken,Auth.RevokeToken,Auth.Authenticate,Auth.AuthorizeCommand,Auth.Counter".split(
        ",",
      )[method];
  let frame = `{"v":2,"src":"${id}","id":${call.id},"method":"/v1/${name}","args":{${call.args}}`;
  const packet = nextPacket();
  if (my.isAsking) frame += "}";
  else {
    if (my.isMac) frame += my.sec;
    frame += my.isKeyed ? `,"key":${quoted(my.secret)}}` : "}";
    if (my.isMac) {
      frame += `\n${my.sends}`;
      frame += `.${base64url(hmac(my.macKey, `d${frame}`), 43)}`;
    }
  }
  const topic = (my.given.cloud.requestTopic ?? "cloud/from/{id}/rpc").split("{id}").join(id);
  const bytes = mqttPacket(50, text(topic) + packet + frame);
  if (bytes.length > (my.bounds.sendBytes ?? DEFAULT_LIMITS.sendBytes)) {
    endCall(call, Status.TOO_LONG, null);
    return;
  }
  if (!my.isAsking) my.sec = "";
  my.sends++;
  my.outbox += bytes;
  if (call.attempts === 0) call.sentAt = my.nowMs;
  call.attempts++;
  call.patience *= 2;
  call.packet = my.lastPacket;
  call.phase = CallPhase.SENT;
  call.attemptAt = method === Method.HELLO || method === Method.COUNTER ? Infinity : my.nowMs + call.patience;
}

/** The MAC of the wire's B8: of a question, or with a counter of its answer. */
export function proofOfCounter(purpose: string, counter: string): string {
  const id = my.us;
  const proved = purpose + chr(id.length) + id + my.nonce + counter;
  return base64url(hmac(derive(my.secret, "recover"), proved), 43);
}

/** Whether there is a counter to use; a block of 64 is in Storage before its first is. */
export function reserveCounter(): boolean {
  if (my.latest < my.reserved) return true;
  if (my.counters === null) {
    const counters = new Slots("motekey-ctr", RecordKind.COUNTER, RecordKind.COUNTER);
    const payload = counters.load(my.nowMs);
    if (payload === Unread.UNREADABLE) return false;
    if (typeof payload === "string" && payload.length === 8)
      my.latest = Math.max(my.latest, uint(payload, 0, 8));
    my.counters = counters;
  }
  const reserved = my.latest + 64;
  if (reserved > SECONDS_MAX || !my.counters.save(RecordKind.COUNTER, u64(reserved), my.nowMs)) return false;
  my.reserved = reserved;
  return true;
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
  if (code !== 0 || !isPassing || my.phase === Phase.READY) {
    const asked =
      frame !== null && frame.error !== undefined ? Math.max(0, secondsOf(frame.error.retry_after)) : 0;
    const most = my.bounds.retryAfterCapMs ?? DEFAULT_LIMITS.retryAfterCapMs;
    host.notBefore = my.nowMs + Math.min(asked * 1000, most) + backoff(host, unit(random(6)));
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
