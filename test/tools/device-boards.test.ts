/** `motekey device batch --jobs`: each device of a list onto one board, whatever happens on the way. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { recordIn } from "../../tools/device/record.js";
import { Partition } from "../../tools/nvs/partition.js";
import { numberOf, textOf } from "../../tools/nvs/value.js";
import type { PortInfo } from "../../tools/serial/ports.js";
import { good } from "./acme.js";
import { killedBoards } from "./killed-boards.js";
import { Line } from "./line.js";
import { benchBoard, NVS } from "./loader/bench-board.js";
import { type Board, FakePorts, PtyBoard } from "./loader/board.js";
import { needProgram } from "./process.js";
import type { Said } from "./world.js";

describe("motekey device batch --jobs", function () {
  this.timeout(120_000);
  let line: Line;
  let lot = 0;
  before(async () => {
    line = await Line.open();
  });
  after(() => line.close());

  /** A list of devices whose ids nobody has yet. */
  const list = (count: number): string[] => {
    lot++;
    const ids = Array.from({ length: count }, (_, i) => `board${lot}_${i}`);
    line.file("list.csv", `id,app.n:u32\n${ids.map((id, i) => `${id},${i}`).join("\n")}\n`);
    return ids;
  };
  const usb = (number: number, serialNumber = `CP${number}`): PortInfo => ({
    path: `/dev/ttyUSB${number}`,
    usb: { vendorId: 0x10c4, productId: 0xea60, serialNumber, product: "CP2102N" },
  });
  const board = (address: number): Board => benchBoard({ address });
  const partition = ({ chip }: Board): Partition => Partition.read(chip.partition(NVS.offset, NVS.size));
  /** Whose credential a board has; null: nobody's. */
  const deviceOn = (one: Board): string | null => {
    const record = recordIn(partition(one).get("motekey", "motekey-creda")?.data ?? new Uint8Array());
    return record?.detail.split(",")[0] ?? null;
  };
  const portsOf = (...boards: Board[]): FakePorts => {
    const ports = new FakePorts();
    for (const [index, one] of boards.entries()) ports.add(usb(index), one);
    return ports;
  };
  const made = (folder: string): Record<string, string>[] =>
    line
      .read(folder, "batch.jsonl")
      .toString()
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text));

  it("each board that is plugged in gets a device of its own, with its settings, and the cloud knows its key", async () => {
    const ids = list(3);
    const boards = [board(1), board(2), board(3)];
    const answer = await line.json("device batch list.csv --out each --jobs 3", {
      ports: portsOf(...boards),
    });
    assert.deepEqual(
      [answer.made, answer.before, answer.refused, answer.left, answer.checked, answer.done],
      [3, 0, 0, 0, 3, true],
    );
    assert.deepEqual(boards.map(deviceOn).sort(), ids);
    for (const one of boards) {
      const number = Number(deviceOn(one)?.split("_")[1]);
      assert.equal(numberOf(partition(one).get("app", "n") ?? assert.fail()), BigInt(number));
      assert.equal(textOf(partition(one).get("wifi", "ssid") ?? assert.fail()), "factory floor");
      assert.equal(one.isListening, false, "it runs its app");
    }
    assert.deepEqual(readdirSync(line.path("each")), ["batch.jsonl"]);
    assert.equal((await line.json("device audit verify each/batch.jsonl")).intact, true);
  });

  it("boards come and go: a port is looked at again once it was unplugged, and a board that is done gets no second device", async () => {
    const ids = list(2);
    const boards = [board(11), board(12)] as const;
    let clock = Date.now();
    let looks = 0;
    /** What is at the port at each look, but for the first ones, which are there until the first board is made. */
    const later = [[], [boards[0]], [], [boards[1]]];
    const ports = portsOf(boards[0]);
    const { list: listed } = ports;
    ports.list = () => {
      if (deviceOn(boards[0]) === null || later.length === 0) return listed.call(ports);
      ports.boards.clear();
      for (const one of later.shift() ?? []) ports.add(usb(0), one);
      clock += 5_000;
      looks++;
      return listed.call(ports);
    };
    const said = good(
      await line.world.line("device batch list.csv --out gone --jobs 1", {
        ports,
        now: () => clock,
      }),
    );
    assert.equal(looks, 4);
    assert.match(said.stderr, /the board 24:0a:00:00:00:0b is board\d+_\d already/);
    assert.deepEqual(boards.map(deviceOn), ids);
  });

  it("ports by the serial numbers of their USB devices: no other is touched, and a number that two have is refused", async () => {
    const [id] = list(1);
    const boards = [board(21), board(22)] as const;
    const ports = portsOf(...boards);
    await line.json("device batch list.csv --out named --jobs 1 --port CP1", { ports });
    assert.deepEqual(boards.map(deviceOn), [null, id]);
    assert.deepEqual(ports.opened, [usb(1).path]);
    list(1);
    const twins = new FakePorts().add(usb(0, "0001"), boards[0]).add(usb(1, "0001"), boards[1]);
    await line.failed(
      "device batch list.csv --out twins --jobs 1 --port 0001",
      "usage",
      /2 ports have the serial number 0001.*by their paths/,
      { ports: twins },
    );
  });

  it("--once ends with the boards that are here; the next run goes on with the list", async () => {
    const ids = list(2);
    const boards = [board(31), board(32)] as const;
    const run = (one: Board): Promise<Said> =>
      line.world.line("device batch list.csv --out once --jobs 2 --once --json", { ports: portsOf(one) });
    const first = await run(boards[0]);
    assert.equal(first.exit, 1);
    const { made: count, left, done, checked } = JSON.parse(first.stdout);
    assert.deepEqual([count, left, checked, done], [1, 1, 1, false]);
    assert.ok(existsSync(line.path("once", "batch.seed")));
    const second = good(await run(boards[1]));
    const answer = JSON.parse(second.stdout);
    assert.deepEqual([answer.made, answer.before, answer.left, answer.done], [1, 1, 0, true]);
    assert.ok(!existsSync(line.path("once", "batch.seed")));
    assert.deepEqual(boards.map(deviceOn), ids);
  });

  it("a board that was cut keeps its device, at whatever port it comes back, and the app keeps its values", async () => {
    const ids = list(2);
    const boards = [board(41), board(42)] as const;
    let begun = 0;
    // Both of its attempts end when its flash is erased and nothing is written yet.
    boards[0].faults.unplugs = (op) => op === "FLASH_BEGIN" && ++begun > 0;
    const said = await line.world.line("device batch list.csv --out cut --jobs 1 --once", {
      ports: portsOf(boards[0]),
    });
    assert.match(said.stderr, /ttyUSB0 .*is gone/);
    assert.equal(begun, 2);
    boards[0].faults = {};
    const swapped = new FakePorts().add(usb(7), boards[1]).add(usb(8), boards[0]);
    const answer = await line.json("device batch list.csv --out cut --jobs 1 --once", { ports: swapped });
    assert.deepEqual([answer.made, answer.left], [2, 0]);
    assert.deepEqual(boards.map(deviceOn), ids);
    assert.equal(textOf(partition(boards[0]).get("wifi", "ssid") ?? assert.fail()), "factory floor");
    assert.deepEqual(
      readdirSync(line.path("cut")).filter((name) => name.endsWith(".backup")),
      [],
    );
  });

  it("a board that cannot be written keeps its device until --reassign gives it to the next one", async () => {
    const [first = "", second = ""] = list(2);
    const boards = [board(51), board(52), board(53)] as const;
    boards[0].chip.flash.stuck.set(NVS.offset + 100, 0xff);
    const batch = "device batch list.csv --out broken --jobs 1 --once";
    const said = await line.world.line(batch, { ports: portsOf(boards[0], boards[1]) });
    assert.equal(said.exit, 1);
    assert.match(said.stderr, /is not what was written.*do not ship this board/s);
    assert.equal(deviceOn(boards[1]), second);
    const ports = portsOf(boards[2]);
    await line.failed(`${batch} --reassign ${second}`, "usage", /waits for no board/, { ports });
    const answer = await line.json(`${batch} --reassign ${first}`, { ports });
    assert.deepEqual([answer.made, answer.left], [1, 0]);
    assert.equal(deviceOn(boards[2]), first);
    assert.deepEqual(
      made("broken")
        .filter(({ device }) => device === first)
        .map(({ did }) => did),
      ["assigned", "failed", "released", "assigned", "made"],
    );
  });

  it("a board that is another device already is left as it is, unless --reprovision says otherwise", async () => {
    const [old] = list(1);
    const one = board(61);
    await line.json("device batch list.csv --out former --jobs 1", { ports: portsOf(one) });
    const [id] = list(1);
    const batch = "device batch list.csv --out later --jobs 1 --once";
    const said = await line.world.line(batch, { ports: portsOf(one) });
    assert.match(said.stderr, new RegExp(`is another device already: ${old}.*--reprovision`));
    assert.equal(deviceOn(one), old);
    await line.json(`${batch} --reprovision`, { ports: portsOf(one) });
    assert.equal(deviceOn(one), id);
  });

  it("what the cloud refuses is named with its line, and the board gets the next device", async () => {
    const [first = "", second] = list(2);
    await line.cloud.addDevice({ id: first });
    const one = board(71);
    const said = await line.world.line("device batch list.csv --out taken --jobs 1 --json", {
      ports: portsOf(one),
    });
    assert.match(said.stderr, new RegExp(`list\\.csv, line 2: the cloud refuses ${first}`));
    const answer = JSON.parse(said.stdout);
    assert.deepEqual([said.exit, answer.made, answer.refused, answer.left], [1, 1, 1, 0]);
    assert.equal(deviceOn(one), second);
  });

  it("a chip with USB of its own comes back under another path at each reset, and is served once", async () => {
    const [id] = list(1);
    const one = board(81);
    const info = (number: number): PortInfo => ({
      path: `/dev/ttyACM${number}`,
      usb: { vendorId: 0x303a, productId: 0x1001, serialNumber: "24:0A:00:00:00:51", product: "USB JTAG" },
    });
    const ports = new FakePorts().add(info(0), one);
    let number = 0;
    ports.onReset = () => {
      ports.boards.clear();
      one.unplug();
      ports.add(info(++number), one);
    };
    const answer = await line.json("device batch list.csv --out native --jobs 2", { ports });
    assert.deepEqual([answer.made, answer.left], [1, 0]);
    assert.equal(deviceOn(one), id);
  });

  it("files and boards are two batches, and flags of the one are refused with the other", async () => {
    list(1);
    const ports = portsOf(board(91));
    await line.json("device batch list.csv --out one --jobs 1", { ports });
    await line.failed("device batch list.csv --out one", "batch_other", /begun for boards/);
    const both = "device batch list.csv --out two";
    await line.failed(`${both} --once`, "usage", /--once is for boards at serial ports/);
    await line.failed(`${both} --jobs 1 --size 0x8000`, "usage", /--size is for image files/);
    await line.failed(`${both} --jobs 0`, "usage", /--jobs is 1 to 64/);
    list(1);
    const plan = await line.json("device batch list.csv --out two --jobs 1 --dry-run", { ports });
    assert.deepEqual([plan.made, plan.left, plan.done], [0, 1, false]);
    assert.ok(!existsSync(line.path("two")));
  });

  it("--partition, --table, --chip and --baud are those of 'device flash'", async () => {
    const [id] = list(1);
    const factory = { ...NVS, label: "nvs_factory", offset: 0x310000 };
    const one = benchBoard({ address: 93, tableAt: 0x10000, rows: [NVS, factory] });
    const batch = "device batch list.csv --out where --jobs 1 --once";
    const flags = "--table 0x10000 --partition nvs_factory --baud 115200";
    const said = await line.world.line(`${batch} ${flags} --chip esp32s3`, { ports: portsOf(one) });
    assert.match(said.stderr, /The chip is an ESP32, and not an esp32s3/);
    await line.json(`${batch} ${flags} --chip esp32`, { ports: portsOf(one) });
    assert.equal(one.chip.counts.get("CHANGE_BAUDRATE"), undefined);
    const stored = Partition.read(one.chip.partition(factory.offset, factory.size));
    const record = recordIn(stored.get("motekey", "motekey-creda")?.data ?? new Uint8Array());
    assert.equal(record?.detail.split(",")[0], id);
  });

  it("two ports of one board: it gets one device", async () => {
    list(2);
    const one = board(95);
    const ports = portsOf(one, one);
    const said = await line.world.line("device batch list.csv --out double --jobs 2 --once --json", {
      ports,
    });
    assert.deepEqual([JSON.parse(said.stdout).made, JSON.parse(said.stdout).left], [1, 1], said.stderr);
  });

  describe("at pseudo-terminals, through serialport, as a process", function () {
    this.timeout(180_000);
    before(function () {
      needProgram(this, "socat", "socat");
    });

    it("killed at any moment and started again: each board has one device, and no device two boards", async () => {
      const ids = list(4);
      const boards = ids.map((_, index) => board(0x100 + index));
      const ptys = boards.map((one, index) => new PtyBoard(one, line.world.folder, `ttyESP${index}`));
      await Promise.all(ptys.map((pty) => pty.plug()));
      try {
        await killedBoards(await line.bench(), ptys, { kills: 4 });
        assert.deepEqual(boards.map(deviceOn).sort(), ids);
      } finally {
        await Promise.all(ptys.map((pty) => pty.unplug()));
      }
    });
  });
});
