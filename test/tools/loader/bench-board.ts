/** Boards as they come to a bench: a partition table, and an app's values in their NVS partition. */
import { createHash } from "node:crypto";
import { Partition } from "../../../tools/nvs/partition.js";
import { blobValue, numberValue, stringValue } from "../../../tools/nvs/value.js";
import { Board } from "./board.js";
import { type Burnt, Chip, KINDS, type Kind } from "./chip.js";

/** A row of a partition table. */
export interface Row {
  readonly label: string;
  readonly type: number;
  readonly subtype: number;
  readonly offset: number;
  readonly size: number;
}

/** The NVS partition of Moddable's default table. */
export const NVS: Row = { label: "nvs", type: 1, subtype: 2, offset: 0x9000, size: 0x6000 };
const APP: Row = { label: "factory", type: 0, subtype: 0, offset: 0x10000, size: 0x300000 };

/** A table as ESP-IDF's gen_esp32part.py writes it. */
export function tableOf(rows: readonly Row[]): Buffer {
  const table = Buffer.alloc(0xc00, 0xff);
  for (const [index, { label, type, subtype, offset, size }] of rows.entries()) {
    const at = index * 32;
    table.fill(0, at, at + 32);
    table.writeUInt16LE(0x50aa, at);
    table[at + 2] = type;
    table[at + 3] = subtype;
    table.writeUInt32LE(offset, at + 4);
    table.writeUInt32LE(size, at + 8);
    table.write(label, at + 12, "latin1");
  }
  const end = rows.length * 32;
  const md5 = createHash("md5").update(table.subarray(0, end)).digest();
  table.writeUInt16LE(0xebeb, end);
  md5.copy(table, end + 16);
  return table;
}

/** What an app and Wi-Fi had written. */
export function appValues(size: number = NVS.size): Partition {
  const partition = new Partition(size);
  partition.set("wifi", "ssid", stringValue("factory floor"));
  partition.set("wifi", "boots", numberValue("u32", 7n));
  partition.set("app", "calibration", blobValue(Buffer.alloc(600, 0x5a)));
  return partition;
}

/** What differs from board to board. */
export interface BoardOptions {
  readonly kind?: Kind;
  readonly burnt?: Burnt;
  readonly tableAt?: number;
  readonly rows?: readonly Row[];
  /** What the NVS partition holds; null: nothing yet. */
  readonly values?: Buffer | null;
  /** The last word of the chip's address. */
  readonly address?: number;
}

/** A board with an app in it, in download mode. */
export function benchBoard(options: BoardOptions = {}): Board {
  const { kind = KINDS.esp32, burnt = {}, tableAt = 0x8000, rows = [NVS, APP] } = options;
  const { values = appValues().toBytes(), address } = options;
  const chip = new Chip(kind, burnt, undefined, address);
  chip.flash.write(tableAt, tableOf(rows));
  if (values !== null) chip.flash.write(NVS.offset, values);
  // What lies behind must stay.
  chip.flash.write(NVS.offset + NVS.size, Buffer.alloc(0x1000, 0xa5));
  return new Board(chip);
}
