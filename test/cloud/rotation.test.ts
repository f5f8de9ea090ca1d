import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { exportEntities, importEntities, type Service, startService } from "../../host-sim/service/index.js";
import { pointOf, RotationOracle } from "../proof/rotation-oracle.js";
import { FREE, newFolder, newKeyFile } from "../service/places.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";
import { counterPassword, recoveryPassword } from "./passwords.js";

const HOST = "app.example.com";
const BAD_USER_NAME_OR_PASSWORD = 4;

/** The two that devices meet, and how each is started again over what it keeps. */
const CLOUDS: Record<string, (folder: string) => Promise<Cloud | Service>> = {
  "the mock cloud": (folder) => startCloud({ registryFile: join(folder, "devices.json") }),
  "the service": (folder) => startService({ database: { folder: join(folder, "database") }, ...FREE }),
};

for (const [name, start] of Object.entries(CLOUDS)) {
  describe(`another key for a device, at ${name}`, function () {
    this.timeout(120_000);
    const folder = newFolder();
    const clients: Client[] = [];
    let cloud: Cloud | Service;
    let count = 0;
    let counter = 0;
    let id: string;
    let psk: string;
    let client: Client;

    before(async () => {
      cloud = await start(folder);
    });
    after(async () => {
      await cloud.close();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(async () => {
      ({ id, psk } = await cloud.addDevice({ id: `device_${++count}` }));
      client = await open(psk);
    });
    afterEach(() => {
      for (const one of clients.splice(0)) one.close();
    });

    /** A connection of the device by its password. */
    async function open(password: string): Promise<Client> {
      const opened = await Client.open(cloud.mqttUrl, { id, username: id, password });
      clients.push(opened);
      if (opened.returnCode === 0) await opened.subscribe(`${id}/rpc/#`);
      return opened;
    }
    const refuses = async (password: string, who = id): Promise<void> => {
      const refused = await Client.open(cloud.mqttUrl, { id: who, username: who, password });
      clients.push(refused);
      assert.equal(refused.returnCode, BAD_USER_NAME_OR_PASSWORD);
    };
    /** The key that the cloud seals for the device; what it answers where there is none. */
    async function next(on = client, present = psk): Promise<string | null> {
      const secret = randomBytes(32);
      const x = Buffer.from(pointOf(secret)).toString("base64url");
      const { result } = await on.call("/v1/Auth.NextCredential", { x });
      const oracle = new RotationOracle(present, id);
      if (result.x !== undefined) return oracle.open(result, secret);
      assert.deepEqual(result, { mac: oracle.none(pointOf(secret)) });
      return null;
    }
    const staged = async (): Promise<string> => {
      await cloud.rotatePsk(id);
      return (await next()) ?? assert.fail("There is no next key");
    };
    const prove = async (key: string, on: Client, nonce = randomBytes(16)) => {
      const oracle = new RotationOracle(key, id);
      const args = { n: nonce.toString("base64url"), mac: oracle.proof("p", nonce) };
      const { result, error } = await on.call("/v1/Auth.ProveCredential", args);
      if (error !== undefined) return error.code;
      assert.deepEqual(result, { mac: oracle.proof("a", nonce) });
      return 0;
    };

    it("hints at it beside a token's life, until the device has proved it", async () => {
      const hint = async (on: Client, method: string) =>
        (await on.call(`/v1/Auth.${method}`, { host: HOST })).result.rotate;
      assert.equal(await hint(client, "GenerateToken"), undefined);
      const key = await staged();
      assert.equal(await hint(client, "GenerateToken"), 1);
      assert.equal(await hint(client, "GetToken"), 1);
      const proving = await open(key);
      assert.equal(await prove(key, proving), 0);
      assert.equal(await hint(proving, "GetToken"), undefined);
    });

    it("seals it by an ephemeral key of each side, and tells the same one to who asks again", async () => {
      const key = await staged();
      assert.match(key, /^[\w-]{43}$/);
      assert.notEqual(key, psk);
      assert.equal(await next(), key);
      await assert.rejects(next(client, "another-key-than-the-device-s"), /A wrong MAC/);
    });

    it("says under the present key's MAC that there is none, and takes one back", async () => {
      assert.equal(await next(), null);
      const key = await staged();
      await cloud.cancelRotation(id);
      assert.equal(await next(), null);
      await refuses(key);
      assert.equal(await prove(key, client), 403);
    });

    it("takes both keys until the new one is proved, and from then on that alone", async () => {
      const key = await staged();
      for (const either of [psk, key]) {
        assert.equal((await open(either)).returnCode, 0);
        assert.equal((await open(counterPassword(either, id, ++counter))).returnCode, 0);
      }
      const proving = await open(key);
      assert.equal(await prove(key, proving), 0);
      await refuses(psk);
      await refuses(counterPassword(psk, id, ++counter));
      assert.equal((await open(counterPassword(key, id, ++counter))).returnCode, 0);
    });

    it("keeps the MAC session of the new key, and ends that of the old one", async () => {
      const key = await staged();
      const call = async (device: MacDevice, requestId: number, more: object = {}) => {
        const frame = { v: 2, src: id, id: requestId, method: "/v1/Auth.GetToken", args: { host: HOST } };
        client.send(device.seal({ ...frame, ...more }));
        return client.message();
      };
      const results = async (device: MacDevice, requestId: number, more: object = {}) => {
        const { right, frame } = device.open(await call(device, requestId, more));
        assert.ok(right);
        assert.deepEqual(frame.result, { exist: false });
      };
      const old = new MacDevice(psk, ++counter);
      await results(old, 1, { sec: old.sec });
      const fresh = new MacDevice(key, ++counter);
      await results(fresh, 2, { sec: fresh.sec });
      const nonce = randomBytes(16);
      const oracle = new RotationOracle(key, id);
      const args = { n: nonce.toString("base64url"), mac: oracle.proof("p", nonce) };
      client.send(fresh.seal({ v: 2, src: id, id: 3, method: "/v1/Auth.ProveCredential", args }));
      const { right, frame } = fresh.open(await client.message());
      assert.ok(right);
      assert.deepEqual(frame.result, { mac: oracle.proof("a", nonce) });
      await results(fresh, 4);
      const late = new MacDevice(psk, ++counter);
      assert.equal(JSON.parse(await call(late, 5, { sec: late.sec })).error.code, 401);
      await results(fresh, 6);
    });

    it("ends an open MAC session of the old key when the new one is proved elsewhere", async () => {
      const key = await staged();
      const old = new MacDevice(psk, ++counter);
      const request = { v: 2, src: id, method: "/v1/Auth.GetToken", args: { host: HOST } };
      const other = await open(key);
      other.send(old.seal({ ...request, id: 1, sec: old.sec }));
      assert.ok(old.open(await other.message()).right);
      const nonce = randomBytes(16);
      const oracle = new RotationOracle(key, id);
      const args = { n: nonce.toString("base64url"), mac: oracle.proof("p", nonce) };
      const proof = { v: 2, src: id, id: 2, method: "/v1/Auth.ProveCredential", args };
      const proving = new MacDevice(key, ++counter);
      other.send(proving.seal({ ...proof, sec: proving.sec }));
      assert.ok(proving.open(await other.message()).right);
      other.send(old.seal({ ...request, id: 3 }));
      assert.equal(JSON.parse(await other.message()).error.code, 401);
    });

    it("answers a proof that comes again the same way, and one of no key with 403", async () => {
      const key = await staged();
      const proving = await open(key);
      const nonce = randomBytes(16);
      assert.equal(await prove(key, proving, nonce), 0);
      assert.equal(await prove(key, proving, nonce), 0);
      assert.equal(await prove(key, proving), 0);
      assert.equal(await prove(psk, proving), 403);
      assert.equal(await prove("a-key-that-is-not-the-device-s", proving), 403);
    });

    it("tells a counter under either key", async () => {
      const key = await staged();
      const recoverer = `${id}-recover`;
      for (const [fill, either] of [psk, key].entries()) {
        const password = recoveryPassword(either, id, fill + 1);
        const asking = await Client.open(cloud.mqttUrl, { id: recoverer, username: recoverer, password });
        clients.push(asking);
        assert.equal(asking.returnCode, 0);
      }
      assert.equal(await prove(key, await open(key)), 0);
      await refuses(recoveryPassword(psk, id, 9), recoverer);
    });

    it("outlives a restart, staged and proved", async () => {
      const key = await staged();
      client.close();
      await cloud.close();
      cloud = await start(folder);
      client = await open(psk);
      assert.equal(await next(), key);
      assert.equal(await prove(key, await open(key)), 0);
      await cloud.close();
      cloud = await start(folder);
      await refuses(psk);
      assert.equal((await open(key)).returnCode, 0);
    });

    it("a key that is given by hand ends it, and so does barring the device", async () => {
      const key = await staged();
      await cloud.setPsk(id, "a-key-that-was-given-by-hand");
      await refuses(key);
      client = await open("a-key-that-was-given-by-hand");
      assert.equal(await next(client, "a-key-that-was-given-by-hand"), null);
      psk = "a-key-that-was-given-by-hand";
      const another = await staged();
      await cloud.addDevice({ id, psk: "a-key-of-a-device-that-was-added-anew" });
      await refuses(another);
    });

    it("refuses what is no point, a point of low order, and what is no nonce, naming the argument", async () => {
      await cloud.rotatePsk(id);
      const point = Buffer.alloc(32).toString("base64url");
      for (const x of [undefined, 7, "", "short", point.slice(0, 42), `${point}A`, point]) {
        const { error } = await client.call("/v1/Auth.NextCredential", x === undefined ? {} : { x });
        assert.equal(error?.code, 400);
        assert.match(error?.message ?? "", /"x"/);
      }
      const { error } = await client.call("/v1/Auth.ProveCredential", { n: "short", mac: "" });
      assert.equal(error?.code, 400);
      assert.match(error?.message ?? "", /"n"/);
    });

    it("is for devices alone, and for who is registered", async () => {
      const backend = await cloud.addDevice({ id: `backend_${count}`, role: "backend" });
      const asking = await Client.ready(cloud.mqttUrl, backend);
      clients.push(asking);
      for (const method of ["NextCredential", "ProveCredential"])
        assert.equal((await asking.call(`/v1/Auth.${method}`, {})).error?.code, 403);
      await assert.rejects(cloud.rotatePsk("nobody"), /nobody/);
    });

    it("backends are told that either key proves the device", async () => {
      const key = await staged();
      const backend = await cloud.addDevice({ id: `backend_${count}`, role: "backend" });
      const asking = await Client.ready(cloud.mqttUrl, backend);
      clients.push(asking);
      const proves = async (either: string) =>
        (await asking.call("/v1/Auth.Authenticate", { id, credentials: { psk: either } })).result.success;
      assert.deepEqual([await proves(psk), await proves(key)], [true, true]);
      assert.equal(await prove(key, await open(key)), 0);
      assert.deepEqual([await proves(psk), await proves(key)], [false, true]);
    });
  });
}

describe("another key for a device, in the service's database", function () {
  this.timeout(180_000);

  it("is handed over to another one, and sealed anew with the present key", async () => {
    const [folder, elsewhere] = [newFolder(), newFolder()];
    const [first, second] = [newKeyFile(folder), newKeyFile(folder)];
    const place = (sealKeyFiles: string[]) => ({
      database: { folder: join(folder, "d") },
      sealKeyFiles,
      ...FREE,
    });
    try {
      const service = await startService(place([first]));
      await service.addDevice({ id: "device_1" });
      await service.rotatePsk("device_1");
      await service.close();
      const resealing = await startService(place([second, first]));
      assert.equal(await resealing.reseal(), 1);
      await resealing.close();
      const { entities } = await exportEntities(place([second]));
      assert.match(entities[0]?.nextPsk ?? "", /^[\w-]{43}$/);
      const other = { database: { folder: join(elsewhere, "d") } };
      await importEntities(other, entities);
      assert.deepEqual((await exportEntities(other)).entities, entities);
    } finally {
      await Promise.all([folder, elsewhere].map((path) => rm(path, { recursive: true, force: true })));
    }
  });
});
