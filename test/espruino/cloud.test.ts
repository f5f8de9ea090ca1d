import assert from "node:assert/strict";
import type { LeanAuth } from "../../firmware/espruino/api.js";
import { type Proof, Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { Flash } from "../../host-sim/world/flash.js";
import { LEAN_PROOFS } from "../proofs.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { ended, nodeNatives, startLean } from "./device.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";

describe("Espruino's core in Node", () => {
  let cloud: Cloud;
  let auth: LeanAuth | undefined;
  let events: CloudEvent[];
  const start = async (proof: Proof, port: number, flash = new Flash()): Promise<LeanAuth> => {
    auth = await startLean(
      {
        deviceId: ID,
        cloud: { host: "127.0.0.1", port },
        credential: { psk: PSK, counter: 1 },
        proof,
        allowInsecure: true,
      },
      nodeNatives(flash),
    );
    return auth;
  };
  const startFor = async (options: Parameters<typeof startCloud>[0]): Promise<void> => {
    events = [];
    cloud = await startCloud({ ...options, log: (event) => events.push(event) });
    await cloud.addDevice({ id: ID, psk: PSK });
  };
  afterEach(async () => {
    auth?.close();
    auth = undefined;
    await cloud?.close();
  });

  const getTokens = async (client: LeanAuth): Promise<void> => {
    const app = client.host(HOST);
    const first = await ended(app.getToken.bind(app));
    const cached = await ended(app.getToken.bind(app));
    const renewed = await ended(app.generateToken.bind(app));
    assert.equal(cached.value?.token, first.value?.token);
    assert.notEqual(renewed.value?.token, first.value?.token);
    for (const { status, value } of [first, renewed]) {
      assert.equal(Status[status], "OK");
      const check = cloud.checkToken(String(value?.token), HOST);
      assert.ok(check.active && check.sub === ID);
    }
    const asked = events.filter((event) => event.event === "request" && /GenerateToken/.test(event.method));
    assert.equal(asked.length, 2);
  };

  for (const proof of LEAN_PROOFS) {
    it(`gets a token, the same from memory, and a new one from the embedded broker with ${proof}`, async () => {
      await startFor({ requireFrameProof: /mac|key/.test(proof) });
      await getTokens(await start(proof, cloud.port));
    });
  }

  for (const proof of LEAN_PROOFS.filter((name) => name.startsWith("password"))) {
    it(`gets them from mosquitto with ${proof}`, async function () {
      const broker = await startMosquitto(findMosquitto(this), [{ id: ID, password: PSK }]);
      try {
        await startFor({ broker: broker.cloudUrl, topicsBound: proof === "password" });
        await getTokens(await start(proof, broker.port));
      } finally {
        auth?.close();
        await broker.close();
      }
    });
  }

  it("lists the hosts, revokes, and is told no where it may not ask", async () => {
    await startFor({});
    const client = await start("counter+mac", cloud.port);
    const app = client.host(HOST);
    assert.equal((await ended(app.getToken.bind(app))).status, Status.OK);
    assert.deepEqual(await ended(client.listTokens.bind(client)), { status: Status.OK, value: [HOST] });
    const token = (await ended(app.getToken.bind(app))).value?.token;
    assert.equal((await ended(app.revokeToken.bind(app))).status, Status.OK);
    assert.equal(cloud.checkToken(String(token), HOST).active, false);
    assert.deepEqual(await ended(client.listTokens.bind(client)), { status: Status.OK, value: [] });
    const asked = await ended<boolean>((onDone) => client.authenticate("user_1", { psk: "x" }, onDone));
    assert.equal(Status[asked.status], "FORBIDDEN");
    const allowed = await ended<boolean>((onDone) =>
      client.authorizeCommand("user_1", ID, "/v1/Off", onDone),
    );
    assert.equal(Status[allowed.status], "FORBIDDEN");
  });

  it("keeps its token over deep sleep, and its counter over a crash", async () => {
    await startFor({});
    const flash = new Flash();
    const client = await start("counter+mac", cloud.port, flash);
    const app = client.host(HOST);
    const before = await ended(app.getToken.bind(app));
    client.close();
    const woken = await startLean(
      {
        deviceId: ID,
        cloud: { host: "127.0.0.1", port: cloud.port },
        credential: { psk: PSK },
        sleptMs: 1000,
      },
      nodeNatives(flash),
    );
    auth = woken;
    woken.suspend();
    const again = woken.host(HOST);
    const after = await ended(again.getToken.bind(again));
    assert.equal(after.value?.token, before.value?.token);
    // Power goes: nothing is closed, and the boot after it counts above what was reserved.
    auth = await startLean(
      { deviceId: ID, cloud: { host: "127.0.0.1", port: cloud.port }, credential: { psk: PSK } },
      nodeNatives(flash),
    );
    const booted = auth.host(HOST);
    assert.equal((await ended(booted.getToken.bind(booted))).status, Status.OK);
    const asked = events.filter((event) => event.event === "request" && /GetToken/.test(event.method));
    assert.equal(asked.length, 1, "a token that was taken out of Storage is not there a second time");
    woken.close();
  });

  it("finds its counter again when its store was lost", async () => {
    await startFor({});
    const flash = new Flash();
    const client = await start("counter+mac", cloud.port, flash);
    const app = client.host(HOST);
    assert.equal((await ended(app.getToken.bind(app))).status, Status.OK);
    client.close();
    const lost = await start("counter+mac", cloud.port);
    const host = lost.host(HOST);
    assert.equal((await ended(host.getToken.bind(host))).status, Status.OK);
  });
});
