import type { Sender } from "./channel.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import { type Frame, isObject, outcomeText, type ReplyError } from "./frame.js";
import type { Interference, StruckRequest } from "./interference.js";
import type { MacSession } from "./mac-session.js";
import type { Peer, StoredReply } from "./peers.js";
import { after, type Soon } from "./soon.js";
import type { Entity, Extensions } from "./types.js";

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
  reason: string;
  error: ReplyError;
}

/** Sends replies on their way. */
export class Delivery {
  constructor(
    private events: Events,
    private interference: Interference,
    private address: string,
    private terms: { readonly extensions: Extensions },
  ) {}

  /** Sends the reply to a request, MAC'd where the request was. */
  deliver(request: Request, reply: StoredReply): Soon<void> {
    const { caller, method, session, peer } = request;
    const struck = { src: caller.id, method };
    if (this.interference.losesReply(struck)) {
      this.drop(caller.id, "fault-reply");
      return;
    }
    if (session === null) return this.send(request, reply, struck, null);
    return after(peer.nextSequence(session), (sequence) => {
      // A device that opened another session since has forgotten the key of this one.
      if (sequence === null) this.drop(caller.id, "mac-session-ended");
      else this.send(request, reply, struck, { session, sequence });
    });
  }

  /**
   * Answers whom we did not believe: to the topic's id and without a MAC, as nobody is proved. Nothing of their
   * frame comes back but its id.
   */
  refuse(channel: Sender, id: string, refusal: Refusal): void {
    const { frame, encoding, reason, error } = refusal;
    const requestId = frame.id as number;
    this.events.emit({ event: "refused", id, requestId, code: error.code, reason });
    if (frame.nr === true) return;
    const outcome = outcomeText({ error });
    const parts = { address: this.address, dst: id, id: requestId, tag: undefined, outcome };
    const reply = this.interference.frame(parts, frame.method as string, encoding);
    if (reply === null) this.drop(id, "fault-reply");
    else channel.send(id, reply, encoding);
  }

  /** Sends a result to whom it stands for itself: it carries its own proof, and is not kept for a repetition. */
  tell(channel: Sender, id: string, requestId: number, method: string, result: object): void {
    const { interference, address } = this;
    const struck = { src: id, method };
    const outcome = outcomeText({ result });
    const shownId = interference.replyId(requestId, struck);
    const parts = { address, dst: id, id: shownId, tag: undefined, outcome };
    const replacement = interference.replacement(struck);
    const reply = replacement?.bytes ?? interference.frame(parts, method, "json");
    if (reply === null || interference.losesReply(struck)) {
      this.drop(id, "fault-reply");
      return;
    }
    this.events.emit({ event: "replied", id, requestId, method, code: 0, repeated: false });
    channel.send(id, reply, "json");
    if (interference.doublesReply(struck)) channel.send(id, reply, "json");
  }

  /** Says that something was let fall. */
  drop(id: string, reason: string): void {
    this.events.emit({ event: "dropped", id, reason });
  }

  /** @param mac null: the reply has none */
  private send(
    request: Request,
    stored: StoredReply,
    struck: StruckRequest,
    mac: { session: MacSession; sequence: number } | null,
  ): void {
    const { interference, address } = this;
    const { caller, method, channel, encoding } = request;
    const dst = caller.id;
    const outcome = mac === null ? stored.outcome : this.sealed(stored, mac.session);
    const replacement = interference.replacement(struck);
    const id = replacement === null ? interference.replyId(request.id, struck) : request.id;
    const parts = { address, dst, id, tag: request.frame.tag, outcome };
    const frame = replacement?.bytes ?? interference.frame(parts, method, encoding);
    if (frame === null) {
      this.drop(dst, "fault-reply");
      return;
    }
    const isBare = mac === null || replacement?.isBare === true;
    const message = isBare ? frame : mac.session.seal(frame, mac.sequence, interference.corruptsMac(struck));
    channel.send(dst, message, encoding);
    if (interference.doublesReply(struck)) channel.send(dst, message, encoding);
  }

  /** What a reply says, with `sealed` in the token's place where its session asks for that: anew each time it is sent. */
  private sealed({ outcome, code }: StoredReply, session: MacSession): string {
    if (!session.opening.seals || !this.terms.extensions.seal || code !== 0 || outcome === "") return outcome;
    const { result } = JSON.parse(`{${outcome.slice(1)}}`) as Frame;
    if (!isObject(result) || typeof result.token !== "string") return outcome;
    const members = Object.entries(result).map(([name, value]) =>
      name === "token" ? ["sealed", session.sealToken(result.token as string)] : [name, value],
    );
    return outcomeText({ result: Object.fromEntries(members) });
  }
}
