/** The firmware on a real broker: passwords, topics bound to users, client ids bound to user names. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mqtt, type Proof, State, Status, type Transport } from "../../firmware/index.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { Client } from "../cloud/client.js";
import { findMosquitto, type Mosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Device, type DeviceOptions } from "./device.js";
import { frameOf, messagesIn, Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const OTHER = { id: "device_9", psk: "another-key-of-another-device-0123456789abc" };
const BACKEND = { id: "backend_1", psk: "the-key-of-the-backend-0123456789abcdefghij" };
const HOST = "app.example.com";
const PROOFS: readonly Proof[] = ["password", "password+mac", "password+digest", "password+key"];

const users = [DEVICE, OTHER, BACKEND].map(({ id, psk }) => ({ id, password: psk }));

describe("the firmware on mosquitto", () => {
  let program: string;
  let broker: Mosquitto;
  let cloud: Cloud;
  let device: Device;
  let closing: (() => unknown)[];

  before(async function () {
    program = findMosquitto(this);
    broker = await startMosquitto(program, users);
  });

  after(() => broker?.close());

  beforeEach(() => {
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function startCloudOn(url: string, options: CloudOptions): Promise<Cloud> {
    const started = await startCloud({ broker: url, ...options });
    closing.push(() => started.close());
    await started.addDevice(DEVICE);
    await started.addDevice(OTHER);
    await started.addDevice({ ...BACKEND, role: "backend" });
    return started;
  }

  function connect(options: DeviceOptions, identity = DEVICE, port = broker.port): Device {
    const connected = new Device(port, identity, options);
    closing.push(() => connected.close());
    return connected;
  }

  /** The cloud trusts the broker's ACLs only where frames carry no proof of their own. */
  async function start(proof: Proof, options: DeviceOptions = {}): Promise<void> {
    cloud = await startCloudOn(broker.cloudUrl, { topicsBound: proof === "password" });
    device = connect({ proof, ...options });
  }

  async function client(identity: { id: string; psk: string }): Promise<Client> {
    const opened = await Client.ready(broker.url, identity);
    closing.push(() => opened.close());
    return opened;
  }

  const isGood = (token: string, host = HOST): boolean => cloud.checkToken(token, host).active;

  const ways = PROOFS.flatMap((proof): [Proof, Transport][] => [
    [proof, mqtt],
    [proof, mqtt5],
  ]);
  for (const [proof, transport] of ways) {
    describe(`under ${proof}, over ${transport.name}`, () => {
      it("gets a token, cached, new, listed, revoked", async () => {
        await start(proof, { transport });
        const first = await device.getToken(HOST);
        assert.deepEqual([first.status, isGood(first.token)], ["OK", true]);
        assert.equal((await device.getToken(HOST)).token, first.token);
        const second = await device.generateToken(HOST);
        assert.deepEqual([second.status, second.generation, isGood(second.token)], ["OK", 2, true]);
        assert.deepEqual(await device.listTokens(), { status: "OK", hosts: [HOST] });
        assert.equal((await device.revokeToken(HOST)).status, "OK");
        assert.deepEqual([isGood(first.token), isGood(second.token)], [false, false]);
        assert.deepEqual(await device.listTokens(), { status: "OK", hosts: [] });
        const { connects, losses, macRefused, malformed, foreign } = device.auth.counters;
        assert.deepEqual([connects, losses, macRefused, malformed, foreign], [1, 0, 0, 0, 0]);
      });

      it("asks GetToken for a host that it knows, after its token left for another", async () => {
        await start(proof, { transport, limits: { slots: 1 } });
        const { token } = await device.getToken(HOST);
        await device.getToken("other.example.com");
        const again = await device.getToken(HOST);
        assert.deepEqual([again.status, again.token], ["OK", token]);
        assert.equal(cloud.stats.requests["/v1/Auth.GetToken"], 1);
      });

      it("as a backend asks about others", async () => {
        await start(proof, { transport });
        const backend = connect({ proof, transport }, BACKEND);
        const verdict = (call: (onDone: (status: Status, value: boolean) => void) => Status) =>
          new Promise((resolve) => {
            const status = call((end, value) => resolve([Status[end], value]));
            if (status !== Status.OK) resolve([Status[status]]);
          });
        const authenticate = (from: Device, psk: string) =>
          verdict((onDone) => from.auth.authenticate(OTHER.id, { psk }, onDone));
        assert.deepEqual(await authenticate(backend, OTHER.psk), ["OK", true]);
        assert.deepEqual(await authenticate(backend, DEVICE.psk), ["NOT_ALLOWED", false]);
        const authorize = (from: Device, src: string, dst: string) =>
          verdict((onDone) => from.auth.authorizeCommand(src, dst, "/v1/Reboot", onDone));
        assert.deepEqual(await authorize(backend, BACKEND.id, DEVICE.id), ["OK", true]);
        assert.deepEqual(await authorize(backend, OTHER.id, DEVICE.id), ["NOT_ALLOWED", false]);
        assert.deepEqual(await authenticate(device, OTHER.psk), ["FORBIDDEN", false]);
        assert.deepEqual(await authorize(device, DEVICE.id, OTHER.id), ["FORBIDDEN", false]);
      });

      it("goes on when its connection is cut", async () => {
        await start(proof, { transport });
        const tap = await Tap.start(broker.port);
        closing.push(() => tap.close());
        device.close();
        device = connect({ proof, transport, counter: 100 }, DEVICE, tap.port);
        const { token } = await device.getToken(HOST);
        const lost = device.next(State.WAITING);
        tap.cut();
        await lost;
        assert.equal((await device.getToken(HOST)).token, token);
        const renewed = await device.generateToken(HOST);
        assert.deepEqual([renewed.status, isGood(renewed.token)], ["OK", true]);
        assert.deepEqual([device.auth.counters.connects, device.auth.counters.losses], [2, 1]);
      });
    });
  }

  it("needs a proof in each frame where the cloud cannot see the broker's ACLs", async () => {
    cloud = await startCloudOn(broker.cloudUrl, { topicsBound: false });
    device = connect({ proof: "password" });
    assert.equal((await device.getToken(HOST)).status, "UNAUTHENTICATED");
    assert.deepEqual(cloud.stats.requests, {});
  });

  it("with the wrong password is told NOT_AUTHORIZED, as mosquitto says it, and asks nothing", async () => {
    cloud = await startCloudOn(broker.cloudUrl, { topicsBound: true });
    device = connect({ proof: "password", limits: { callDeadlineMs: 400 } }, { ...DEVICE, psk: "guess" });
    await device.next(State.WAITING);
    assert.equal((await device.getToken(HOST)).status, "NOT_AUTHORIZED");
    assert.equal(explain(device.auth).name, "NOT_AUTHORIZED");
    assert.deepEqual(cloud.stats.requests, {});
  });

  it("over MQTT 5 with the wrong password is told so too", async () => {
    cloud = await startCloudOn(broker.cloudUrl, { topicsBound: true });
    device = connect({ proof: "password", transport: mqtt5 }, { ...DEVICE, psk: "guess" });
    await device.reaches(State.CONNECTING);
    await device.next(State.WAITING);
    assert.equal(explain(device.auth).name, "NOT_AUTHORIZED");
  });

  it("has no method for auth5, and is never asked for less", async () => {
    cloud = await startCloudOn(broker.cloudUrl, { topicsBound: true });
    device = connect({ proof: "auth5", transport: mqtt5, limits: { backoffCapMs: 20 } });
    for (let attempt = 0; attempt < 3; attempt++) {
      await device.reaches(State.CONNECTING);
      await device.next(State.WAITING);
    }
    assert.match(explain(device.auth).name, /^(METHOD_REFUSED|NOT_AUTHORIZED)$/);
  });

  describe("another user", () => {
    it("cannot speak as us, read us, or answer us", async () => {
      await start("password");
      await device.settled();
      const thief = await client(OTHER);
      for (const filter of ["#", `${DEVICE.id}/rpc/#`, `cloud/from/${DEVICE.id}/#`])
        await thief.subscribe(filter);
      const frame = { v: 2, src: DEVICE.id, id: 1, method: "/v1/Auth.GenerateToken", args: { host: HOST } };
      thief.publish(`cloud/from/${DEVICE.id}/rpc`, JSON.stringify(frame));
      const forged = { v: 2, dst: DEVICE.id, id: 1, result: { token: "forged" } };
      thief.publish(`${DEVICE.id}/rpc`, JSON.stringify(forged));
      thief.publish(`${DEVICE.id}/rpc`, JSON.stringify(forged), true);
      // Its own request is answered after all that the broker made of the others.
      assert.equal((await thief.call("/v1/Hello")).error, undefined);
      assert.equal((await device.getToken(HOST)).status, "OK");
      await device.settled();
      assert.deepEqual([cloud.stats.tokens, thief.unread], [1, 0]);
      assert.deepEqual([device.auth.counters.unknownIds, device.auth.counters.foreign], [0, 0]);
    });

    it("on its own topic cannot say that it is us", async () => {
      await start("password");
      const thief = await client(OTHER);
      const { error } = await thief.call("/v1/Auth.GenerateToken", { host: HOST }, { src: DEVICE.id });
      assert.equal(error?.code, 403);
      assert.equal(cloud.stats.tokens, 0);
    });

    it("that names our client id does not take our connection", async () => {
      await start("password");
      await device.settled();
      for (let i = 0; i < 3; i++) {
        const thief = await Client.open(broker.url, {
          id: DEVICE.id,
          username: OTHER.id,
          password: OTHER.psk,
        });
        closing.push(() => thief.close());
        assert.equal(thief.returnCode, 0);
      }
      assert.equal((await device.getToken(HOST)).status, "OK");
      assert.deepEqual([device.auth.counters.connects, device.auth.counters.losses], [1, 0]);
    });
  });

  it("we may not publish to others: a stranger's request is not answered over our topic", async () => {
    await start("password");
    await device.settled();
    cloud.publishRaw(DEVICE.id, JSON.stringify({ v: 2, src: OTHER.id, id: 9, method: "/v1/Reboot" }));
    const other = await client(OTHER);
    await device.settled();
    assert.equal(device.auth.counters.requestsRefused, 1);
    assert.equal((await other.call("/v1/Hello")).error, undefined);
    assert.deepEqual([other.unread, device.auth.counters.losses], [0, 0]);
  });

  for (const proof of ["password", "password+mac"] as const) {
    it(`the broker is restarted under the device, which reconnects and goes on (${proof})`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "motekey-registry-"));
      closing.push(() => rm(folder, { recursive: true }));
      const options = { topicsBound: proof === "password", registryFile: join(folder, "registry.json") };
      const first = await startMosquitto(program, users);
      const tap = await Tap.start(first.port);
      closing.push(() => tap.close());
      cloud = await startCloudOn(first.cloudUrl, options);
      device = connect({ proof, limits: { callDeadlineMs: 60_000 } }, DEVICE, tap.port);
      const { token } = await device.getToken(HOST);

      const lost = device.next(State.WAITING);
      await cloud.close();
      await first.close();
      await lost;
      assert.equal((await device.getToken(HOST)).token, token, "the kept token serves meanwhile");
      const waiting = device.generateToken(HOST);

      const second = await startMosquitto(program, users);
      closing.unshift(() => second.close());
      cloud = await startCloud({ broker: second.cloudUrl, ...options });
      closing.push(() => cloud.close());
      tap.targetPort = second.port;
      const renewed = await waiting;
      assert.deepEqual([renewed.status, isGood(renewed.token)], ["OK", true]);
      assert.deepEqual([device.auth.counters.connects, device.auth.state], [2, State.READY]);
    });
  }

  it("the cloud's own connection is cut: it comes back, and so does the answer", async () => {
    const tap = await Tap.start(broker.port);
    closing.push(() => tap.close());
    cloud = await startCloudOn(broker.cloudUrl.replace(`:${broker.port}`, `:${tap.port}`), {});
    device = connect({ proof: "password+mac" });
    await device.settled();
    tap.cut();
    const { status, token } = await device.getToken(HOST);
    assert.deepEqual([status, isGood(token), device.auth.counters.connects], ["OK", true, 1]);
  });

  it("a session that the broker keeps: the call is published again under its id, and one token is made", async () => {
    await start("password+key");
    const tap = await Tap.start(broker.port);
    closing.push(() => tap.close());
    device.close();
    const limits = { callAttemptMs: 4_000 };
    device = connect({ proof: "password+key", cloud: { cleanSession: false }, limits }, DEVICE, tap.port);
    await device.settled();
    cloud.faults.latencyMs = 150;
    const asked = cloud.next("request", ({ method }) => method === "/v1/Auth.GenerateToken");
    const answer = device.getToken(HOST);
    await asked;
    tap.cut();
    assert.equal((await answer).status, "OK");
    const ids = messagesIn(tap.sent())
      .map(frameOf)
      .filter(({ method }) => method === "/v1/Auth.GenerateToken")
      .map(({ id }) => id);
    assert.deepEqual([ids.length, new Set(ids).size, cloud.stats.tokens], [2, 1, 1]);
  });
});
