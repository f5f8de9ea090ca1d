/** The devices of a batch's file: an id each, and settings of the app's own. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { chunksOf } from "../../audit/log.js";
import { Failure, printable, usage } from "../../cli/failure.js";
import type { System } from "../../cli/system.js";
import { NUMBERS } from "../../nvs/format.js";
import type { Partition } from "../../nvs/partition.js";
import { opened, refuseExposed } from "../files.js";
import { isMacAddress } from "../seal-key.js";
import { setIn } from "../setting-line.js";
import { lineFailure, type Row, rowsOf } from "./csv.js";

/** A device, as its row has it. */
export interface Wanted {
  readonly id: string;
  /** The row's line in the file. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Its chip's MAC address; empty: the list has none. */
  readonly mac: string;
}

/** A column with a setting: `namespace.key:type` in the header. */
interface SettingColumn {
  readonly index: number;
  readonly namespace: string;
  readonly key: string;
  readonly type: string;
}

export const ID = /^[A-Za-z0-9_-]{1,128}$/;
const SETTING = /^([^.]+)\.([^:]+):(\w+)$/;

/** The file, opened: it may be read as often as one likes, and is the same each time. */
export class DevicesFile {
  /** SHA-256 of the file, in hex, once it was read to its end. */
  digest = "";

  private constructor(
    readonly name: string,
    private readonly handle: FileHandle,
    private readonly idColumn: number,
    private readonly macColumn: number,
    private readonly settings: readonly SettingColumn[],
    private readonly width: number,
  ) {}

  /**
   * Opens it and reads its header.
   * @param hasAddresses its devices' records are obfuscated with their MAC addresses: a column of its own
   * @throws Failure for a header that is none; for one with texts or bytes where others may read the file
   */
  static async open(system: System, name: string, hasAddresses = false): Promise<DevicesFile> {
    const handle = await opened(system, "The list of devices", name);
    try {
      if (!(await handle.stat()).isFile()) throw usage(`${printable(name)} is no file.`, "Check the path.");
      const { value: header } = await rowsOf(chunksOf(handle), name).next();
      if (header === undefined) throw usage(`${printable(name)} is empty.`, HEADER_NEXT);
      const settings = settingsIn(header as Row, name, hasAddresses);
      // As with --settings: such as the Wi-Fi password of the line.
      if (settings.some(({ type }) => !(type in NUMBERS)))
        await refuseExposed(handle, "the list of devices", name);
      const { cells } = header as Row;
      const [id, mac] = [cells.indexOf("id"), cells.indexOf("mac")];
      return new DevicesFile(name, handle, id, mac, settings, cells.length);
    } catch (failure) {
      await handle.close();
      throw failure;
    }
  }

  /** All devices in their order. @throws Failure that names the line that is wrong */
  async *devices(): AsyncGenerator<Wanted> {
    const hash = createHash("sha256");
    const hashed = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    };
    let isHeader = true;
    for await (const row of rowsOf(hashed(chunksOf(this.handle)), this.name)) {
      if (!isHeader) yield this.deviceOf(row);
      isHeader = false;
    }
    const digest = hash.digest("hex");
    if (this.digest !== "" && this.digest !== digest)
      throw usage(`${printable(this.name)} was changed meanwhile.`, "Put it back, and run it again.");
    this.digest = digest;
  }

  /** Puts a device's settings into its partition; empty cells set nothing. */
  setIn(partition: Partition, { cells, line }: Wanted): void {
    for (const { index, namespace, key, type } of this.settings) {
      const value = cells[index] ?? "";
      if (value === "") continue;
      this.atLine(line, () => setIn(partition, namespace, key, `${type}:${value}`));
    }
  }

  /** Does something for a line: what fails names it. */
  atLine<T>(line: number, work: () => T): T {
    try {
      return work();
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      const where = `${printable(this.name)}, line ${line}`;
      throw new Failure(failure.code, `${where}: ${failure.message}`, failure.next, { cause: failure });
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private deviceOf({ line, cells }: Row): Wanted {
    if (cells.length !== this.width)
      throw lineFailure(
        this.name,
        line,
        `has ${cells.length} values instead of ${this.width}`,
        "Each line has as many as the header; a comma within a value belongs in quotes.",
      );
    const id = cells[this.idColumn] ?? "";
    if (!ID.test(id))
      throw lineFailure(
        this.name,
        line,
        "has no device's id",
        "It has 1 to 128 of A-Z a-z 0-9 _ - and nothing else; spaces count.",
      );
    const mac = cells[this.macColumn] ?? "";
    if (this.macColumn >= 0 && !isMacAddress(mac))
      throw lineFailure(this.name, line, "has no MAC address", "It has six bytes in hex: a4:cf:12:34:56:78.");
    return { id, line, cells, mac };
  }
}

const HEADER_NEXT =
  "Its first line names the columns: id, and settings as namespace.key:type, such as app.interval:u32.";

function settingsIn({ cells, line }: Row, name: string, hasAddresses: boolean): SettingColumn[] {
  if (!cells.includes("id")) throw lineFailure(name, line, "names no column 'id'", HEADER_NEXT);
  if (hasAddresses && !cells.includes("mac"))
    throw lineFailure(name, line, "names no column 'mac'", "--seal-by-mac needs each chip's MAC address.");
  const twice = cells.find((cell, index) => cells.indexOf(cell) !== index);
  if (twice !== undefined)
    throw lineFailure(name, line, `names '${printable(twice, 40)}' twice`, HEADER_NEXT);
  return cells.flatMap((cell, index) => {
    if (cell === "id" || (hasAddresses && cell === "mac")) return [];
    const [, namespace = "", key = "", type = ""] = SETTING.exec(cell) ?? [];
    if (namespace !== "") return [{ index, namespace, key, type }];
    throw lineFailure(name, line, `names a column '${printable(cell, 40)}'`, HEADER_NEXT);
  });
}

/** The ids of a file, to find one that comes twice. */
export class Ids {
  private readonly lines = new Map<string, number>();

  constructor(private readonly name: string) {}

  /** How many there are. */
  get count(): number {
    return this.lines.size;
  }

  /** @throws Failure where it was there; to some file systems A.bin and a.bin are one file */
  add({ id, line }: Wanted): void {
    const known = this.lines.get(id.toLowerCase());
    if (known !== undefined)
      throw lineFailure(
        this.name,
        line,
        `has the id of line ${known}, '${id}'`,
        "Each device has an id of its own; capitals do not tell them apart where files are named by them.",
      );
    this.lines.set(id.toLowerCase(), line);
  }
}
