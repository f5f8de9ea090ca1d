import type { Target } from "./targets.js";

/** Inputs are at most as long: what needs more to go wrong is not found by changing bytes. */
const INPUT_BYTES_MAX = 200;
/** Bytes at edges of ranges, and those that formats give a meaning. */
const NOTABLE = Buffer.from("00017f80ff1f2022305b5c5d7b7d2c3a5f9fbf7fe0c0", "hex");

/** An input at which a target broke an invariant. */
export interface Finding {
  input: Buffer;
  what: string;
}

/** What a round came to. */
export interface Round {
  executions: number;
  /** Inputs that each took a branch, or took one more often, than those before. */
  corpus: Buffer[];
  branches: number;
  finding: Finding | null;
}

/** When a round ends; whichever is reached first. */
export interface Bound {
  executions?: number;
  untilMs?: number;
}

/** Numbers that follow from a seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Fuzzes one target, guided by the branches that inputs take. */
export class Fuzzer {
  readonly corpus: Buffer[] = [];
  /** The buckets of counts seen, one bit each, per branch. */
  private readonly seen: Uint8Array;

  /**
   * @param hits the counters of the instrumented module that the target is of
   * @param words what inputs may be made of, beside bytes
   */
  constructor(
    private readonly target: Target,
    private readonly hits: Uint8Array,
    private readonly words: readonly Buffer[],
    private readonly random: (below: number) => number,
  ) {
    this.seen = new Uint8Array(hits.length);
  }

  /** Branches that were taken so far. */
  get branches(): number {
    return this.seen.reduce((sum, buckets) => sum + (buckets === 0 ? 0 : 1), 0);
  }

  /** Runs an input in three splits; keeps it where it is new. Returns why it is a finding, or null. */
  try(input: Buffer): string | null {
    this.hits.fill(0);
    try {
      const whole = this.target(input, []);
      const isNew = this.isNew();
      const cut = this.random(input.length + 1);
      const bytewise = Array.from({ length: Math.max(0, input.length - 1) }, (_, index) => index + 1);
      for (const ends of [bytewise, [cut], [cut, Math.min(cut + 1, input.length)]]) {
        const split = this.target(input, ends);
        if (split !== whole)
          return `cut at ${ends}: ${JSON.stringify(split)}, whole: ${JSON.stringify(whole)}`;
      }
      if (isNew) this.corpus.push(input);
      return null;
    } catch (failure) {
      return (failure as Error).message;
    }
  }

  /** Tries changed inputs until the bound. */
  round(bound: Bound): Round {
    let executions = 0;
    let finding: Finding | null = null;
    if (this.corpus.length === 0) this.corpus.push(Buffer.alloc(0));
    while (finding === null && executions < (bound.executions ?? Number.POSITIVE_INFINITY)) {
      if ((executions & 255) === 0 && Date.now() >= (bound.untilMs ?? Number.POSITIVE_INFINITY)) break;
      const input = this.mutated();
      const what = this.try(input);
      executions++;
      if (what !== null) finding = this.shrunk(input, what);
    }
    return { executions, corpus: this.corpus, branches: this.branches, finding };
  }

  /** Whether a branch was taken for the first time, or in a new order of magnitude. */
  private isNew(): boolean {
    let isNew = false;
    for (let i = 0; i < this.hits.length; i++) {
      const count = this.hits[i] as number;
      if (count === 0) continue;
      const bucket = 1 << Math.min(7, count < 4 ? count - 1 : 1 + (31 - Math.clz32(count)));
      if (((this.seen[i] as number) & bucket) === 0) isNew = true;
      this.seen[i] = (this.seen[i] as number) | bucket;
    }
    return isNew;
  }

  private mutated(): Buffer {
    const { random, corpus } = this;
    // The latest are the least explored.
    const at =
      random(2) === 0 ? random(corpus.length) : corpus.length - 1 - random(Math.min(8, corpus.length));
    let input = corpus[at] as Buffer;
    for (let changes = 1 + random(4); changes > 0; changes--) input = this.changed(input);
    return input.subarray(0, INPUT_BYTES_MAX);
  }

  private changed(input: Buffer): Buffer {
    const { random, corpus, words } = this;
    const from = random(input.length + 1);
    const to = Math.min(input.length, from + 1 + random(4));
    const joined = (middle: Buffer, behind = from): Buffer =>
      Buffer.concat([input.subarray(0, from), middle, input.subarray(behind)]);
    switch (random(8)) {
      case 0:
        return joined(Buffer.of((input[from] ?? 0) ^ (1 << random(8))), from + 1);
      case 1:
        return joined(Buffer.of(random(256)), from + 1);
      case 2:
        return joined(Buffer.of(NOTABLE[random(NOTABLE.length)] as number), from + random(2));
      case 3:
        return joined(Buffer.alloc(0), to);
      case 4:
        return joined(input.subarray(from, to), from);
      case 5:
        return joined(words.length === 0 ? Buffer.of(random(256)) : (words[random(words.length)] as Buffer));
      case 6:
        return joined(Buffer.of(((input[from] ?? 0) + 1 - 2 * random(2)) & 255), from + 1);
      default: {
        const other = corpus[random(corpus.length)] as Buffer;
        return joined(other.subarray(random(other.length + 1)));
      }
    }
  }

  /** The finding with as few bytes as are left when any byte more would lose it. */
  private shrunk(input: Buffer, what: string): Finding {
    let finding = { input, what };
    for (let size = input.length >> 1; size > 0; size >>= 1) {
      for (let from = 0; from + size <= finding.input.length; ) {
        const { input: before } = finding;
        const less = Buffer.concat([before.subarray(0, from), before.subarray(from + size)]);
        const still = this.try(less);
        if (still === null) from += size;
        else finding = { input: less, what: still };
      }
    }
    return finding;
  }
}
