/** Sealed records on the bench: made, shown and compared with the device's secret, which is in no output. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCredential, Status } from "../../firmware/index.js";
import { SealedStore, Strength } from "../../firmware/seal.js";
import { type Cloud, startCloud } from "../../host-sim/index.js";
import { PartitionStore } from "../../tools/device/provision.js";
import { Partition } from "../../tools/nvs/partition.js";
import { SealOracle, secretOf } from "../seal/oracle.js";
import { ANN, good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { benchBoard } from "./loader/bench-board.js";
import { FakePorts } from "./loader/board.js";
import { pattern } from "./nvs/vectors.js";
import { World } from "./world.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const EFUSE_KEY = Buffer.from(pattern(32, 3));
const BUILD_SECRET = "a secret of this build, random";
const ADDRESS = "a4:cf:12:34:56:78";
const SLOTS = ["motekey-creda", "motekey-credb"];
const SEAL = "--seal-secret-file efuse.key";

describe("motekey device, with sealed records", function () {
  this.timeout(60_000);
  let world: World;
  beforeEach(() => {
    world = new World();
    file("psk", `${PSK}\n`);
    file("efuse.key", EFUSE_KEY);
    file("build", `${BUILD_SECRET}\n`);
  });
  afterEach(() => world.end());

  const path = (name: string): string => join(world.folder, name);
  const file = (name: string, content: string | Uint8Array): void =>
    writeFileSync(path(name), content, { mode: 0o600 });
  const image = (more = "") => world.line(`device image --id device_1 --psk-file psk --out nvs.bin ${more}`);
  const partition = (name = "nvs.bin"): Partition => Partition.read(readFileSync(path(name)), null);

  /** The key that a device with this secret finds in an image; the status by its name where it finds none. */
  const pskIn = (secret: Uint8Array, strength: Strength): string => {
    const entropy = { fill: () => undefined };
    const key = { secret: new Uint8Array(secret), strength };
    const { status, credential } = readCredential(
      new SealedStore(new PartitionStore(partition()), { key, entropy, onPlain: "refuse" }),
    );
    return credential === null ? (Status[status] as string) : Buffer.from(credential.psk).toString();
  };

  const isClean = (said: { stdout: string; stderr: string }): void => {
    for (const secret of [PSK, BUILD_SECRET, EFUSE_KEY.toString("hex"), EFUSE_KEY.toString("base64")])
      assert.ok(!`${said.stdout}${said.stderr}`.includes(secret));
  };

  it("image seals both slots with --seal-secret-file, as the firmware opens them, and the secret is in nothing that it writes", async () => {
    const said = good(await image(SEAL));
    isClean(said);
    assert.match(said.stdout, /^Image .*, sealed$/m);
    assert.equal(pskIn(secretOf(EFUSE_KEY), Strength.SEALED), PSK);
    assert.equal(pskIn(Buffer.alloc(32), Strength.SEALED), "SEAL_FOREIGN");
    const bytes = readFileSync(path("nvs.bin"));
    for (const secret of [PSK, EFUSE_KEY, secretOf(EFUSE_KEY)]) assert.ok(!bytes.includes(secret));
    const oracle = new SealOracle(secretOf(EFUSE_KEY), 1, Strength.SEALED);
    for (const name of SLOTS) {
      const value = partition().get("motekey", name);
      assert.ok(oracle.open(name, Buffer.from(value?.data ?? [])).includes(PSK), name);
    }
    const json = JSON.parse(good(await image(`${SEAL} --force --json`)).stdout);
    hasItsFields("device image", json);
    assert.equal(json.sealing, "sealed");
    assert.equal(JSON.parse(good(await image("--force --json")).stdout).sealing, "unsealed");
  });

  it("image obfuscates with --seal-mac, and never calls that sealed", async () => {
    const said = good(await image(`--seal-secret-file build --seal-mac ${ADDRESS}`));
    isClean(said);
    assert.match(said.stdout, /, obfuscated$/m);
    const secret = secretOf(Buffer.from(BUILD_SECRET), Buffer.from("a4cf12345678", "hex"));
    assert.equal(pskIn(secret, Strength.OBFUSCATED), PSK);
    assert.equal(pskIn(secret, Strength.SEALED), "SEAL_BROKEN");
  });

  it("image and flash of Espruino, whose core opens no sealed records, refuse a seal's secret", async () => {
    const refused = await image(`--format espruino --seal-secret-file build --seal-mac ${ADDRESS}`);
    assert.equal(refused.exit, 2);
    assert.match(refused.stderr, /has no --seal-secret-file/);
    const flash = await world.line(
      `device flash --format espruino --id device_1 --psk-file psk --port COM1 ${SEAL}`,
    );
    assert.equal(flash.exit, 2);
    assert.match(flash.stderr, /has no --seal-secret-file/);
  });

  it("image --merge leaves nothing unsealed of what the device had, and is refused on sealed records without the secret", async () => {
    file("old", "an older key, unsealed");
    good(await world.line("device image --id device_1 --psk-file old --out old.bin"));
    good(await image(`--merge old.bin ${SEAL}`));
    assert.ok(!readFileSync(path("nvs.bin")).includes("an older key"));
    const refused = await world.line(
      "device image --id device_1 --psk-file psk --merge nvs.bin --out next.bin",
    );
    assert.equal(refused.exit, 2);
    assert.match(refused.stderr, /records are sealed\.\s.*--seal-secret-file/s);
    good(
      await world.line(`device image --id device_1 --psk-file psk --merge nvs.bin ${SEAL} --out next.bin`),
    );
  });

  it("inspect opens them with the secret, and says without it that they are sealed, with another why not", async () => {
    good(await image(SEAL));
    const closed = good(await world.line("device inspect nvs.bin")).stdout;
    assert.match(closed, /motekey-creda .* credential, generation 1, sealed/);
    const said = good(await world.line(`device inspect nvs.bin ${SEAL}`));
    isClean(said);
    assert.match(
      said.stdout,
      /motekey-creda .* credential device_1, key 7754373065b658a5, generation 1, sealed/,
    );
    file("other.key", pattern(32, 4));
    const other = await world.line("device inspect nvs.bin --seal-secret-file other.key --json");
    assert.equal(other.exit, 1);
    const json = JSON.parse(other.stdout);
    hasItsFields("device inspect", json);
    const refused = json.values.map((value: { refused: string | null }) => value.refused);
    assert.equal(refused.filter((why: string | null) => why === "SEAL_FOREIGN").length, 2);
  });

  it("flash seals what it writes to the chip, and refuses another chip's MAC address", async () => {
    const board = benchBoard();
    const ports = new FakePorts().add({ path: "/dev/ttyUSB0", usb: null }, board);
    const flash = `device flash --id device_1 --psk-file psk --seal-secret-file`;
    good(await world.line(`${flash} efuse.key`, { ports }));
    assert.ok(!board.chip.flash.bytes.includes(PSK));
    const wrong = await world.line(`${flash} build --seal-mac ${ADDRESS}`, { ports });
    assert.equal(wrong.exit, 2);
    assert.match(wrong.stderr, /The chip's MAC address is .*, and not a4:cf:12:34:56:78/);
    const open = await world.line("device flash --id device_1 --psk-file psk", { ports });
    assert.equal(open.exit, 2);
    assert.match(open.stderr, /records are sealed/);
  });

  it("a secret that is none, or open to others, or a MAC address alone, is refused, and not shown", async () => {
    file("short", "too short");
    for (const [flags, says] of [
      ["--seal-secret-file short", /HMAC key of a chip has 32 bytes, and not 9/],
      [`--seal-secret-file short --seal-mac ${ADDRESS}`, /16 bytes or more/],
      ["--seal-secret-file build --seal-mac a4:cf:12", /no MAC address/],
      [`--seal-mac ${ADDRESS}`, /goes with the build's secret/],
      ["--format esp-secure-cert --cert-file psk --seal-secret-file build", /has no --seal-secret-file/],
    ] as const) {
      const said = await image(flags);
      assert.equal(said.exit, 2, flags);
      assert.match(said.stderr, says);
      isClean(said);
      assert.ok(!said.stderr.includes("too short"));
    }
    chmodSync(path("efuse.key"), 0o644);
    assert.match((await image(SEAL)).stderr, /open to others/);
  });

  describe("verify", () => {
    let cloud: Cloud;
    before(async () => {
      const memberships = [{ organization: "Acme Corp", role: "developer" as const }];
      cloud = await startCloud({ identity: { users: [{ ...ANN, memberships }] } });
    });
    after(() => cloud.close());

    it("opens them with the secret; what it does not open, and what is not sealed, is a problem", async () => {
      world.env.MOTEKEY_CLOUD = cloud.httpUrl;
      const login = `auth login --issuer ${cloud.identity?.issuer} --username ann`;
      good(await world.line(login, { input: ANN.password }));
      good(await world.line("device create --id device_1 --out own.psk"));
      const made = (more: string) =>
        world.line(`device image --id device_1 --psk-file own.psk --out nvs.bin --force ${more}`);
      good(await made(SEAL));
      const said = good(await world.line(`device verify nvs.bin ${SEAL} --json`));
      const json = JSON.parse(said.stdout);
      hasItsFields("device verify", json);
      assert.deepEqual([json.verified, json.slots, json.sealing], [true, 2, "sealed"]);
      const closed = await world.line("device verify nvs.bin");
      assert.equal(closed.exit, 1);
      assert.match(closed.stdout, /is sealed, or damaged: give --seal-secret-file/);
      file("other.key", pattern(32, 4));
      const other = await world.line("device verify nvs.bin --seal-secret-file other.key");
      assert.match(other.stdout, /does not open: SEAL_FOREIGN/);
      good(await made(""));
      const plain = await world.line(`device verify nvs.bin ${SEAL}`);
      assert.equal(plain.exit, 1);
      assert.match(plain.stdout, /lies in flash unsealed/);
    });
  });
});
