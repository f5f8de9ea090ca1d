import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type AuthOptions, Status } from "../../firmware/index.js";
import { bundle } from "./bundle.js";
import { Ask, Tell } from "./device.js";
import { startXs, type Xs } from "./xs.js";

const DEVICE = fileURLToPath(new URL("device.ts", import.meta.url));

/** How a call ended. */
export interface Told {
  status: Status;
  token: string;
}

/**
 * The firmware on a real XS engine, with this process as its network card. What the device does with the network
 * goes over real TCP.
 */
export class XsDevice {
  private readonly startedMs = performance.now();
  private xs!: Xs;
  private socket: Socket | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly callers: { resolve: (told: Told) => void; reject: (error: unknown) => void }[] = [];

  private constructor(
    private readonly options: AuthOptions,
    private readonly windowBytes: number,
  ) {}

  /** @param windowBytes received bytes are handed over in pieces of at most so many */
  static async start(options: AuthOptions, windowBytes: number): Promise<XsDevice> {
    const device = new XsDevice(options, windowBytes);
    device.xs = await startXs({ onCommand: (bytes) => device.answer(bytes) });
    await device.xs.evaluate(await bundle(DEVICE, "device"));
    await device.xs.evaluate("globalThis.handleCommand = device.handle");
    await device.xs.evaluate(`device.start(${JSON.stringify(options)}, issueCommand)`);
    return device;
  }

  /** `getToken` or `generateToken`; calls end in the order in which they were made. */
  token(kind: Tell.GET_TOKEN | Tell.GENERATE_TOKEN, host: string): Promise<Told> {
    return new Promise((resolve, reject) => {
      this.callers.push({ resolve, reject });
      this.tell(kind, Buffer.from(host));
    });
  }

  /** The app closes its client, and the engine ends. */
  async close(): Promise<void> {
    await this.xs.command(this.message(Tell.END, Buffer.alloc(0))).catch(() => {}); // the engine may have failed
    clearTimeout(this.timer);
    this.socket?.destroy();
    await this.xs.close();
  }

  private tell(kind: Tell, body: Uint8Array): void {
    this.xs.command(this.message(kind, body)).catch((error) => this.fail(error));
  }

  private message(kind: Tell, body: Uint8Array): Uint8Array {
    const head = Buffer.alloc(9);
    head[0] = kind;
    head.writeDoubleBE(performance.now() - this.startedMs, 1);
    return Buffer.concat([head, body]);
  }

  private fail(error: unknown): void {
    for (const { reject } of this.callers.splice(0)) reject(error);
  }

  private answer(question: Uint8Array): Uint8Array {
    const body = Buffer.from(question.subarray(1));
    switch (question[0]) {
      case Ask.OPEN:
        this.open();
        break;
      case Ask.WRITE:
        this.socket?.write(body);
        break;
      case Ask.CLOSE:
        this.socket?.end();
        this.socket = undefined;
        break;
      case Ask.WAKE:
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.tell(Tell.TURN, Buffer.alloc(0)), body.readDoubleBE());
        break;
      case Ask.CANCEL:
        clearTimeout(this.timer);
        break;
      case Ask.ENTROPY:
        return randomBytes(body[0]);
      case Ask.TOLD:
        this.callers.shift()?.resolve({ status: body[0], token: body.toString("latin1", 1) });
        break;
    }
    return Buffer.alloc(0);
  }

  private open(): void {
    const { host, port = 1883 } = this.options.cloud;
    const socket = connect({ host, port, noDelay: true });
    let isOpen = false;
    socket.on("connect", () => {
      isOpen = true;
      if (this.socket === socket) this.tell(Tell.OPENED, Buffer.alloc(0));
    });
    socket.on("data", (bytes) => {
      for (let at = 0; at < bytes.length && this.socket === socket; at += this.windowBytes) {
        this.tell(Tell.RECEIVED, bytes.subarray(at, at + this.windowBytes));
      }
    });
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.tell(Tell.CLOSED, Buffer.of(isOpen ? Status.CONNECTION_LOST : Status.UNREACHABLE));
    });
    this.socket = socket;
  }
}
