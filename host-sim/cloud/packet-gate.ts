import type { Duplex } from "node:stream";

/** The longest CONNECT, and the longest packet of a client that has not proved itself. */
export const CONNECT_BYTES_MAX = 8_192;
/** The longest packet of a client that is in: a message of an app, too, is read into memory whole. */
export const PACKET_BYTES_MAX = 1_048_576;

/** A Remaining Length has at most four bytes (MQTT 5, 1.5.5). */
const LENGTH_SHIFT_MAX = 21;

/**
 * Follows the packets of one connection by their fixed headers (MQTT 5, 2.1), so that one that announces more than
 * it may is seen before anybody waits for its end.
 */
export class PacketGate {
  /** Bytes of the packet under way that are still to come; null: its length is not known yet. */
  private left: number | null = null;
  /** Bytes of the fixed header that were read, with the type. */
  private headBytes = 0;
  private length = 0;

  /**
   * @param most the longest packet
   * @param first the longest that may be the first
   */
  constructor(
    private readonly most = PACKET_BYTES_MAX,
    private first = CONNECT_BYTES_MAX,
  ) {}

  /** The remaining length of the packet under way, as far as it is known. */
  get announced(): number {
    return this.length;
  }

  /** Takes the next bytes; false: a packet in them is too long, or its length is no length. */
  admits(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.left === null) {
        if (!this.takeHead(bytes[at++] as number)) return false;
      } else {
        const taken = Math.min(this.left, bytes.length - at);
        at += taken;
        this.left -= taken;
      }
      if (this.left === 0) this.begin();
    }
    return true;
  }

  private takeHead(byte: number): boolean {
    const shift = (this.headBytes++ - 1) * 7;
    if (shift < 0) return true;
    if (shift > LENGTH_SHIFT_MAX) return false;
    this.length += (byte & 0x7f) * 2 ** shift;
    if (byte > 0x7f) return true;
    this.left = this.length;
    return this.length <= this.first;
  }

  private begin(): void {
    this.left = null;
    this.headBytes = 0;
    this.length = 0;
    this.first = this.most;
  }
}

/**
 * Puts a gate before whoever pipes this stream, or listens for its data, after this call. What does not pass ends the
 * connection: nobody waits for the rest.
 */
export function gateData(stream: Duplex, gate: PacketGate, refused: () => void): void {
  const check = (piece: Buffer): void => {
    if (gate.admits(piece)) return;
    stream.off("data", check);
    refused();
    stream.destroy();
  };
  stream.on("data", check);
}

/** Puts a gate before whoever reads this stream by `read()`; what does not pass ends the connection. */
export function gateReads(stream: Duplex, refused: () => void): void {
  const gate = new PacketGate();
  const read = stream.read.bind(stream);
  stream.read = (size?: number) => {
    const piece: Buffer | null = read(size);
    if (piece === null || gate.admits(piece)) return piece;
    refused();
    stream.destroy();
    return null;
  };
}
