import type { Config } from "../config.js";
import { base64urlLength, writeBase64url } from "../crypto/base64.js";
import type { Sha256 } from "../crypto/sha256.js";
import type { Entropy } from "../ports.js";
import { MAC_NONCE_BYTES, type MacSession } from "../proof/mac.js";
import { Status } from "../status.js";
import type { Channel } from "../transport/channel.js";
import type { Outbox } from "../transport/outbox.js";
import { NO_BYTES } from "../wire/bytes.js";
import type { Addressing } from "../wire/frame/addressing.js";
import type { Call } from "./calls.js";
import type { Challenge } from "./challenge.js";
import type { FrameProofs, FrameWriter } from "./frames.js";
import { JsonFrames } from "./json-frames.js";
import type { RpcParts } from "./parts.js";

/**
 * Lays requests out in the outbox, in JSON or in the encoding that was agreed on. A frame is laid out twice by the
 * same function: once counted, because channels name its length first, once written.
 */
export class Requests implements FrameProofs {
  private readonly config: Config;
  private readonly outbox: Outbox;
  private readonly channel: Channel;
  private readonly entropy: Entropy;
  private readonly hash: Sha256;
  private readonly mac: MacSession | null;
  private readonly challenge: Challenge | null;
  private readonly json: FrameWriter;
  private readonly encoded: FrameWriter | null;
  private readonly nonce: Uint8Array;
  readonly nonceText: Uint8Array;
  private needsMacSession: boolean;
  private isCounterFresh: boolean;
  macCounter: number;
  announcesMacSession: boolean;

  constructor(parts: RpcParts, channel: Channel) {
    const frames = parts.frames;
    const mac = parts.mac;
    this.config = parts.config;
    this.outbox = parts.outbox;
    this.channel = channel;
    this.entropy = parts.entropy;
    this.hash = parts.scratch.hash;
    this.mac = mac;
    this.challenge = parts.challenge;
    this.json = new JsonFrames(parts.config, parts.challenge);
    this.encoded = frames === null ? null : frames.writer(parts.config);
    this.nonce = mac === null ? NO_BYTES : new Uint8Array(MAC_NONCE_BYTES);
    this.nonceText = mac === null ? NO_BYTES : new Uint8Array(base64urlLength(MAC_NONCE_BYTES));
    this.needsMacSession = true;
    this.isCounterFresh = false;
    this.macCounter = 0;
    this.announcesMacSession = false;
  }

  /**
   * The next frame begins a MAC session of its own, as on every new connection.
   * @param isCounterFresh CONNECT took the latest counter: it serves for both
   */
  renewMacSession(isCounterFresh: boolean): void {
    this.needsMacSession = true;
    this.isCounterFresh = isCounterFresh;
  }

  /**
   * An answer is missing: the cloud may have forgotten the MAC session, or a broker may keep encoded frames from
   * us without a word. What follows has a session of its own, and is JSON.
   */
  doubt(): void {
    this.renewMacSession(false);
    this.channel.endEncoding();
  }

  /** Begins the MAC session where one is due, before any PUBLISH. false: there was no counter for it. */
  prepare(): boolean {
    const mac = this.mac;
    if (mac === null || !this.needsMacSession) return true;
    const counters = this.config.counterBlock;
    const counter = this.isCounterFresh ? counters.latest : counters.next();
    if (counter === 0) return false;
    const nonce = this.nonce;
    this.entropy.fill(nonce, 0, MAC_NONCE_BYTES);
    writeBase64url(this.nonceText, 0, nonce, 0, MAC_NONCE_BYTES);
    mac.begin(this.hash, this.config.psk, this.config.psk.length, counter, nonce);
    this.macCounter = counter;
    this.isCounterFresh = false;
    this.needsMacSession = false;
    this.announcesMacSession = true;
    return true;
  }

  /**
   * Sends a call's frame. OK: it lies in the outbox; BUSY: no room until the link takes what the outbox holds;
   * TOO_LONG: it never fits.
   */
  publish(call: Call): Status {
    const outbox = this.outbox;
    const config = this.config;
    const channel = this.channel;
    const mac = this.mac;
    const challenge = this.challenge;
    const isAnswered = challenge !== null && challenge.isHeld;
    if (isAnswered) challenge.answer(this.hash, this.entropy, config.user, config.psk);
    const frames = this.encoded !== null && channel.terms.isEncoded ? this.encoded : this.json;
    const writer = frames.writer;
    writer.count();
    frames.request(call, this);
    const payloadLength = writer.at + (mac === null ? 0 : mac.trailerLength());
    const length = channel.frameLength(payloadLength);
    if (length > outbox.size()) return Status.TOO_LONG;
    if (!outbox.takes(length) || !channel.takesFrame()) return Status.BUSY;

    const from = channel.openFrame(call, payloadLength);
    writer.write(outbox.bytes, from);
    frames.request(call, this);
    const to = writer.at;
    channel.closeFrame(from, mac === null ? to : mac.sign(this.hash, outbox.bytes, from, to));
    this.announcesMacSession = false;
    if (isAnswered) challenge.sent();
    call.proofUse = isAnswered ? challenge.uses : 0;
    call.proofSerial = isAnswered ? challenge.serial : 0;
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

  /** Forgets nonces, challenge and the MAC session's keys; the device's key is its owner's to wipe. */
  wipe(): void {
    if (this.mac !== null) this.mac.wipe();
    if (this.challenge !== null) this.challenge.drop();
    this.nonce.fill(0);
    this.nonceText.fill(0);
  }
}
