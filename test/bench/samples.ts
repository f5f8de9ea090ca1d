/** The value in the middle; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/** The median of `above[i] ÷ below[i]`: of figures taken one right after the other, so that noise strikes both. */
export function medianRatio(above: readonly number[], below: readonly number[]): number {
  return median(above.map((value, index) => value / (below[index] ?? Number.NaN)));
}

/** The two samples of one round whose ratio is {@link medianRatio}: the printed ratio is that of printed figures. */
export function medianPair(
  above: readonly number[],
  below: readonly number[],
): [above: number, below: number] {
  const ratio = medianRatio(above, below);
  const round = above.findIndex((value, index) => value / (below[index] ?? Number.NaN) === ratio);
  return [above[round] ?? Number.NaN, below[round] ?? Number.NaN];
}

/** Names of what is compared, and what takes one sample of it. */
export type Samplers<Name extends string> = Readonly<Record<Name, () => number | Promise<number>>>;

/** Samples by name, in the order of the rounds. */
export type Samples<Name extends string> = Record<Name, number[]>;

/** Takes samples in turn, A B C, B C A, C A B, after one round that is thrown away: nobody is always first. */
export async function interleave<Name extends string>(
  samplers: Samplers<Name>,
  rounds: number,
): Promise<Samples<Name>> {
  const names = Object.keys(samplers) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Samples<Name>;
  for (let round = 0; round <= rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const sample = await samplers[name]();
      if (round > 0) samples[name].push(sample);
    }
  }
  return samples;
}
