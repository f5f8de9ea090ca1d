import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Passes TCP on, each piece of bytes later by a fixed time. */
export class SlowProxy {
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /**
   * Listens on any free port of 127.0.0.1.
   * @param port where to, on 127.0.0.1
   * @param delayMs each way
   */
  static async start(port: number, delayMs: number): Promise<SlowProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new SlowProxy(server);
    server.on("connection", (near) => {
      const far = connect({ port, host: "127.0.0.1", noDelay: true });
      proxy.pass(near, far, delayMs);
      proxy.pass(far, near, delayMs);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  private pass(from: Socket, to: Socket, delayMs: number): void {
    this.sockets.add(from);
    from.on("data", (piece) => setTimeout(() => to.write(piece), delayMs));
    from.on("error", () => from.destroy());
    from.on("close", () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }
}
