import type { OnToken } from "./api.js";
import { wake } from "./clock.js";
import { readPlain } from "./plain-json.js";
import { base64url, chr, hmac, isSame, u16 } from "./proofs.js";
import { unseal } from "./seal.js";
import { type Call, CallPhase, type Host, Method, my, NO_END, SECONDS_MAX, Wish } from "./state.js";

const put = (bytes: string): void => {
  my.sentAt = my.nowMs;
  my.queued += bytes.length;
  (my.socket as Socket).write(bytes);
};

/** Asks for a new token at once. @returns false: a turn has to */
export function askOrdinary(host: Host, onToken: OnToken): boolean {
  const nowMs = my.nowMs;
  const packet = (my.lastPacket % 65535) + 1;
  if (!host.isPlain || nowMs < host.notBefore) return false;
  let frame = `{"v":2,"src":"${my.us}","id":${my.lastId + 1},"method":"/v1/Auth.GenerateToken","args":{"host":"${host.name}"}}\n${my.sends}`;
  frame += `.${base64url(hmac(my.macKey, `d${frame}`), 43)}`;
  const body = my.requestTopic + u16(packet) + frame;
  const length = body.length;
  if (length + 3 > my.sendMost || length < 128) return false;
  const deadline = nowMs + my.callMs;
  const attemptAt = nowMs + my.attemptMs;
  const call: Call = {
    phase: CallPhase.SENT,
    method: Method.GENERATE,
    host,
    args: `"host":"${host.name}"`,
    id: ++my.lastId,
    attempts: 1,
    sentAt: nowMs,
    patience: my.attemptMs,
    attemptAt,
    deadline,
    packet,
    cause: 0,
    onDone: null,
  } as Call;
  my.flights[1] = call;
  my.lastPacket = packet;
  my.sends++;
  host.flight = call;
  my.waiting.push({
    host,
    wish: Wish.NEW_TOKEN,
    onToken,
    deadline,
    isDone: false,
    outcome: 0,
  });
  my.isCalm = false;
  my.only = call;
  put(chr(50, (length & 127) | 128, length >> 7) + body);
  wake(Math.min(attemptAt, deadline));
  return true;
}

/** Takes what is nothing but the answer to the one call. @returns false: it is anything else */
export function takeOrdinary(bytes: string): boolean {
  const call = my.only;
  const topic = my.answerTopic;
  const from = topic.length + 5;
  const length = bytes.length;
  if (call === null || bytes.substr(3, topic.length) !== topic || bytes[length - 44] !== ".") return false;
  const packet = bytes.substr(from - 2, 2);
  const to = bytes.indexOf("\n", length - 55);
  const digits = bytes.substr(to + 1, length - to - 45);
  const sequence = Number(digits);
  if (packet === "\0\0" || to < from || `${sequence}` !== digits) return false;
  if (!(sequence >= my.receives && sequence <= NO_END)) return false;
  const right = base64url(hmac(my.macKey, `c${bytes.substr(from, length - from - 44)}`), 43);
  if (!isSame(bytes.substr(length - 43), right)) return false;
  const frameText = bytes.substr(from, to - from);
  const frame = readPlain(frameText);
  if (
    frame === undefined ||
    frame.id !== call.id ||
    frame.v !== 2 ||
    frame.dst !== my.us ||
    frame.src !== my.cloud
  )
    return false;
  const result = frame.result;
  if (
    frame.error !== undefined ||
    frame.method !== undefined ||
    typeof result !== "object" ||
    result === null
  )
    return false;
  const sealed = result.sealed;
  const token = typeof sealed === "string" && result.token === undefined ? unseal(sealed) : result.token;
  const seconds = result.expires_in;
  if (my.mustSeal || my.isSealed) if (sealed === undefined) return false;
  if (typeof token !== "string" || token === "" || token.length > my.tokenMost) return false;
  if (typeof seconds !== "number" || !(seconds > 0 && seconds <= SECONDS_MAX)) return false;
  // All is right: from here on it is done.
  const host = call.host as Host;
  const waiter = my.waiting.pop();
  const life = seconds * 1000;
  my.receives = sequence + 1;
  if (sealed !== undefined) my.isSealed = true;
  my.rest = "";
  my.flights[1] = null;
  my.only = null;
  my.isCalm = true;
  host.flight = null;
  host.outcome = 0;
  host.failures = 0;
  host.text = token;
  host.count++;
  host.sentAt = call.sentAt;
  host.lifetime = life;
  host.refreshAt = call.sentAt + Math.max(Math.min(life * 0.7, life - 2 * my.callMs), life / 2);
  host.isSpread = false;
  host.isGuess = false;
  host.why = 0;
  host.said = 0;
  host.order = ++my.order;
  put(`@\x02${packet}`);
  wake(host.refreshAt);
  if (waiter !== undefined && waiter.onToken !== null)
    waiter.onToken(0, { token, generation: host.count, remainingMs: call.sentAt + life - my.nowMs });
  return true;
}
