/** Where the NVS partition lies on a chip, and what encrypts it. */
import { usage } from "../../cli/failure.js";
import type { EspChip } from "../../esp/chip.js";
import { Kind, looksLikeTable, readTable, TABLE_AT, TABLE_BYTES, type TableEntry } from "../../esp/table.js";
import { PAGE_BYTES } from "../../nvs/format.js";
import { NvsKeys } from "../../nvs/keys.js";
import { hex, unfit } from "../../nvs/writer.js";

/** Where projects move the table to make room for a larger boot loader. */
const TABLE_AT_MAX = 0x20000;
const ENTRY_BYTES = 32;

/** What was found on the chip. */
export interface Place {
  /** Where the table lies. */
  readonly tableAt: number;
  readonly partition: TableEntry;
  /** The partition of NVS keys; null: there is none. */
  readonly keys: TableEntry | null;
}

/**
 * Finds the NVS partition.
 * @param flags `tableAt`: where to look for the table; null: at 0x8000, then sector by sector behind it.
 *   `label`: the partition; null: the only one
 * @throws Failure where there is no table, or not one such partition
 */
export async function findNvs(
  chip: EspChip,
  flags: { readonly tableAt: number | null; readonly label: string | null },
): Promise<Place> {
  const tableAt = flags.tableAt ?? (await findTable(chip));
  const entries = readTable(await chip.read(tableAt, TABLE_BYTES), tableAt);
  const ofKind = (kind: number): TableEntry[] =>
    entries.filter(({ type, subtype }) => type === Kind.DATA && subtype === kind);
  const partition = oneOf(ofKind(Kind.NVS), flags.label);
  const [keys = null] = ofKind(Kind.NVS_KEYS);
  return { tableAt, partition, keys };
}

/** Most tables are at 0x8000: only where none is there are other places looked at, 32 bytes of each. */
async function findTable(chip: EspChip): Promise<number> {
  for (let at = TABLE_AT; at <= TABLE_AT_MAX; at += PAGE_BYTES)
    if (looksLikeTable(await chip.read(at, ENTRY_BYTES))) return at;
  throw unfit(
    `There is no partition table between ${hex(TABLE_AT)} and ${hex(TABLE_AT_MAX)}.`,
    "Flash the app with its partition table first; where the table lies elsewhere, name its offset with --table.",
  );
}

function oneOf(partitions: readonly TableEntry[], label: string | null): TableEntry {
  const labels = partitions.map((partition) => partition.label).join(", ");
  if (label !== null) {
    const named = partitions.find((partition) => partition.label === label);
    if (named !== undefined) return named;
    throw usage(
      `The chip has no NVS partition '${label}'.`,
      labels === "" ? "Its table has none at all." : `There are: ${labels}.`,
    );
  }
  const [only] = partitions;
  if (only === undefined)
    throw unfit("The partition table has no NVS partition.", "Add one of 0x6000 bytes or more to it.");
  if (partitions.length === 1) return only;
  throw usage(
    `The chip has ${partitions.length} NVS partitions: ${labels}.`,
    "Name the one that the firmware reads with --partition; Moddable's is 'nvs'.",
  );
}

/**
 * The keys of the partition: those that were given, those that lie in the chip's keys partition in the clear, or none.
 * @throws Failure where the two differ, or where the device would make keys of its own at its next start
 */
export async function keysFor(chip: EspChip, place: Place, given: NvsKeys | null): Promise<NvsKeys | null> {
  if (place.keys === null) return given;
  const stored = await chip.read(place.keys.offset, PAGE_BYTES);
  if (stored.every((byte) => byte === 0xff))
    throw unfit(
      "The chip's keys partition is blank: at its next start the device makes keys of its own, and erases what is not encrypted with them.",
      "Write a keys partition first, or let the device start once.",
    );
  const theirs = NvsKeys.ofPartition(stored);
  stored.fill(0);
  if (given !== null && !given.equals(theirs))
    throw unfit(
      "The keys that were given are not those of the chip.",
      "Leave them out: the chip's can be read.",
    );
  return theirs;
}
