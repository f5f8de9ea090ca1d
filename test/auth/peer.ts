import { Decoder, Encoder } from "cbor-x";
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
  parser,
} from "mqtt-packet";
import { type Address, type Link, type LinkEvents, Status } from "../../firmware/index.js";
import type { VirtualTime } from "./time.js";

/** A frame as the device sends it. */
export interface Frame {
  v: number;
  src: string;
  dst?: string;
  id: number;
  method: string;
  args: Record<string, unknown>;
  key?: string;
  sec?: { c: number; n: string; e?: number };
  auth?: Record<string, unknown>;
  error?: { code: number; message: string };
}

/** A frame that came from the device. */
export interface Request {
  readonly frame: Frame;
  /** What stands behind the frame's line feed: the MAC's trailer. */
  readonly trailer: string | undefined;
  readonly packet: IPublishPacket;
  readonly atMs: number;
  /** Which connection it came over, from 1. */
  readonly connection: number;
}

/** Members of the frame that answers; `v`, `src`, `dst` and `id` are added unless they are named. */
export type Reply = Record<string, unknown>;

/** The address that answers come from. */
export const CLOUD = "//api.mongoose-iot.com";

const cbor = new Decoder({ mapsAsObjects: true });
const encoder = new Encoder({ useRecords: false, variableMapSize: true });

/** Whether a frame was published in CBOR. */
export const isCbor = (request: Request): boolean => request.packet.topic.endsWith("-cbor");

/** One connection's life at the far end. */
interface Wire {
  readonly events: LinkEvents;
  readonly reader: ReturnType<typeof parser>;
  /** Of MQTT, by the wire's CONNECT: 4 stands for 3.1.1. */
  version: number;
  isOpen: boolean;
}

/**
 * The far end of a device's link in virtual time: a broker and a cloud in one, which do what they should until a
 * test's script says otherwise. Its codecs are mqtt-packet, JSON and cbor-x, never the firmware's.
 */
export class Peer implements Link {
  /** Whether a connection can be opened. */
  isReachable = true;
  /** What the link says of a connection that cannot be opened. */
  whyUnreachable = Status.UNREACHABLE;
  /** From one end to the other. */
  latencyMs = 10;
  /** Of CONNACK and SUBACK. */
  isReachableAt: (address: Address) => boolean = () => true;
  returnCode = 0;
  sessionPresent = false;
  /** What a CONNACK of MQTT 5 grants. */
  grants: NonNullable<IConnackPacket["properties"]> = {};
  granted: 0 | 1 | 2 | 128 = 1;
  /** Bytes that one `write` takes at the most; a shorter one is followed by `writable`, unless this is 0. */
  takeBytes = Number.POSITIVE_INFINITY;
  /** In which pieces bytes reach the device. */
  cut: (bytes: Buffer) => Buffer[] = (bytes) => [bytes];
  /** What is added to a frame before it is published: the MAC's trailer. */
  seal: (frame: string) => string = (frame) => frame;
  /** Looks at a packet first; true: the script took care of it. */
  intercept: (packet: Packet) => boolean = () => false;
  /** What the cloud answers; undefined: nothing. */
  answer: (request: Request) => Reply | undefined = () => undefined;

  /** What the device did. `writes` counts the packets that each write brought. */
  readonly packets: Packet[] = [];
  readonly writes: number[] = [];
  readonly requests: Request[] = [];
  readonly connects: { readonly atMs: number; readonly packet: IConnectPacket }[] = [];
  /** Connections that were opened or tried. */
  opens = 0;
  readonly openedAtMs: number[] = [];
  /** Where each of them went, as `host:port`. */
  readonly addresses: string[] = [];

  private wire: Wire | undefined;
  private lastPacketIdentifier = 0;

  constructor(
    private readonly time: VirtualTime,
    private readonly deviceId: string,
  ) {}

  /** Of MQTT, on the present connection. */
  private get version(): number {
    return this.wire?.version ?? 4;
  }

  get isConnected(): boolean {
    return this.wire?.isOpen === true;
  }

  open(address: Address, events: LinkEvents): void {
    const reader = parser({ protocolVersion: 4 });
    const wire: Wire = { events, reader, version: 4, isOpen: false };
    reader.on("packet", (packet: Packet) => this.take(packet));
    reader.on("error", (error: Error) => {
      throw error;
    });
    this.wire = wire;
    this.opens++;
    this.openedAtMs.push(this.time.nowMs);
    const isReachable = this.isReachable && this.isReachableAt(address);
    this.addresses.push(`${address.host}:${address.port}`);
    this.soon(wire, () => {
      wire.isOpen = isReachable;
      if (isReachable) events.opened();
      else this.end(this.whyUnreachable);
    });
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const wire = this.wire;
    if (wire === undefined || !wire.isOpen) throw new Error("write to a link that is not open");
    const taken = Math.min(to - from, this.takeBytes);
    const copy = Buffer.from(bytes.slice(from, from + taken));
    if (taken < to - from && taken > 0)
      this.time.after(1, () => this.wire === wire && wire.events.writable());
    // What was taken is never lost while the device lives: it arrives after a close too.
    this.time.after(this.latencyMs, () => {
      this.writes.push(0);
      wire.reader.parse(copy);
    });
    return taken;
  }

  close(): void {
    this.wire = undefined;
  }

  /** Takes writes again. */
  drain(): void {
    this.takeBytes = Number.POSITIVE_INFINITY;
    this.wire?.events.writable();
  }

  /** Ends the connection, now. */
  kick(): void {
    if (this.isConnected) this.end(Status.CONNECTION_LOST);
  }

  /** Sends a packet to the device. */
  send(packet: Packet): void {
    this.sendBytes(generate(packet, { protocolVersion: this.version }));
  }

  /** Sends bytes to the device, in the pieces of `cut`; lost when the connection ends before they arrive. */
  sendBytes(bytes: Buffer): void {
    const wire = this.wire;
    if (wire === undefined) return;
    for (const piece of this.cut(bytes)) {
      this.soon(wire, () => wire.events.received(piece, 0, piece.length));
    }
  }

  /** Publishes a text to the device's topic. */
  publish(payload: string | Buffer, topic = `${this.deviceId}/rpc`, qos: 0 | 1 | 2 = 1): void {
    this.sendBytes(this.publishBytes(payload, topic, qos));
  }

  /** Sends the answer to a request. */
  reply(request: Request, members: Reply): void {
    this.sendBytes(this.replyBytes(request, members));
  }

  /** The packet that answers a request, spelt as that was. */
  replyBytes(request: Request, members: Reply): Buffer {
    const frame = { v: 2, src: CLOUD, dst: this.deviceId, id: request.frame.id, ...members };
    if (isCbor(request)) return this.publishBytes(encoder.encode(frame), `${this.deviceId}/rpc-cbor`, 1);
    return this.publishBytes(this.seal(JSON.stringify(frame)), `${this.deviceId}/rpc`, 1);
  }

  /** Requests of one method, `/v1/Auth.` left out. */
  asked(method: string): Request[] {
    return this.requests.filter(({ frame }) => frame.method === `/v1/Auth.${method}`);
  }

  private publishBytes(payload: string | Buffer, topic: string, qos: 0 | 1 | 2): Buffer {
    this.lastPacketIdentifier = (this.lastPacketIdentifier % 65_535) + 1;
    const messageId = qos > 0 ? { messageId: this.lastPacketIdentifier } : {};
    const packet: Packet = { cmd: "publish", topic, payload, qos, dup: false, retain: false, ...messageId };
    return generate(packet, { protocolVersion: this.version });
  }

  private take(packet: Packet): void {
    this.packets.push(packet);
    this.writes[this.writes.length - 1]++;
    if (packet.cmd === "connect") {
      this.connects.push({ atMs: this.time.nowMs, packet });
      if (this.wire !== undefined) this.wire.version = packet.protocolVersion ?? 4;
    }
    if (packet.cmd === "publish") this.note(packet);
    if (this.intercept(packet)) return;
    if (packet.cmd === "connect") {
      const { sessionPresent, returnCode } = this;
      this.send({
        cmd: "connack",
        sessionPresent,
        returnCode,
        reasonCode: returnCode,
        properties: { ...this.grants },
      });
      if (returnCode !== 0) this.time.after(this.latencyMs, () => this.kick());
    } else if (packet.cmd === "subscribe") {
      const messageId = packet.messageId as number;
      this.send({ cmd: "suback", messageId, granted: [this.granted] });
    } else if (packet.cmd === "pingreq") this.send({ cmd: "pingresp" });
    else if (packet.cmd === "publish") this.serve(packet);
  }

  private note(packet: IPublishPacket): void {
    const { atMs, connection } = { atMs: this.time.nowMs, connection: this.connects.length };
    if (packet.topic.endsWith("-cbor")) {
      const decoded: Frame = cbor.decode(packet.payload as Buffer);
      const frame = { ...decoded, id: Number(decoded.id) };
      this.requests.push({ frame, trailer: undefined, packet, atMs, connection });
      return;
    }
    const [text, trailer] = packet.payload.toString().split("\n");
    this.requests.push({ frame: JSON.parse(text), trailer, packet, atMs, connection });
  }

  private serve(packet: IPublishPacket): void {
    if (packet.qos === 1) this.send({ cmd: "puback", messageId: packet.messageId as number });
    const request = this.requests[this.requests.length - 1];
    if (request.frame.method === undefined) return;
    const members = this.answer(request);
    if (members !== undefined) this.reply(request, members);
  }

  private soon(wire: Wire, run: () => void): void {
    this.time.after(this.latencyMs, () => {
      if (this.wire === wire) run();
    });
  }

  private end(status: Status): void {
    const wire = this.wire;
    this.wire = undefined;
    wire?.events.closed(status);
  }
}
