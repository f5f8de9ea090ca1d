/** What Espressif's generator made: see vectors.json, and make-vectors.py, which this reads as that does. */
import { readFileSync } from "node:fs";
import type { NvsType, NvsValue, NvsVersion } from "../../../tools/nvs/format.js";
import { blobValue, numberValue, stringValue } from "../../../tools/nvs/value.js";
import { PartitionWriter } from "../../../tools/nvs/writer.js";

interface Pattern {
  readonly length: number;
  readonly seed: number;
}

type Value = null | number | string | Pattern;
type Row = readonly [namespace: string, key: string | null, type: NvsType, value: Value, times?: number];

/** One input of the generator's. */
export interface Case {
  readonly version: NvsVersion;
  readonly size: number;
  readonly encrypted?: boolean;
  readonly rows: readonly Row[];
}

interface Vectors {
  readonly cases: readonly (Case & { readonly name: string; readonly sha256: string })[];
  /** Of {@link randomCase} 0, 1, 2 … */
  readonly random: readonly string[];
  readonly hmac: { readonly sha256: string };
}

/** All of it. */
export const VECTORS: Vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"));

/** So many bytes that follow from a seed. */
export const pattern = (length: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 255));

const letters = (length: number, seed: number): string =>
  String.fromCharCode(...pattern(length, seed).map((byte) => 97 + (byte % 26)));

/** A linear congruence of 31 bits, high bits first. */
class Dice {
  constructor(private state: number) {}

  below(end: number): number {
    this.state = (Math.imul(this.state, 1103515245) + 12345) & 0x7fffffff;
    return (this.state >> 8) % end;
  }
}

const TYPES = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"] as const;

/** The input that both make of a seed. */
export function randomCase(seed: number): Case {
  const dice = new Dice(seed);
  const version = (2 - dice.below(2)) as NvsVersion;
  const rows: Row[] = [];
  let space = 0;
  for (let left = 1 + dice.below(40); left > 0; left--) {
    space += Math.floor(dice.below(4) / 3); // never back: the generator puts what follows into the newest namespace
    rows.push(randomRow(dice, version, `space${space}`, rows.length));
  }
  const size = rows.length < 3 && version === 1 ? 0x3000 : 0x10000 + 0x1000 * dice.below(32);
  return { version, size, rows, encrypted: dice.below(4) === 0 };
}

function randomRow(dice: Dice, version: NvsVersion, namespace: string, number: number): Row {
  const key = `k${number}`;
  const kind = dice.below(10);
  if (kind < 4) {
    const type = TYPES[dice.below(8)] as (typeof TYPES)[number];
    const bits = Math.min(Number(type.slice(1)), 53);
    const offset = type.startsWith("i") ? 2 ** (bits - 1) : 0;
    return [namespace, key, type, (dice.below(2 ** 23) % 2 ** bits) - offset];
  }
  const isShort = dice.below(3) > 0;
  const most = isShort ? 200 : version === 1 ? 1900 : kind < 7 ? 3900 : 9000;
  return [namespace, key, kind < 7 ? "string" : "blob", { length: dice.below(most), seed: dice.below(256) }];
}

function* repeated(rows: readonly Row[]): Generator<Row> {
  for (const [namespace, key, type, value, times = 1] of rows) {
    const text = JSON.stringify([namespace, key, type, value]);
    for (let number = 0; number < times; number++)
      yield JSON.parse(text.replaceAll('"#"', `${number}`).replaceAll("#", `${number}`));
  }
}

function storedValue(type: NvsType, value: Value): NvsValue {
  if (type === "blob") return blobValue(pattern((value as Pattern).length, (value as Pattern).seed));
  if (type !== "string") return numberValue(type, BigInt(value as number));
  return stringValue(
    typeof value === "string" ? value : letters((value as Pattern).length, (value as Pattern).seed),
  );
}

/** A case's values in the order of its rows; one without a key only opens its namespace. */
export function* itemsOf({
  rows,
}: Case): Generator<{ namespace: string; key: string; value: NvsValue | null }> {
  for (const [namespace, key, type, value] of repeated(rows))
    yield { namespace, key: key ?? "", value: key === null ? null : storedValue(type, value) };
}

/** What our writer makes of a case, not encrypted. */
export function writerOf(one: Case): PartitionWriter {
  const writer = new PartitionWriter(one.size, one.version);
  const indices = new Map<string, number>();
  for (const { namespace, key, value } of itemsOf(one)) {
    if (!indices.has(namespace)) {
      indices.set(namespace, indices.size + 1);
      writer.write(0, namespace, numberValue("u8", BigInt(indices.size)));
    }
    if (value !== null) writer.write(indices.get(namespace) as number, key, value);
  }
  return writer;
}
