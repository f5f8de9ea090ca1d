import type { Queue } from "./queue.js";

/** The kinds of lines. Traces' hashes contain the numbers, so they never change. */
export enum Mark {
  BOOT = 1,
  END_OF_LIFE = 2,
  FAULT = 3,
  OPEN = 4,
  SENT = 5,
  RECEIVED = 6,
  ASKED = 7,
  TOLD = 8,
  STATE = 9,
  WRITTEN = 10,
}

const PRIME = 0x01000193;
const OTHER_PRIME = 0x5bd1e995;

/** What happened, as a hash of 64 bits: the same seed gives the same, on any machine. Pings leave none. */
export class Trace {
  private low = 0x811c9dc5 | 0;
  private high = 0x2545f491 | 0;
  /** The last lines, for people; undefined: it keeps none. */
  lines: string[] | undefined;

  constructor(private readonly queue: Queue) {}

  note(mark: Mark, one: number, other = 0): void {
    const ms = this.queue.nowMs;
    this.add(ms % 0x1_0000_0000);
    this.add((mark << 24) ^ Math.floor(ms / 0x1_0000_0000));
    this.add(one);
    this.add(other);
    this.lines?.push(`${(ms / 1000).toFixed(3)} s ${Mark[mark]} ${one} ${other}`);
  }

  noteBytes(mark: Mark, bytes: Uint8Array, from: number, to: number): void {
    let hash = 0;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), PRIME);
    this.note(mark, hash, to - from);
  }

  /** 16 digits of hex. */
  get hash(): string {
    return hex(this.high) + hex(this.low);
  }

  private add(word: number): void {
    this.low = Math.imul(this.low ^ word, PRIME);
    this.high = Math.imul(this.high ^ (this.high >>> 15) ^ word, OTHER_PRIME);
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
