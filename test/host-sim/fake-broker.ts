import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { generate, type IConnectPacket, type Packet, parser } from "mqtt-packet";

const FIVE = { protocolVersion: 5 } as const;

/**
 * A broker of MQTT 5 that answers each CONNECT in the same way, whatever it holds, and SUBSCRIBE if it is given an
 * answer. A function's answers are spelt in the version of CONNECT.
 */
export class FakeBroker {
  readonly commands: string[] = [];
  readonly versions: number[] = [];
  readonly connects: IConnectPacket[] = [];
  /** What each DISCONNECT said. */
  readonly reasonCodes: number[] = [];
  private closes = 0;
  private socket: Socket | null = null;
  private lastIdentifier = 0;
  private waiters: (() => void)[] = [];

  private constructor(private readonly server: ReturnType<typeof createServer>) {}

  /**
   * @param answers to CONNECT and SUBSCRIBE; or what answers any packet, if anything does
   * @param more follows each SUBACK at once
   */
  static async start(
    answers: Packet[] | Buffer | ((packet: Packet) => Packet | undefined),
    more = Buffer.alloc(0),
  ): Promise<FakeBroker> {
    const server = createServer();
    const fake = new FakeBroker(server);
    server.on("connection", (socket) => {
      const reader = parser();
      fake.socket = socket;
      socket.on("error", () => {});
      socket.on("close", () => {
        fake.closes++;
        for (const waiter of fake.waiters.splice(0)) waiter();
      });
      socket.on("data", (bytes) => reader.parse(bytes));
      reader.on("packet", (packet: Packet) => {
        fake.commands.push(packet.cmd);
        if (packet.cmd === "disconnect") fake.reasonCodes.push(packet.reasonCode ?? 0);
        if (packet.cmd === "publish") fake.lastIdentifier = packet.messageId ?? 0;
        if (packet.cmd === "connect") {
          fake.versions.push(packet.protocolVersion ?? 0);
          fake.connects.push(packet);
        }
        if (typeof answers === "function") {
          const answer = answers(packet);
          const protocolVersion = fake.versions.at(-1) === 4 ? 4 : 5;
          if (answer !== undefined) socket.write(generate(answer, { protocolVersion }));
        } else if (packet.cmd === "connect") {
          const bytes = Buffer.isBuffer(answers) ? answers : generate(answers[0] as Packet, FIVE);
          socket.write(bytes);
        } else if (packet.cmd === "subscribe" && !Buffer.isBuffer(answers) && answers[1] !== undefined) {
          const suback = generate({ ...answers[1], messageId: packet.messageId } as Packet, FIVE);
          socket.write(Buffer.concat([suback, more]));
        }
        for (const waiter of fake.waiters.splice(0)) waiter();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return fake;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves when so many CONNECTs have come. */
  connected(count: number): Promise<void> {
    return this.told("connect", count);
  }

  /** Resolves when so many packets of this kind have come. */
  async told(cmd: string, count: number): Promise<void> {
    while (this.commands.filter((known) => known === cmd).length < count) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  /** Resolves when a connection has ended. */
  async ended(): Promise<void> {
    while (this.closes === 0) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  /** Acknowledges the latest PUBLISH. */
  acknowledge(): void {
    this.socket?.write(generate({ cmd: "puback", messageId: this.lastIdentifier, reasonCode: 0 }, FIVE));
  }

  close(): void {
    this.socket?.destroy();
    this.server.close();
  }
}
