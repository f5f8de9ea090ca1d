import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";

const ID = "device_123";

describe("the cloud's registry file", () => {
  let folder: string;
  let registryFile: string;
  let cloud: Cloud;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "motekey-registry-"));
    registryFile = join(folder, "registry.json");
    cloud = await startCloud({ registryFile });
  });

  afterEach(async () => {
    await cloud.close();
    await rm(folder, { recursive: true });
  });

  async function restarted(): Promise<void> {
    await cloud.close();
    cloud = await startCloud({ registryFile });
  }

  const attempt = async (password: string) => {
    const client = await Client.open(cloud.mqttUrl, { id: ID, username: ID, password });
    client.close();
    return client.returnCode;
  };

  it("has a device as soon as addDevice resolves, is for its owner only, and its lock alone lies beside it", async () => {
    const { psk } = await cloud.addDevice({ id: ID });
    assert.equal(JSON.parse(await readFile(registryFile, "utf8")).entities[0].psk, psk);
    assert.equal((await stat(registryFile)).mode & 0o777, 0o600);
    const locked = ["registry.json", "registry.json.lock", "registry.json.pid"];
    assert.deepEqual((await readdir(folder)).sort(), locked);
    await cloud.close();
    assert.deepEqual(await readdir(folder), ["registry.json"]);
  });

  it("gets its mode back when it was opened to others", async () => {
    await cloud.addDevice({ id: ID });
    await chmod(registryFile, 0o644);
    await cloud.addDevice({ id: "device_9" });
    assert.equal((await stat(registryFile)).mode & 0o777, 0o600);
  });

  it("brings devices, PSKs and what is disabled back", async () => {
    const { psk } = await cloud.addDevice({ id: ID });
    await cloud.addDevice({ id: "device_9", psk: "nine" });
    await cloud.setPsk("device_9", "ten");
    await cloud.disable("device_9");
    await restarted();
    assert.equal(await attempt(psk), 0);
    const nine = await Client.open(cloud.mqttUrl, { id: "device_9", username: "device_9", password: "ten" });
    assert.equal(nine.returnCode, 5);
    nine.close();
  });

  it("counters survive a restart, each for its purpose", async () => {
    const { psk } = await cloud.addDevice({ id: ID });
    const key = Buffer.from(hkdfSync("sha256", psk, "", "motekey counter v1", 32));
    const password = (counter: number) =>
      `${counter}.${createHmac("sha256", key).update(`${ID}:${counter}`).digest("base64url")}`;
    assert.equal(await attempt(password(8)), 0);
    await restarted();
    assert.equal(await attempt(password(8)), 4);
    assert.equal(await attempt(password(9)), 0);
    const client = await Client.ready(cloud.mqttUrl, { id: ID, psk });
    const device = new MacDevice(psk, 3);
    const hello = { v: 2, src: ID, id: 1, method: "/v1/Hello", sec: device.sec };
    client.send(device.seal(hello));
    assert.equal(device.open(await client.message()).right, true);
    client.close();
    await restarted();
    const again = await Client.ready(cloud.mqttUrl, { id: ID, psk });
    const seen = cloud.next("refused");
    again.send(new MacDevice(psk, 3, Buffer.from(device.sec.n, "base64url")).seal(hello));
    assert.equal((await seen).reason, "mac-counter");
    again.close();
  });

  it("an earlier PSK that comes back does not make recorded proofs good again", async () => {
    const { psk } = await cloud.addDevice({ id: ID, counter: 100 });
    const key = Buffer.from(hkdfSync("sha256", psk, "", "motekey counter v1", 32));
    const recorded = `101.${createHmac("sha256", key).update(`${ID}:101`).digest("base64url")}`;
    assert.equal(await attempt(recorded), 0);
    await cloud.setPsk(ID, "another");
    await cloud.setPsk(ID, psk);
    assert.equal(await attempt(recorded), 4);
  });

  it("a thousand devices added at once are all in it", async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `device_${i}`);
    await Promise.all(ids.map((id) => cloud.addDevice({ id, psk: id })));
    const { entities } = JSON.parse(await readFile(registryFile, "utf8"));
    assert.deepEqual(
      entities.map(({ id }: { id: string }) => id),
      ids,
    );
  });

  it("a damaged file is a clear error, and stays as it is", async () => {
    await cloud.close();
    const entity = { id: ID, role: "device", psk: "x", counters: { connect: -1, mac: -1 }, disabled: false };
    const damaged = [
      "",
      "{",
      "null",
      '{"version":2,"entities":[]}',
      JSON.stringify({ version: 1, entities: [{ ...entity, counters: {} }] }),
      JSON.stringify({ version: 1, entities: [{ ...entity, id: "a/b" }] }),
      JSON.stringify({ version: 1, entities: [entity, { ...entity, role: "root" }] }),
    ];
    for (const text of damaged) {
      await writeFile(registryFile, text);
      await assert.rejects(
        startCloud({ registryFile }),
        /registry\.json is not a registry of version 1; move it away/,
      );
      assert.equal(await readFile(registryFile, "utf8"), text);
    }
  });

  it("a folder that is not there is a clear error", async () => {
    await assert.rejects(
      startCloud({ registryFile: join(folder, "gone", "registry.json") }),
      /Cannot lock the registry .*registry\.json \(ENOENT\); check the folder and its permissions/,
    );
  });

  it("a folder that goes away is a clear error, and the cloud lives on", async () => {
    const gone = join(folder, "gone");
    await mkdir(gone);
    const lost = await startCloud({ registryFile: join(gone, "registry.json") });
    await rm(gone, { recursive: true });
    await assert.rejects(
      lost.addDevice({ id: ID, psk: "x" }),
      /Cannot write the registry .*; check the folder/,
    );
    assert.equal(lost.health.status, "troubled");
    const client = await Client.ready(lost.mqttUrl, { id: ID, psk: "x" });
    assert.equal((await client.call("/v1/Hello")).error, undefined);
    client.close();
    await assert.rejects(lost.close(), /Cannot write the registry/);
  });

  it("an id that is not one topic segment is refused", async () => {
    for (const id of ["", "a/b", "+", "#", "a b", "a.b", "é", "x".repeat(129)]) {
      await assert.rejects(cloud.addDevice({ id }), /is not a topic segment/, id);
    }
    await assert.rejects(cloud.setPsk("nobody", "x"), /No entity "nobody"; add it with addDevice first/);
  });
});
