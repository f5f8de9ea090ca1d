/** SLIP (RFC 1055), as Espressif's boot loaders frame their packets: END before and behind each. */

const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** A packet in its frame. */
export function framed(packet: Uint8Array): Buffer {
  const out = [END];
  for (const byte of packet) {
    if (byte === END) out.push(ESC, ESC_END);
    else if (byte === ESC) out.push(ESC, ESC_ESC);
    else out.push(byte);
  }
  return Buffer.from([...out, END]);
}

/** Takes packets out of a stream, however it is cut. What is no packet is dropped. */
export class Unframer {
  private packet: number[] | null = null;
  private isEscaped = false;

  /** The packets that end within these bytes. */
  *take(bytes: Uint8Array): IterableIterator<Buffer> {
    for (const byte of bytes) {
      if (byte === END) {
        if (this.packet !== null && this.packet.length > 0) {
          yield Buffer.from(this.packet);
          this.packet = null;
        } else this.packet = [];
        this.isEscaped = false;
      } else if (this.packet !== null) {
        if (this.isEscaped) this.packet.push(byte === ESC_END ? END : ESC);
        else if (byte !== ESC) this.packet.push(byte);
        this.isEscaped = !this.isEscaped && byte === ESC;
      }
    }
  }
}
