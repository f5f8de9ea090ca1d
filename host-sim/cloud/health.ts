import type { CloudStats } from "./types.js";

/** What `GET /health` answers with: 200 where all is well, else 503. */
export interface HealthAnswer {
  status: "ok" | "troubled";
  /** A sentence for each part that does not do its work now. */
  troubles: Record<string, string>;
  /** Questions for a counter since the start: those that were answered, and those that were refused. */
  recoveries: { told: number; refused: number };
}

/** What keeps the cloud from its work, part by part. */
export class Health {
  private readonly troubles = new Map<string, string>();

  constructor(private readonly stats: CloudStats) {}

  /** @param sentence what is wrong with this part now; null: nothing. Is that news? */
  set(part: string, sentence: string | null): boolean {
    if ((this.troubles.get(part) ?? null) === sentence) return false;
    if (sentence === null) this.troubles.delete(part);
    else this.troubles.set(part, sentence);
    return true;
  }

  /** Is anything wrong with this part? */
  has(part: string): boolean {
    return this.troubles.has(part);
  }

  get answer(): HealthAnswer {
    const isWell = this.troubles.size === 0;
    const { recoveries, recoveriesRefused } = this.stats;
    return {
      status: isWell ? "ok" : "troubled",
      troubles: Object.fromEntries(this.troubles),
      recoveries: { told: sumOf(recoveries), refused: sumOf(recoveriesRefused) },
    };
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
