/**
 * The whole firmware on a loopback, to be measured: its network card, broker and cloud in one object that
 * answers from prepared bytes. This file runs inside XS, so it keeps to the engines' shared language; and as
 * its own garbage would be taken for the firmware's, it makes none either.
 */

import { base64urlLength, readBase64url, writeBase64url } from "../../firmware/crypto/base64.js";
import { hkdf32 } from "../../firmware/crypto/hkdf.js";
import { HmacKey, hmacBegin, hmacEnd } from "../../firmware/crypto/hmac.js";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import {
  type Address,
  type AuthClient,
  createAuth,
  type Host,
  type Link,
  type LinkEvents,
  type Ports,
  type Proof,
  State,
  Status,
  type Token,
} from "../../firmware/index.js";
import { Seal } from "../../firmware/proof/seal.js";
import { bytesOf, copyBytes, writeDecimal } from "../../firmware/wire/bytes.js";
import { entropy, HandClock, RigStore } from "./rig-ports.js";

export const DEVICE = "device_123";
export const HOST = "app.example.com";
export const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/** Bytes of the token that a reply brings. */
export const TOKEN_BYTES = 200;
/** Bytes of unknown members that {@link Rig.skipMore} adds. */
export const SKIPPED_BYTES = 1024;
/** Bytes of the frame that brings it. */
export const REPLY_BYTES = 329;

const CLOUD = "//api.mongoose-iot.com";
const FRAME_START = bytesOf(`{"v":2,"src":"${DEVICE}","id":`);
const ID_DIGITS = 15;
const TOPIC = bytesOf(`${DEVICE}/rpc`);
const CONNACK = new Uint8Array([0x20, 2, 0, 0]);
const PINGRESP = new Uint8Array([0xd0, 0]);
const INFO = bytesOf("motekey mac v1");
const SEC = bytesOf(',"sec":{"c":');

/** `length` characters that a token could have. */
const tokenText = (length: number): string => {
  let text = "";
  while (text.length < length) text += "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9_-0";
  return text.substr(0, length);
};

/** A frame to the device whose id is filled in later, from {@link REPLY_ID_AT} on. */
const replyOf = (rest: string): Uint8Array =>
  bytesOf(`{"v":2,"id":000000000000000,"src":"${CLOUD}","dst":"${DEVICE}"${rest}}`);
const REPLY_ID_AT = 12;

const result = `,"result":{"token":"${tokenText(TOKEN_BYTES)}","expires_in":999999999999999`;
/** A reply of exactly {@link REPLY_BYTES}. */
const tokenReply = (skipped: string): Uint8Array => replyOf(`${result}}${skipped}`);

/** {@link SKIPPED_BYTES} of members that nobody knows: text, numbers, nesting, escapes. */
const skippedMembers = (): string => {
  let text = ',"trace":[';
  for (let i = 0; i < 12; i++)
    text += `{"hop":"relay-${i}","at":[1753${i}.25,true,null],"note":"a \\"quoted\\" \\u00e9"},`;
  text += '""],"pad":"';
  while (text.length < SKIPPED_BYTES - 1) text += "x";
  return `${text}"`;
};

const CHALLENGE = replyOf(
  ',"error":{"code":401,"message":"{\\"auth_type\\":\\"digest\\",\\"nonce\\":1638000000,\\"nc\\":1,\\"realm\\":\\"cloud\\",\\"algorithm\\":\\"SHA-256\\"}"}',
);
const HELLO = replyOf(',"result":{"time":1753000000}');
const TOKEN = tokenReply("");
/** The same with its token sealed, under a salt of zeros; what is sealed is filled in later. */
const SALT = new Uint8Array(12);
const SEALED_CHARACTERS = base64urlLength(SALT.length + TOKEN_BYTES);
const SEALED_OPENING = `,"result":{"sealed":"`;
const sealedReply = (): Uint8Array =>
  replyOf(`${SEALED_OPENING}${tokenText(SEALED_CHARACTERS)}","expires_in":999999999999999}`);
const SEALED_AT = replyOf(SEALED_OPENING).length - 1;
const TOKEN_AND_MORE = tokenReply(skippedMembers());

/** Link, broker and cloud. It answers each packet at once; `deliver` brings the answers to the device. */
export class FarEnd implements Link {
  /** The reply to anything but Hello. */
  reply: Uint8Array;
  isOpening: boolean;
  events: LinkEvents | null;
  /** Answers not delivered yet are `inbound[0..inboundTo)`. */
  inboundTo: number;
  private readonly isMac: boolean;
  private readonly isSealing: boolean;
  private readonly isDigest: boolean;
  private readonly inbound: Uint8Array;
  private readonly window: Uint8Array;
  private readonly hash: Sha256;
  private readonly key: HmacKey;
  private sequence: number;
  private packetIdentifier: number;

  constructor(proof: Proof, isSealing: boolean) {
    this.isMac = proof.indexOf("mac") >= 0;
    this.isSealing = isSealing;
    this.isDigest = proof.indexOf("digest") >= 0;
    this.reply = TOKEN;
    this.isOpening = false;
    this.events = null;
    this.inbound = new Uint8Array(4096);
    this.window = new Uint8Array(4096);
    this.inboundTo = 0;
    this.hash = new Sha256();
    this.key = new HmacKey();
    this.sequence = 0;
    this.packetIdentifier = 0;
  }

  open(_address: Address, events: LinkEvents): void {
    this.events = events;
    this.isOpening = true;
  }

  close(): void {
    this.events = null;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to) at = this.take(bytes, at);
    return to - from;
  }

  /** Hands all answers over, as one window, until there are none. */
  deliver(): void {
    const events = this.events;
    while (events !== null && this.inboundTo > 0) {
      const length = copyBytes(this.window, 0, this.inbound, 0, this.inboundTo);
      this.inboundTo = 0;
      events.received(this.window, 0, length);
    }
  }

  /** Answers one packet; returns where it ends. Remaining lengths have one or two bytes here. */
  private take(bytes: Uint8Array, at: number): number {
    const type = bytes[at] >> 4;
    const isShort = bytes[at + 1] < 128;
    const body = isShort ? at + 2 : at + 3;
    const to = body + (isShort ? bytes[at + 1] : (bytes[at + 1] & 127) + bytes[at + 2] * 128);
    if (type === 1) this.append(CONNACK);
    else if (type === 8) this.acknowledge(0x90, 3, bytes, body);
    else if (type === 12) this.append(PINGRESP);
    else if (type === 3) {
      const identifierAt = body + 2 + bytes[body + 1];
      this.acknowledge(0x40, 2, bytes, identifierAt);
      this.answer(bytes, identifierAt + 2, to);
    }
    return to;
  }

  private append(packet: Uint8Array): void {
    this.inbound.set(packet, this.inboundTo);
    this.inboundTo += packet.length;
  }

  private acknowledge(head: number, length: number, bytes: Uint8Array, identifierAt: number): void {
    const inbound = this.inbound;
    const at = this.inboundTo;
    inbound[at] = head;
    inbound[at + 1] = length;
    inbound[at + 2] = bytes[identifierAt];
    inbound[at + 3] = bytes[identifierAt + 1];
    if (length === 3) inbound[at + 4] = 1;
    this.inboundTo = at + 2 + length;
  }

  /** Publishes the reply to the frame in `bytes[from..to)`. */
  private answer(bytes: Uint8Array, from: number, to: number): void {
    const idAt = from + FRAME_START.length;
    const inbound = this.inbound;
    // Behind the id: `,"method":"/v1/H…` or `…/v1/A…`.
    const isHello = bytes[idAt + ID_DIGITS + 15] === 0x48;
    if (this.isMac) this.expectSession(bytes, idAt + ID_DIGITS, to);
    let reply = isHello ? HELLO : this.reply;
    // A frame with a digest ends with `SHA-256"}}`.
    if (this.isDigest && bytes[to - 4] !== 0x36) reply = CHALLENGE;

    this.packetIdentifier = (this.packetIdentifier % 65535) + 1;
    const trailerLength = this.isMac ? this.trailerLength() : 0;
    const length = 4 + TOPIC.length + reply.length + trailerLength;
    let at = this.inboundTo;
    inbound[at++] = 0x32;
    inbound[at++] = (length & 127) | 128;
    inbound[at++] = length >> 7;
    inbound[at++] = 0;
    inbound[at++] = TOPIC.length;
    inbound.set(TOPIC, at);
    at += TOPIC.length;
    inbound[at++] = this.packetIdentifier >> 8;
    inbound[at++] = this.packetIdentifier & 255;
    inbound.set(reply, at);
    copyBytes(inbound, at + REPLY_ID_AT, bytes, idAt, idAt + ID_DIGITS);
    this.inboundTo = this.isMac ? this.sign(at, at + reply.length) : at + reply.length;
  }

  private trailerLength(): number {
    let digits = 1;
    for (let limit = 10; this.sequence >= limit; limit *= 10) digits++;
    return 2 + digits + base64urlLength(32);
  }

  /** The cloud's half of B6. */
  private sign(from: number, at: number): number {
    const inbound = this.inbound;
    inbound[at] = 0x0a;
    const dotAt = writeDecimal(inbound, at + 1, this.sequence);
    hmacBegin(this.hash, this.key);
    this.hash.push(0x63);
    this.hash.update(inbound, from, dotAt);
    hmacEnd(this.hash, this.key, this.key.digest, 0);
    inbound[dotAt] = 0x2e;
    this.sequence++;
    return writeBase64url(inbound, dotAt + 1, this.key.digest, 0, 32);
  }

  /** Begins a MAC session if the frame announces one. */
  private expectSession(bytes: Uint8Array, from: number, to: number): void {
    if (this.sequence > 0) return;
    for (let at = from; at < to - SEC.length; at++) {
      let i = 0;
      while (i < SEC.length && bytes[at + i] === SEC[i]) i++;
      if (i === SEC.length) this.beginSession(bytes, at + i);
    }
  }

  private beginSession(bytes: Uint8Array, from: number): void {
    const hash = this.hash;
    const key = this.key;
    const nonce = new Uint8Array(16);
    const psk = bytesOf(PSK);
    let at = from;
    let counter = 0;
    while (bytes[at] !== 0x2c) {
      counter = counter * 10 + bytes[at] - 0x30;
      at++;
    }
    readBase64url(nonce, 0, bytes, at + 12, at + 34); // behind `,"e":1,"n":"`
    hkdf32(hash, key, psk, INFO, key.digest);
    key.set(hash, key.digest, 32);
    hmacBegin(hash, key);
    hash.push(0x73);
    hash.pushU32(Math.floor(counter / 4294967296));
    hash.pushU32(counter % 4294967296);
    hash.update(nonce, 0, 16);
    hmacEnd(hash, key, key.digest, 0);
    key.set(hash, key.digest, 32);
    if (this.isSealing) this.seal();
  }

  /** The cloud's half of B7, once: what is sealed again under one salt is the same. */
  private seal(): void {
    const seal = new Seal();
    const bytes = new Uint8Array(SALT.length + TOKEN_BYTES);
    const token = bytesOf(tokenText(TOKEN_BYTES));
    seal.begin(this.hash, this.key);
    seal.open(this.hash, SALT, token, TOKEN_BYTES);
    bytes.set(token, SALT.length);
    this.reply = sealedReply();
    writeBase64url(this.reply, SEALED_AT, bytes, 0, bytes.length);
  }
}

/** Longest request that {@link Rig.answer} repeats. */
const REQUEST_BYTES_MAX = 1024;

/** A ready device with one token, and the operations that are measured on it. */
export class Rig {
  /** Callbacks told so far. */
  told: number;
  readonly auth: AuthClient;
  private readonly app: Host;
  private readonly store: RigStore;
  private readonly clock: HandClock;
  private readonly farEnd: FarEnd;
  private readonly onToken: (status: Status, token: Token | null) => void;
  /** The last request as the link got it. */
  private readonly request: Uint8Array;
  private requestLength: number;

  /**
   * @param hasStore the device keeps what it must in flash
   * @param isSealing the cloud seals tokens
   */
  constructor(proof: Proof, hasStore: boolean, isSealing: boolean) {
    const farEnd = new FarEnd(proof, isSealing);
    this.farEnd = farEnd;
    this.store = new RigStore();
    this.clock = new HandClock();
    this.told = 0;
    this.request = new Uint8Array(REQUEST_BYTES_MAX);
    this.requestLength = 0;
    this.onToken = (status: Status, token: Token | null): void => {
      if (status !== Status.OK || token === null || token.length !== TOKEN_BYTES) {
        throw new Error(`rig: status ${status} instead of a token`);
      }
      this.told++;
    };
    this.auth = createAuth(
      {
        deviceId: DEVICE,
        cloud: { host: "loopback" },
        credential: { psk: PSK, counter: 1 },
        proof,
        allowInsecure: true,
      },
      this.ports(hasStore),
    );
    this.app = this.auth.host(HOST);
    this.clock.fire();
    if (!farEnd.isOpening || farEnd.events === null) throw new Error("rig: the device opens no link");
    farEnd.events.opened();
    farEnd.deliver();
    this.roundTrip();
    if (this.auth.state !== State.READY) throw new Error(`rig: the device is in state ${this.auth.state}`);
  }

  /** getToken, answered from memory. */
  cached(): void {
    this.app.getToken(this.onToken);
    this.clock.fire();
  }

  /** A new token: the request leaves, PUBACK and reply come in one window, PUBACK leaves, the app is told. */
  roundTrip(): void {
    this.clock.nowMs++;
    this.app.generateToken(this.onToken);
    this.clock.fire();
    this.farEnd.deliver();
  }

  /** The token is revoked, here, in flash and in the cloud, and a new one fetched: three writes. */
  revoke(): void {
    const writes = this.store.writes;
    this.clock.nowMs++;
    this.app.revokeToken(null);
    this.clock.fire();
    this.farEnd.deliver();
    this.clock.fire();
    this.app.getToken(this.onToken);
    this.clock.fire();
    this.farEnd.deliver();
    if (this.store.writes - writes !== 3) throw new Error(`rig: ${this.store.writes - writes} writes`);
  }

  /** From here on replies bring 1 kB of unknown members too. */
  skipMore(): void {
    this.farEnd.reply = TOKEN_AND_MORE;
  }

  /** PINGREQ and PINGRESP, after 50 s of silence. */
  ping(): void {
    this.clock.nowMs += 50000;
    this.clock.fire();
    if (this.farEnd.inboundTo !== 2) throw new Error("rig: no PINGREQ came");
    this.farEnd.deliver();
  }

  /** The far end's own share of a round trip: it answers the last request again, and nobody reads that. */
  answer(): void {
    this.farEnd.write(this.request, 0, this.requestLength);
    this.farEnd.inboundTo = 0;
  }

  private ports(hasStore: boolean): Ports {
    const link = this.tap(this.farEnd);
    if (!hasStore) return { link, clock: this.clock, entropy };
    return { link, clock: this.clock, entropy, store: this.store };
  }

  /** A link that keeps the last request for {@link answer}; PUBACKs of 4 bytes are not kept. */
  private tap(farEnd: FarEnd): Link {
    return {
      open: (address: Address, events: LinkEvents): void => farEnd.open(address, events),
      close: (): void => farEnd.close(),
      write: (bytes: Uint8Array, from: number, to: number): number => {
        if (to - from > 4 && to - from < REQUEST_BYTES_MAX) {
          this.requestLength = copyBytes(this.request, 0, bytes, from, to);
        }
        return farEnd.write(bytes, from, to);
      },
    };
  }
}

/** Bytes of the reply's frame, so that a test can hold it to what is promised. */
export const replyBytes = (): number => TOKEN.length;
/** Bytes that {@link Rig.skipMore} adds. */
export const skippedBytes = (): number => TOKEN_AND_MORE.length - TOKEN.length;
