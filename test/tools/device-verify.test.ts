/** `motekey device verify`: what a device holds beside what the cloud knows. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Cloud, startCloud } from "../../host-sim/index.js";
import { NvsKeys } from "../../tools/nvs/keys.js";
import { Partition } from "../../tools/nvs/partition.js";
import { ANN, good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { benchBoard, NVS } from "./loader/bench-board.js";
import { FakePorts } from "./loader/board.js";
import { pattern } from "./nvs/vectors.js";
import { World } from "./world.js";

describe("motekey device verify", function () {
  this.timeout(60_000);
  let cloud: Cloud;
  let world: World;
  before(async () => {
    const memberships = [{ organization: "Acme Corp", role: "developer" as const }];
    cloud = await startCloud({ identity: { users: [{ ...ANN, memberships }] } });
  });
  after(() => cloud.close());
  beforeEach(async () => {
    world = new World();
    world.env.MOTEKEY_CLOUD = cloud.httpUrl;
    const login = `auth login --issuer ${cloud.identity?.issuer} --username ann`;
    good(await world.line(login, { input: ANN.password }));
  });
  afterEach(() => world.end());

  const path = (name: string): string => join(world.folder, name);
  /** Registers a device, and makes its image. */
  const made = async (id: string, counter = 0): Promise<void> => {
    good(await world.line(`device create --id ${id} --out ${id}.psk`));
    good(
      await world.line(`device image --id ${id} --psk-file ${id}.psk --counter ${counter} --out ${id}.bin`),
    );
  };
  const answer = async (line: string, exit: number) => {
    const said = await world.line(`device verify ${line} --json`);
    assert.equal(said.exit, exit, said.stderr);
    const json = JSON.parse(said.stdout);
    hasItsFields("device verify", json);
    return json;
  };

  it("of an image that the cloud knows so: exit 0, and no key in any output", async () => {
    await made("device_1", 7);
    const { device, slots, counter, verified, problems, key_fingerprint, cloud_key_fingerprint } =
      await answer("device_1.bin --id device_1", 0);
    assert.deepEqual(
      { device, slots, counter, verified, problems },
      {
        ...{ device: "device_1", slots: 2, counter: 7, verified: true, problems: [] },
      },
    );
    assert.equal(key_fingerprint, cloud_key_fingerprint);
    const { stdout } = good(await world.line("device verify device_1.bin"));
    assert.match(stdout, /^The cloud knows it so\.$/m);
    assert.ok(!stdout.includes(readFileSync(path("device_1.psk"), "utf8").trim()));
  });

  it("of the chip at a port, after 'device flash'", async () => {
    await made("device_2");
    const board = benchBoard();
    const ports = new FakePorts().add({ path: "/dev/ttyUSB0", usb: null }, board);
    good(await world.line("device flash --id device_2 --psk-file device_2.psk", { ports }));
    const before = Buffer.from(board.chip.flash.bytes);
    const { stdout } = good(await world.line("device verify --id device_2 --port /dev/ttyUSB0", { ports }));
    assert.match(stdout, /^Read {5}from \/dev\/ttyUSB0$/m);
    assert.ok(before.equals(board.chip.flash.bytes));
    assert.equal(board.isListening, false);
  });

  it("of an encrypted image, with its keys", async () => {
    await made("device_8");
    const keys = new NvsKeys(Buffer.from(pattern(64, 9)));
    writeFileSync(path("keys"), keys.toPartition(), { mode: 0o600 });
    writeFileSync(path("hmac"), Buffer.from(pattern(32, 2)), { mode: 0o600 });
    for (const flag of ["--keys-file keys", "--hmac-key-file hmac"]) {
      good(
        await world.line(`device image --id device_8 --psk-file device_8.psk --out x.bin --force ${flag}`),
      );
      assert.equal((await answer(`x.bin ${flag}`, 0)).device, "device_8");
    }
    assert.match((await world.line("device verify x.bin")).stderr, /encrypted, or is no NVS/);
  });

  it("one slot is enough for the device, and is told", async () => {
    await made("device_3");
    const partition = Partition.read(readFileSync(path("device_3.bin")));
    partition.delete("motekey", "motekey-creda");
    writeFileSync(path("half.bin"), partition.toBytes(), { mode: 0o600 });
    assert.equal((await answer("half.bin", 0)).slots, 1);
  });

  describe("exits with 1 for", () => {
    it("another device than --id names, and one that the cloud does not know", async () => {
      await made("device_4");
      assert.match(
        (await answer("device_4.bin --id device_5", 1)).problems[0],
        /is device_4, and not device_5/,
      );
      writeFileSync(path("x"), "some other key\n", { mode: 0o600 });
      good(await world.line("device image --id nobody --psk-file x --out x.bin"));
      assert.match((await answer("x.bin", 1)).problems[0], /knows no device nobody/);
    });

    it("another key, a revoked device, and a counter that the cloud has passed", async () => {
      await made("device_6");
      writeFileSync(path("x"), "some other key\n", { mode: 0o600 });
      good(await world.line("device image --id device_6 --psk-file x --out x.bin"));
      assert.match(
        (await answer("x.bin", 1)).problems[0],
        /^Its key is [0-9a-f]{16}, and the cloud's of device_6 is/,
      );
      const { psk } = await cloud.addDevice({ id: "device_7", counter: 50 });
      writeFileSync(path("y"), `${psk}\n`, { mode: 0o600 });
      good(await world.line("device image --id device_7 --psk-file y --counter 49 --out y.bin"));
      assert.match(
        (await answer("y.bin", 1)).problems[0],
        /begins above counter 49, and the cloud has accepted 50/,
      );
      good(await world.line("device revoke device_6 --force"));
      assert.match((await answer("device_6.bin", 1)).problems[0], /has revoked device_6/);
    });

    it("a partition without a credential", async () => {
      writeFileSync(path("empty.bin"), new Partition(NVS.size).toBytes());
      assert.deepEqual((await answer("empty.bin", 1)).problems, ["It holds no credential."]);
    });
  });

  it("an image and a port at once is wrong usage", async () => {
    assert.equal((await world.line("device verify x.bin --port /dev/ttyUSB0")).exit, 2);
  });
});
