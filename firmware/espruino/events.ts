/** The socket's events. */
import { Status } from "../status.js";
import { now, wake } from "./clock.js";
import { linkOpened } from "./greeting.js";
import { loseLink } from "./loss.js";
import { takeOrdinary } from "./ordinary.js";
import { takePackets } from "./receive.js";
import { my } from "./state.js";

/** Bytes from the broker, in pieces of any size. */
export function received(this: Socket, data: string): void {
  if (this !== my.socket) return;
  let bytes = my.rest === "" ? data : my.rest + data;
  my.heardAt = my.heardOfMs = now();
  if (my.only !== null) {
    // PUBACK first, which nothing waits for; then a PUBLISH, whole or in part.
    if (bytes.substr(0, 2) === "@\x02" && bytes.length > 3 && bytes.substr(2, 2) !== "\0\0")
      my.rest = bytes = bytes.substr(4);
    if (bytes === "") return;
    const whole = bytes.charCodeAt(1) + 128 * bytes.charCodeAt(2) - 125;
    if (bytes[0] === "2" && whole > 130 && bytes.charCodeAt(1) > 127 && bytes.charCodeAt(2) < 12) {
      my.rest = bytes;
      if (bytes.length < whole || (bytes.length === whole && takeOrdinary(bytes))) return;
    }
  }
  if (takePackets(bytes)) my.turn();
}

/** All that was written has left. */
export function drained(this: Socket): void {
  if (this === my.socket) my.queued = 0;
  if (my.given.messages !== undefined) wake(my.nowMs);
}

/** The connection is over, or could not be made. */
export function closed(this: Socket): void {
  const isLost = my.given.tls === undefined || my.isHeard;
  linkClosed(this, !my.isOpen ? Status.UNREACHABLE : isLost ? Status.CONNECTION_LOST : Status.TLS_FAILED);
}

/** The connection is gone. */
export function linkClosed(socket: Socket, status: Status): void {
  if (my.socket !== socket) return;
  my.socket = null;
  my.heardOfMs = now();
  loseLink(status, false);
  my.turn();
}

/** The turn is taken from here: the stack is short. */
export function opened(socket: Socket): void {
  if (linkOpened(socket)) my.turn();
}
