import type { Sender } from "./channel.js";
import { type Encoding, encodeText } from "./encoding.js";
import type { Events } from "./events.js";
import { type Faults, type StruckRequest, strikes, strikesOnce } from "./faults.js";
import { type Frame, outcomeText, type ReplyParts, replyText } from "./frame.js";
import type { MacSession } from "./mac-session.js";
import type { Peer, StoredReply } from "./peers.js";
import type { Entity } from "./types.js";

/** A request whose sender is proved. */
export interface Request {
  caller: Entity;
  peer: Peer;
  id: number;
  method: string;
  frame: Frame;
  /** Unix ms; Infinity: none; NaN: given, but not as a number. */
  deadlineMs: number;
  /** Set when the request was MAC'd: so is its reply. */
  session: MacSession | null;
  channel: Sender;
  /** Of the request's frame, and so of its reply's. */
  encoding: Encoding;
}

/** A request whose sender was not believed. */
export interface Refusal {
  frame: Frame;
  encoding: Encoding;
  code: number;
  reason: string;
  message: string;
}

/** Sends replies on their way, through the faults that strike them. */
export class Delivery {
  constructor(
    private events: Events,
    private faults: Faults,
    private address: string,
  ) {}

  /** Sends the reply to a request, MAC'd where the request was. */
  deliver(request: Request, reply: StoredReply): void {
    const { caller, method, channel, encoding } = request;
    const struck = { src: caller.id, method };
    const message = this.message(request, reply, struck);
    if (typeof message === "string") {
      this.drop(caller.id, message);
      return;
    }
    channel.send(caller.id, message, encoding);
    if (strikes(this.faults, "doubleReplies", struck)) channel.send(caller.id, message, encoding);
  }

  /**
   * Answers whom we did not believe: to the topic's id and without a MAC, as nobody is proved. Nothing of their
   * frame comes back but its id.
   */
  refuse(channel: Sender, id: string, refusal: Refusal): void {
    const { frame, encoding, code, reason, message } = refusal;
    const requestId = frame.id as number;
    this.events.emit({ event: "refused", id, requestId, code, reason });
    if (frame.nr === true) return;
    const outcome = outcomeText({ error: { code, message } });
    const parts = { address: this.address, dst: id, id: requestId, tag: undefined, outcome };
    const reply = this.changed(parts, frame.method as string, encoding);
    if (reply === null) this.drop(id, "fault-reply");
    else channel.send(id, reply, encoding);
  }

  /** Sends a result to whom it stands for itself: it carries its own proof, and is not kept for a repetition. */
  tell(channel: Sender, id: string, requestId: number, method: string, result: object): void {
    const struck = { src: id, method };
    const outcome = outcomeText({ result });
    const shownId = strikes(this.faults, "wrongId", struck) ? requestId + 1 : requestId;
    const parts = { address: this.address, dst: id, id: shownId, tag: undefined, outcome };
    const malformed = strikesOnce(this.faults, "malformedReply", struck);
    const reply = malformed === null ? this.changed(parts, method, "json") : Buffer.from(malformed.bytes);
    if (reply === null || strikes(this.faults, "dropReplies", struck)) {
      this.drop(id, "fault-reply");
      return;
    }
    this.events.emit({ event: "replied", id, requestId, method, code: 0, repeated: false });
    channel.send(id, reply, "json");
    if (strikes(this.faults, "doubleReplies", struck)) channel.send(id, reply, "json");
  }

  /** Says that something was let fall. */
  drop(id: string, reason: string): void {
    this.events.emit({ event: "dropped", id, reason });
  }

  /** The bytes to send, or why there are none. */
  private message(request: Request, reply: StoredReply, struck: StruckRequest): Uint8Array | string {
    const { session } = request;
    if (strikes(this.faults, "dropReplies", struck)) return "fault-reply";
    // A device that opened another session since has forgotten the key of this one.
    if (session !== null && session !== request.peer.macSession) return "mac-session-ended";
    const malformed = strikesOnce(this.faults, "malformedReply", struck);
    const frame = malformed === null ? this.frame(request, reply, struck) : Buffer.from(malformed.bytes);
    if (frame === null) return "fault-reply";
    const bare = session === null || malformed?.mac === false;
    return bare ? frame : session.seal(frame, strikes(this.faults, "wrongMac", struck));
  }

  private frame(request: Request, reply: StoredReply, struck: StruckRequest): Buffer | null {
    const { faults, address } = this;
    const { method, frame, encoding } = request;
    const dst = request.caller.id;
    const id = strikes(faults, "wrongId", struck) ? request.id + 1 : request.id;
    return this.changed({ address, dst, id, tag: frame.tag, outcome: reply.outcome }, method, encoding);
  }

  /** A reply's frame as the hook leaves it; null when it withholds it. */
  private changed(parts: ReplyParts, method: string, encoding: Encoding): Buffer | null {
    const text = replyText(parts, this.faults);
    const changed = this.faults.rawReply?.({ dst: parts.dst, id: parts.id, method, text });
    if (changed === null) return null;
    return changed instanceof Uint8Array ? Buffer.from(changed) : encodeText(changed ?? text, encoding);
  }
}
