import { Status } from "../status.js";
import type { Deliveries, Delivery } from "../transport/delivery.js";
import { NO_BYTES, type Text } from "../wire/bytes.js";
import { Method } from "../wire/frame/methods.js";

/** Where a call stands. */
export enum CallPhase {
  FREE,
  /** Waits until there is room to publish it. */
  QUEUED,
  /** Published; waits for its answer. */
  SENT,
  /** Ended; its owner has not called the app yet. */
  DONE,
}

/** Behind the name in {@link Call.host}: the quote and the brace that end a JSON request's arguments. */
export const HOST_END_BYTES = 2;

/**
 * Called once, at the end of a call. authenticate and authorizeCommand end with OK where the answer is yes and with
 * NOT_ALLOWED where it is no; `value` is true with that OK only.
 */
export type OnDone = (status: Status, value: boolean) => void;
/** Called at the end of a call of any method: `length` bytes of its result are in the array that the app gave. */
export type OnResult = (status: Status, length: number) => void;
/**
 * Called for each host of a list as it comes: `bytes[from..to)` is its name, UTF-8, good during the callback only. It is
 * provisional: its frame goes on, and so does the check of its MAC, until the call ends. With OK all hosts that were
 * delivered are the cloud's; with any other status forget them.
 */
export type OnProvisionalHost = (bytes: Uint8Array, from: number, to: number) => void;

/** One request, from the app's call to its end. A slot of the table, reused. */
export class Call implements Delivery {
  phase: CallPhase;
  method: Method;
  /** The frame's id: kept when the request is published again, new when an answer asked for more. */
  id: number;
  /** The PUBLISH's identifier, and whether its PUBACK came. */
  packetIdentifier: number;
  isAcknowledged: boolean;
  /** The broker kept our session: publish it with DUP and its old identifier. */
  isRedelivery: boolean;
  /** How often it was published under this id. */
  attempts: number;
  /** When it was first published under this id: a token's life runs from here. */
  sentAtMs: number;
  /** When it is published again. */
  attemptAtMs: number;
  deadlineMs: number;
  /** 401 answers that a new proof followed. */
  challenges: number;
  /** Which use of which challenge's nonce its proof was; 0: it had none. */
  proofUse: number;
  proofSerial: number;
  /** Hosts of a list that the app got. */
  hostsTold: number;
  status: Status;
  /** Why no answer came, as far as anybody knows: what the broker made of the request, or why a frame was dropped; else OK. */
  cause: Status;
  /** The number of the broker's text when it refused the request; 0: it refused none. */
  said: number;
  /** The cloud's error code, as it came. */
  code: number;
  value: boolean;

  /** Its subject was revoked: the answer is only undone, and the request is never published again. */
  isAbandoned: boolean;

  /** The host of the token methods, as its handle has it, with {@link HOST_END_BYTES} behind it; the arguments of the others, as the frame has them. */
  host: Uint8Array;
  first: Text;
  second: Text;
  third: Text;
  /** Whose call it is, for its owner; null where only the callbacks matter. */
  subject: unknown;
  onDone: OnDone | null;
  onHost: OnProvisionalHost | null;
  onResult: OnResult | null;

  constructor() {
    this.phase = CallPhase.FREE;
    this.release();
  }

  release(): void {
    this.phase = CallPhase.FREE;
    this.method = Method.HELLO;
    this.id = 0;
    this.packetIdentifier = 0;
    this.isAcknowledged = false;
    this.isRedelivery = false;
    this.attempts = 0;
    this.sentAtMs = 0;
    this.attemptAtMs = 0;
    this.deadlineMs = 0;
    this.challenges = 0;
    this.proofUse = 0;
    this.proofSerial = 0;
    this.hostsTold = 0;
    this.status = Status.OK;
    this.absolve();
    this.code = 0;
    this.value = false;
    this.isAbandoned = false;
    this.host = NO_BYTES;
    this.first = NO_BYTES;
    this.second = NO_BYTES;
    this.third = NO_BYTES;
    this.subject = null;
    this.onDone = null;
    this.onHost = null;
    this.onResult = null;
  }

  /** Clears why its request or its answer was refused. */
  absolve(): void {
    this.cause = Status.OK;
    this.said = 0;
  }
}

/** The fixed table of calls, and the ids of frames and packets. It has one slot more than the app asks for: Hello's. */
export class CallTable implements Deliveries {
  readonly calls: Call[];
  /** All slots from here on are free. */
  used: number;
  private lastId: number;
  private lastPacketIdentifier: number;

  /** @param firstId the id of the first call, 1…2^48: random, so that a reboot does not repeat ids */
  constructor(size: number, firstId: number) {
    this.calls = new Array(size + 1);
    for (let i = 0; i <= size; i++) this.calls[i] = new Call();
    this.used = 0;
    this.lastId = firstId - 1;
    this.lastPacketIdentifier = 0;
  }

  /** A free slot with an id, QUEUED; null when all are taken. */
  take(method: Method, deadlineMs: number): Call | null {
    const calls = this.calls;
    const count = calls.length;
    for (let i = method === Method.HELLO ? 0 : 1; i < count; i++) {
      const call = calls[i];
      if (call.phase === CallPhase.FREE) {
        call.phase = CallPhase.QUEUED;
        call.method = method;
        call.deadlineMs = deadlineMs;
        this.renew(call);
        if (i >= this.used) this.used = i + 1;
        return call;
      }
      if (method === Method.HELLO) return null;
    }
    return null;
  }

  /** Gives a call a new id: it is a new request from now on. */
  renew(call: Call): void {
    this.lastId++;
    call.id = this.lastId;
    call.attempts = 0;
    call.isRedelivery = false;
  }

  /** The published call with this id, or null. */
  sentWithId(id: number): Call | null {
    const calls = this.calls;
    const count = this.used;
    for (let i = 0; i < count; i++) {
      const call = calls[i];
      if (call.id === id && (call.phase === CallPhase.SENT || this.isRepeated(call))) return call;
    }
    return null;
  }

  /** The published call that waits for a PUBACK with this identifier, or null. */
  sentWithPacket(packetIdentifier: number): Call | null {
    const calls = this.calls;
    const count = this.used;
    for (let i = 0; i < count; i++) {
      const call = calls[i];
      if (call.packetIdentifier === packetIdentifier && call.phase === CallPhase.SENT) return call;
    }
    return null;
  }

  /** A frame for us was dropped: it may have been the answer to the call that it names, or to any where it names none. */
  suspect(id: number, status: Status): void {
    for (let i = 0; i < this.used; i++) {
      const call = this.calls[i];
      const isAwaited = call.phase === CallPhase.SENT || this.isRepeated(call);
      if (!isAwaited || (id > 0 && call.id !== id)) continue;
      call.absolve();
      call.cause = status;
    }
  }

  /** Whether a call of this subject was abandoned, and its answer may still come. */
  hasAbandoned(subject: unknown): boolean {
    const calls = this.calls;
    const count = this.used;
    for (let i = 0; i < count; i++) {
      const call = calls[i];
      if (call.isAbandoned && call.subject === subject) return true;
    }
    return false;
  }

  /** The broker kept no session: publish every pending request as new, without DUP. */
  forgetPackets(): void {
    for (let i = 0; i < this.calls.length; i++) this.calls[i].isRedelivery = false;
  }

  /** 1…65,535, none that a pending call holds. */
  nextPacketIdentifier(): number {
    do {
      this.lastPacketIdentifier = (this.lastPacketIdentifier % 65535) + 1;
    } while (this.sentWithPacket(this.lastPacketIdentifier) !== null);
    return this.lastPacketIdentifier;
  }

  /** Waiting to be published again: an answer to the first time still counts. */
  private isRepeated(call: Call): boolean {
    return call.phase === CallPhase.QUEUED && call.attempts > 0;
  }
}
