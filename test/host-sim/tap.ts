import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import mqtt, { type IPublishPacket, type Packet } from "mqtt-packet";

/** The bytes of one connection, both ways, in order of their passing. */
export class Recording {
  readonly fromDevice: Buffer[] = [];
  readonly toDevice: Buffer[] = [];

  /** What the device sent. */
  sent(): Buffer {
    return Buffer.concat(this.fromDevice);
  }

  /** What the device was sent. */
  received(): Buffer {
    return Buffer.concat(this.toDevice);
  }
}

const running = new Set<Tap>();

// A test that fails closes nothing itself, and what still relays would keep the process from its end.
afterEach(() => Promise.all([...running].map((tap) => tap.close())));

/** A TCP relay between devices and a broker that hears everything, and can cut every line; it ends with its test. */
export class Tap {
  readonly recordings: Recording[] = [];
  private readonly sockets = new Set<Socket>();
  private broker: Socket | null = null;

  private constructor(
    private readonly server: Server,
    /** Where the next connections lead; it may be moved. */
    public targetPort: number,
  ) {
    server.on("connection", (device) => this.relay(device));
    running.add(this);
  }

  static async start(targetPort: number): Promise<Tap> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Tap(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Everything that all devices sent. */
  sent(): Buffer {
    return Buffer.concat(this.recordings.map((recording) => recording.sent()));
  }

  /** Everything that all devices were sent. */
  received(): Buffer {
    return Buffer.concat(this.recordings.map((recording) => recording.received()));
  }

  /** Puts bytes of the relay's own into the latest line, towards the broker. */
  inject(bytes: Buffer): void {
    this.broker?.write(bytes);
  }

  /** Cuts all lines; new ones may be made. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    if (!running.delete(this)) return;
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }

  private relay(device: Socket): void {
    const recording = new Recording();
    const broker = connect({ host: "127.0.0.1", port: this.targetPort, noDelay: true });
    this.recordings.push(recording);
    this.broker = broker;
    this.join(device, broker, recording.fromDevice);
    this.join(broker, device, recording.toDevice);
  }

  private join(from: Socket, to: Socket, heard: Buffer[]): void {
    this.sockets.add(from);
    from.on("data", (bytes) => {
      heard.push(bytes);
      to.write(bytes);
    });
    from.on("end", () => to.end());
    from.on("error", () => {});
    from.on("close", () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }
}

/** The packets in these bytes, by mqtt-packet; an unfinished last one is left out. */
export function packetsIn(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  const parser = mqtt.parser();
  parser.on("packet", (packet) => packets.push(packet));
  parser.parse(bytes);
  return packets;
}

/** The payloads of the PUBLISH packets in these bytes. */
export function messagesIn(bytes: Buffer): string[] {
  return packetsIn(bytes)
    .filter((packet): packet is IPublishPacket => packet.cmd === "publish")
    .map((packet) => packet.payload.toString());
}

// biome-ignore lint/suspicious/noExplicitAny: a frame has the shape that the test asserts.
export type AnyFrame = any;

/** The frame of a message, without its MAC. */
export function frameOf(message: string): AnyFrame {
  return JSON.parse(message.replace(/\n\d+\.[A-Za-z0-9_-]{43}$/, ""));
}
