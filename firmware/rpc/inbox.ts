import type { Config } from "../config.js";
import type { Counters } from "../counters.js";
import type { Protection } from "../proof/proof.js";
import { Status } from "../status.js";
import { type FrameSink, PieceEvent } from "../transport/delivery.js";
import { FrameEvent } from "../wire/frame/event.js";
import { FrameReader } from "../wire/frame/frame.js";
import type { ValueReader } from "../wire/value.js";
import type { CallTable } from "./calls.js";
import type { Encoding } from "./frames.js";

enum Route {
  /** The message is not ours, or is refused: only consume it. */
  DROP,
  FRAME,
  /** Behind the frame's closing brace. */
  TRAILER,
}

/** From messages to checked frames: the frame and its proof, in pieces of any size. */
export class Inbox implements FrameSink {
  /** Where {@link readPiece} stopped. */
  at: number;
  readonly frame: FrameReader;
  /** After {@link close}: a whole frame, its proof checked where there is one, lies in `frame`. */
  isFrame: boolean;
  /** The topic named a method: the frame is a request whatever it says itself. */
  isRequest: boolean;
  /** Why the last frame was dropped, for people. */
  lastRefusal: Status;
  /** The message is in the app's encoding. */
  isEncoded: boolean;

  private readonly encoded: ValueReader | null;
  /** Of the present connection. */
  protection: Protection;
  private readonly counters: Counters;
  private readonly calls: CallTable;
  private route: Route;

  constructor(
    config: Config,
    protection: Protection,
    encoding: Encoding | null,
    counters: Counters,
    calls: CallTable,
  ) {
    const limits = config.limits;
    this.frame = new FrameReader(
      config.deviceId,
      config.cloud,
      limits.idBytes,
      limits.hostBytes,
      limits.tokenBytes,
      config.isMgRpc,
    );
    this.encoded = encoding === null ? null : encoding.valueReader();
    this.protection = protection;
    this.counters = counters;
    this.calls = calls;
    this.at = 0;
    this.isFrame = false;
    this.isRequest = false;
    this.isEncoded = false;
    this.lastRefusal = Status.OK;
    this.route = Route.DROP;
  }

  /** Forgets the staged bytes. */
  wipe(): void {
    this.frame.staging.fill(0);
    this.frame.sealed.salt.fill(0);
  }

  /** A message for us begins, in JSON or in the app's encoding. */
  open(isRequest: boolean, isEncoded: boolean): void {
    this.isRequest = isRequest;
    this.isEncoded = isEncoded;
    this.isFrame = false;
    this.route = Route.FRAME;
    this.frame.reset(isEncoded ? this.encoded : null);
    this.protection.receive();
  }

  /** A message begins that is not for us. */
  ignore(): void {
    this.isFrame = false;
    this.route = Route.DROP;
    this.counters.foreign++;
  }

  /** Looks at a piece of the message, to its end or to a host; `at` is how far it came. */
  readPiece(bytes: Uint8Array, from: number, to: number): PieceEvent {
    let at = from;
    let event = PieceEvent.MORE;
    while (at < to && event === PieceEvent.MORE) {
      if (this.route === Route.FRAME) {
        const found = this.frame.read(bytes, at, to);
        const next = this.frame.at;
        this.protection.update(bytes, at, next);
        at = next;
        if (found === FrameEvent.END) this.route = Route.TRAILER;
        else if (found === FrameEvent.REFUSED) this.drop(this.frame.status);
        else if (found === FrameEvent.HOST) event = PieceEvent.HOST;
      } else {
        if (this.route === Route.TRAILER) {
          const status = this.protection.behind(bytes, at, to, this.frame.isText);
          if (status !== Status.OK) this.drop(status);
        }
        at = to;
      }
    }
    this.at = at;
    return event;
  }

  /** The message is complete. */
  close(): void {
    if (this.route === Route.FRAME && this.frame.finish() === FrameEvent.END) this.route = Route.TRAILER;
    if (this.route === Route.FRAME) this.drop(this.frame.status);
    if (this.route !== Route.TRAILER) return;
    const status = this.protection.end();
    if (status !== Status.OK) {
      this.drop(status);
      return;
    }
    if (this.frame.sealed.isPresent) this.protection.openToken(this.frame);
    this.isFrame = true;
  }

  private drop(status: Status): void {
    this.route = Route.DROP;
    this.lastRefusal = status;
    // A second answer means nothing, and a frame that names a method is no answer.
    if (status !== Status.MAC_REPLAYED && !this.isRequest) this.calls.suspect(this.frame.id, status);
    if (status === Status.MAC_REPLAYED) this.counters.macReplayed++;
    else if (status === Status.MAC_MISSING || status === Status.MAC_WRONG) this.counters.macRefused++;
    else this.counters.malformed++;
  }
}
