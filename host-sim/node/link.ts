import { connect, type OnReadOpts, type Socket } from "node:net";
import { type Address, type Link, type LinkEvents, Status } from "../../firmware/index.js";

/** Bytes that one read brings at the most. */
const WINDOW_BYTES = 65_536;

/** One receive buffer for all connections: bytes are consumed before the next read, so no device owns one. */
const window = Buffer.allocUnsafe(WINDOW_BYTES);

/** What `getaddrinfo` says of a name that it finds nothing for, or cannot ask anybody about. */
const DNS_CODES: readonly (string | undefined)[] = ["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"];

/** What the system says that has no descriptor, no memory or no local port left for a socket. */
const SOCKET_CODES: readonly (string | undefined)[] = ["EMFILE", "ENFILE", "ENOBUFS", "EADDRNOTAVAIL"];

/** A socket that knows whose it is: its listeners are functions that all links share, not closures of each. */
export interface LinkSocket extends Socket {
  events: LinkEvents | null;
  /** Why it ends, if it ended now. */
  status: Status;
}

function onOpen(this: LinkSocket): void {
  this.status = Status.CONNECTION_LOST;
  this.events?.opened();
}

function onDrain(this: LinkSocket): void {
  this.events?.writable();
}

function onClose(this: LinkSocket): void {
  const events = this.events;
  this.events = null;
  events?.closed(this.status);
}

/** "close" follows and reaches the firmware. */
function onError(this: LinkSocket, error: NodeJS.ErrnoException): void {
  if (DNS_CODES.includes(error.code)) this.status = Status.HOST_UNKNOWN;
  else if (SOCKET_CODES.includes(error.code)) this.status = Status.NO_SOCKET;
}

/** TCP for the firmware: no delay (an acknowledged call would wait 40 ms for its ACK), one shared window. */
export class NodeLink implements Link {
  #socket: LinkSocket | undefined;

  /** @param openEvent the socket's event after which bytes of ours may go out */
  constructor(private readonly openEvent: "connect" | "secureConnect" = "connect") {}

  open(address: Address, events: LinkEvents): void {
    const onread: OnReadOpts = {
      buffer: window,
      callback: (count) => {
        socket.events?.received(window, 0, count);
        return true;
      },
    };
    const socket = this.dial(address, onread) as LinkSocket;
    socket.events = events;
    socket.status = Status.UNREACHABLE;
    socket.on(this.openEvent, onOpen).on("drain", onDrain).on("error", onError).on("close", onClose);
    this.#socket = socket;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const socket = this.#socket;
    if (socket === undefined || socket.events === null || socket.writableNeedDrain) return 0;
    // The outbox is the firmware's again after this call, the kernel may take the bytes later: hence the copy.
    socket.write(Buffer.from(bytes.subarray(from, to)));
    return to - from;
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.events = null;
    socket.end();
    socket.destroySoon();
  }

  /** Starts a connection. */
  protected dial(address: Address, onread: OnReadOpts): Socket {
    return connect({ host: address.host, port: address.port, noDelay: true, onread });
  }
}
