/**
 * The same round trip as an app would write it by hand: JSON.stringify, JSON.parse, and prepared MQTT bytes.
 * It checks less (no topic, no UTF-8 of what it skips, no lease, no deadline) and makes garbage. It runs inside
 * XS, against the same far end.
 */

import type { Address, LinkEvents } from "../../firmware/index.js";
import { DEVICE, FarEnd, HOST, TOKEN_BYTES } from "./rig.js";

const HEADER_BYTES = 3;
const TOPIC = `cloud/from/${DEVICE}/rpc`;

type OnToken = (token: string, expiresInSeconds: number) => void;

/** A client that is connected, with one call at a time. */
export class Peer implements LinkEvents {
  told: number;
  private readonly farEnd: FarEnd;
  private readonly encoder: InstanceType<typeof TextEncoder>;
  private readonly decoder: InstanceType<typeof TextDecoder>;
  /** PUBLISH up to the payload; length and identifier are filled in. */
  private readonly packet: Uint8Array;
  private readonly payloadAt: number;
  private readonly puback: Uint8Array;
  private id: number;
  private packetIdentifier: number;
  private onToken: OnToken | null;
  private readonly count: OnToken;

  constructor() {
    this.farEnd = new FarEnd("password", false);
    this.farEnd.open({ host: "", port: 0 } as Address, this);
    this.encoder = new TextEncoder();
    this.decoder = new TextDecoder();
    this.packet = new Uint8Array(512);
    this.packet[0] = 0x32;
    this.packet[HEADER_BYTES + 1] = TOPIC.length;
    this.packet.set(this.encoder.encode(TOPIC), HEADER_BYTES + 2);
    this.payloadAt = HEADER_BYTES + 2 + TOPIC.length + 2;
    this.puback = new Uint8Array([0x40, 2, 0, 0]);
    this.id = 0x808080808080;
    this.packetIdentifier = 0;
    this.told = 0;
    this.onToken = null;
    this.count = (token: string): void => {
      if (token.length !== TOKEN_BYTES) throw new Error("peer: no token");
      this.told++;
    };
  }

  roundTrip(): void {
    this.generateToken(this.count);
    this.farEnd.deliver();
  }

  opened(): void {}
  writable(): void {}
  closed(): void {}

  received(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const isShort = bytes[at + 1] < 128;
      const body = isShort ? at + 2 : at + 3;
      const end = body + (isShort ? bytes[at + 1] : (bytes[at + 1] & 127) + bytes[at + 2] * 128);
      if (bytes[at] >> 4 === 3) this.takePublish(bytes, body, end);
      at = end;
    }
  }

  private generateToken(onToken: OnToken): void {
    const packet = this.packet;
    const at = this.payloadAt;
    this.id++;
    this.onToken = onToken;
    const frame = { v: 2, src: DEVICE, id: this.id, method: "/v1/Auth.GenerateToken", args: { host: HOST } };
    const payload = this.encoder.encode(JSON.stringify(frame));
    const length = at - HEADER_BYTES + payload.length;
    this.packetIdentifier = (this.packetIdentifier % 65535) + 1;
    packet[1] = (length & 127) | 128;
    packet[2] = length >> 7;
    packet[at - 2] = this.packetIdentifier >> 8;
    packet[at - 1] = this.packetIdentifier & 255;
    packet.set(payload, at);
    this.farEnd.write(packet, 0, at + payload.length);
  }

  private takePublish(bytes: Uint8Array, body: number, end: number): void {
    const identifierAt = body + 2 + bytes[body + 1];
    const puback = this.puback;
    puback[2] = bytes[identifierAt];
    puback[3] = bytes[identifierAt + 1];
    this.farEnd.write(puback, 0, 4);
    const frame = JSON.parse(this.decoder.decode(bytes.subarray(identifierAt + 2, end)));
    const onToken = this.onToken;
    if (frame.v !== 2 || frame.id !== this.id || frame.dst !== DEVICE || onToken === null) return;
    this.onToken = null;
    onToken(frame.result.token, frame.result.expires_in);
  }
}
