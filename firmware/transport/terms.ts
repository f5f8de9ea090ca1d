import { REMAINING_LENGTH_MAX } from "../wire/mqtt/mqtt.js";

/** Bytes of the longest possible packet, with its fixed header (MQTT 3.1.1, 2.2.3). */
const PACKET_BYTES_MAX = REMAINING_LENGTH_MAX + 5;

/**
 * When PINGREQ is due: after three quarters of a keep-alive, ms; never without one.
 * @param keepAliveS 0: none
 */
export const idleMsOf = (keepAliveS: number): number => (keepAliveS > 0 ? keepAliveS * 750 : Infinity);

/** How far the login of a connection is. */
export enum Stage {
  /** CONNECT was sent. */
  CONNECT,
  /** CONNACK refused us. */
  REFUSED,
  /** CONNACK accepted us, SUBACK is awaited. */
  ACCEPTED,
  READY,
}

/** What both ends of one connection agreed on. It ends with the connection, so it stands here and nowhere else. */
export class Terms {
  /** A ping is due after this silence of one direction, ms; Infinity: never. Final with READY. */
  idleMs: number;
  /** We speak MQTT 3.1.1 to it, though the transport is MQTT 5. */
  isOld: boolean;
  /** The peer takes the app's encoding: requests use it. */
  isEncoded: boolean;
  /** The longest packet that the broker takes, with its fixed header, bytes. */
  packetBytesMax: number;
  /** PUBLISHes at QoS 1 that the broker takes before it acknowledges one (MQTT 5, 4.9), and the pending ones. */
  receiveMaximum: number;
  inFlight: number;
  private readonly ownIdleMs: number;

  /** @param idleMs what we ask for; a broker of MQTT 5 may set another (3.2.2.3.14) */
  constructor(idleMs: number) {
    this.ownIdleMs = idleMs;
    this.reset();
  }

  /** A new connection. */
  reset(): void {
    this.idleMs = this.ownIdleMs;
    this.isOld = false;
    this.isEncoded = false;
    this.packetBytesMax = PACKET_BYTES_MAX;
    this.receiveMaximum = Infinity;
    this.inFlight = 0;
  }
}
