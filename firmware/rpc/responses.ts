import { type Config, isPortableId } from "../config.js";
import type { Counters } from "../counters.js";
import type { Protection } from "../proof/proof.js";
import { Status } from "../status.js";
import { Party } from "../wire/frame/addressing.js";
import { Result } from "../wire/frame/event.js";
import type { FrameReader } from "../wire/frame/frame.js";
import { Method } from "../wire/frame/methods.js";
import { type Call, CallPhase, type CallTable } from "./calls.js";
import type { Inbox } from "./inbox.js";
import type { RpcParts } from "./parts.js";
import type { Requests } from "./requests.js";

/** Who makes calls through a session. */
export interface CallOwner {
  /** A call is over: `call.status` says how; while OK, the frame still holds the answer. The owner releases it. */
  ended(call: Call): void;
}

/** We answer strangers at most this often. */
const STRANGER_MS = 1_000;
/** We answer a refusal with a new proof this often: once because there was none, once because it was stale. */
const CHALLENGES_MAX = 2;

const statusOf = (code: number): Status => {
  switch (code) {
    case 400:
      return Status.BAD_ARGUMENTS;
    case 401:
      return Status.UNAUTHENTICATED;
    case 403:
      return Status.FORBIDDEN;
    case 404:
      return Status.NOT_FOUND;
    case 429:
      return Status.THROTTLED;
    case 418:
    case 503:
      return Status.UNAVAILABLE;
    default:
      return Status.CLOUD_ERROR;
  }
};

/** Finds the call that a complete frame belongs to, and ends it; drops and counts every other frame. */
export class Responses {
  /** Unix seconds by the cloud's Hello, a hint for people; −1 before it. */
  cloudTimeS: number;
  /** When we asked for that, on the monotonic clock, ms. */
  cloudTimeAtMs: number;
  /** The cloud's Hello offered CBOR frames, and the channel does not know yet. */
  takesCbor: boolean;
  /** Tokens come sealed on this connection, after the cloud's Hello or the first sealed one: no plain one is taken any more. */
  areSealed: boolean;
  private readonly config: Config;
  private readonly calls: CallTable;
  private readonly frame: FrameReader;
  private readonly requests: Requests;
  private readonly protection: Protection;
  private readonly counters: Counters;
  private readonly owner: CallOwner;
  private strangerAtMs: number;

  constructor(parts: RpcParts, requests: Requests, owner: CallOwner) {
    this.config = parts.config;
    this.calls = parts.deliveries;
    this.frame = parts.inbox.frame;
    this.requests = requests;
    this.protection = parts.protection;
    this.counters = parts.counters;
    this.owner = owner;
    this.cloudTimeS = -1;
    this.cloudTimeAtMs = 0;
    this.takesCbor = false;
    this.areSealed = false;
    this.strangerAtMs = -STRANGER_MS;
  }

  /** A connection opened; nothing is known about its other end yet. */
  renew(): void {
    this.takesCbor = false;
    this.areSealed = false;
  }

  /**
   * A message is read: a whole frame, with a right MAC where it has one, or no frame.
   * @returns the call that it ended or restarted, or null
   */
  take(inbox: Inbox, nowMs: number): Call | null {
    const frame = this.frame;
    if (!inbox.isFrame) {
      this.failList(inbox.lastRefusal);
      return null;
    }
    if (inbox.isRequest || frame.hasMethod) {
      this.failList(Status.BAD_RESULT);
      this.takeRequest(inbox.isEncoded, nowMs);
      return null;
    }
    const isOurs = frame.dst === Party.ABSENT || frame.dst === Party.US;
    const isTheirs = frame.src === Party.ABSENT || frame.src === Party.CLOUD;
    if (!isOurs || !isTheirs) {
      this.failList(Status.BAD_RESULT);
      if (isOurs && frame.id > 0) this.calls.suspect(frame.id, Status.FOREIGN_ANSWER);
      this.counters.foreign++;
      return null;
    }
    const call = frame.id > 0 ? this.calls.sentWithId(frame.id) : null;
    if (call === null) {
      this.counters.unknownIds++;
      return null;
    }
    this.answer(call);
    return call;
  }

  /** Ends a call that got no answer. */
  end(call: Call, status: Status): void {
    call.status = status;
    call.phase = CallPhase.DONE;
    this.owner.ended(call);
  }

  /** After its first host went to the app, a list cannot be asked for again, even when its frame turns out wrong or not ours. */
  private failList(refusal: Status): void {
    const call = this.frame.id > 0 ? this.calls.sentWithId(this.frame.id) : null;
    if (call !== null && call.hostsTold > 0) this.end(call, refusal);
  }

  private answer(call: Call): void {
    const frame = this.frame;
    if (!frame.hasError) {
      this.succeed(call);
      return;
    }
    const refusal = statusOf(frame.code);
    const status = this.protection.refused(refusal, call, frame);
    if (status === Status.OK && call.challenges < CHALLENGES_MAX) {
      call.challenges++;
      this.calls.renew(call);
      if (call.method === Method.OTHER) frame.raw.id = call.id;
      call.phase = CallPhase.QUEUED;
      return;
    }
    call.code = frame.code;
    this.end(call, status === Status.OK ? refusal : status);
  }

  private succeed(call: Call): void {
    const frame = this.frame;
    let status = frame.overflow;
    switch (call.method) {
      case Method.HELLO:
        this.cloudTimeS = frame.timeS;
        this.cloudTimeAtMs = call.sentAtMs;
        this.takesCbor = frame.isOffered;
        if (frame.sealed.isOffered && this.isMutual()) this.areSealed = true;
        break;
      case Method.LIST_TOKEN:
        if (frame.result !== Result.LIST) status = Status.BAD_RESULT;
        break;
      case Method.AUTHENTICATE:
      case Method.AUTHORIZE_COMMAND: {
        const isBare = frame.result === Result.VERDICT;
        const isVerdict = isBare || (call.method === Method.AUTHENTICATE && frame.hasVerdict);
        if (!isVerdict) status = Status.BAD_RESULT;
        else if (!frame.success) status = Status.NOT_ALLOWED;
        else call.value = true;
        break;
      }
      case Method.GENERATE_TOKEN:
        status = this.statusOfToken(true);
        break;
      case Method.OTHER:
        status = this.statusOfRaw();
        break;
      case Method.GET_TOKEN:
        status = this.statusOfToken(frame.exist);
        break;
      default:
    }
    this.end(call, status);
  }

  /** @param isNeeded the answer is about a token */
  private statusOfToken(isNeeded: boolean): Status {
    const frame = this.frame;
    if (frame.overflow !== Status.OK) return frame.overflow;
    if (frame.tokenLength === 0) return isNeeded ? Status.BAD_RESULT : Status.OK;
    if (frame.sealed.isPresent) this.areSealed = true;
    return frame.sealed.isPresent || !(this.areSealed || this.config.needsSeal)
      ? Status.OK
      : Status.TOKEN_UNSEALED;
  }

  /** The cloud proves its frames. */
  private isMutual(): boolean {
    return this.config.proof.frame.isMutual === true;
  }

  private hasTextId(): boolean {
    const names = this.frame.names;
    return names.idLength <= names.id.length && isPortableId(names.id, 0, names.idLength);
  }

  /** A result that came before its id is lost; an absent result has no bytes. */
  private statusOfRaw(): Status {
    const raw = this.frame.raw;
    if (raw.length < 0) return this.frame.result === Result.ABSENT ? Status.OK : Status.FRAME_ORDER;
    return raw.length > raw.out.length ? Status.TOO_LONG : Status.OK;
  }

  /** A request to us. We serve no method: a valid sender gets a 404, at a limited rate; nobody else gets anything. */
  private takeRequest(isEncoded: boolean, nowMs: number): void {
    const frame = this.frame;
    if (frame.src === Party.US) {
      this.counters.echoes++;
      return;
    }
    const isAnswerable =
      frame.src === Party.OTHER &&
      frame.srcLength <= this.config.limits.idBytes &&
      isPortableId(frame.addressing, 0, frame.srcLength) &&
      (frame.id > 0 || this.hasTextId()) &&
      !frame.noReply &&
      !this.isMutual() &&
      nowMs - this.strangerAtMs >= STRANGER_MS;
    if (
      isAnswerable &&
      this.requests.refuseStranger(frame.names, frame.srcLength, frame.id, isEncoded) === Status.OK
    ) {
      this.strangerAtMs = nowMs;
      this.counters.requestsRefused++;
    } else {
      this.counters.requestsDropped++;
    }
  }
}
