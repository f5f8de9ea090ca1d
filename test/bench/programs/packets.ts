/** Looks at one whole packet: its first byte, and its body `bytes[from..to)`. */
export type OnPacket = (first: number, bytes: Buffer, from: number, to: number) => void;

/** Cuts a stream into MQTT packets, with as little work as can be: the far end must not be what is measured. */
export class Packets {
  private rest: Buffer | null = null;

  /** Tells the packets that are whole; `rest` is kept for the next piece. */
  read(piece: Buffer, onPacket: OnPacket): void {
    const bytes = this.rest === null ? piece : Buffer.concat([this.rest, piece]);
    let at = 0;
    for (;;) {
      let from = at + 1;
      let length = 0;
      let shift = 0;
      let byte = 128;
      while (byte > 127 && from < bytes.length) {
        byte = bytes[from++] ?? 0;
        length |= (byte & 127) << shift;
        shift += 7;
      }
      if (byte > 127 || from + length > bytes.length) break;
      onPacket(bytes[at] ?? 0, bytes, from, from + length);
      at = from + length;
    }
    this.rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : null;
  }
}
