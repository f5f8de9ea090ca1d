import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { Decoder, Encoder } from "cbor-x";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { SALT_BYTES } from "../proof/seal-oracle.js";
import { FREE, newFolder } from "../service/places.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";

const ID = "device_123";
const HOST = "app.example.com";
const FOLDER = newFolder();

/** The two that devices meet; what they share is all that this is about. */
const CLOUDS: Record<string, () => Promise<Cloud | Service>> = {
  "the mock cloud": () => startCloud(),
  "the service": () => startService({ database: { folder: FOLDER }, ...FREE }),
};

for (const [name, start] of Object.entries(CLOUDS)) {
  describe(`tokens sealed by ${name}`, function () {
    this.timeout(60_000);
    let cloud: Cloud | Service;
    let psk: string;
    let client: Client;
    let counter = 0;

    before(async () => {
      cloud = await start();
      ({ psk } = await cloud.addDevice({ id: ID }));
      client = await Client.open(cloud.mqttUrl, { id: ID, username: ID, password: psk });
      await client.subscribe(`${ID}/rpc/#`);
    });

    after(async () => {
      client.close();
      await cloud.close();
      await rm(FOLDER, { recursive: true, force: true });
    });

    const request = (id: number, method: string, more: object = {}) => ({
      v: 2,
      src: ID,
      id,
      method: `/v1/Auth.${method}`,
      args: { host: HOST },
      ...more,
    });
    const sessionOf = () => new MacDevice(psk, ++counter);

    async function call(device: MacDevice, frame: object): Promise<Record<string, unknown>> {
      client.send(device.seal(frame));
      const reply = device.open(await client.message());
      assert.ok(reply.right);
      return reply.frame.result;
    }

    it("GenerateToken and GetToken answer sealed, in the token's place, to who asked for it", async () => {
      const device = sessionOf().asksForSeals();
      const made = await call(device, request(1, "GenerateToken", { sec: device.sec }));
      assert.deepEqual(Object.keys(made), ["sealed", "expires_in", "issued_at"]);
      const token = device.seals.open(made.sealed as string);
      assert.equal((await cloud.checkToken(token, HOST)).active, true);
      const found = await call(device, request(2, "GetToken"));
      assert.deepEqual(Object.keys(found), ["exist", "sealed", "expires_in", "issued_at"]);
      assert.equal(device.seals.open(found.sealed as string), token);
      assert.notEqual(found.sealed, made.sealed);
    });

    it("a session that does not ask gets the token in the clear, whatever the one before asked", async () => {
      const sealing = sessionOf().asksForSeals();
      assert.ok("sealed" in (await call(sealing, request(3, "GetToken", { sec: sealing.sec }))));
      const device = sessionOf();
      const made = await call(device, request(4, "GetToken", { sec: device.sec }));
      assert.equal((await cloud.checkToken(made.token as string, HOST)).active, true);
    });

    it("a stored reply is sealed anew, and under the session that asks now", async () => {
      const device = sessionOf().asksForSeals();
      const asked = request(5, "GenerateToken");
      const first = await call(device, { ...asked, sec: device.sec });
      const again = await call(device, asked);
      const next = sessionOf().asksForSeals();
      const third = await call(next, { ...asked, sec: next.sec });
      const salts = [first, again, third].map(({ sealed }) =>
        (sealed as string).slice(0, (SALT_BYTES * 4) / 3),
      );
      assert.equal(new Set(salts).size, 3);
      const token = device.seals.open(first.sealed as string);
      assert.equal(device.seals.open(again.sealed as string), token);
      assert.equal(next.seals.open(third.sealed as string), token);
      assert.notEqual(device.seals.open(third.sealed as string), token);
    });

    it("a host without a token, and an error, have nothing to seal", async () => {
      const device = sessionOf().asksForSeals();
      const other = { args: { host: "other.example.com" } };
      const none = await call(device, request(6, "GetToken", { ...other, sec: device.sec }));
      assert.deepEqual(none, { exist: false });
      client.send(device.seal(request(7, "GetToken", { args: {} })));
      assert.equal(device.open(await client.message()).frame.error.code, 400);
    });
  });
}

describe("tokens sealed by the mock cloud, further", () => {
  const clouds: Cloud[] = [];

  afterEach(async () => {
    for (const cloud of clouds.splice(0)) await cloud.close();
  });

  async function connected(
    options: object = {},
    psk?: string,
  ): Promise<{ psk: string; client: Client; cloud: Cloud }> {
    const cloud = await startCloud(options);
    clouds.push(cloud);
    const known = await cloud.addDevice({ id: ID, ...(psk !== undefined && { psk }) });
    const client = await Client.open(cloud.mqttUrl, { id: ID });
    await client.subscribe(`${ID}/rpc/#`);
    return { psk: known.psk, client, cloud };
  }

  const generate = (sec: object) => {
    return { v: 2, src: ID, id: 1, method: "/v1/Auth.GenerateToken", args: { host: HOST }, sec };
  };

  it("a cloud that was put back and takes an old counter again repeats no keystream", async () => {
    const nonce = Buffer.alloc(16, 7);
    const streams: Buffer[] = [];
    let psk: string | undefined;
    for (let life = 0; life < 2; life++) {
      const { client, ...known } = await connected({}, psk);
      psk = known.psk;
      const device = new MacDevice(psk, 5, nonce).asksForSeals();
      client.send(device.seal(generate(device.sec)));
      const { sealed } = device.open(await client.message()).frame.result;
      const bytes = Buffer.from(sealed, "base64url").subarray(SALT_BYTES);
      const token = Buffer.from(device.seals.open(sealed));
      streams.push(Buffer.from(bytes.map((byte, at) => byte ^ (token[at] as number))));
      client.close();
    }
    const [first, second] = streams as [Buffer, Buffer];
    const same = first.filter((byte, at) => byte === second[at]).length;
    assert.ok(same < first.length / 8, `${same} of ${first.length} bytes of the keystream are the same`);
  });

  it("without the extension nothing is sealed, and Hello does not name it; nor without MACs", async () => {
    const { client, psk, cloud } = await connected({ extensions: { seal: false } });
    const device = new MacDevice(psk, 1).asksForSeals();
    client.send(device.seal(generate(device.sec)));
    assert.ok("token" in device.open(await client.message()).frame.result);
    const hello = { v: 2, src: ID, id: 2, method: "/v1/Hello" };
    client.send(device.seal(hello));
    assert.equal(device.open(await client.message()).frame.result.ext.seal, undefined);
    cloud.faults.extensions = { retryAfter: false, expiresIn: false, mac: false, cbor: false, seal: true };
    const plain = await Client.open(cloud.mqttUrl, { id: ID, username: ID, password: psk });
    await plain.subscribe(`${ID}/rpc/#`);
    plain.send(JSON.stringify({ ...hello, id: 3 }));
    assert.equal(JSON.parse(await plain.message()).result.ext, undefined);
    plain.close();
    client.close();
  });

  it("a frame in CBOR is answered with a sealed token, a text as everything there", async () => {
    const { client, psk } = await connected();
    await client.subscribe(`${ID}/rpc-cbor`);
    const device = new MacDevice(psk, 1).asksForSeals();
    const encoder = new Encoder({ useRecords: false });
    client.publish(`cloud/from/${ID}/rpc-cbor`, device.sealBytes(encoder.encode(generate(device.sec))));
    const reply = device.openBytes(await client.messageBytes());
    const { sealed } = new Decoder({ mapsAsObjects: true }).decode(reply).result;
    assert.equal(device.seals.open(sealed).split(".").length, 3);
    client.close();
  });
});
