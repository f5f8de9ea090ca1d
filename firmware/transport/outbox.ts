/** The one send buffer: packets stand one behind the other and leave in as few writes as the link allows. */
export class Outbox {
  readonly bytes: Uint8Array;
  /** What waits to be written: bytes[from..to). */
  from: number;
  to: number;
  /** Bytes at the end, reserved for the header that a channel puts before a composed message. */
  reserve: number;
  /** Something found no room: try it again when this is written. */
  isShort: boolean;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.from = 0;
    this.to = 0;
    this.reserve = 0;
    this.isShort = false;
  }

  isEmpty(): boolean {
    return this.from === this.to;
  }

  /** The most bytes that fit at once. */
  size(): number {
    return this.bytes.length - this.reserve;
  }

  /** Bytes that fit now. */
  room(): number {
    return this.size() - this.to;
  }

  /** Whether this many bytes fit now. */
  takes(length: number): boolean {
    const fits = length <= this.room();
    if (!fits) this.isShort = true;
    return fits;
  }

  /** The link took `count` bytes. */
  wrote(count: number): void {
    this.from += count;
    if (this.from === this.to) {
      this.from = 0;
      this.to = 0;
    }
  }

  /** Drops what waits and wipes the sent bytes: passwords and keys lay here. */
  clear(): void {
    this.bytes.fill(0);
    this.from = 0;
    this.to = 0;
    this.isShort = false;
  }
}
