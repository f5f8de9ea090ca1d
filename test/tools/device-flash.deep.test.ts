/** `motekey device flash` over lines that lose, change, delay and end, at every step; minutes, so apart. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Partition } from "../../tools/nvs/partition.js";
import { good } from "./acme.js";
import { appValues, benchBoard, NVS } from "./loader/bench-board.js";
import { type Board, FakePorts, PtyBoard } from "./loader/board.js";
import { KINDS, type OpName } from "./loader/chip.js";
import { needProgram } from "./process.js";
import { type Said, World } from "./world.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

describe("motekey device flash, over a bad line", function () {
  this.timeout(300_000);
  let world: World;
  beforeEach(() => {
    world = new World();
    writeFileSync(join(world.folder, "psk"), `${PSK}\n`, { mode: 0o600 });
  });
  afterEach(() => world.end());

  const UART = { path: "/dev/ttyUSB0", usb: null };
  const flash = (board: Board, more = ""): Promise<Said> =>
    world.line(`device flash --id device_1 --psk-file psk ${more}`, {
      ports: new FakePorts().add(UART, board),
    });
  /** The app's values and the credential are there, whole. */
  const isProvisioned = (board: Board): void => {
    const partition = Partition.read(board.chip.partition(NVS.offset, NVS.size));
    for (const { namespace, key, type, data } of appValues().items())
      assert.deepEqual(partition.get(namespace, key), { type, data: Buffer.from(data) }, key);
    assert.ok(Buffer.from(partition.get("motekey", "motekey-creda")?.data ?? []).includes(PSK));
  };
  /** The n-th packet from the chip is met by `fault`; how many there were is told. */
  const nth = (board: Board, n: number, fault: (bytes: Buffer) => Buffer | null): (() => number) => {
    let seen = 0;
    board.faults.fromChip = (bytes) => (++seen === n ? fault(bytes) : bytes);
    return () => seen;
  };
  const changed = (bytes: Buffer): Buffer => {
    const at = Math.min(bytes.length - 2, 9);
    bytes[at] = (bytes[at] as number) ^ 0x10;
    return bytes;
  };

  for (const [what, fault] of [
    ["lost", () => null],
    ["changed", changed],
  ] as const) {
    it(`an answer that is ${what}, each in turn: done right, or said, and the next run does it`, async () => {
      const count = nth(benchBoard(), 0, fault);
      const whole = benchBoard();
      const total = nth(whole, 0, fault);
      good(await flash(whole));
      assert.equal(count(), 0);
      assert.ok(total() > 30);
      // The eight answers to the first command, and those that a flasher's command is refused with, are alike.
      for (let n = 9; n <= total(); n += 8) {
        const board = benchBoard();
        nth(board, n, fault);
        const said = await flash(board);
        if (said.exit !== 0) {
          assert.match(said.stderr, /^Error: /m, `packet ${n}`);
          board.faults = {};
          good(await flash(board));
        }
        isProvisioned(board);
      }
    });
  }

  it("what the host sends, each block in turn lost or changed", async () => {
    for (const fault of [() => null, changed]) {
      for (let n = 1; n <= 3; n++) {
        const board = benchBoard();
        let blocks = 0;
        board.faults.toChip = (bytes) => (bytes.length > 0x2000 && ++blocks === n ? fault(bytes) : bytes);
        const said = await flash(board);
        if (said.exit !== 0) {
          board.faults = {};
          good(await flash(board));
        }
        isProvisioned(board);
      }
    }
  });

  it("a line that ends at any command: nothing of the app's is lost, and the next run ends well", async () => {
    for (const kind of Object.values(KINDS)) {
      const ops: OpName[] = ["SYNC", "READ_REG", "MEM_BEGIN", "MEM_DATA", "MEM_END", "CHANGE_BAUDRATE"];
      for (const op of [...ops, "READ_FLASH", "FLASH_BEGIN", "FLASH_DATA", "FLASH_END", "SPI_FLASH_MD5"]) {
        for (const time of kind === KINDS.esp32 ? [1, 3] : [2]) {
          const board = benchBoard({ kind });
          let seen = 0;
          board.faults.unplugs = (now) => now === op && ++seen === time;
          const said = await flash(board);
          if (seen >= time) assert.notEqual(said.exit, 0, `${op}, ${time}`);
          board.faults = {};
          good(await flash(board));
          isProvisioned(board);
          assert.deepEqual(
            readdirSync(world.folder).filter((name) => name.endsWith(".backup")),
            [],
          );
        }
      }
    }
  });

  it("a chip that takes two seconds for each command about its flash", async () => {
    const board = benchBoard({ kind: KINDS.esp32s3 });
    board.faults.delayMs = (op) => (op !== null && /FLASH/.test(op) ? 2_000 : 0);
    good(await flash(board));
    isProvisioned(board);
  });

  it("a chip that never answers a command: each has an end, with its message", async () => {
    for (const op of ["MEM_BEGIN", "READ_FLASH", "FLASH_BEGIN", "FLASH_DATA", "SPI_FLASH_MD5"] as const) {
      const board = benchBoard({ kind: KINDS.esp32s3 });
      board.faults.fromChip = (bytes, now) => (now === op ? null : bytes);
      const said = await flash(board);
      assert.equal(said.exit, 1);
      assert.match(said.stderr, /The device at \/dev\/ttyUSB0 stopped answering/, op);
    }
  });

  it("a chip that resets with the change of speed is spoken to at the old one", async () => {
    const board = benchBoard({ kind: KINDS.esp32s3 });
    board.faults.fromChip = (bytes, op) => {
      if (op === "CHANGE_BAUDRATE") queueMicrotask(() => board.reset());
      return bytes;
    };
    good(await flash(board));
    isProvisioned(board);
  });

  it("an MD5 that is wrong once is written again; wrong for ever it is told", async () => {
    for (const times of [1, 9]) {
      const board = benchBoard();
      let seen = 0;
      board.faults.fromChip = (bytes, op) =>
        op === "SPI_FLASH_MD5" && ++seen <= times ? changed(bytes) : bytes;
      const said = await flash(board);
      assert.equal(said.exit, times === 1 ? 0 : 1, said.stderr);
      assert.equal(board.chip.counts.get("FLASH_BEGIN"), 2);
    }
  });

  describe("at a pseudo-terminal", () => {
    before(function () {
      needProgram(this, "socat", "socat");
    });

    it("that ends while flash is written: told, and the next run goes on from the backup", async () => {
      const board = benchBoard();
      const first = await new PtyBoard(board, world.folder).plug();
      board.faults.unplugs = (op) => op === "FLASH_BEGIN";
      const words = `device flash --id device_1 --psk-file psk --port ${first.path}`;
      const said = await world.line(words);
      assert.match(said.stderr, /is gone|stopped answering/);
      board.faults = {};
      board.reset();
      const second = await new PtyBoard(board, world.folder).plug();
      try {
        assert.match(good(await world.line(words)).stderr, /A run at this chip was cut/);
        isProvisioned(board);
      } finally {
        await second.unplug();
      }
    });
  });
});
