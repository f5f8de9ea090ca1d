import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP address that stays while what is behind it changes; it can be cut, as by a network that drops all packets. */
export class Way {
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private isCut = false;

  private constructor(
    private readonly server: Server,
    private target: number,
  ) {
    server.on("connection", (socket: Socket) => this.carry(socket));
  }

  /** @param target a port of this machine */
  static async start(target: number): Promise<Way> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Way(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Leads elsewhere from now on; what is open ends. */
  lead(target: number): void {
    this.target = target;
    this.end();
  }

  /** Nothing gets through, and nobody is told. */
  cut(): void {
    this.isCut = true;
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  mend(): void {
    this.isCut = false;
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  close(): void {
    this.server.close();
    this.end();
  }

  private end(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }

  private carry(front: Socket): void {
    const back = connect({ host: "127.0.0.1", port: this.target, noDelay: true });
    const pair = [front, back] as const;
    this.pairs.add(pair);
    for (const [from, to] of [pair, [back, front] as const]) {
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => {});
      from.on("close", () => {
        to.destroy();
        this.pairs.delete(pair);
      });
      if (this.isCut) from.pause();
    }
  }
}
