/** A directory as a device's flash: values outlive the process, failures are told, and a device goes on with its counter. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Cloud,
  FileStore,
  nodePorts,
  type SimulatedDevice,
  simulateDevice,
  startCloud,
} from "../../host-sim/index.js";

const ID = "device_123";
const PSK = "correct horse";

describe("a directory as flash", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "motekey-store-"));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("gives back what was written, to whoever opens it next, with the length it has", () => {
    assert.ok(new FileStore(join(directory, "new")).write("name", Buffer.from("12345"), 4));
    const store = new FileStore(join(directory, "new"));
    const out = Buffer.from("------");
    assert.equal(store.read("name", out), 4);
    assert.equal(out.toString(), "1234--");
    assert.equal(store.read("name", out.subarray(0, 2)), 4, "the length of the value, not of what fitted");
    assert.ok(store.write("name", Buffer.from("x"), 1));
    assert.equal(store.read("name", out), 1);
    assert.deepEqual(readdirSync(join(directory, "new")), ["name"], "nothing else is left there");
    assert.equal(statSync(join(directory, "new", "name")).mode & 0o777, 0o600);
  });

  it("tells what is absent from what cannot be read, and what cannot be written, and never throws", () => {
    const store = new FileStore(directory);
    mkdirSync(join(directory, "folder"));
    assert.equal(store.read("name", Buffer.alloc(4)), -1);
    assert.equal(store.read("folder", Buffer.alloc(4)), -2);
    assert.equal(store.write("folder", Buffer.alloc(4), 4), false);
  });
});

describe("a simulated device with a directory", () => {
  let cloud: Cloud;
  let device: SimulatedDevice;
  let directory: string;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "motekey-store-"));
    cloud = await startCloud();
    await cloud.addDevice({ id: ID, psk: PSK });
  });

  afterEach(async () => {
    device.close();
    await cloud.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const boot = (): void => {
    device = simulateDevice({ cloud, id: ID, psk: PSK, store: directory });
  };

  it("is accepted after every restart though nobody gives it a counter", async () => {
    for (let count = 0; count < 3; count++) {
      boot();
      const { token } = await device.host("app.example.com").getToken();
      assert.equal(cloud.checkToken(token, "app.example.com").active, true);
      device.close();
    }
    assert.deepEqual(cloud.stats.connectsRefused, {});
    assert.deepEqual(readdirSync(directory).sort(), [
      "motekey-ctra",
      "motekey-ctrb",
      "motekey-h0a",
      "motekey-h0b",
      "motekey-mark",
    ]);
    assert.equal(readFileSync(join(directory, "motekey-ctra")).readBigUInt64BE(10), 3n * 64n);
  });

  it("that was lost begins its counters again, and has the cloud say how far they were", async () => {
    boot();
    await device.ready();
    device.close();
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    boot();
    await device.ready();
    assert.equal(device.auth.counters.recoveries, 1);
  });

  it("is beside the ports that the caller gives", async () => {
    device = simulateDevice({ cloud, id: ID, psk: PSK, store: directory, ports: nodePorts() });
    await device.ready();
    assert.deepEqual(readdirSync(directory), ["motekey-ctra", "motekey-mark"]);
  });
});
