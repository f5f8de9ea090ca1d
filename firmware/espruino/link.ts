import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { endCall, nextPacket, ourName, takeCall, writeDown } from "./calls.js";
import { base64url, chr, derive, hmac, random, u16, unit } from "./proofs.js";
import { received } from "./receive.js";
import { CallPhase, Method, my, Phase } from "./state.js";
import { mqttPacket, text } from "./text.js";
import { backoff } from "./tokens.js";
import { now, soon, turn } from "./turns.js";

/** Opens a connection to the next place. */
export function openLink(): void {
  const cloud = my.given.cloud;
  const tls = my.given.tls;
  const places = cloud.alternatives ?? [];
  my.phase = Phase.OPENING;
  my.phaseEnds = my.nowMs + (my.bounds.connectTimeoutMs ?? DEFAULT_LIMITS.connectTimeoutMs);
  my.place = my.nextPlace;
  my.isOpen = false;
  my.isHeard = false;
  const place = my.place === 0 ? cloud : places[my.place - 1];
  const address = { host: place.host, port: place.port ?? cloud.port ?? 1883 };
  let status = Status.UNREACHABLE;
  try {
    const socket: Socket =
      tls === undefined
        ? require("net").connect(address, () => linkOpened(socket))
        : require("tls").connect(Object.assign(address, { key: tls.key, cert: tls.cert, ca: tls.ca }), () =>
            linkOpened(socket),
          );
    my.socket = socket;
    my.queued = 0;
    socket.on("data", (data) => {
      if (my.socket === socket) received(data);
    });
    socket.on("drain", () => {
      if (my.socket === socket) my.queued = 0;
      if (my.given.messages !== undefined) soon();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (my.isOpen) status = tls === undefined || my.isHeard ? Status.CONNECTION_LOST : Status.TLS_FAILED;
      linkClosed(socket, status);
    });
  } catch (error) {
    const message = (error as Error).message;
    if (message.split("locate host").length > 1) status = Status.HOST_UNKNOWN;
    if (message.split("mbedtls").length > 1) status = Status.TLS_FAILED;
    const none = {} as Socket;
    my.socket = none;
    setTimeout(() => linkClosed(none, status), 0);
  }
}

/** The connection is gone. */
export function linkClosed(socket: Socket, status: Status): void {
  if (my.socket !== socket) return;
  my.socket = null;
  my.heardOfMs = now();
  loseLink(status, false);
  turn();
}

/** The connection is open: what it begins with is composed. */
export function linkOpened(socket: Socket): void {
  if (my.socket !== socket || my.isOpen) return;
  const id = ourName();
  let password = "";
  my.heardOfMs = now();
  my.isOpen = true;
  my.phase = Phase.CONNECTING;
  my.isAccepted = false;
  my.buffer = "";
  my.skip = 0;
  my.answerBy = Infinity;
  my.isPinging = false;
  my.sentAt = my.nowMs;
  if (my.isAsking) {
    my.nonce = random(16);
    password = `${base64url(my.nonce, 22)}.${proofOfCounter("q", "")}`;
  } else if (my.connectProof === "counter") {
    password = `${++my.latest}`;
    password += `.${base64url(hmac(derive(my.secretText, "counter"), `${id}:${password}`), 43)}`;
  } else if (my.connectProof === "password") password = my.secretText;
  my.outbox = mqttPacket(
    16,
    `\0\x04MQTT\x04${password === "" ? "\x02" : "\xc2"}${u16(my.bounds.keepAliveS ?? DEFAULT_LIMITS.keepAliveS)}${text(id)}${password === "" ? "" : text(id) + text(password)}`,
  );
  if (!my.isAsking) {
    if (my.given.cloud.pipeline !== false) subscribe();
    my.needsMac = true;
    my.isFresh = my.connectProof === "counter";
    if (!my.flights[0]) takeCall(Method.HELLO, null, "", null);
  }
  turn();
}

/** Composes the one SUBSCRIBE. */
export function subscribe(): void {
  const packet = nextPacket();
  my.subscription = my.lastPacket;
  my.outbox += mqttPacket(130, `${packet}${text(`${ourName()}/rpc/#`)}\x01`);
}

/** The MAC of the wire's B8: of a question, or with a counter of its answer. */
export function proofOfCounter(purpose: string, counter: string): string {
  const id = my.us;
  const proved = purpose + chr(id.length) + id + my.nonce + counter;
  return base64url(hmac(derive(my.secretText, "recover"), proved), 43);
}

/** The connection is over, or could not be made: what was under way is prepared for the next one. */
export function loseLink(status: Status, isPolite: boolean): void {
  const isReady = my.phase === Phase.READY;
  const isStable = isReady && my.nowMs - my.readyAt >= (my.bounds.stableMs ?? DEFAULT_LIMITS.stableMs);
  const isNew = my.phase === Phase.CONNECTING;
  const share = unit(random(6));
  const isRefusal =
    status >= Status.VERSION_REFUSED &&
    status <= Status.SUBSCRIPTION_REFUSED &&
    status !== Status.SERVER_UNAVAILABLE;
  const places = 1 + (my.given.cloud.alternatives ?? []).length;
  let isSoon = false;
  let isHopeless = false;
  if (my.isAsking) {
    isSoon = my.isFound;
    // A hint that led nowhere is not followed again: the connection may still be of use.
    my.wasAsked = my.isFound || my.lastLoss === Status.MAC_MISSING;
    my.isAsking = false;
  } else {
    const isUnproved =
      status === Status.BAD_CREDENTIALS || status === Status.NOT_AUTHORIZED || status === Status.MAC_MISSING;
    my.isAsking = isUnproved && !my.wasAsked && (my.isMac || my.connectProof === "counter");
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
  const base = my.bounds.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs;
  if (isSoon) my.phaseEnds = share * base * 0.25;
  else if (isHopeless)
    my.phaseEnds = (my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs) * (0.5 + 0.5 * share);
  else my.phaseEnds = backoff(my, share);
  my.phaseEnds += my.nowMs;
  my.phase = Phase.WAITING;
  my.isUntold = true;
  leaveLink(isNew && my.lastLoss === Status.CONNECTION_LOST ? Status.HUNG_UP : my.lastLoss, isPolite);
}

/** No connection is wanted any more. */
export function stopLink(why: Status): void {
  const isConnected = my.phase >= Phase.CONNECTING;
  my.heardOfMs = now();
  my.phase = Phase.RESTING;
  leaveLink(why, isConnected);
}

/** The connection ends; what was under way is prepared for the next one. */
export function leaveLink(why: Status, isPolite: boolean): void {
  const socket = my.socket;
  writeDown(my.lost, why, 0);
  my.socket = null;
  my.outbox = "";
  my.buffer = "";
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
  if (socket === null || socket.end === undefined) return;
  if (isPolite) socket.write("\xe0\0");
  socket.end();
}
