/** NOR flash: erasing sets the bits of whole sectors, writing only clears bits. */
import { createHash } from "node:crypto";

const SECTOR_BYTES = 0x1000;

/** A flash chip. */
export class NorFlash {
  readonly bytes: Buffer;
  /** Bits that no erase sets again, by the byte's address. */
  readonly stuck = new Map<number, number>();

  /** @param size bytes, all erased */
  constructor(size: number) {
    this.bytes = Buffer.alloc(size, 0xff);
  }

  /** Erases all sectors that the range touches. */
  erase(at: number, size: number): void {
    const from = at - (at % SECTOR_BYTES);
    this.bytes.fill(0xff, from, Math.ceil((at + size) / SECTOR_BYTES) * SECTOR_BYTES);
    this.wear();
  }

  /** Writes as NOR does: AND. */
  write(at: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries())
      this.bytes[at + index] = (this.bytes[at + index] as number) & byte;
    this.wear();
  }

  md5(at: number, size: number): Buffer {
    return createHash("md5")
      .update(this.bytes.subarray(at, at + size))
      .digest();
  }

  private wear(): void {
    for (const [at, bits] of this.stuck) this.bytes[at] = (this.bytes[at] as number) & ~bits;
  }
}
