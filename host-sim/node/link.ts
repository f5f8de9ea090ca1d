import { connect, type Socket } from "node:net";
import { type Address, type Link, type LinkEvents, Status } from "../../firmware/index.js";

/** Bytes that one read brings at the most. */
const WINDOW_BYTES = 65_536;

/** One receive buffer for all connections: bytes are consumed before the next read, so no device owns one. */
const window = Buffer.allocUnsafe(WINDOW_BYTES);

/** TCP for the firmware: no delay (an acknowledged call would wait 40 ms for its ACK), one shared window. */
export class NodeLink implements Link {
  #socket: Socket | undefined;

  open(address: Address, events: LinkEvents): void {
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: window,
        callback: (count) => {
          if (this.#socket === socket) events.received(window, 0, count);
          return true;
        },
      },
    });
    let isOpen = false;
    socket.once("connect", () => {
      isOpen = true;
      if (this.#socket === socket) events.opened();
    });
    socket.on("drain", () => {
      if (this.#socket === socket) events.writable();
    });
    socket.on("error", () => {
      // "close" follows and tells the firmware.
    });
    socket.once("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      events.closed(isOpen ? Status.CONNECTION_LOST : Status.UNREACHABLE);
    });
    this.#socket = socket;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const socket = this.#socket;
    if (socket === undefined || socket.writableNeedDrain) return 0;
    // The outbox is the firmware's again after this call, the kernel may take the bytes later: hence the copy.
    socket.write(Buffer.from(bytes.subarray(from, to)));
    return to - from;
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.end();
    socket?.destroySoon();
  }
}
