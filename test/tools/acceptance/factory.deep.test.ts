/** From an empty folder to a factory's line: the bench's whole document, played against a boot loader at a pseudo-terminal. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Status } from "../../../firmware/index.js";
import { RotationStage } from "../../../firmware/rotation.js";
import { Partition } from "../../../tools/nvs/partition.js";
import { findChromium, startChromium } from "../../servers/chromium.js";
import { until } from "../../until.js";
import { good } from "../acme.js";
import { fakeSerial } from "../bench/browser.js";
import { killedBatch } from "../killed-batch.js";
import { killedBoards } from "../killed-boards.js";
import { appValues, benchBoard, NVS } from "../loader/bench-board.js";
import { type Board, FakePorts, PtyBoard } from "../loader/board.js";
import { needProgram } from "../process.js";
import { Bench } from "./bench.js";
import { Recording } from "./recording.js";

const OPENS = "--identity-file identity.txt";
/** Two minutes of them, with the kills. */
const DEVICES = 10_000;
/** A device gets its next key in less time than as many tokens take. */
const TOKENS_MAX = 20_000;

describe("acceptance: from an empty folder to a factory's line", function () {
  this.timeout(300_000);
  let bench: Bench;
  let pty: PtyBoard;
  let recording: Recording;
  /** What device_1 has in its flash when it has another key than it was made with. */
  let rotated: Partition;

  before(async function () {
    needProgram(this, "age", "age");
    needProgram(this, "socat", "socat");
    bench = await Bench.open();
    pty = await new PtyBoard(benchBoard(), bench.folder, "ttyUSB0").plug();
    recording = new Recording(
      new Map([
        [pty.path, "/dev/ttyUSB0"],
        [`${bench.folder}/`, ""],
        [bench.env.MOTEKEY_ISSUER ?? "", "https://id.example.com"],
        [new URL(bench.env.MOTEKEY_ISSUER ?? "").host, "id.example.com"],
      ]),
    );
  });
  after(async () => {
    await pty?.unplug();
    await bench?.close();
  });

  const recorded = async (line: string): Promise<void> => recording.take(line, good(await bench.run(line)));
  const stored = ({ chip }: Board): Partition => Partition.read(chip.partition(NVS.offset, NVS.size));
  /** A pseudo-terminal has no line to the chip's reset: it is pressed by hand. */
  const reset = (): void => pty.board.reset();
  const keepsItsApp = (board: Board): void => {
    for (const { namespace, key, data } of appValues().items())
      assert.deepEqual(stored(board).get(namespace, key)?.data, Buffer.from(data), key);
  };

  it("login, an authority, a device: flashed, it boots from its flash and gets a token; the app's values stay", async () => {
    recording.take("auth login --username ann --insecure-storage", await bench.login());
    await recorded("ca create --name Acme --recipients-file recipients.txt");
    await recorded("device create --id device_1");
    await recorded("device image --id device_1 --psk-file device_1.psk --out nvs.bin");
    assert.equal(await bench.boot(bench.partition("nvs.bin")), Status.OK);
    reset();
    await recorded(`device flash --port ${pty.path} --id device_1 --psk-file device_1.psk`);
    keepsItsApp(pty.board);
    reset();
    await recorded(`device verify --port ${pty.path}`);
    assert.equal(await bench.boot(stored(pty.board)), Status.OK);
  });

  it("a device with a certificate of the authority's, in an image beside a credential that takes nothing weaker", async () => {
    await bench.json(`device create --id device_2 --cert ec ${OPENS}`);
    await bench.json(
      "device image --id device_2 --cert-file device_2.crt --key-file device_2.key --out certified.bin",
    );
    assert.notEqual(bench.partition("certified.bin").get("motekey-tls", "cert"), null);
  });

  it("ten thousand devices, killed on the way: one credential for each, none lost, none double", async () => {
    const ids = Array.from({ length: DEVICES }, (_, i) => `lot_${i}`);
    writeFileSync(bench.path("list.csv"), `id\n${ids.join("\n")}\n`);
    const token = good(await bench.run("auth token")).stdout.trim();
    const env = { ...bench.env, MOTEKEY_AUTH_TOKEN: token, MOTEKEY_CONFIG_PATH: bench.path("none.json") };
    const place = { folder: bench.folder, env, json: (line: string) => bench.json(line) };
    await killedBatch(place, ids, { kills: 4 });
    assert.equal(await bench.boot(bench.partition(`killed/lot_${DEVICES - 1}.bin`)), Status.OK);
  });

  it("a batch with certificates: openssl verifies each by the authority and its list", async () => {
    writeFileSync(bench.path("certified.csv"), "id\ncertified_0\ncertified_1\n");
    await recorded(`device batch certified.csv --out certified --cert ec ${OPENS}`);
    for (const id of ["certified_0", "certified_1"]) {
      const cert =
        bench.partition(`certified/${id}.bin`).get("motekey-tls", "cert")?.data ?? new Uint8Array();
      writeFileSync(bench.path("one.pem"), new X509Certificate(cert).toString());
      const words = ["-crl_check", "-CRLfile", "ca/ca.crl.pem", "-CAfile", "ca/ca.pem", "one.pem"];
      const { stdout } = spawnSync("openssl", ["verify", ...words], { cwd: bench.folder, encoding: "utf8" });
      assert.equal(stdout, "one.pem: OK\n");
    }
  });

  it("boards at ports, killed on the way: each boots from its flash as the device that the journal says", async () => {
    const boards = [0x201, 0x202, 0x203].map((address) => benchBoard({ address }));
    const ptys = boards.map((board, index) => new PtyBoard(board, bench.folder, `ttyLINE${index}`));
    writeFileSync(bench.path("list.csv"), "id\nline_0\nline_1\nline_2\n");
    await Promise.all(ptys.map((one) => one.plug()));
    try {
      await killedBoards({ folder: bench.folder, env: bench.env, json: (line) => bench.json(line) }, ptys, {
        kills: 3,
        out: "boards",
      });
    } finally {
      await Promise.all(ptys.map((one) => one.unplug()));
    }
    for (const board of boards) {
      keepsItsApp(board);
      assert.equal(await bench.boot(stored(board)), Status.OK);
    }
  });

  it("by the page in a browser: a device is registered and flashed, boots to a token, and the app's values stay", async function () {
    const browser = await startChromium(findChromium(this));
    const { url, close } = await bench.serve();
    try {
      const board = benchBoard({ address: 0x301 });
      const info = { path: "/dev/ttyUSB1", usb: null };
      const page = await browser.newPage();
      const ports = new FakePorts().add(info, board);
      await fakeSerial(page, { ports, info, isChosen: true, isTaken: false });
      await page.goto(url);
      await page.getByLabel("Device id").fill("page_1");
      await page.getByRole("button", { name: "Choose the port and flash" }).click();
      await page.getByRole("heading", { name: "Flashed" }).waitFor();
      keepsItsApp(board);
      assert.equal(await bench.boot(stored(board)), Status.OK);
      assert.equal((await bench.json("device show page_1")).history[0].by, "ann");
      await bench.json("device revoke page_1 --force");
      assert.notEqual(await bench.boot(stored(board)), Status.OK);
    } finally {
      await browser.close();
      await close();
    }
  });

  it("a running device whose key is rotated gets its tokens all the while; its image of before is of no use", async () => {
    rotated = stored(pty.board);
    const device = bench.start(rotated);
    try {
      assert.equal(await device.token(), Status.OK);
      await recorded("device rotate device_1");
      for (let count = 0; device.rotation.rotations === 0; count++) {
        assert.equal(await device.token(), Status.OK, `token ${count}`);
        assert.ok(count < TOKENS_MAX, "it has no other key yet");
      }
      await until("all is in its flash", () => device.rotation.stage === RotationStage.NONE);
      assert.equal(await device.token(), Status.OK);
    } finally {
      device.close();
    }
    const { history } = await bench.json("device show device_1");
    assert.deepEqual(
      history.map(({ did }: { did: string }) => did),
      ["created", "rotation-begun", "rotated"],
    );
    assert.equal(await bench.boot(rotated), Status.OK);
    assert.notEqual(await bench.boot(stored(pty.board)), Status.OK);
  });

  it("a running device that is revoked gets no token any more; the others do", async () => {
    writeFileSync(bench.path("lot.csv"), "id\nsmall_0\nsmall_1\nsmall_2\n");
    await recorded("device batch lot.csv --out lot");
    const device = bench.start(rotated);
    try {
      assert.equal(await device.token(), Status.OK);
      await recorded("device revoke device_1 --force");
      assert.notEqual(await device.token(), Status.OK);
    } finally {
      device.close();
    }
    assert.notEqual(await bench.boot(rotated), Status.OK);
    assert.equal(await bench.boot(bench.partition("lot/small_2.bin")), Status.OK);
    await recorded("device audit verify lot/batch.jsonl");
  });

  it("docs/bench.md shows what was said here, and no key is in it", () => {
    recording.check();
    const page = readFileSync(new URL("../../../docs/bench.md", import.meta.url), "utf8");
    assert.ok(!page.includes(readFileSync(bench.path("device_1.psk"), "latin1").trim()));
  });
});
