import { type Address, type Link, type LinkEvents, LinkSecurity } from "../../ports.js";
import { Status } from "../../status.js";

/** What TLS takes: DER, its base64, or the name of a file. Nothing makes the engine verify the server. */
export interface TlsOptions {
  /** The client's key and certificate. */
  readonly key?: string;
  readonly cert?: string;
  /** Espruino loads it and does not look at it. */
  readonly ca?: string;
}

/** The engine says in words only why it opens no connection. */
const reasonOf = (error: Error): Status => {
  if (error.message.split("locate host").length > 1) return Status.HOST_UNKNOWN;
  return error.message.split("mbedtls").length > 1 ? Status.TLS_FAILED : Status.UNREACHABLE;
};

/** The engine hands received bytes over in pieces of this size; several are joined when the app was busy. */
const WINDOW_BYTES = 536;

/**
 * TCP, or TLS that proves the device but never the server, over `net` and `tls`.
 *
 * The engine's send queue has no bound, so there is one write in it at a time and the next waits for `drain`.
 * With TLS `connect` comes before the handshake is over; what is written before that leaves after it. A handshake
 * that fails looks like a peer that hangs up before it said anything; the engine tells more on its console.
 */
export class EspruinoLink implements Link {
  readonly security: LinkSecurity;
  private readonly tls: TlsOptions | null;
  private readonly window: Uint8Array;
  private socket: Socket | null;
  /** Counts connections: what an earlier one still tells is not heard. */
  private connection: number;
  private isOpen: boolean;
  /** Bytes came. */
  private isHeard: boolean;
  /** The queue is not empty. */
  private isBusy: boolean;
  /** A write took less than it was offered. */
  private isAwaited: boolean;

  /** @param tls null: plain TCP */
  constructor(tls: TlsOptions | null) {
    this.security = tls === null ? LinkSecurity.PLAIN : LinkSecurity.UNVERIFIED_TLS;
    this.tls = tls;
    this.window = new Uint8Array(WINDOW_BYTES);
    this.socket = null;
    this.connection = 0;
    this.isOpen = false;
    this.isHeard = false;
    this.isBusy = false;
    this.isAwaited = false;
  }

  open(address: Address, events: LinkEvents): void {
    this.connection++;
    this.isOpen = false;
    this.isHeard = false;
    this.isBusy = false;
    this.isAwaited = false;
    const connection = this.connection;
    try {
      const socket = this.connect(address, () => {
        if (this.connection !== connection || this.isOpen) return;
        this.isOpen = true;
        events.opened();
      });
      this.socket = socket;
      // At once: what comes before anybody listens is thrown away.
      socket.on("data", (data) => this.received(connection, events, data));
      socket.on("drain", () => this.drained(connection, events));
      socket.on("error", () => {}); // "close" follows
      socket.on("close", () => this.lost(connection, events, this.reasonOfLoss()));
    } catch (error) {
      // No such name, no network, or a key that it cannot use: the engine throws, but a link never tells at once.
      setTimeout(() => this.lost(connection, events, reasonOf(error as Error)), 0);
    }
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const socket = this.socket;
    this.isAwaited = this.isBusy || socket === null;
    if (socket === null || this.isBusy) return 0;
    this.isBusy = true;
    socket.write(E.toString(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)));
    return to - from;
  }

  close(): void {
    const socket = this.socket;
    this.connection++;
    this.socket = null;
    if (socket !== null) socket.end();
  }

  private connect(address: Address, connected: () => void): Socket {
    const tls = this.tls;
    if (tls === null) return require("net").connect(address, connected);
    return require("tls").connect(
      { host: address.host, port: address.port, key: tls.key, cert: tls.cert, ca: tls.ca },
      connected,
    );
  }

  private received(connection: number, events: LinkEvents, data: string): void {
    const window = this.window;
    let at = 0;
    this.isHeard = true;
    while (at < data.length && this.connection === connection) {
      const piece = data.length <= WINDOW_BYTES ? data : data.substr(at, WINDOW_BYTES);
      window.set(piece, 0);
      at += piece.length;
      events.received(window, 0, piece.length);
    }
  }

  private drained(connection: number, events: LinkEvents): void {
    if (this.connection !== connection) return;
    this.isBusy = false;
    if (!this.isAwaited) return;
    this.isAwaited = false;
    events.writable();
  }

  private lost(connection: number, events: LinkEvents, status: Status): void {
    if (this.connection !== connection) return;
    this.connection++;
    this.socket = null;
    events.closed(status);
  }

  private reasonOfLoss(): Status {
    if (!this.isOpen) return Status.UNREACHABLE;
    return this.tls === null || this.isHeard ? Status.CONNECTION_LOST : Status.TLS_FAILED;
  }
}
