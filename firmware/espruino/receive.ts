import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { publishCall, subscribe, takeCall } from "./calls.js";
import { endCall, isAbsent, tokenIn } from "./ending.js";
import { isRestBlank, Reading, readFrame } from "./json.js";
import { loseLink } from "./loss.js";
import { base64url, hmac, isSame, u64, uint } from "./proofs.js";
import { proofOfCounter } from "./recovery.js";
import { unseal } from "./seal.js";
import { type Call, CallPhase, Method, my, NO_END, Phase, writeDown } from "./state.js";
import { mqttPacket, text } from "./text.js";

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

/** What is not ordinary: any bytes. @returns whether a turn is to follow: not from here, the stack is short */
export function takePackets(from: string): boolean {
  let bytes = from;
  let isStirred = false;
  my.isHeard = true;
  while (bytes.length > 1 && my.phase >= Phase.CONNECTING) {
    let at = 1;
    let length = 0;
    let unit = 1;
    let byte = 0;
    if (my.skip > 0) {
      const count = Math.min(my.skip, bytes.length);
      my.skip -= count;
      bytes = bytes.substr(count);
      continue;
    }
    do {
      byte = bytes.charCodeAt(at++);
      length += (byte & 127) * unit;
      unit *= 128;
    } while (byte > 127 && at < 5);
    if (at > bytes.length) break;
    // Which packets a server may send, with which flags and of what length (2.2).
    const first = bytes.charCodeAt(0);
    const flags = first & 15;
    const known = "--2P2222-3-2-0--"[first >> 4];
    let status = Status.OK;
    if (known === "-") status = Status.MQTT_PACKET_TYPE;
    else if (known === "P") {
      if ((flags & 6) === 6) status = Status.MQTT_QOS;
      else if (flags > 7 && (flags & 6) === 0) status = Status.MQTT_FLAGS;
      else if (length < 2 || byte > 127) status = Status.MQTT_LENGTH;
    } else if (flags !== (first >> 4 === 6 ? 2 : 0)) status = Status.MQTT_FLAGS;
    else if (byte > 127 || length !== Number(known)) status = Status.MQTT_LENGTH;
    if (status !== Status.OK) {
      isStirred = loseLink(status, false);
      break;
    }
    // Of a packet that is too long as much is taken as says what it is; the rest is skipped.
    const most = (my.bounds.frameBytes ?? 1536) + 200;
    const taken = Math.min(length, most);
    if (bytes.length < (length > most ? most : at + length)) break;
    if (length > most) my.skip = at + length;
    isStirred = takePacket(first, bytes.substr(at, taken), length) || isStirred;
    const message = my.message;
    my.message = null;
    if (message !== null) takeMessage(message, my.isRequest);
    if (length <= most) bytes = bytes.length === at + length ? "" : bytes.substr(at + length);
  }
  if (my.phase >= Phase.CONNECTING) my.rest = bytes;
  const most = 2 * (my.bounds.sendBytes ?? DEFAULT_LIMITS.sendBytes);
  if (my.phase >= Phase.CONNECTING && my.queued + my.outbox.length > most)
    isStirred = loseLink(Status.CONGESTED, false);
  return isStirred || my.outbox !== "";
}

/**
 * Takes a packet.
 * @param length of `body` as it was sent; a longer one was cut
 * @returns whether a turn is to follow
 */
export function takePacket(first: number, body: string, length: number): boolean {
  const type = first >> 4;
  const messages = my.given.messages;
  // Nothing waits for the acknowledgement of a call: its answer is one.
  if (type === 4 && messages === undefined && my.isAccepted && uint(body, 0, 2) > 0) return false;
  if (type === 3) {
    const own = `${my.caller}/rpc`;
    const topicTo = 2 + uint(body, 0, 2);
    const from = topicTo + (first & 6 ? 2 : 0);
    const topic = body.substr(2, topicTo - 2);
    if (from > length || topic !== own) {
      if (topicTo > 2 && from > length) return loseLink(Status.MQTT_LENGTH, false);
      if (topicTo === 2 || topic.split("\0").length > 1 || /[+#]/.test(topic))
        return loseLink(Status.MQTT_TOPIC, false);
    }
    if (!my.isAccepted) return loseLink(Status.MQTT_UNEXPECTED, false);
    if (first & 4) return loseLink(Status.MQTT_QOS, false);
    if (first & 2) {
      if (uint(body, topicTo, 2) === 0) return loseLink(Status.MQTT_PACKET_IDENTIFIER, false);
      my.outbox += `@\x02${body.substr(topicTo, 2)}`;
    }
    if (topic !== own && topic.substr(0, own.length + 1) !== `${own}/`) {
      if (messages !== undefined)
        messages.received(topic, body.substr(from), length - from, (first & 1) === 1);
    } else if (length === body.length) {
      my.message = body.substr(from);
      my.isRequest = topic.length > own.length + 1;
    } else {
      // A frame is longer than is kept: of a list nothing else can be said.
      suspectCall(0, Status.TOO_LONG);
      for (let i = 1; i < my.flights.length; i++) {
        const call = my.flights[i];
        if (call && call.method === Method.LIST && call.phase === CallPhase.SENT)
          endCall(call, Status.TOO_LONG, null);
      }
    }
    return true;
  }
  const code = body.charCodeAt(type === 2 ? 1 : 2);
  if (type === 2) {
    let refusal = Status.OK;
    if (body.charCodeAt(0) > 1 || (code > 0 && body.charCodeAt(0) === 1)) refusal = Status.MQTT_FLAGS;
    else if (code > 5) refusal = Status.MQTT_RETURN_CODE;
    else if (my.isAccepted || body.charCodeAt(0) === 1) refusal = Status.MQTT_UNEXPECTED;
    else if (code > 0) refusal = Status.VERSION_REFUSED - 1 + code;
    if (refusal !== Status.OK) return loseLink(refusal, false);
    my.isAccepted = true;
    if (my.isAsking || my.given.cloud.pipeline === false) subscribe();
    return false;
  }
  if (type !== 13 && uint(body, 0, 2) === 0) return loseLink(Status.MQTT_PACKET_IDENTIFIER, false);
  if (type === 9 && code > 2 && code !== 128) return loseLink(Status.MQTT_RETURN_CODE, false);
  if (!my.isAccepted || type === 5 || type === 7) return loseLink(Status.MQTT_UNEXPECTED, false);
  if (type === 13) my.answerBy = Infinity;
  if (type === 6) my.outbox += `p\x02${body}`;
  if (type !== 9 || uint(body, 0, 2) !== my.subscription) {
    if (messages !== undefined) messages.acknowledged(uint(body, 0, 2), code);
    // Of a filter that was given up meanwhile, a SUBACK may come late.
    else if (type === 9) return loseLink(Status.MQTT_UNEXPECTED, false);
    return messages !== undefined || type === 13 || type === 6;
  }
  if (code === 128) return loseLink(Status.SUBSCRIPTION_REFUSED, false);
  my.subscription = 0;
  if (my.isAsking) {
    const question = takeCall(Method.COUNTER, null, "", null);
    if (question !== null) publishCall(question);
    // A question waits no longer than a call: what led to it may have been forged where nobody answers it.
    my.phaseEnds = Math.min(
      my.phaseEnds,
      my.nowMs + (my.bounds.callAttemptMs ?? DEFAULT_LIMITS.callAttemptMs),
    );
    return true;
  }
  my.phase = Phase.READY;
  my.lastLoss = Status.OK;
  my.readyAt = my.nowMs;
  writeDown(my.lost, Status.OK, 0);
  return true;
}

/** A message for us. @param isRequest its topic names a method */
export function takeMessage(message: string, isRequest: boolean): void {
  let frame: Frame = {};
  let status = Status.OK;
  try {
    frame = readFrame(message, my.isAsking ? Reading.COUNTER : Reading.FRAME);
    status = checkTrailer(message);
  } catch (refusal) {
    status = refusal as Status;
  }
  const id = typeof frame.id === "number" ? frame.id : my.idSoFar;
  if (status !== Status.OK) {
    if (status !== Status.MAC_REPLAYED && !isRequest) suspectCall(id, status);
    const isHint =
      my.isMac &&
      !my.isAsking &&
      my.receives === 0 &&
      !my.wasAsked &&
      frame.error !== undefined &&
      frame.error.code === 401;
    // Nobody can prove that the counter is refused: it is believed once, and while nothing came that was proved.
    if (isHint && awaitedCall(id) !== null) loseLink(Status.MAC_MISSING, true);
  } else if (my.isAsking) takeCounter(frame);
  else if (isRequest || frame.method !== undefined) refuseStranger(frame);
  else takeAnswer(frame, id);
}

/** What stands behind the frame: its MAC, or nothing but white space. */
export function checkTrailer(message: string): Status {
  const from = my.end;
  if (!my.isMac || my.isAsking) {
    return isRestBlank(message) ? Status.OK : Status.FRAME_TRAILING;
  }
  if (message[from] !== "\n") return Status.MAC_MISSING;
  const dot = message.indexOf(".", from);
  const digits = message.substr(from + 1, dot - from - 1);
  const sequence = Number(digits);
  const mac = message.substr(dot + 1);
  if (dot < 0 || `${sequence}` !== digits || !(sequence >= 0 && sequence <= NO_END) || mac.length !== 43)
    return Status.MAC_WRONG;
  const right = base64url(hmac(my.macKey, `c${message.substr(0, dot)}`), 43);
  if (!isSame(mac, right)) return Status.MAC_WRONG;
  if (sequence < my.receives) return Status.MAC_REPLAYED;
  my.receives = sequence + 1;
  return Status.OK;
}

/** The cloud's answer to the question for our counter, or its refusal; what is neither is dropped. */
export function takeCounter(frame: Frame): void {
  const question = my.flights[0];
  const result = frame.result;
  const counter = result ? (result.c as number) : -1;
  if (frame.method !== undefined || !question || frame.id !== question.id) return;
  if (frame.error === undefined) {
    if (!result || !(counter >= 0 && counter < 4503599627370496 && counter % 1 === 0)) return;
    if (typeof result.mac !== "string" || !isSame(result.mac, proofOfCounter("a", u64(counter)))) return;
    if (counter >= my.latest) {
      my.latest = counter;
      my.isFound = true;
      my.lastLoss = Status.COUNTER_BEHIND;
    }
  }
  loseLink(my.lastLoss, true);
}

/** We serve no method: a valid sender learns it, once a second; under a MAC nobody does. */
export function refuseStranger(frame: Frame): void {
  const src = frame.src;
  if (my.isMac || src === undefined || src === my.us || frame.nr === true) return;
  if (
    typeof frame.id !== "number" ||
    src.length > 64 ||
    !/^[A-Za-z0-9_-]+$/.test(src) ||
    my.nowMs - my.strangerAt < 1000
  )
    return;
  my.strangerAt = my.nowMs;
  const answer = `{"v":2,"src":"${my.us}","dst":"${src}","id":${frame.id},"error":{"code":404,"message":"no such method"}}`;
  my.outbox += mqttPacket(48, text(`${src}/rpc`) + answer);
}

/** Finds the call that a frame belongs to, and ends it. */
export function takeAnswer(frame: Frame, id: number): void {
  const isOurs = frame.dst === undefined || frame.dst === my.us;
  if (!isOurs || (frame.src !== undefined && frame.src !== my.cloud)) {
    if (isOurs && id > 0) suspectCall(id, Status.FOREIGN_ANSWER);
    return;
  }
  const call = awaitedCall(id);
  if (call === null) return;
  const result = frame.result;
  const method = call.method;
  let status = Status.OK;
  if (frame.error !== undefined) {
    call.said = frame.error.code as number;
    const place = [400, 401, 403, 404, 429, 503, 418].indexOf(call.said);
    status = place < 0 ? Status.CLOUD_ERROR : Math.min(Status.BAD_ARGUMENTS + place, Status.UNAVAILABLE);
  } else if (method < Method.LIST) {
    const fields = typeof result === "object" && result !== null ? result : ({} as Result);
    const sealed = fields.sealed;
    const isSealed = sealed !== undefined;
    if (isSealed)
      fields.token =
        my.isMac && fields.token === undefined && typeof sealed === "string" ? unseal(sealed) : "";
    const token = tokenIn(result);
    if (method === Method.HELLO) {
      const extensions = fields.ext as Given | null | undefined;
      if (my.isMac && extensions && extensions.seal === 1) my.isSealed = true;
    } else if (token.length > (my.bounds.tokenBytes ?? DEFAULT_LIMITS.tokenBytes))
      status = Status.TOKEN_TOO_LONG;
    else if (token === "" && (method === Method.GENERATE || !isAbsent(result))) status = Status.BAD_RESULT;
    else if (token !== "" && isSealed) my.isSealed = true;
    else if (token !== "" && (my.isSealed || my.mustSeal)) status = Status.TOKEN_UNSEALED;
  }
  if (status !== Status.OK || method < Method.LIST || method === Method.REVOKE) {
    // Behind a return the engine reads nothing: what is rare stands last.
    endCall(call, status, frame);
    return;
  }
  if (method === Method.LIST) {
    const hosts: string[] = [];
    if (!Array.isArray(result)) status = Status.BAD_RESULT;
    else
      for (let i = 0; i < result.length; i++) {
        const item = result[i] as { host?: unknown } | null;
        const host = item ? item.host : undefined;
        if (typeof host !== "string") continue;
        if (host.length > (my.bounds.hostBytes ?? DEFAULT_LIMITS.hostBytes)) status = Status.HOST_TOO_LONG;
        else hosts.push(host);
      }
    call.result = status === Status.OK ? hosts : null;
  } else {
    let verdict: unknown = result;
    if (method === Method.AUTHENTICATE && typeof result === "object" && result !== null)
      verdict = result.success;
    call.result = verdict === true;
    status = verdict === true ? Status.OK : verdict === false ? Status.NOT_ALLOWED : Status.BAD_RESULT;
  }
  endCall(call, status, frame);
}
