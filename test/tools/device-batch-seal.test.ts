/** `motekey device batch --seal-secret-file`: every record of a lot sealed as the firmware opens it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readCredential, Status } from "../../firmware/index.js";
import { SealedStore, Strength } from "../../firmware/seal.js";
import { PartitionStore } from "../../tools/device/provision.js";
import { Partition } from "../../tools/nvs/partition.js";
import { secretOf } from "../seal/oracle.js";
import { Line } from "./line.js";
import { benchBoard, NVS } from "./loader/bench-board.js";
import { FakePorts } from "./loader/board.js";
import { pattern } from "./nvs/vectors.js";

const EFUSE_KEY = Buffer.from(pattern(32, 3));
const BUILD_SECRET = "a secret of this build, random";
const SEAL = "--seal-secret-file efuse.key";
const BY_MAC = "--seal-secret-file build --seal-by-mac";

describe("motekey device batch, with sealed records", function () {
  this.timeout(60_000);
  let line: Line;
  before(async () => {
    line = await Line.open();
    line.file("efuse.key", EFUSE_KEY);
    line.file("other.key", Buffer.from(pattern(32, 4)));
    line.file("build", `${BUILD_SECRET}\n`);
  });
  after(() => line?.close());

  /** Whose credential the firmware finds with this secret; the status by its name where it finds none. */
  const deviceIn = (bytes: Buffer, secret: Uint8Array, strength: Strength): string => {
    const key = { secret: new Uint8Array(secret), strength };
    const store = new PartitionStore(Partition.read(bytes));
    const sealed = new SealedStore(store, { key, entropy: { fill: () => undefined }, onPlain: "refuse" });
    const { status, credential } = readCredential(sealed);
    return credential?.deviceId ?? (Status[status] as string);
  };
  const ofMac = (mac: string): Buffer =>
    secretOf(Buffer.from(BUILD_SECRET), Buffer.from(mac.replaceAll(":", ""), "hex"));

  it("seals each image with the key of the chips' eFuses, which is in nothing that it writes", async () => {
    line.file("list.csv", "id\nlot_0\nlot_1\n");
    const answer = await line.json(`device batch list.csv --out lot ${SEAL}`);
    assert.deepEqual([answer.made, answer.sealing], [2, "sealed"]);
    for (const id of ["lot_0", "lot_1"]) {
      const bytes = line.read("lot", `${id}.bin`);
      assert.equal(deviceIn(bytes, secretOf(EFUSE_KEY), Strength.SEALED), id);
      assert.equal(deviceIn(bytes, Buffer.alloc(32), Strength.SEALED), "SEAL_FOREIGN");
      assert.ok(!bytes.includes(EFUSE_KEY) && !bytes.includes(secretOf(EFUSE_KEY)));
    }
    const log = line.read("lot", "batch.jsonl");
    for (const form of ["hex", "base64"] as const) assert.ok(!log.includes(EFUSE_KEY.toString(form)));
  });

  it("is one batch with one secret: with another, or none, it is batch_other", async () => {
    line.file("list.csv", "id\nterms_0\n");
    await line.json(`device batch list.csv --out terms ${SEAL}`);
    const again = "device batch list.csv --out terms";
    await line.failed(`${again} --seal-secret-file other.key`, "batch_other", /with another seal/);
    await line.failed(again, "batch_other", /with another seal/);
    assert.equal((await line.json(`${again} ${SEAL}`)).before, 1);
  });

  it("--seal-by-mac obfuscates each image with the chip's address, a column of the list", async () => {
    const [one, two] = ["a4:cf:12:34:56:78", "a4:cf:12:34:56:79"] as const;
    line.file("macs.csv", `id,mac\nmac_0,${one}\nmac_1,${two}\n`);
    const answer = await line.json(`device batch macs.csv --out macs ${BY_MAC}`);
    assert.equal(answer.sealing, "obfuscated");
    const first = line.read("macs", "mac_0.bin");
    assert.equal(deviceIn(first, ofMac(one), Strength.OBFUSCATED), "mac_0");
    assert.equal(deviceIn(first, ofMac(two), Strength.OBFUSCATED), "SEAL_FOREIGN");
    assert.equal(deviceIn(line.read("macs", "mac_1.bin"), ofMac(two), Strength.OBFUSCATED), "mac_1");
  });

  it("--jobs seals what it writes onto boards, with each board's own address where it is a build's secret", async () => {
    for (const [folder, flags, strength] of [
      ["efuse", SEAL, Strength.SEALED],
      ["by-mac", BY_MAC, Strength.OBFUSCATED],
    ] as const) {
      line.file("list.csv", `id\n${folder}_0\n`);
      const board = benchBoard({ address: strength });
      const usb = { vendorId: 0x10c4, productId: 0xea60, serialNumber: "1", product: null };
      const ports = new FakePorts().add({ path: "/dev/ttyUSB0", usb }, board);
      const answer = await line.json(`device batch list.csv --out ${folder} --jobs 1 ${flags}`, { ports });
      assert.equal(answer.made, 1);
      const mac = `24:0a:00:00:00:0${strength}`;
      const secret = strength === Strength.SEALED ? secretOf(EFUSE_KEY) : ofMac(mac);
      const bytes = board.chip.partition(NVS.offset, NVS.size);
      assert.equal(deviceIn(bytes, secret, strength), `${folder}_0`);
    }
  });

  it("what does not go together is refused before anything is made", async () => {
    line.file("list.csv", "id\nrefused_0\n");
    line.file("bad.csv", "id,mac\nrefused_0,a4:cf\n");
    line.file("short", "too short");
    for (const [words, says] of [
      ["list.csv --seal-by-mac", /goes with the build's secret/],
      ["list.csv --seal-secret-file short", /HMAC key of a chip has 32 bytes/],
      ["list.csv --seal-secret-file short --seal-by-mac", /16 bytes or more/],
      [`list.csv ${BY_MAC}`, /line 1 names no column 'mac'/],
      [`bad.csv ${BY_MAC}`, /line 2 has no MAC address/],
      [`bad.csv ${SEAL}`, /line 1 names a column 'mac'/],
      [`list.csv --cert ec ${SEAL}`, /private key is no record that is sealed.*--keys-file/],
    ] as const) {
      await line.failed(`device batch ${words} --out refused`, "usage", says);
      assert.ok(!existsSync(line.path("refused")), words);
    }
    const image = "device image --id refused_0 --cert-file list.csv --key-file short --out image.bin";
    await line.failed(`${image} ${SEAL}`, "usage", /private key is no record that is sealed/);
  });
});
