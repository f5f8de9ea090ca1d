/** `motekey device flash`, to a chip's boot loader at a pseudo-terminal and at ports within this process. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { FAILURES, type FailureCode } from "../../tools/cli/failure.js";
import { NvsKeys } from "../../tools/nvs/keys.js";
import { Partition } from "../../tools/nvs/partition.js";
import { numberOf, textOf } from "../../tools/nvs/value.js";
import { good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { appValues, benchBoard, NVS } from "./loader/bench-board.js";
import { type Board, FakePorts, PtyBoard } from "./loader/board.js";
import { KINDS } from "./loader/chip.js";
import { pattern } from "./nvs/vectors.js";
import { needProgram } from "./process.js";
import { type RunOptions, type Said, World } from "./world.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

describe("motekey device flash", function () {
  this.timeout(60_000);
  let world: World;
  beforeEach(() => {
    world = new World();
    writeFileSync(join(world.folder, "psk"), `${PSK}\n`, { mode: 0o600 });
  });
  afterEach(() => world.end());

  const UART = { path: "/dev/ttyUSB0", usb: null };
  const line = (more = ""): string => `device flash --id device_1 --psk-file psk ${more}`;
  const flash = (board: Board, more = "", options: RunOptions = {}): Promise<Said> =>
    world.line(line(more), { ports: new FakePorts().add(UART, board), ...options });
  const stored = (board: Board, at = NVS.offset): Partition =>
    Partition.read(board.chip.partition(at, NVS.size));
  const failed = async (said: Promise<Said>, code: FailureCode, message: RegExp): Promise<void> => {
    const { exit, stdout, stderr } = await said;
    const { error } = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "") as {
      error: { code: string; message: string; next: string };
    };
    assert.equal(error.code, code, stderr);
    assert.match(`${error.message} ${error.next}`, message);
    assert.equal(exit, FAILURES[code].exit);
    assert.equal(stdout, "");
  };
  /** Everything of the app's is as it was, and the credential is in both slots. */
  const isProvisioned = (partition: Partition): void => {
    for (const { namespace, key, type, data } of appValues().items())
      assert.deepEqual(partition.get(namespace, key), { type, data: Buffer.from(data) }, key);
    for (const slot of ["motekey-creda", "motekey-credb"])
      assert.ok(Buffer.from(partition.get("motekey", slot)?.data ?? []).includes(PSK), slot);
  };

  describe("at a pseudo-terminal, through serialport", () => {
    let pty: PtyBoard;
    before(function () {
      needProgram(this, "socat", "socat");
    });
    afterEach(() => pty.unplug());

    it("reads, merges, writes, reads back and compares; what the app had stays", async () => {
      pty = await new PtyBoard(benchBoard(), world.folder).plug();
      const { stdout, stderr } = good(await world.line(line(`--port ${pty.path} --counter 1217`)));
      assert.match(stdout, /^Chip {5}ESP32, 24:0a:01:02:03:04, at .*ttyESP0$/m);
      assert.match(stdout, /^Image {4}nvs, 0x6000 bytes at 0x9000: written, read back, the same$/m);
      assert.match(stdout, /^Counter {2}begins above 1217$/m);
      assert.match(stderr, /Written and compared in \d+\.\d s; the device restarts/);
      isProvisioned(stored(pty.board));
      assert.ok(!`${stdout}${stderr}`.includes(PSK));
    });

    it("a port that another program has, or that is not there, or is none: port_unavailable, with what to do", async () => {
      pty = await new PtyBoard(benchBoard(), world.folder).plug();
      const { SerialPort } = await import("serialport");
      const other = new SerialPort({ path: pty.path, baudRate: 9600, autoOpen: false });
      await new Promise<void>((resolve, reject) =>
        other.open((failure) => (failure ? reject(failure) : resolve())),
      );
      try {
        await failed(
          world.line(line(`--json --port ${pty.path}`)),
          "port_unavailable",
          /in use by another program.*serial monitor/,
        );
      } finally {
        await new Promise((resolve) => other.close(resolve));
      }
      await failed(world.line(line("--json --port ttyNONE")), "port_unavailable", /is not there/);
      const file = join(world.folder, "psk");
      await failed(world.line(line(`--json --port ${file}`)), "port_unavailable", /is no serial port/);
    });
  });

  it("gives its fields; the same again writes nothing", async () => {
    const board = benchBoard();
    const answer = JSON.parse(good(await flash(board, "--json")).stdout);
    hasItsFields("device flash", answer);
    assert.deepEqual(
      [answer.written, answer.verified, answer.partition, answer.offset],
      [true, true, "nvs", 0x9000],
    );
    const before = board.chip.counts.get("FLASH_BEGIN");
    const again = JSON.parse(good(await flash(board, "--json")).stdout);
    assert.deepEqual([again.written, again.verified, again.md5], [false, true, answer.md5]);
    assert.equal(board.chip.counts.get("FLASH_BEGIN"), before);
  });

  it("--dry-run says what would change, and writes nothing; the device runs its app again", async () => {
    const board = benchBoard();
    const before = Buffer.from(board.chip.flash.bytes);
    const { stdout } = good(await flash(board, "--dry-run"));
    assert.match(stdout, /not written \(dry run\)$/m);
    assert.ok(before.equals(board.chip.flash.bytes));
    assert.equal(board.isListening, false);
  });

  it("--baud 115200 changes no speed, and another is agreed on once the flasher runs", async () => {
    const [slow, fast] = [benchBoard(), benchBoard()];
    good(await flash(slow, "--baud 115200"));
    good(await flash(fast, "--baud 921600"));
    const changes = (board: Board) => board.chip.counts.get("CHANGE_BAUDRATE");
    assert.deepEqual([changes(slow), changes(fast)], [undefined, 1]);
    assert.equal((await flash(slow, "--baud fast")).exit, 2);
  });

  it("--set and --settings write settings of the app's beside it", async () => {
    writeFileSync(join(world.folder, "more"), "wifi.password=string:correct horse battery\n", {
      mode: 0o600,
    });
    const board = benchBoard({ kind: KINDS.esp32s3 });
    const said = good(await flash(board, "--set app.interval=u32:600 --settings more"));
    const partition = stored(board);
    isProvisioned(partition);
    assert.equal(numberOf(partition.get("app", "interval") ?? assert.fail()), 600n);
    assert.equal(textOf(partition.get("wifi", "password") ?? assert.fail()), "correct horse battery");
    assert.ok(!JSON.stringify(said).includes("correct horse"));
  });

  it("nothing of what the partition held before can be found in flash, and nothing behind it was touched", async () => {
    writeFileSync(join(world.folder, "psk"), "the key of the device before", { mode: 0o600 });
    const board = benchBoard();
    good(await flash(board));
    writeFileSync(join(world.folder, "psk"), PSK, { mode: 0o600 });
    const { stderr } = good(await flash(board));
    assert.match(stderr, /had another credential: it is gone/);
    assert.ok(!board.chip.flash.bytes.includes("the key of the device before"));
    assert.ok(board.chip.partition(NVS.offset + NVS.size, 0x1000).every((byte) => byte === 0xa5));
  });

  it("derives the key from a group key, in a file or sealed", async () => {
    const psk = createHmac("sha256", Buffer.alloc(32, 7)).update("device_1").digest("base64");
    const group = Buffer.alloc(32, 7).toString("base64");
    const identity = await generateIdentity();
    const sealer = new Encrypter();
    sealer.addRecipient(await identityToRecipient(identity));
    writeFileSync(join(world.folder, "group"), group, { mode: 0o600 });
    writeFileSync(join(world.folder, "sealed"), await sealer.encrypt(group), { mode: 0o600 });
    writeFileSync(join(world.folder, "identity"), identity, { mode: 0o600 });
    for (const key of ["--group-key-file group", "--group-key-file sealed --identity-file identity"]) {
      const board = benchBoard();
      const ports = new FakePorts().add(UART, board);
      good(await world.line(`device flash --id device_1 ${key}`, { ports }));
      assert.ok(Buffer.from(stored(board).get("motekey", "motekey-creda")?.data ?? []).includes(psk), key);
    }
    await failed(flash(benchBoard(), "--group-key-file group --json"), "usage", /both name the key/);
  });

  describe("finds the partition", () => {
    it("behind a larger boot loader, and where --table says", async () => {
      const board = benchBoard({ tableAt: 0x10000 });
      assert.match(good(await flash(board)).stdout, /, table at 0x10000: written/);
      good(await flash(board, "--table 0x10000"));
      await failed(flash(board, "--table 0x8000 --json"), "partition_damaged", /there is none.*--table/);
    });

    it("by its name where there are several; without one it is refused with their names", async () => {
      const more = { ...NVS, label: "nvs_factory", offset: 0x310000 };
      const board = benchBoard({ rows: [NVS, more] });
      await failed(flash(board, "--json"), "usage", /2 NVS partitions: nvs, nvs_factory.*--partition/);
      good(await flash(board, "--partition nvs_factory"));
      assert.notEqual(stored(board, more.offset).get("motekey", "motekey-creda"), null);
      assert.equal(stored(board).get("motekey", "motekey-creda"), null);
      await failed(
        flash(board, "--partition other --json"),
        "usage",
        /no NVS partition 'other'.*nvs_factory/,
      );
    });

    it("not in a table whose MD5 does not fit, nor where there is none", async () => {
      const board = benchBoard();
      board.chip.flash.write(0x8000 + 12, Buffer.from([0]));
      await failed(flash(board, "--json"), "partition_damaged", /its MD5 does not fit/);
      board.chip.flash.erase(0x8000, 0x1000);
      await failed(
        flash(board, "--json"),
        "partition_unfit",
        /no partition table between 0x8000 and 0x20000/,
      );
    });

    it("blank, as on a new board", async () => {
      const board = benchBoard({ values: null });
      good(await flash(board));
      assert.notEqual(stored(board).get("motekey", "motekey-creda"), null);
    });
  });

  describe("of an encrypted partition", () => {
    const keys = new NvsKeys(Buffer.from(Array.from({ length: 64 }, (_, index) => index)));
    const rows = [NVS, { label: "nvs_keys", type: 1, subtype: 4, offset: 0x310000, size: 0x1000 }];

    it("takes the chip's HMAC key, and the keys that lie on the chip in the clear", async () => {
      const hmacKey = Buffer.from(pattern(32, 5));
      writeFileSync(join(world.folder, "hmac"), hmacKey, { mode: 0o600 });
      const derived = NvsKeys.ofHmacKey(hmacKey);
      const other = benchBoard({ values: appValues().toBytes(derived) });
      good(await flash(other, "--hmac-key-file hmac"));
      isProvisioned(Partition.read(other.chip.partition(NVS.offset, NVS.size), derived));
      const board = benchBoard({ rows, values: appValues().toBytes(keys) });
      board.chip.flash.write(0x310000, keys.toPartition());
      assert.match(good(await flash(board)).stdout, /, encrypted: written/);
      isProvisioned(Partition.read(board.chip.partition(NVS.offset, NVS.size), keys));
    });

    it("without its keys, with others, and with a blank keys partition: refused with why", async () => {
      const hidden = benchBoard({ values: appValues().toBytes(keys) });
      await failed(flash(hidden, "--json"), "partition_unfit", /encrypted, or is no NVS.*Give its keys/);
      writeFileSync(join(world.folder, "keys"), new NvsKeys(pattern(64, 3)).toPartition(), { mode: 0o600 });
      const board = benchBoard({ rows, values: appValues().toBytes(keys) });
      await failed(flash(board, "--json"), "partition_unfit", /keys partition is blank/);
      board.chip.flash.write(0x310000, keys.toPartition());
      await failed(flash(board, "--keys-file keys --json"), "partition_unfit", /not those of the chip/);
      board.chip.flash.write(0x310000, Buffer.alloc(64, 0x11));
      await failed(flash(board, "--json"), "partition_damaged", /encrypted by the chip/);
    });
  });

  describe("refuses", () => {
    for (const [what, burnt, message] of [
      ["secure boot", { secureBoot: true }, /Secure boot of the ESP32-S3 is on/],
      ["flash encryption", { flashEncryption: true }, /Flash encryption of the ESP32-S3 is on/],
      ["secure download mode", { secureDownload: true }, /secure download mode: its flash cannot be read/],
    ] as const) {
      it(`a chip with ${what}: device_unfit, with why, and nothing is written`, async () => {
        const board = benchBoard({ kind: KINDS.esp32s3, burnt });
        await failed(flash(board, "--json"), "device_unfit", message);
        assert.equal(board.chip.counts.get("FLASH_BEGIN"), undefined);
      });
    }

    it("an ESP32 with secure boot or flash encryption, by its eFuses", async () => {
      await failed(
        flash(benchBoard({ burnt: { secureBoot: true } }), "--json"),
        "device_unfit",
        /Secure boot/,
      );
      await failed(
        flash(benchBoard({ burnt: { flashEncryption: true } }), "--json"),
        "device_unfit",
        /Flash encryption/,
      );
    });

    it("another chip than --chip names", async () => {
      await failed(
        flash(benchBoard(), "--chip esp32s3 --json"),
        "device_unfit",
        /The chip is an ESP32, and not an esp32s3/,
      );
    });

    it("a key on the command line, and a key file that others can read", async () => {
      await failed(flash(benchBoard(), `--psk ${PSK} --json`), "usage", /--psk-file/);
      chmodSync(join(world.folder, "psk"), 0o644);
      await failed(flash(benchBoard(), "--json"), "storage_unsafe", /open to others/);
    });

    it("a damaged partition; --replace writes a new one in its place", async () => {
      const board = benchBoard();
      board.chip.flash.write(NVS.offset + 64, Buffer.alloc(8));
      await failed(flash(board, "--json"), "partition_damaged", /Nothing is written over it/);
      good(await flash(board, "--replace"));
      assert.equal(stored(board).get("wifi", "ssid"), null);
      assert.notEqual(stored(board).get("motekey", "motekey-creda"), null);
    });
  });

  describe("of several ports", () => {
    const usb = { vendorId: 0x303a, productId: 0x1001, serialNumber: "7C:DF:A1", product: "USB JTAG" };

    it("refuses to guess, and lists them; --port takes a path or a USB serial number", async () => {
      const [right, wrong] = [benchBoard({ kind: KINDS.esp32s3 }), benchBoard()];
      wrong.isListening = false;
      const ports = new FakePorts().add(UART, wrong).add({ path: "/dev/ttyACM0", usb }, right);
      await failed(
        world.line(line("--json"), { ports }),
        "usage",
        /2 serial ports: \/dev\/ttyUSB0; \/dev\/ttyACM0 \(USB JTAG, 303a:1001, 7C:DF:A1\)/,
      );
      assert.deepEqual(ports.opened, []);
      good(await world.line(line("--port 7C:DF:A1"), { ports }));
      assert.deepEqual(ports.opened, ["/dev/ttyACM0"]);
      await failed(
        world.line(line("--json"), { ports: new FakePorts() }),
        "port_unavailable",
        /No serial port is here/,
      );
    });

    it("a chip whose own USB comes back under another name is found by its serial number", async () => {
      const board = benchBoard({ kind: KINDS.esp32s3 });
      const ports = new FakePorts().add({ path: "/dev/ttyACM0", usb }, board);
      ports.onReset = (info) => {
        if (info.path !== "/dev/ttyACM0") return;
        ports.boards.delete(info.path);
        board.unplug();
        ports.add({ path: "/dev/ttyACM1", usb }, board);
      };
      const { stdout } = good(await world.line(line("--port /dev/ttyACM0"), { ports }));
      assert.match(stdout, /at \/dev\/ttyACM1$/m);
      assert.deepEqual(ports.opened, ["/dev/ttyACM0", "/dev/ttyACM1"]);
      isProvisioned(stored(board));
    });
  });

  describe("over a bad line", () => {
    it("an answer to a read that came damaged is read by nobody: device_unverified", async () => {
      const board = benchBoard();
      let packets = 0;
      board.faults.fromChip = (bytes, op) => {
        if (op === "READ_FLASH" && bytes.length > 0x800 && ++packets === 3)
          bytes[100] = (bytes[100] as number) ^ 1;
        return bytes;
      };
      await failed(flash(board, "--json"), "device_unverified", /came damaged over the line/);
      assert.equal(board.chip.counts.get("FLASH_BEGIN"), undefined);
    });

    it("what flash holds otherwise than it was written is written once more, then told, and the backup stays", async () => {
      const board = benchBoard();
      board.chip.flash.stuck.set(NVS.offset + 8, 0xff);
      const said = flash(board, "--json");
      await failed(said, "device_unverified", /do not ship this board/);
      assert.equal(board.chip.counts.get("FLASH_BEGIN"), 2);
      const backup = readdirSync(world.folder).find((name) => name.endsWith(".backup")) ?? assert.fail();
      assert.deepEqual(readFileSync(join(world.folder, backup)), appValues().toBytes());
    });

    it("a run that is cut while it writes loses nothing: the next one goes on from the backup", async () => {
      const board = benchBoard();
      board.faults.unplugs = (op) => op === "FLASH_BEGIN";
      await failed(flash(board, "--json"), "device_silent", /is gone: the device was unplugged/);
      assert.throws(() => isProvisioned(stored(board)));
      board.faults = {};
      const { stderr } = good(await flash(board));
      assert.match(stderr, /A run at this chip was cut/);
      isProvisioned(stored(board));
      assert.ok(!readdirSync(world.folder).some((name) => name.endsWith(".backup")));
    });

    it("nobody answers: device_silent, and how to press BOOT", async () => {
      const board = benchBoard();
      const ports = new FakePorts().add(UART, board);
      ports.onReset = () => (board.isListening = false);
      await failed(world.line(line("--json"), { ports }), "device_silent", /Hold BOOT.*RESET/);
    });
  });
});
