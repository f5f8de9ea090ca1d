import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { subscribe, takeCall } from "./calls.js";
import { now } from "./clock.js";
import { closed, drained, linkClosed, received } from "./events.js";
import { derive, random } from "./keys.js";
import { base64url, hmac, u16 } from "./proofs.js";
import { proofOfCounter } from "./recovery.js";
import { Method, my, Phase } from "./state.js";
import { mqttPacket, text } from "./text.js";

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
    socket.on("data", received);
    socket.on("drain", drained);
    socket.on("error", () => {});
    socket.on("close", closed);
  } catch (error) {
    const message = (error as Error).message;
    if (message.split("locate host").length > 1) status = Status.HOST_UNKNOWN;
    if (message.split("mbedtls").length > 1) status = Status.TLS_FAILED;
    const none = {} as Socket;
    my.socket = none;
    setTimeout(() => linkClosed(none, status), 0);
  }
}

/** The connection is open: what it begins with is composed. */
export function linkOpened(socket: Socket): void {
  if (my.socket !== socket || my.isOpen) return;
  const id = my.isAsking ? `${my.us}-recover` : my.us;
  let password = "";
  my.heardOfMs = now();
  my.caller = id;
  my.isOpen = true;
  my.phase = Phase.CONNECTING;
  my.isAccepted = false;
  my.rest = "";
  my.skip = 0;
  my.answerBy = Infinity;
  my.isPinging = false;
  my.sentAt = my.nowMs;
  if (my.isAsking) {
    my.nonce = random(16);
    password = `${base64url(my.nonce, 22)}.${proofOfCounter("q", "")}`;
  } else if (my.connectBy === "counter") {
    password = `${++my.latest}`;
    password += `.${base64url(hmac(derive(my.secret, "counter"), `${id}:${password}`), 43)}`;
  } else if (my.connectBy === "password") password = my.secret;
  my.outbox = mqttPacket(
    16,
    `\0\x04MQTT\x04${password === "" ? "\x02" : "\xc2"}${u16(my.bounds.keepAliveS ?? DEFAULT_LIMITS.keepAliveS)}${text(id)}${password === "" ? "" : text(id) + text(password)}`,
  );
  if (!my.isAsking) {
    if (my.given.cloud.pipeline !== false) subscribe();
    my.needsMac = true;
    my.isFresh = my.connectBy === "counter";
    if (!my.flights[0]) takeCall(Method.HELLO, null, "", null);
  }
  my.turn();
}
