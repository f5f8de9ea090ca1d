/** What gets each whole packet: its bytes are `bytes[from..to)`, good during the call. */
export interface PacketReader {
  packet(bytes: Uint8Array, from: number, to: number): void;
  /** A longer packet than there is room for: its first byte, and how long it is. */
  long(first: number, length: number): void;
  /** Its bytes, as they come. */
  piece(bytes: Uint8Array, from: number, to: number): void;
}

/** Bytes of a packet that it begins with, at the most (MQTT 3.1.1, 2.2). */
const HEAD_BYTES = 5;

/** Makes whole packets of MQTT of a stream's pieces, in one buffer. */
export class Packets {
  private readonly bytes: Uint8Array;
  private used: number;
  /** Of the packet that is being read; 0: not known yet. */
  private length: number;
  /** Of a long packet, bytes that are to come. */
  private left: number;
  /** Counts the streams. */
  private stream: number;

  /** @construction */
  constructor(bytesMax: number) {
    this.bytes = new Uint8Array(Math.max(HEAD_BYTES, bytesMax));
    this.used = 0;
    this.length = 0;
    this.left = 0;
    this.stream = 0;
  }

  /** Another stream begins. */
  clear(): void {
    this.used = 0;
    this.length = 0;
    this.left = 0;
    this.stream++;
  }

  /** Whoever reads may end the stream. */
  feed(bytes: Uint8Array, from: number, to: number, reader: PacketReader): void {
    const stream = this.stream;
    let at = from;
    while (at < to && stream === this.stream) {
      if (this.left > 0) {
        const end = Math.min(to, at + this.left);
        const start = at;
        this.left -= end - at;
        at = end;
        reader.piece(bytes, start, end);
      } else {
        this.bytes[this.used++] = bytes[at++];
        if (this.length === 0) this.measure();
        if (this.length > 0) this.pass(reader);
      }
    }
  }

  private pass(reader: PacketReader): void {
    const length = this.length;
    const used = this.used;
    const isLong = length > this.bytes.length;
    if (!isLong && used < length) return;
    this.used = 0;
    this.length = 0;
    if (isLong) {
      this.left = length - used;
      reader.long(this.bytes[0], length);
      reader.piece(this.bytes, 0, used);
    } else reader.packet(this.bytes, 0, length);
  }

  /** Reads the remaining length, if all of it is there. */
  private measure(): void {
    let length = 0;
    let factor = 1;
    for (let i = 1; i < this.used; i++) {
      length += (this.bytes[i] & 127) * factor;
      factor *= 128;
      if (this.bytes[i] < 128 || i === HEAD_BYTES - 1) {
        this.length = i + 1 + length;
        return;
      }
    }
  }
}
