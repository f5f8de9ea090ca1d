import { DEFAULT_LIMITS } from "../limits.js";
import { subscribe, takeCall } from "./calls.js";
import { now } from "./clock.js";
import { derive, random } from "./keys.js";
import { base64url, hmac, u16 } from "./proofs.js";
import { proofOfCounter } from "./recovery.js";
import { Method, my, Phase } from "./state.js";
import { mqttPacket, text } from "./text.js";

/** The connection is open: what it begins with is composed. @returns whether a turn is to follow */
export function linkOpened(socket: Socket): boolean {
  if (my.socket !== socket || my.isOpen) return false;
  const id = my.isAsking ? `${my.us}-recover` : my.us;
  let password = "";
  my.heardOfMs = now();
  my.caller = id;
  my.isOpen = true;
  my.phase = Phase.CONNECTING;
  my.isAccepted = false;
  my.isSealed = false;
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
    const key = derive(my.secret, "counter");
    const mac = hmac(key, `${id}:${password}`);
    password += ".";
    password += base64url(mac, 43);
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
  return true;
}
