import type { Protection } from "../proof/proof.js";
import { Status } from "../status.js";
import type { Channel } from "../transport/channel.js";
import type { Outbox } from "../transport/outbox.js";
import type { Addressing } from "../wire/frame/addressing.js";
import type { Call } from "./calls.js";
import type { FrameWriter } from "./frames.js";
import { JsonFrames } from "./json-frames.js";
import type { RpcParts } from "./parts.js";

/**
 * Lays requests out in the outbox, in JSON or in the encoding that was agreed on. A frame is laid out twice by the
 * same function: once counted, because channels name its length first, once written.
 */
export class Requests {
  readonly protection: Protection;
  private readonly outbox: Outbox;
  private readonly channel: Channel;
  private readonly json: FrameWriter;
  private readonly encoded: FrameWriter | null;

  constructor(parts: RpcParts, channel: Channel) {
    const frames = parts.frames;
    this.protection = parts.protection;
    this.outbox = parts.outbox;
    this.channel = channel;
    this.json = new JsonFrames(parts.config);
    this.encoded = frames === null ? null : frames.writer(parts.config);
  }

  /**
   * An answer is missing: the cloud may have forgotten what the proof needs of it, or a broker may keep encoded
   * frames from us without a word. What follows begins that anew, and is JSON.
   */
  doubt(): void {
    this.protection.renew(false);
    this.channel.endEncoding();
  }

  /**
   * Sends a call's frame. OK: it lies in the outbox; BUSY: no room until the link takes what the outbox holds;
   * TOO_LONG: it never fits.
   */
  publish(call: Call): Status {
    const outbox = this.outbox;
    const channel = this.channel;
    const protection = this.protection;
    const frames = this.encoded !== null && channel.terms.isEncoded ? this.encoded : this.json;
    const writer = frames.writer;
    const fields = protection.open();
    writer.count();
    frames.request(call, protection, fields);
    const payloadLength = writer.at + protection.trailerLength();
    const length = channel.frameLength(payloadLength);
    if (length > outbox.size()) return Status.TOO_LONG;
    if (!outbox.takes(length) || !channel.takesFrame()) return Status.BUSY;

    const from = channel.openFrame(call, payloadLength);
    writer.write(outbox.bytes, from);
    frames.request(call, protection, fields);
    channel.closeFrame(from, protection.close(call, outbox.bytes, from, writer.at));
    return Status.OK;
  }

  /**
   * Answers a stranger's request with 404, spelt as that was.
   * @param addressing the stranger's id in the first `length` bytes, and room for a topic's rest behind it
   * @returns OK, or BUSY where there was no room: then there is no answer
   */
  refuseStranger(addressing: Addressing, length: number, id: number, isEncoded: boolean): Status {
    const frames = isEncoded && this.encoded !== null ? this.encoded : this.json;
    const writer = frames.writer;
    writer.count();
    frames.refusal(addressing, length, id);
    const from = this.channel.openReply(addressing.bytes, length, isEncoded, writer.at);
    if (from < 0) return Status.BUSY;
    writer.write(this.outbox.bytes, from);
    frames.refusal(addressing, length, id);
    this.channel.closeFrame(from, writer.at);
    return Status.OK;
  }
}
