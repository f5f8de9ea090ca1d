import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";

/** A broker that lets everybody do everything: what a device meets where nobody hardened anything. */
export class OpenBroker {
  /** How many connections were refused. */
  refusedCount = 0;
  private refusals = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly aedes: Aedes,
    private readonly server: Server,
    /** Which filters are granted. */
    public mayRead: (filter: string) => boolean,
  ) {
    aedes.authenticate = (_client, _user, _password, done) => {
      const isRefused = this.refusals > 0;
      if (isRefused) {
        this.refusals--;
        this.refusedCount++;
      }
      done(isRefused ? Object.assign(new Error("refused"), { returnCode: 5 }) : null, !isRefused);
    };
    aedes.authorizeSubscribe = (_client, subscription, done) =>
      done(null, this.mayRead(subscription.topic) ? subscription : null);
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
      aedes.handle(socket);
    });
  }

  static async start(mayRead: (filter: string) => boolean = () => true): Promise<OpenBroker> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new OpenBroker(await Aedes.createBroker(), server, mayRead);
  }

  /** Ends all connections. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Sends bytes on every connection, whatever they are. */
  say(bytes: Uint8Array): void {
    for (const socket of this.sockets) socket.write(bytes);
  }

  /** The next connections get CONNACK 5. */
  refuseNext(count: number): void {
    this.refusals = count;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.aedes.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}
