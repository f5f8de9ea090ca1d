/** The one send buffer: packets are composed behind each other and leave in as few writes as the link allows. */
export class Outbox {
  readonly bytes: Uint8Array;
  /** What waits to be written: bytes[from..to). */
  from: number;
  to: number;
  /** Bytes at the end that are kept for the header which a channel puts before what was composed. */
  reserve: number;
  /** Something had no room: it is to be tried again when what lies here was written. */
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

  /** Bytes that can ever be composed at once. */
  size(): number {
    return this.bytes.length - this.reserve;
  }

  /** Bytes that can be composed now. */
  room(): number {
    return this.size() - this.to;
  }

  /** Whether so many bytes can be composed now. */
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

  /** Drops what waits and wipes what was sent: passwords and keys lay here. */
  clear(): void {
    this.bytes.fill(0);
    this.from = 0;
    this.to = 0;
    this.isShort = false;
  }
}
