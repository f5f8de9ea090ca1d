import TCP from "embedded:io/socket/tcp";
// biome-ignore lint/style/useNodejsImportProtocol: Moddable's network module, not Node's
import Net from "net";
import Timer from "timer";
import type { Address, Link, LinkEvents } from "../../ports.js";
import { Status } from "../../status.js";
import { WINDOW_BYTES } from "./window.js";

/** The longest piece that is read at once: further ones cost a call each, longer ones memory. */
const PIECE_BYTES = 128;
/** Views of written lengths that are kept: a request, its repetition, an acknowledgement and a ping recur. */
const VIEWS = 4;

const isDotted = (host: string): boolean => {
  for (let i = 0; i < host.length; i++) {
    const c = host.charCodeAt(i);
    if (c !== 46 && (c < 48 || c > 57)) return false;
  }
  return true;
};

/**
 * Writes to a socket, and returns the room that is left: the typings say that it returns nothing.
 * @throws Error when the socket has failed, which some targets report in no other way
 */
export const writeTo = (socket: TCP, bytes: Uint8Array): number => {
  const room = socket.write(bytes) as number | undefined;
  if (room === undefined) throw new Error("the socket has failed");
  return room;
};

/**
 * TCP for the firmware, over ECMA-419's socket (`embedded:io/socket/tcp`). Reading allocates nothing; writing
 * makes a view only for a length that was not written lately.
 */
export class ModdableLink implements Link {
  protected socket: TCP | null;
  protected events: LinkEvents | null;
  protected isOpen: boolean;
  /** What the socket takes without blocking, bytes. */
  protected room: number;
  /** Counts connections, so that what comes late of an old one is distinguished from the present one's. */
  private attempt: number;
  /** Took less than it was offered, and has yet to call `writable()`. */
  private isShort: boolean;
  private readonly window: Uint8Array;
  /** 128, 64 … 1 bytes: a socket fills a whole view or throws. No views of the window: `set` would copy it first. */
  private readonly pieces: Uint8Array[];
  private readonly views: Uint8Array[];
  private nextView: number;

  constructor() {
    this.socket = null;
    this.events = null;
    this.attempt = 0;
    this.isOpen = false;
    this.isShort = false;
    this.room = 0;
    this.window = new Uint8Array(WINDOW_BYTES);
    this.pieces = [];
    const longest = new Uint8Array(PIECE_BYTES);
    for (let size = PIECE_BYTES; size > 0; size >>= 1) {
      this.pieces.push(new Uint8Array(longest.buffer, 0, size));
    }
    this.views = [];
    this.nextView = 0;
  }

  open(address: Address, events: LinkEvents): void {
    this.close();
    this.events = events;
    if (isDotted(address.host)) {
      this.connect(address.host, address.port);
      return;
    }
    const attempt = this.attempt;
    try {
      Net.resolve(address.host, (_name: string, ip?: string): void => {
        if (this.attempt !== attempt) return;
        if (ip === undefined) this.fail(Status.HOST_UNKNOWN);
        else this.connect(ip, address.port);
      });
    } catch {
      this.failSoon(Status.UNREACHABLE); // the resolver's queue is full
    }
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const socket = this.socket;
    const taken = Math.min(to - from, this.room);
    this.isShort = taken < to - from;
    if (socket === null || taken === 0) return 0;
    this.room -= taken;
    try {
      this.send(socket, this.viewOf(bytes, from, taken));
    } catch {
      this.failSoon(this.loss);
    }
    return taken;
  }

  close(): void {
    const socket = this.socket;
    this.attempt++;
    this.socket = null;
    this.events = null;
    this.isOpen = false;
    this.isShort = false;
    this.room = 0;
    // Not here: a socket that is closed in its own callback goes on with what it had under way, and throws; and
    // what was received may be under way in the firmware.
    if (socket !== null) Timer.set(() => this.bury(socket));
  }

  /** Ends a socket that is no longer ours, and wipes what it brought: tokens lay there. */
  protected bury(socket: TCP): void {
    socket.close();
    this.window.fill(0);
    for (let i = 0; i < this.pieces.length; i++) (this.pieces[i] as Uint8Array).fill(0);
  }

  private connect(address: string, port: number): void {
    const link = this;
    try {
      this.socket = new TCP({
        address,
        port,
        nodelay: true,
        onReadable(count: number): void {
          if (link.socket === this) link.readable(this, count);
        },
        onWritable(count: number): void {
          if (link.socket === this) link.drained(this, count);
        },
        onError(): void {
          if (link.socket === this) link.fail(link.loss);
        },
      });
    } catch {
      this.failSoon(Status.UNREACHABLE); // no memory for a socket, or no network
    }
  }

  protected send(socket: TCP, bytes: Uint8Array): void {
    writeTo(socket, bytes);
  }

  /** Reads all there is: 329 bytes are pieces of 128, 128, 64, 8 and 1, put side by side. */
  protected readable(socket: TCP, count: number): void {
    let left = count;
    while (left > 0 && this.socket === socket) {
      const end = Math.min(left, WINDOW_BYTES);
      try {
        this.fill(socket, end);
      } catch {
        this.fail(this.loss);
        return;
      }
      left -= end;
      if (this.events !== null) this.events.received(this.window, 0, end);
    }
  }

  private fill(socket: TCP, end: number): void {
    let at = 0;
    for (let i = 0; at < end; ) {
      const piece = this.pieces[i] as Uint8Array;
      if (piece.length > end - at) i++;
      else {
        socket.read(piece);
        this.window.set(piece, at);
        at += piece.length;
      }
    }
  }

  /** The socket takes `count` bytes. */
  protected drained(_socket: TCP, count: number): void {
    this.room = count;
    if (!this.isOpen) this.opened();
    else if (this.isShort && count > 0) {
      this.isShort = false;
      if (this.events !== null) this.events.writable();
    }
  }

  protected opened(): void {
    this.isOpen = true;
    if (this.events !== null) this.events.opened();
  }

  /** The view of `length` bytes from `from` on: one of the kept, or a new one in place of the oldest. */
  private viewOf(bytes: Uint8Array, from: number, length: number): Uint8Array {
    const offset = bytes.byteOffset + from;
    for (let i = 0; i < this.views.length; i++) {
      const view = this.views[i] as Uint8Array;
      if (view.length === length && view.byteOffset === offset && view.buffer === bytes.buffer) return view;
    }
    const view = new Uint8Array(bytes.buffer, offset, length);
    this.views[this.nextView] = view;
    this.nextView = (this.nextView + 1) % VIEWS;
    return view;
  }

  protected fail(status: Status): void {
    const events = this.events;
    this.close();
    if (events !== null) events.closed(status);
  }

  /** As {@link fail}, but after the firmware's call has returned. */
  protected failSoon(status: Status): void {
    const attempt = this.attempt;
    Timer.set(() => {
      if (this.attempt === attempt) this.fail(status);
    });
  }

  /** Why there is no connection, where nobody gave a reason. */
  protected get loss(): Status {
    return this.isOpen ? Status.CONNECTION_LOST : Status.UNREACHABLE;
  }
}
