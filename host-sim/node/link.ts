import { connect, type Socket } from "node:net";
import { type Address, type Link, type LinkEvents, Status } from "../../firmware/index.js";

/** Bytes that one read brings at the most. */
const WINDOW_BYTES = 65_536;

/** One receive buffer for all connections: bytes are consumed before the next read, so no device owns one. */
const window = Buffer.allocUnsafe(WINDOW_BYTES);

/** A socket that knows whose it is: its listeners are functions that all links share, not closures of each. */
interface LinkSocket extends Socket {
  events: LinkEvents | null;
  isOpen: boolean;
}

function onConnect(this: LinkSocket): void {
  this.isOpen = true;
  this.events?.opened();
}

function onDrain(this: LinkSocket): void {
  this.events?.writable();
}

function onClose(this: LinkSocket): void {
  const events = this.events;
  this.events = null;
  events?.closed(this.isOpen ? Status.CONNECTION_LOST : Status.UNREACHABLE);
}

/** "close" follows and tells the firmware. */
function onError(): void {}

/** TCP for the firmware: no delay (an acknowledged call would wait 40 ms for its ACK), one shared window. */
export class NodeLink implements Link {
  #socket: LinkSocket | undefined;

  open(address: Address, events: LinkEvents): void {
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: window,
        callback: (count) => {
          socket.events?.received(window, 0, count);
          return true;
        },
      },
    }) as LinkSocket;
    socket.events = events;
    socket.isOpen = false;
    socket.on("connect", onConnect).on("drain", onDrain).on("error", onError).on("close", onClose);
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
}
