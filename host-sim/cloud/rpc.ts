import { setTimeout } from "node:timers/promises";
import type { Accounts } from "./accounts.js";
import type { AuthService } from "./auth-service.js";
import type { CallEnd, CallWatch } from "./call-watch.js";
import { MESSAGE_BYTES_MAX, type Receiver, type Sender } from "./channel.js";
import { Delivery, type Refusal, type Request } from "./delivery.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import {
  deadlineOf,
  FRAME_DEPTH_MAX,
  type Frame,
  isObject,
  isRequestId,
  isTooDeep,
  type Outcome,
  outcomeText,
  parseFrame,
  type ReplyError,
  RpcError,
  Unavailable,
} from "./frame.js";
import type { Interference } from "./interference.js";
import type { Limits } from "./limits.js";
import { type Envelope, type MacSession, openEnvelope } from "./mac-session.js";
import { type Peer, type Peers, Replayed, type StoredReply } from "./peers.js";
import type { Proofs, Verdict } from "./proofs.js";
import { recoveredBy } from "./recoverer.js";
import { COUNTER_METHOD, type Recoveries } from "./recoveries.js";
import { after, Lanes, type Soon } from "./soon.js";
import type { TokenBook } from "./tokens.js";
import type { Entity, Extensions, FrameProof, Voucher } from "./types.js";

/** Where frames are taken over HTTP, by POST and in WebSockets. */
export const RPC_PATH = "/rpc";
const FRAME_VERSION = 2;
const TOO_DEEP = `The frame is nested more than ${FRAME_DEPTH_MAX} levels deep; make it flatter`;
const NOTHING = new Uint8Array();
const LOOK_AGAIN_MS = 100;
/** Refused for these a frame may be a guess at its sender's key. */
const GUESSED: readonly string[] = ["mac-wrong", "key-wrong", "unknown"];
/** What opens a session must not open it again after a restart. */
const NOT_KEPT = { code: 503, message: "The cloud cannot keep this session's counter; try again later" };

const UNANSWERED: CallEnd = { code: null, isRepeated: false };

/** What `Rpc` works with. */
export interface RpcParts {
  accounts: Accounts;
  peers: Peers;
  proofs: Proofs;
  service: AuthService;
  recoveries: Recoveries;
  events: Events;
  interference: Interference;
  terms: { readonly extensions: Extensions };
  address: string;
  now: () => number;
  /** How often a frame is looked at whose session is not known yet. Default 1. */
  looks?: number | undefined;
  limits: Limits;
  watch: CallWatch;
}

type Admission = { request: Request; proof: FrameProof } | { dropped: string } | Refusal;

/** A message on its way through. */
interface Arrival {
  channel: Sender;
  id: string;
  voucher: Voucher;
  message: Uint8Array;
  encoding: Encoding;
  /** How often it is looked at until it is refused. */
  looks: number;
  /** What is done for it behind its turn; null: nothing, or not yet. */
  work: Promise<void> | null;
}

/** Takes messages apart, has the requests in them carried out, and replies. */
export class Rpc implements Receiver {
  private closed = false;
  private delivery: Delivery;
  /** Messages of one sender are looked at in the order in which they came, and its requests carried out in it. */
  private readonly arrivals = new Lanes();
  private readonly works = new Lanes();

  constructor(private parts: RpcParts) {
    this.delivery = new Delivery(parts.events, parts.interference, parts.address, parts.terms);
  }

  async receive(
    channel: Sender,
    id: string,
    voucher: Voucher,
    message: Uint8Array,
    encoding: Encoding,
  ): Promise<void> {
    const { limits, looks = 1 } = this.parts;
    if (!limits.arrive(id)) {
      this.delivery.drop(id, "crowd");
      return;
    }
    await this.arrive({ channel, id, voucher, message, encoding, looks, work: null });
    limits.leave(id);
  }

  /** A message's turn, and what is done for it behind that. */
  private async arrive(arrival: Arrival): Promise<void> {
    if (this.closed) return;
    const { id } = arrival;
    try {
      await this.arrivals.run(id, () => this.take(arrival));
      await arrival.work;
    } catch (failure) {
      this.failed(id, failure as Error);
    }
  }

  private take(arrival: Arrival): Soon<void> {
    const { channel, id, voucher, message, encoding } = arrival;
    const device = recoveredBy(id);
    if (device !== null) {
      const isVouchedFor = voucher === "recover" || voucher === "broker";
      return this.recover(channel, id, device, isVouchedFor ? message : NOTHING, encoding);
    }
    return after(this.admit(channel, id, voucher, message, encoding), (admission) => {
      if ("dropped" in admission) this.delivery.drop(id, admission.dropped);
      else if ("error" in admission) {
        if (mayBeEarly(admission) && arrival.looks > 1) arrival.work = this.lookAgain(arrival);
        else this.refuse(channel, id, admission);
      } else {
        arrival.work = this.accept(admission.request, admission.proof);
        // Whoever handed the message in may not be waiting yet.
        arrival.work.catch(() => {});
      }
    });
  }

  /** Nobody waits for the answer to a guess: neither its sender's turn, nor the broker that it came by. */
  private refuse(channel: Sender, id: string, refusal: Refusal): void {
    const answer = (): void => {
      if (!this.closed) this.delivery.refuse(channel, id, refusal);
    };
    if (GUESSED.includes(refusal.reason)) this.parts.limits.late(id, undefined, answer);
    else answer();
  }

  /** Behind a broker the frame that opens a session may be with another replica still: its sender's turn is not held for it. */
  private async lookAgain(arrival: Arrival): Promise<void> {
    await setTimeout(LOOK_AGAIN_MS);
    await this.arrive({ ...arrival, looks: arrival.looks - 1, work: null });
  }

  /**
   * Carries out a frame that was posted over HTTP by a proved caller.
   * @returns the reply's bytes; null when there is none
   */
  async post(caller: Entity, body: Uint8Array): Promise<Uint8Array | null> {
    const frame = parseFrame(body, "json");
    if (frame === null || typeof frame.method !== "string" || !isRequestId(frame.id)) {
      throw new RpcError(400, "The body is no request of v2 RPC; give id and method in one JSON object");
    }
    if (isTooDeep(frame)) throw new RpcError(400, TOO_DEEP);
    if (frame.src !== undefined && frame.src !== caller.id) {
      throw new RpcError(403, "src is not the bearer token's owner; leave it out or send as yourself");
    }
    let reply: Uint8Array | null = null;
    const capture: Sender = {
      send: (_id, message) => {
        reply = message;
      },
    };
    const peer = this.parts.peers.of(caller);
    await this.accept(this.request(capture, caller, peer, frame, null, "json"), "link");
    return reply;
  }

  /** Resolves when all that came in is answered. */
  async idle(): Promise<void> {
    await this.arrivals.idle();
    await this.works.idle();
  }

  /** Nothing is carried out or sent any more. */
  close(): void {
    this.closed = true;
  }

  /** Takes a message of a principal that may ask for its device's counter, and for nothing else. */
  private recover(
    channel: Sender,
    id: string,
    device: string,
    message: Uint8Array,
    encoding: Encoding,
  ): Soon<void> {
    const { recoveries, events, interference } = this.parts;
    const isTaken = encoding === "json" && message.length <= MESSAGE_BYTES_MAX;
    const frame = isTaken ? parseFrame(message, encoding) : null;
    const { id: requestId, method, src } = frame ?? {};
    if (frame === null || !isRequestId(requestId)) {
      this.delivery.drop(id, "recovery-malformed");
      return;
    }
    if (interference.losesRequest({ src: id, method: COUNTER_METHOD })) {
      this.delivery.drop(id, "fault-request");
      return;
    }
    const isAllowed = src === id && method === COUNTER_METHOD;
    return after(isAllowed ? recoveries.answer(device) : null, (answer) => {
      if (answer === null) {
        const [code, reason] = isAllowed ? [401, "recovery-over"] : [403, "recovery-method"];
        const message = `This connection may call ${COUNTER_METHOD} as itself, a few times, and nothing else`;
        const refused = { id: requestId, method };
        this.delivery.refuse(channel, id, { frame: refused, encoding, reason, error: { code, message } });
        return;
      }
      events.emit({ event: "request", id, requestId, method: COUNTER_METHOD, proof: "link" });
      return Promise.resolve(interference.latency()).then(() => {
        if (!this.closed) this.delivery.tell(channel, id, requestId, COUNTER_METHOD, answer);
      });
    });
  }

  /** What becomes of a message: a request of a proved sender, a refusal that is answered, or nothing. */
  private admit(
    channel: Sender,
    id: string,
    voucher: Voucher,
    bytes: Uint8Array,
    encoding: Encoding,
  ): Soon<Admission> {
    const { accounts, terms, interference } = this.parts;
    if (bytes.length > MESSAGE_BYTES_MAX) return { dropped: "too-long" };
    if (encoding === "cbor" && !terms.extensions.cbor) return { dropped: "encoding" };
    const envelope = this.open(bytes);
    const frame = parseFrame(envelope.frame, encoding);
    if (frame === null) return { dropped: "malformed" };
    if (typeof frame.method !== "string") return { dropped: "no-request" };
    if (!isRequestId(frame.id)) return { dropped: "invalid-id" };
    if (interference.losesRequest({ src: id, method: frame.method })) return { dropped: "fault-request" };
    const refusal = (code: number, reason: string, message: string): Refusal => {
      return { frame, encoding, reason, error: { code, message } };
    };
    if (isTooDeep(frame)) return refusal(400, "too-deep", TOO_DEEP);
    if (frame.src !== id) return refusal(403, "src", "src is not the topic's id; send as yourself");
    const judge = (caller: Entity | undefined): Soon<Admission> => {
      const { proofs, peers } = this.parts;
      if (caller === undefined) return refusal(401, "unknown", proofs.strangersChallenge());
      if (caller.disabled) return refusal(403, "disabled", "This id is disabled; ask its owner");
      const peer = peers.of(caller);
      return after<Verdict, Admission>(proofs.frame(caller, peer, voucher, frame, envelope), (verdict) => {
        if (verdict.verdict === "dropped") return { dropped: verdict.reason };
        if (verdict.verdict === "refused") return refusal(401, verdict.reason, verdict.message);
        const request = this.request(channel, caller, peer, frame, verdict.session, encoding);
        return { request, proof: verdict.proof };
      });
    };
    const admission = after<Entity | undefined, Admission>(accounts.find(id), judge);
    if (!(admission instanceof Promise)) return admission;
    return admission.catch((failure: Error) => {
      if (!(failure instanceof Unavailable)) throw failure;
      return { frame, encoding, reason: "unavailable", error: failure.error };
    });
  }

  private open(message: Uint8Array): Envelope {
    if (this.parts.terms.extensions.mac) return openEnvelope(message);
    return { frame: message, covered: message, sequence: -1, mac: null };
  }

  private request(
    channel: Sender,
    caller: Entity,
    peer: Peer,
    frame: Frame,
    session: MacSession | null,
    encoding: Encoding,
  ): Request {
    const [id, method] = [frame.id as number, frame.method as string];
    const deadlineMs = deadlineOf(frame, this.parts.now());
    return { caller, peer, id, method, frame, deadlineMs, session, channel, encoding };
  }

  private accept(request: Request, proof: FrameProof): Promise<void> {
    const { caller, id } = request;
    // Peers must not make our counts grow by inventing methods.
    const method = this.parts.service.serves(request.method) ? request.method : "(unknown)";
    this.parts.events.emit({ event: "request", id: caller.id, requestId: id, method, proof });
    const ended = this.parts.watch({ method, proof });
    const { interference } = this.parts;
    const late = interference.latency();
    // Never at once, so that whoever hands a message in is not answered before that has ended.
    return Promise.resolve(
      this.works.run(caller.id, async () => {
        await late;
        let end: CallEnd = UNANSWERED;
        const performing = this.perform(request).then((how) => {
          end = how;
        });
        await interference.during(performing).finally(() => ended(end));
      }),
    );
  }

  /** The net below everything: whatever a visitor sent, and whatever a hook of a test threw, others are served on. */
  private failed(id: string, { name, message }: Error): void {
    this.parts.events.emit({ event: "failed", id, reason: `${name}: ${message}` });
  }

  private async perform(request: Request): Promise<CallEnd> {
    if (this.closed) return UNANSWERED;
    const { caller, id, method } = request;
    if ((await request.session?.isKept()) === false) {
      await this.delivery.deliver(request, errorReply("", NOT_KEPT));
      return { code: NOT_KEPT.code, isRepeated: false };
    }
    if (request.deadlineMs < this.parts.now()) {
      this.delivery.drop(caller.id, "deadline");
      return UNANSWERED;
    }
    const answer = await this.replyTo(request);
    if (this.closed) return UNANSWERED;
    if (answer === "replayed") {
      this.delivery.drop(caller.id, "mac-replayed");
      return UNANSWERED;
    }
    const { reply, isRepeated } = answer;
    const { code } = reply;
    this.parts.events.emit({
      event: "replied",
      id: caller.id,
      requestId: id,
      method,
      code,
      repeated: isRepeated,
    });
    if (request.frame.nr !== true) await this.delivery.deliver(request, reply);
    return { code, isRepeated };
  }

  private async replyTo(request: Request): Promise<{ reply: StoredReply; isRepeated: boolean } | "replayed"> {
    const { caller, id, method } = request;
    const { v, dst, args, params } = request.frame;
    const asked = `${method}\n${JSON.stringify([v, dst, args, params])}`;
    const { interference, limits } = this.parts;
    const fault = interference.errorFor({ src: caller.id, method }) ?? limits.refusalOf(caller);
    try {
      const changes = this.parts.service.changes(method);
      return await request.peer.once({ id, request: asked, changes }, async (tokens) =>
        fault === null ? this.carryOut(request, asked, tokens) : errorReply(asked, fault),
      );
    } catch (failure) {
      if (failure instanceof Replayed) return "replayed";
      if (!(failure instanceof Unavailable)) throw failure;
      return { reply: errorReply(asked, failure.error), isRepeated: false };
    }
  }

  private async carryOut(request: Request, asked: string, tokens: TokenBook): Promise<StoredReply> {
    let outcome: Outcome;
    try {
      const args = this.validate(request);
      outcome = { result: await this.parts.service.call(request.caller, request.method, args, tokens) };
    } catch (failure) {
      // Nothing may be kept of what was not carried out.
      if (failure instanceof Unavailable) throw failure;
      const { code, message } =
        failure instanceof RpcError ? failure : new RpcError(500, "The cloud failed; try again");
      outcome = { error: { code, message } };
    }
    if ("error" in outcome) return errorReply(asked, outcome.error);
    return { request: asked, outcome: outcomeText(outcome), code: 0 };
  }

  /** The arguments of a well-formed request; throws 400 or 404 for another one. */
  private validate(request: Request): Frame {
    const { v, dst } = request.frame;
    if (v !== undefined && v !== FRAME_VERSION) throw new RpcError(400, "v must be 2, the frame's version");
    if (Number.isNaN(request.deadlineMs)) throw new RpcError(400, "timeout and deadline must be numbers");
    if (dst !== undefined && dst !== "" && dst !== this.parts.address) {
      throw new RpcError(404, `No route to that dst; leave it out or say ${this.parts.address}`);
    }
    const name = request.frame.args !== undefined ? "args" : "params";
    const args = request.frame[name];
    if (args === undefined) return {};
    if (!isObject(args)) throw new RpcError(400, `${name} must be an object`);
    return args;
  }
}

/** Might this frame be right, and its session's opening not there yet? */
function mayBeEarly({ reason, frame }: Refusal): boolean {
  return frame.sec === undefined && (reason === "mac-session-unknown" || reason === "mac-wrong");
}

function errorReply(asked: string, error: ReplyError): StoredReply {
  return { request: asked, outcome: outcomeText({ error }), code: error.code };
}
