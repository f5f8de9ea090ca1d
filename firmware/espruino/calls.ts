import { RecordKind } from "../keep/record.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { OnAnswer } from "./api.js";
import { loseLink } from "./link.js";
import { base64url, derive, hmac, keyOf, random, u16, u64, uint } from "./proofs.js";
import { Slots, Unread } from "./records.js";
import { type Call, CallPhase, type Failure, type Host, Method, my, Phase, SECONDS_MAX } from "./state.js";
import { mqttPacket, quoted, text } from "./text.js";
import { callMs, hostCallEnded } from "./tokens.js";
import { excuseNow, nextChance, now, soon } from "./turns.js";

/** Writes down what went wrong. */
export function writeDown(failure: Failure, why: Status, code: number): void {
  failure.why = why;
  failure.code = code;
  failure.order = ++my.order;
}

/** Where answers come from. */
export function cloudAddress(): string {
  return my.given.cloud.address ?? "//api.mongoose-iot.com";
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
    deadline: my.nowMs + callMs(),
    cause: 0,
  } as Call;
  my.flights[place] = call;
  return call;
}

/** A call that is about no host. BUSY: there is no place for it. */
export function ask(method: Method, args: string, onDone: OnAnswer<never>): Status {
  if (my.isClosed) return Status.CLOSED;
  now();
  if (takeCall(method, null, args, onDone) === null) return Status.BUSY;
  soon();
  return Status.OK;
}

/** How long an answer is waited for, ms: doubled with each attempt. */
export function patienceOf(call: Call): number {
  return (my.bounds.callAttemptMs ?? DEFAULT_LIMITS.callAttemptMs) * Math.pow(2, call.attempts - 1);
}

/** Ends calls without hope, publishes what is due, and keeps the connection alive. */
export function tendCalls(): void {
  my.heardOfMs = my.nowMs;
  const chance = nextChance();
  const calls = my.flights;
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i];
    if (!call || call.phase === CallPhase.DONE) continue;
    if (chance >= call.deadline) endCall(call, excuseNow(), null);
    else if (call.phase === CallPhase.SENT && my.nowMs >= call.attemptAt) {
      call.phase = CallPhase.QUEUED;
      my.needsMac = true;
      my.isFresh = false;
      if (my.heardAt < call.attemptAt - patienceOf(call) && my.answerBy === Infinity) my.isPinging = true;
    }
  }
  if (my.phase >= Phase.OPENING) tendConnection();
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

/** When the keep-alive has something to do. */
export function aliveAt(): number {
  if (my.answerBy !== Infinity) return my.answerBy;
  const keepAliveS = my.bounds.keepAliveS ?? DEFAULT_LIMITS.keepAliveS;
  return keepAliveS > 0 ? Math.min(my.sentAt, my.heardAt) + keepAliveS * 750 : Infinity;
}

/** Times out, pings, proves and publishes. */
export function tendConnection(): void {
  const isReady = my.phase === Phase.READY;
  if (!isReady && my.nowMs >= my.phaseEnds) {
    loseLink(Status.CONNECT_TIMEOUT, false);
    return;
  }
  if (my.phase === Phase.OPENING) return;
  if (my.nowMs >= my.answerBy) {
    loseLink(Status.KEEP_ALIVE_TIMEOUT, false);
    return;
  }
  if (isReady && (my.isPinging || (my.answerBy === Infinity && my.nowMs >= aliveAt()))) {
    my.isPinging = false;
    my.outbox += "\xc0\0";
    my.answerBy = Math.min(my.answerBy, my.nowMs + (my.bounds.pingTimeoutMs ?? DEFAULT_LIMITS.pingTimeoutMs));
  }
  if (!isReady && (my.isAsking || my.given.cloud.pipeline === false)) return;
  if (my.isMac && my.needsMac) {
    const counter = my.isFresh || reserveCounter() ? (my.isFresh ? my.latest : ++my.latest) : 0;
    if (counter === 0) {
      loseLink(Status.STORE_FAILED, false);
      return;
    }
    const nonce = random(16);
    my.sec = `,"sec":{"c":${counter},"n":"${base64url(nonce, 22)}"}`;
    my.macKey = keyOf(hmac(derive(my.secretText, "mac"), `s${u64(counter)}${nonce}`));
    my.sends = 0;
    my.receives = 0;
    my.isFresh = false;
    my.needsMac = false;
  }
  for (let i = my.flights.length - 1; i >= 0; i--) {
    const call = my.flights[i];
    if (call && call.phase === CallPhase.QUEUED) publishCall(call);
  }
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

/** Composes a request (the wire's A1, A4, B6). */
export function publishCall(call: Call): void {
  const id = ourName();
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
    frame += my.isKeyed ? `,"key":${quoted(my.secretText)}}` : "}";
    if (my.isMac) {
      frame += `\n${my.sends}`;
      frame += `.${base64url(hmac(my.macKey, `d${frame}`), 43)}`;
    }
  }
  const bytes = mqttPacket(50, text(requestTopic(id)) + packet + frame);
  if (bytes.length > (my.bounds.sendBytes ?? DEFAULT_LIMITS.sendBytes)) {
    endCall(call, Status.TOO_LONG, null);
    return;
  }
  if (!my.isAsking) my.sec = "";
  my.sends++;
  my.outbox += bytes;
  if (call.attempts === 0) call.sentAt = my.nowMs;
  call.attempts++;
  call.packet = my.lastPacket;
  call.phase = CallPhase.SENT;
  call.attemptAt =
    method === Method.HELLO || method === Method.COUNTER ? Infinity : my.nowMs + patienceOf(call);
}

/** Who this connection is of. */
export function ourName(): string {
  return my.isAsking ? `${my.us}-recover` : my.us;
}

/** Where requests go. */
export function requestTopic(id: string): string {
  return (my.given.cloud.requestTopic ?? "cloud/from/{id}/rpc").split("{id}").join(id);
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

/** A call is over. */
export function endCall(call: Call, status: Status, frame: Frame | null): void {
  const host = call.host;
  call.status = status;
  call.phase = CallPhase.DONE;
  my.isRestless = true;
  if (call.onDone !== null) noteFailure(my.asked, status, call);
  else {
    if (host !== null) hostCallEnded(call, host, frame);
    my.flights[my.flights.indexOf(call)] = null;
  }
}

/** What a call's end says of what keeps us from our work. */
export function noteFailure(failure: Failure, status: Status, call: Call | null): void {
  const code = call === null || call.code === undefined ? 0 : call.code;
  const isConnections = my.phase !== Phase.READY && code === 0 && status !== Status.TOO_LONG;
  if (isConnections) writeDown(failure, Status.OK, 0);
  else if (call !== null && status === Status.TIMEOUT && call.cause !== Status.OK)
    writeDown(failure, call.cause, 0);
  else writeDown(failure, status, code);
}
