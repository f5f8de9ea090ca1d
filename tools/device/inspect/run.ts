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
import { fingerprint, recordIn } from "../record.js";

/** The flags of `motekey device inspect`. */
export interface InspectFlags extends KeyFlags {
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
  readonly record: { readonly kind: string; readonly generation: number; readonly detail: string } | null;
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
    .map((kept) => shown(kept, names.get(kept.namespace) ?? ""));
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
  return reading.findings.some(({ level }) => level === "damage") ? Exit.FAILED : Exit.DONE;
}

function shown(kept: Kept, namespace: string): Shown {
  const common = {
    namespace: printable(namespace),
    key: printable(kept.key),
    type: kept.type,
    bytes: kept.data.length,
  };
  if (isNumeric(kept)) return { ...common, value: `${numberOf(kept)}`, fingerprint: null, record: null };
  const record = kept.type === "blob" ? recordIn(kept.data) : null;
  return { ...common, value: null, fingerprint: record === null ? fingerprint(kept.data) : null, record };
}

function valuesText(values: readonly Shown[], columns: number | null): string {
  if (values.length === 0) return "";
  const rows = values.map(({ namespace, key, type, bytes, value, fingerprint: print, record }) => {
    const told = record === null ? `fingerprint ${print}` : `${record.kind} ${record.detail}`.trim();
    const generation = record === null ? "" : `, generation ${record.generation}`;
    return [namespace, key, type, `${bytes}`, value ?? printable(`${told}${generation}`)];
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
