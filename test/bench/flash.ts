/** `motekey device flash`: commands and bytes over the line, beside what the job needs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getStubJsonByChipName } from "esptool-js";
import { TABLE_BYTES } from "../../tools/esp/table.js";
import { benchBoard, NVS } from "../tools/loader/bench-board.js";
import { FakePorts, type Traffic } from "../tools/loader/board.js";
import { KINDS, type Kind } from "../tools/loader/chip.js";
import { World } from "../tools/world.js";
import { type Group, withinTimes } from "./row.js";

const TIMES = 1.15;
/** END, eight bytes of a head, END. */
const FRAME_BYTES = 10;
const ROM_STATUS_BYTES = 4;
const STATUS_BYTES = 2;
const ROM_REPEATS = 8;
const MEMORY_BLOCK_BYTES = 0x1800;
const FLASH_BLOCK_BYTES = 0x4000;
const SECTOR_BYTES = 0x1000;
const DIGEST_BYTES = 16;

/** Counts what a job needs; escapes are not counted, since what needs them differs from image to image. */
class Need implements Traffic {
  commands = 0;
  bytes = 0;

  /** One command: what goes with it, and what comes back. */
  command(sent: number, answered: number, times = 1): void {
    this.commands += times;
    this.bytes += times * (FRAME_BYTES + sent + FRAME_BYTES + answered);
  }

  /** Flash, in packets that the host acknowledges, with the digest behind it. */
  read(size: number): void {
    this.command(16, STATUS_BYTES);
    const packets = Math.ceil(size / SECTOR_BYTES);
    this.bytes += size + packets * (2 + 4 + 2) + DIGEST_BYTES + 2;
  }
}

/** Sync, which chip, what it forbids, its address, the flasher, its speed, table, read, write, MD5, read back. */
async function needOf(kind: Kind): Promise<Traffic> {
  const need = new Need();
  need.command(36, ROM_STATUS_BYTES);
  need.bytes += (ROM_REPEATS - 1) * (FRAME_BYTES + ROM_STATUS_BYTES);
  // Which chip it is, and what it forbids: the older one has no command for that, and says so as often as the ROM does.
  need.command(0, kind.chipId === null ? ROM_STATUS_BYTES : 20 + ROM_STATUS_BYTES);
  if (kind.chipId === null) {
    need.bytes += (ROM_REPEATS - 1) * (FRAME_BYTES + ROM_STATUS_BYTES);
    need.command(4, ROM_STATUS_BYTES, 3);
  }
  need.command(4, ROM_STATUS_BYTES, 2);
  const stub = await getStubJsonByChipName(kind.name);
  for (const { length } of [stub?.decodedText ?? [], stub?.decodedData ?? []]) {
    need.command(16, ROM_STATUS_BYTES);
    const blocks = Math.ceil(length / MEMORY_BLOCK_BYTES);
    need.command(16, ROM_STATUS_BYTES, blocks);
    need.bytes += length;
  }
  need.command(8, ROM_STATUS_BYTES);
  need.bytes += "OHAI".length + 2;
  need.command(8, STATUS_BYTES);
  need.read(TABLE_BYTES);
  need.read(NVS.size);
  need.command(16, STATUS_BYTES);
  need.command(16, STATUS_BYTES, Math.ceil(NVS.size / FLASH_BLOCK_BYTES));
  need.bytes += NVS.size;
  need.command(4, STATUS_BYTES);
  need.command(16, DIGEST_BYTES + STATUS_BYTES);
  need.read(NVS.size);
  return need;
}

async function trafficOf(kind: Kind): Promise<Traffic> {
  const folder = mkdtempSync(join(tmpdir(), "motekey-bench-"));
  const world = new World();
  try {
    writeFileSync(join(folder, "psk"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", { mode: 0o600 });
    const board = benchBoard({ kind });
    const usb = { vendorId: 0x10c4, productId: 0xea60, serialNumber: null, product: null };
    const ports = new FakePorts().add({ path: "/dev/ttyUSB0", usb }, board);
    const { exit, stderr } = await world.line("device flash --id device_1 --psk-file psk", {
      ports,
      directory: folder,
    });
    if (exit !== 0) throw new Error(stderr);
    return board.traffic;
  } finally {
    world.end();
    rmSync(folder, { recursive: true });
  }
}

export const flash: Group = {
  name: "flash",
  rows: async () => {
    const rows = [];
    for (const kind of Object.values(KINDS)) {
      const [ours, need] = [await trafficOf(kind), await needOf(kind)];
      const common = {
        against: "what the job needs: sync, flasher, table, read, write, MD5, read back; 24 KiB",
        tried: "chip and eFuses by the fewest registers, no padding of the last block, the read's own digest",
      };
      rows.push(
        withinTimes(TIMES, {
          ...common,
          name: `flash ${kind.name}, commands`,
          ours: ours.commands,
          peer: need.commands,
          unit: "",
        }),
        withinTimes(TIMES, {
          ...common,
          name: `flash ${kind.name}, bytes`,
          ours: ours.bytes / 1024,
          peer: need.bytes / 1024,
          unit: "KiB",
        }),
      );
    }
    return rows;
  },
};
