import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { generate, type IPublishPacket, type Packet, parser } from "mqtt-packet";

/** CONNECT and AUTH (MQTT, 2.1.2): what proves a connection. */
const PROVING = [1, 15];

/**
 * A relay that lets a device prove its connection to the broker, withholds all that the device sends afterwards, and
 * speaks on in its place.
 */
export class Hijack {
  /** The device's connection is accepted, and is the relay's from now on. */
  readonly taken: Promise<void>;
  private upstream: Socket | null = null;
  private readonly sockets = new Set<Socket>();
  private readonly messages: string[] = [];
  private listener: ((message: string) => void) | null = null;

  private constructor(
    private readonly server: Server,
    /** Opens a connection to the broker. */
    private readonly open: () => Socket,
    private readonly protocolVersion: 4 | 5,
  ) {
    this.taken = new Promise((resolve) => {
      server.once("connection", (device: Socket) => this.relay(device, resolve));
    });
  }

  static async start(open: () => Socket, protocolVersion: 4 | 5): Promise<Hijack> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Hijack(server, open, protocolVersion);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Sends a packet of the relay's own. */
  send(packet: Packet): void {
    this.upstream?.write(generate(packet, { protocolVersion: this.protocolVersion }));
  }

  /** The next message that the broker has for the device. */
  message(): Promise<string> {
    const message = this.messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => {
      this.listener = resolve;
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  private relay(device: Socket, onTaken: () => void): void {
    const upstream = this.open();
    this.upstream = upstream;
    for (const socket of [device, upstream]) {
      this.sockets.add(socket);
      socket.on("error", () => {});
    }
    let rest: Buffer = Buffer.alloc(0);
    device.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (let length = packetLength(rest); length > 0; length = packetLength(rest)) {
        if (PROVING.includes((rest[0] as number) >> 4)) upstream.write(rest.subarray(0, length));
        rest = rest.subarray(length);
      }
    });
    const packets = parser({ protocolVersion: this.protocolVersion });
    packets.on("packet", (packet: Packet) => {
      if (packet.cmd === "connack") onTaken();
      if (packet.cmd === "publish") this.take(packet);
    });
    upstream.on("data", (bytes: Buffer) => {
      device.write(bytes);
      packets.parse(bytes);
    });
  }

  private take(packet: IPublishPacket): void {
    const message = packet.payload.toString();
    if (this.listener === null) this.messages.push(message);
    else this.listener(message);
    this.listener = null;
  }
}

/** The length of the packet that these bytes begin with; 0 while it is not whole (MQTT 3.1.1, 2.2.3). */
function packetLength(bytes: Buffer): number {
  let remaining = 0;
  for (let at = 1, factor = 1; at < bytes.length && at < 5; at++, factor *= 128) {
    const byte = bytes[at] as number;
    remaining += (byte & 0x7f) * factor;
    if (byte < 0x80) return bytes.length >= at + 1 + remaining ? at + 1 + remaining : 0;
  }
  return 0;
}
