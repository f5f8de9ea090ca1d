import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { RecordKind } from "../store/record.js";
import type { OnAnswer } from "./api.js";
import { endCall } from "./ending.js";
import { base64url, hmac, u16, u64, uint } from "./proofs.js";
import { load, save, slotsOf, Unread } from "./records.js";
import { type Call, CallPhase, type Host, Method, my, SECONDS_MAX } from "./state.js";
import { mqttPacket, quoted, text } from "./text.js";

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
  const filter = text(`${my.caller}/rpc/#`);
  my.outbox += mqttPacket(130, `${packet}${filter}\x01`);
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
      const mac = hmac(my.macKey, `d${frame}`);
      frame += ".";
      frame += base64url(mac, 43);
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

/** Whether there is a counter to use; a block of 64 is in Storage before its first is. */
export function reserveCounter(): boolean {
  if (my.latest < my.reserved) return true;
  if (my.counters === null) {
    const counters = slotsOf("motekey-ctr", RecordKind.COUNTER, RecordKind.COUNTER);
    const payload = load(counters, my.nowMs);
    if (payload === Unread.UNREADABLE) return false;
    if (typeof payload === "string" && payload.length === 8)
      my.latest = Math.max(my.latest, uint(payload, 0, 8));
    my.counters = counters;
  }
  const reserved = my.latest + 64;
  if (reserved > SECONDS_MAX || !save(my.counters, RecordKind.COUNTER, u64(reserved), my.nowMs)) return false;
  my.reserved = reserved;
  return true;
}
