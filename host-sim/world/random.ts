import type { Entropy } from "../../firmware/index.js";

/** A quarter to four times, in about equal ratios: no power, which engines may round differently. */
const TIMES = [0.25, 0.35, 0.5, 0.71, 1, 1.41, 2, 2.83, 4];

/**
 * Numbers that look random and are the same for the same seed, on any machine (mulberry32, over whole numbers only).
 * Each purpose has a stream of its own: one more number drawn by the network changes nothing in the cloud.
 */
export class Random implements Entropy {
  private state: number;

  /** @param words the seed, the device, the purpose: whole numbers, each below 2^32 */
  constructor(...words: number[]) {
    let state = 0x9e3779b9;
    for (const word of words) state = mix(state ^ mix((word + 0x7f4a7c15) | 0));
    this.state = state;
  }

  /** The stream's position: two streams of one seed at the same position continue alike. */
  get position(): number {
    return this.state;
  }

  /** 32 bits. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    return mix(this.state) >>> 0;
  }

  /** Evenly spread in [0, 1). */
  unit(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** A whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1));
  }

  /** True with this probability, percent. */
  chance(percent: number): boolean {
    return this.unit() * 100 < percent;
  }

  /** One of these. */
  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.unit() * items.length)] as Item;
  }

  /** From a quarter of a mean to four times it, so that most are short and a few long. */
  around(mean: number): number {
    return Math.ceil(mean * this.pick(TIMES) * (0.8 + 0.4 * this.unit()));
  }

  fill(bytes: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) bytes[i] = this.word() & 0xff;
  }
}

function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 15), 1 | word);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return (mixed ^ (mixed >>> 14)) | 0;
}
