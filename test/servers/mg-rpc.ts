import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { Client } from "../cloud/client.js";

const sha256 = (...parts: unknown[]): string => createHash("sha256").update(parts.join(":")).digest("hex");

const NONCE_LIFE_S = 3_600;
const NONCES_MAX = 32;

/** What a method does with its `params`. */
export type MgMethod = (params: Record<string, unknown>) => unknown;

/**
 * How nonces are made and counted. `seconds`: Mongoose OS, and Shelly before firmware 2.0: the unix time, and `nc` is
 * always 1. `counted`: Shelly from 2.0 on, by RFC 7616: a text, good for an hour, whose `nc` counts up from 1.
 */
export type MgNonces = "seconds" | "counted";

/** What a {@link MgRpcDevice} is made of. */
export interface MgRpcOptions {
  readonly id: string;
  /** Of `admin`, the only user; null: nothing is protected. */
  readonly password: string | null;
  readonly nonces?: MgNonces;
  /** Unix seconds. */
  readonly now?: () => number;
  readonly methods: Readonly<Record<string, MgMethod>>;
}

/**
 * The device's side of mg-rpc by what Shelly documents of its second generation (General/RPCProtocol, RPCChannels,
 * Authentication) and by what Mongoose OS does: one JSON object in, one out. `v` and `args` are no words of it.
 */
export class MgRpcDevice {
  readonly id: string;
  /** Frames as they came. */
  readonly frames: Record<string, unknown>[] = [];
  /** How often a challenge was the answer. */
  challenges = 0;
  private readonly password: string | null;
  private readonly nonces: MgNonces;
  private readonly now: () => number;
  private readonly methods: Readonly<Record<string, MgMethod>>;
  /** The counted ones and the highest `nc` of each. */
  private counts = new Map<string, number>();

  constructor(options: MgRpcOptions) {
    this.id = options.id;
    this.password = options.password;
    this.nonces = options.nonces ?? "counted";
    this.now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.methods = options.methods;
  }

  /** The reply to a message, and whom it is for; null where there is none. */
  handle(message: string): { dst: string; payload: string } | null {
    const frame = JSON.parse(message);
    this.frames.push(frame);
    const { id, src, method, params } = frame;
    if (typeof src !== "string" || typeof method !== "string" || id === undefined) return null;
    const outcome = this.isProved(frame.auth) ? this.call(method, params) : { error: this.challenge() };
    // The id comes back as it was, number or string.
    return { dst: src, payload: JSON.stringify({ id, src: this.id, dst: src, ...outcome }) };
  }

  /** All nonces are forgotten: the next proof needs a new one. */
  restart(): void {
    this.counts = new Map();
  }

  private call(method: string, params: unknown): object {
    const run = this.methods[method];
    if (run === undefined) return { error: { code: 404, message: `No handler for ${method}` } };
    const isObject = typeof params === "object" && params !== null;
    if (params !== undefined && !isObject) return { error: { code: -103, message: "Invalid argument" } };
    return { result: run((params ?? {}) as Record<string, unknown>) };
  }

  private isProved(auth?: Record<string, unknown>): boolean {
    if (this.password === null) return true;
    if (auth === undefined || auth.username !== "admin" || auth.realm !== this.id) return false;
    if (auth.algorithm !== "SHA-256") return false;
    const count = this.countOf(auth);
    if (count === null) return false;
    const [first, second] = [sha256("admin", this.id, this.password), sha256("dummy_method", "dummy_uri")];
    const isRight = auth.response === sha256(first, auth.nonce, count, auth.cnonce, "auth", second);
    if (isRight && this.nonces === "counted") this.counts.set(String(auth.nonce), count);
    return isRight;
  }

  /** The count that the proof must have been made with; null: its nonce is not good, or not any more. */
  private countOf({ nonce, nc }: Record<string, unknown>): number | null {
    if (this.nonces === "seconds") {
      const age = this.now() - Number(nonce);
      return typeof nonce === "number" && age >= 0 && age < NONCE_LIFE_S ? 1 : null;
    }
    const latest = typeof nonce === "string" ? this.counts.get(nonce) : undefined;
    const count = nc === undefined ? 1 : Number(nc);
    return latest !== undefined && count === latest + 1 ? count : null;
  }

  private challenge(): object {
    this.challenges++;
    const nonce = this.nonces === "seconds" ? this.now() : this.counted();
    const message = JSON.stringify({
      auth_type: "digest",
      nonce,
      nc: 1,
      realm: this.id,
      algorithm: "SHA-256",
    });
    return { code: 401, message };
  }

  /** One more nonce; the oldest goes where there are too many. */
  private counted(): string {
    const nonce = randomBytes(22).toString("base64");
    this.counts.set(nonce, 0);
    const [oldest] = this.counts.keys();
    if (this.counts.size > NONCES_MAX && oldest !== undefined) this.counts.delete(oldest);
    return nonce;
  }
}

/** A device's inbound channel `ws://<device>/rpc` (RPCChannels): a frame per text message, no subprotocol. */
export class MgRpcServer {
  /** What clients asked for, each with its headers. */
  readonly upgrades: IncomingMessage[] = [];
  private readonly names = new Map<WebSocket, string>();

  private constructor(
    private readonly device: MgRpcDevice,
    private readonly http = createServer((_request, response) => response.writeHead(404).end()),
  ) {
    const server = new WebSocketServer({ server: http, path: "/rpc", handleProtocols: () => false });
    server.on("connection", (socket, request) => {
      this.upgrades.push(request);
      socket.on("error", () => {});
      socket.on("close", () => this.names.delete(socket));
      socket.on("message", (data) => this.take(socket, String(data)));
    });
    http.on("close", () => server.close());
  }

  static async start(device: MgRpcDevice): Promise<MgRpcServer> {
    const server = new MgRpcServer(device);
    server.http.listen(0, "127.0.0.1");
    await once(server.http, "listening");
    return server;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** Tells everybody who has made a request of something (Notifications). */
  notify(method: string, params: object): void {
    for (const [socket, dst] of this.names)
      socket.send(JSON.stringify({ src: this.device.id, dst, method, params }));
  }

  /** Ends all connections, as a reboot does. */
  drop(): void {
    for (const socket of this.names.keys()) socket.terminate();
  }

  async close(): Promise<void> {
    this.drop();
    this.http.close();
    this.http.closeAllConnections();
    await once(this.http, "close");
  }

  private take(socket: WebSocket, message: string): void {
    const reply = this.device.handle(message);
    if (reply === null) return;
    this.names.set(socket, reply.dst);
    socket.send(reply.payload);
  }
}

/** A device's MQTT channel (RPCChannels): requests on `<device>/rpc`, replies on `<src>/rpc`. */
export async function serveMgRpcByMqtt(device: MgRpcDevice, url: string, password: string): Promise<Client> {
  const client = await Client.open(url, { id: device.id, username: device.id, password });
  if ((await client.subscribe(`${device.id}/rpc`)) > 1) throw new Error("the broker refused the device");
  const serve = async (): Promise<void> => {
    for (;;) {
      const reply = device.handle(await client.message());
      if (reply !== null) client.publish(`${reply.dst}/rpc`, reply.payload);
    }
  };
  // Ends with the connection.
  serve().catch(() => {});
  return client;
}
