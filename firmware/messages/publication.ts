import { Status } from "../status.js";
import { NO_BYTES } from "../wire/bytes.js";
import type { OnEnd } from "./subscription.js";

const FAILURE = 0x80;
const PACKET_TOO_LARGE = 0x95;
const QUOTA_EXCEEDED = 0x97;

/** How a message ends whose PUBACK has this reason code. */
export const endOf = (reasonCode: number): Status => {
  if (reasonCode === PACKET_TOO_LARGE) return Status.TOO_LONG;
  if (reasonCode === QUOTA_EXCEEDED) return Status.QUOTA_EXCEEDED;
  return reasonCode >= FAILURE ? Status.FORBIDDEN : Status.OK;
};

/** A payload that is not in one array: it is asked for piece by piece, and again where a connection was lost. */
export interface Payload {
  /** Bytes; the same from beginning to end. */
  readonly length: number;
  /** Puts the payload's bytes from `at` on into `out[from..to)`, all of them, before it returns. */
  read(at: number, out: Uint8Array, from: number, to: number): void;
}

/** Where the one message stands that is on its way out. */
export enum PublicationPhase {
  FREE,
  QUEUED,
  /** Its payload is being composed. */
  STREAMING,
  /** PUBACK is awaited. */
  SENT,
  /** Ended; the app has not been called yet. */
  DONE,
}

/** The place of the one message on its way out. */
export class Publication {
  phase: PublicationPhase;
  topic: Uint8Array;
  /** The payload: `bytes`, or `source` where there is one. */
  bytes: Uint8Array;
  source: Payload | null;
  length: number;
  qos: number;
  packetIdentifier: number;
  /** Payload bytes that were composed. */
  at: number;
  /** Connections that were lost while it was under way. */
  losses: number;
  deadlineMs: number;
  status: Status;
  onEnd: OnEnd | null;

  constructor() {
    this.release();
  }

  release(): void {
    this.phase = PublicationPhase.FREE;
    this.topic = NO_BYTES;
    this.bytes = NO_BYTES;
    this.source = null;
    this.length = 0;
    this.qos = 0;
    this.packetIdentifier = 0;
    this.at = 0;
    this.losses = 0;
    this.deadlineMs = Infinity;
    this.status = Status.OK;
    this.onEnd = null;
  }

  isUnderWay(): boolean {
    return this.phase !== PublicationPhase.FREE && this.phase !== PublicationPhase.DONE;
  }

  /** When it ends with TIMEOUT; never once it is half composed: the broker counts on the rest. */
  expiresAtMs(): number {
    return this.isUnderWay() && this.phase !== PublicationPhase.STREAMING ? this.deadlineMs : Infinity;
  }

  end(status: Status): void {
    this.phase = PublicationPhase.DONE;
    this.status = status;
    this.bytes = NO_BYTES;
    this.source = null;
  }
}
