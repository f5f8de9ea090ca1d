import type { SealKey } from "../../../firmware/seal.js";
import type { Context } from "../../cli/act.js";
import { Exit, printable } from "../../cli/failure.js";
import { tableOf } from "../../cli/table.js";
import { type Difference, differences } from "../../nvs/diff.js";
import { ENTRIES_PER_PAGE, NAMESPACES, PAGE_BYTES } from "../../nvs/format.js";
import { Partition, placed } from "../../nvs/partition.js";
import { type Kept, type Reading, readPartition } from "../../nvs/read.js";
import { isNumeric, numberOf } from "../../nvs/value.js";
import { hex } from "../../nvs/writer.js";
import { fileBytes } from "../files.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { fingerprint, recordIn, type ToldRecord } from "../record.js";
import type { SealFlags } from "../seal-flags.js";
import { openedRecord, sealKeyOf, UNSEALED } from "../seal-key.js";

/** The flags of `motekey device inspect`. */
export interface InspectFlags extends KeyFlags, SealFlags {
  readonly against?: string;
}

/** A value as it is shown. */
interface Shown {
  readonly namespace: string;
  readonly key: string;
  readonly type: string;
  readonly bytes: number;
  /** Of numbers. */
  readonly value: string | null;
  /** Of strings and blobs that are no records of motekey's. */
  readonly fingerprint: string | null;
  readonly record: ToldRecord | null;
  /** Of a sealed record that the given secret does not open: why. */
  readonly refused: string | null;
}

/** Shows what a partition holds. Resolves to 1 where something in it is damaged. */
export async function inspect(
  context: Context,
  flags: InspectFlags,
  words: readonly string[],
): Promise<number> {
  const { system, output } = context;
  const [file = ""] = words;
  const keys = await keysOf(system, flags);
  const seal = await sealKeyOf(system, flags);
  const reading = readPartition(await fileBytes(system, "The image", file), keys);
  const changes =
    flags.against === undefined
      ? null
      : differences(
          Partition.read(await fileBytes(system, "--against", flags.against), keys),
          Partition.of(reading),
        );
  const names = new Map([...reading.namespaces].map(([name, index]) => [index, name]));
  const values = reading.kept
    .filter(({ namespace }) => namespace !== NAMESPACES)
    .map((kept) => shown(kept, names.get(kept.namespace) ?? "", seal));
  const used = reading.pages.reduce((sum, { written }) => sum + written, 0);
  const usable = (reading.size / PAGE_BYTES - 1) * ENTRIES_PER_PAGE;
  const version = Math.max(0, ...reading.pages.map((page) => page.version ?? 0));
  output.answer(
    {
      file,
      bytes: reading.size,
      encrypted: reading.isEncrypted,
      version: version === 0 ? null : version,
      used,
      usable,
      pages: reading.pages,
      values,
      findings: reading.findings,
      differences: changes,
    },
    [
      changes === null ? valuesText(values, output.columns) : changesText(changes),
      summary(reading, used, usable),
      ...reading.findings.map(
        (finding) => `${finding.level === "damage" ? "Damaged" : "Left over"}: ${placed(finding)}`,
      ),
    ]
      .filter((part) => part !== "")
      .join("\n"),
  );
  const isDamaged =
    reading.findings.some(({ level }) => level === "damage") ||
    values.some(({ refused }) => refused !== null);
  return isDamaged ? Exit.FAILED : Exit.DONE;
}

function shown(kept: Kept, namespace: string, seal: SealKey | null): Shown {
  const common = {
    namespace: printable(namespace),
    key: printable(kept.key),
    type: kept.type,
    bytes: kept.data.length,
  };
  const nothing = { value: null, fingerprint: null, record: null, refused: null };
  if (isNumeric(kept)) return { ...common, ...nothing, value: `${numberOf(kept)}` };
  const record = kept.type === "blob" ? recordIn(kept.data) : null;
  if (record === null) return { ...common, ...nothing, fingerprint: fingerprint(kept.data) };
  if (seal === null || record.sealing === UNSEALED) return { ...common, ...nothing, record };
  const opened = openedRecord(kept.key, kept.data, seal);
  if (typeof opened === "string") return { ...common, ...nothing, record, refused: opened };
  return { ...common, ...nothing, record: { ...record, detail: recordIn(opened)?.detail ?? "" } };
}

function valuesText(values: readonly Shown[], columns: number | null): string {
  if (values.length === 0) return "";
  const rows = values.map(({ namespace, key, type, bytes, value, fingerprint: print, record, refused }) => {
    const told = record === null ? `fingerprint ${print}` : `${record.kind} ${record.detail}`.trim();
    const generation = record === null ? "" : `, generation ${record.generation}`;
    const sealing = record === null || record.sealing === UNSEALED ? "" : `, ${record.sealing}`;
    const why = refused === null ? "" : `, does not open: ${refused}`;
    return [namespace, key, type, `${bytes}`, value ?? printable(`${told}${generation}${sealing}${why}`)];
  });
  return tableOf(["NAMESPACE", "KEY", "TYPE", "BYTES", "VALUE"], rows, columns);
}

const changesText = (changes: readonly Difference[]): string =>
  changes.length === 0
    ? "Nothing differs."
    : changes
        .map(({ namespace, key, change }) => printable(`${change.padEnd(8)} ${namespace}.${key}`))
        .join("\n");

function summary({ size, isEncrypted, pages }: Reading, used: number, usable: number): string {
  const free = pages.filter(({ state }) => state === "blank").length;
  return `${hex(size)} bytes${isEncrypted ? ", encrypted" : ""}, ${pages.length} pages, ${free} free; ${used} of ${usable} entries used (${Math.round((used * 100) / usable)}%)`;
}
