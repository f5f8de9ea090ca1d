import type { Config } from "../config.js";
import { FrameProof } from "../policy.js";
import type { Entropy } from "../ports.js";
import { base64urlLength, writeBase64url } from "../proof/base64.js";
import { MAC_NONCE_BYTES, type MacSession } from "../proof/mac.js";
import type { Sha256 } from "../proof/sha256.js";
import { Status } from "../status.js";
import { bytesOf, NO_BYTES, type Text } from "../wire/bytes.js";
import { Method, openingOf } from "../wire/methods.js";
import { Pen } from "../wire/pen.js";
import type { Call } from "./calls.js";
import type { Challenge } from "./challenge.js";
import type { Channel } from "./channel.js";
import type { Outbox } from "./outbox.js";

const OPEN_SRC = bytesOf('{"v":2,"src":"');
const OPEN_ID = bytesOf('","id":');
const QUOTE_BRACE = bytesOf('"}');
const BRACE = bytesOf("}");
const OPEN_PSK = bytesOf('"psk":"');
const QUOTE = bytesOf('"');
const OPEN_CERT = bytesOf('"cert":"');
const COMMA = bytesOf(",");
const OPEN_AUTH_ID = bytesOf('},"id":"');
const OPEN_DST = bytesOf('","dst":"');
const OPEN_COMMAND_SRC = bytesOf('","src":"');
const OPEN_SEC = bytesOf(',"sec":{"c":');
const OPEN_SEC_NONCE = bytesOf(',"n":"');
const CLOSE_SEC = bytesOf('"}');
const OPEN_KEY = bytesOf(',"key":"');
const OPEN_STRANGER = bytesOf('","dst":"');
const NO_SUCH_METHOD = bytesOf(',"error":{"code":404,"message":"no such method"}}');

/**
 * Lays requests out in the outbox: prepared pieces, the id, the arguments, and the frame's proof. A frame is
 * laid out twice by the same function: once counted, because channels name its length first, once written.
 */
export class Requests {
  private readonly config: Config;
  private readonly outbox: Outbox;
  private readonly channel: Channel;
  private readonly entropy: Entropy;
  private readonly hash: Sha256;
  private readonly mac: MacSession | null;
  private readonly challenge: Challenge | null;
  private readonly pen: Pen;
  /** What every request begins with, up to its id. */
  private readonly head: Uint8Array;
  /** The nonce of the MAC session, as it goes into its first frame. */
  private readonly nonce: Uint8Array;
  private readonly nonceText: Uint8Array;
  private needsMacSession: boolean;
  private isCounterFresh: boolean;
  private macCounter: number;
  private announcesMacSession: boolean;

  constructor(
    config: Config,
    outbox: Outbox,
    channel: Channel,
    entropy: Entropy,
    hash: Sha256,
    mac: MacSession | null,
    challenge: Challenge | null,
  ) {
    this.config = config;
    this.outbox = outbox;
    this.channel = channel;
    this.entropy = entropy;
    this.hash = hash;
    this.mac = mac;
    this.challenge = challenge;
    this.pen = new Pen();
    this.head = new Uint8Array(OPEN_SRC.length + config.deviceId.length + OPEN_ID.length);
    this.head.set(OPEN_SRC, 0);
    this.head.set(config.deviceId, OPEN_SRC.length);
    this.head.set(OPEN_ID, OPEN_SRC.length + config.deviceId.length);
    this.nonce = mac === null ? NO_BYTES : new Uint8Array(MAC_NONCE_BYTES);
    this.nonceText = mac === null ? NO_BYTES : new Uint8Array(base64urlLength(MAC_NONCE_BYTES));
    this.needsMacSession = true;
    this.isCounterFresh = false;
    this.macCounter = 0;
    this.announcesMacSession = false;
  }

  /**
   * The next frame begins a MAC session of its own: on every new connection, and when an answer does not come,
   * since a cloud that was restarted has forgotten the one before.
   * @param isCounterFresh the latest counter was taken for CONNECT: it serves for both
   */
  renewMacSession(isCounterFresh: boolean): void {
    this.needsMacSession = true;
    this.isCounterFresh = isCounterFresh;
  }

  /** Begins the MAC session where one is due, before anything is published. false: there was no counter for it. */
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
   * Sends a call's frame. OK: it lies in the outbox; BUSY: not enough room until the outbox was written;
   * TOO_LONG: it never fits.
   */
  publish(call: Call): Status {
    const outbox = this.outbox;
    const config = this.config;
    const channel = this.channel;
    const mac = this.mac;
    const challenge = this.challenge;
    if (challenge !== null && challenge.isHeld) {
      challenge.answer(this.hash, this.entropy, config.deviceId, config.psk);
    }
    this.pen.count();
    this.writeFrame(call);
    const payloadLength = this.pen.at + (mac === null ? 0 : mac.trailerLength());
    const length = channel.frameLength(payloadLength);
    if (length > outbox.bytes.length) return Status.TOO_LONG;
    if (length > outbox.room()) return Status.BUSY;

    const from = channel.openFrame(call, payloadLength);
    this.pen.write(outbox.bytes, from);
    this.writeFrame(call);
    const to = this.pen.at;
    channel.closeFrame(from, mac === null ? to : mac.sign(this.hash, outbox.bytes, from, to));
    this.announcesMacSession = false;
    return Status.OK;
  }

  /**
   * Answers a stranger's request with 404.
   * @param parties the stranger's id in the first `length` bytes, and room for four more behind it
   * @returns OK, or BUSY where there was no room: then there is no answer
   */
  refuseStranger(parties: Uint8Array, length: number, id: number): Status {
    const pen = this.pen;
    pen.count();
    this.writeRefusal(parties, length, id);
    const from = this.channel.openReply(parties, length, pen.at);
    if (from < 0) return Status.BUSY;
    pen.write(this.outbox.bytes, from);
    this.writeRefusal(parties, length, id);
    this.channel.closeFrame(from, pen.at);
    return Status.OK;
  }

  /** Forgets the nonces; the keys are the session's to wipe. */
  wipe(): void {
    this.nonce.fill(0);
    this.nonceText.fill(0);
  }

  private writeFrame(call: Call): void {
    const pen = this.pen;
    const config = this.config;
    pen.bytes(this.head);
    pen.decimal(call.id);
    pen.bytes(openingOf(call.method));
    this.writeArguments(call);
    if (this.announcesMacSession) {
      pen.bytes(OPEN_SEC);
      pen.decimal(this.macCounter);
      pen.bytes(OPEN_SEC_NONCE);
      pen.bytes(this.nonceText);
      pen.bytes(CLOSE_SEC);
    }
    if (config.frameProof === FrameProof.KEY) {
      pen.bytes(OPEN_KEY);
      pen.text(config.psk);
      pen.bytes(QUOTE);
    }
    if (this.challenge !== null && this.challenge.isHeld) this.challenge.write(pen, config.deviceId);
    pen.bytes(BRACE);
  }

  /** The arguments from the first value to the closing brace of `args`. */
  private writeArguments(call: Call): void {
    const pen = this.pen;
    switch (call.method) {
      case Method.HELLO:
      case Method.LIST_TOKEN:
        pen.bytes(BRACE);
        break;
      case Method.AUTHENTICATE:
        if (call.first.length > 0) this.writeMember(OPEN_PSK, call.first);
        if (call.first.length > 0 && call.second.length > 0) pen.bytes(COMMA);
        if (call.second.length > 0) this.writeMember(OPEN_CERT, call.second);
        pen.bytes(OPEN_AUTH_ID);
        pen.text(call.third);
        pen.bytes(QUOTE_BRACE);
        break;
      case Method.AUTHORIZE_COMMAND:
        pen.text(call.first);
        pen.bytes(OPEN_DST);
        pen.text(call.second);
        pen.bytes(OPEN_COMMAND_SRC);
        pen.text(call.third);
        pen.bytes(QUOTE_BRACE);
        break;
      default:
        pen.bytes(call.host);
    }
  }

  private writeMember(opening: Uint8Array, value: Text): void {
    this.pen.bytes(opening);
    this.pen.text(value);
    this.pen.bytes(QUOTE);
  }

  private writeRefusal(stranger: Uint8Array, length: number, id: number): void {
    const pen = this.pen;
    pen.bytes(OPEN_SRC);
    pen.bytes(this.config.deviceId);
    pen.bytes(OPEN_STRANGER);
    pen.part(stranger, length);
    pen.bytes(OPEN_ID);
    pen.decimal(id);
    pen.bytes(NO_SUCH_METHOD);
  }
}
