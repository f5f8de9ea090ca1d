/** The firmware over WebSocket: to the mock cloud, plain and by TLS, and to mosquitto. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { cbor } from "../../firmware/cbor.js";
import type { Proof } from "../../firmware/index.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { type DeviceOptions, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import type { TransportName } from "../../host-sim/transports.js";
import { endpointOf } from "../../host-sim/transports.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Device } from "./device.js";
import { Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";
const TRANSPORTS: readonly TransportName[] = ["mqtt+ws", "rpc+ws"];
const PROOFS: readonly Proof[] = [
  "counter+mac",
  "counter",
  "mac",
  "password",
  "password+key",
  "digest",
  "key",
];

describe("the firmware over WebSocket", () => {
  let cloud: Cloud;
  let closing: (() => unknown)[];

  beforeEach(() => {
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function start(options: CloudOptions = {}): Promise<void> {
    cloud = await startCloud(options);
    closing.push(() => cloud.close());
    await cloud.addDevice(DEVICE);
  }

  function device(transport: TransportName, options: Partial<DeviceOptions> = {}): SimulatedDevice {
    const limits = { backoffBaseMs: 20, backoffCapMs: 80, ...options.limits };
    const made = simulateDevice({ cloud, ...DEVICE, transport, allowInsecure: true, ...options, limits });
    closing.push(() => made.close());
    return made;
  }

  const isGood = (token: string): boolean => cloud.checkToken(token, HOST).active;

  async function failureOf(one: SimulatedDevice): Promise<string> {
    await one.next("WAITING");
    return one.explain().name;
  }

  for (const transport of TRANSPORTS) {
    describe(transport, () => {
      for (const proof of PROOFS) {
        it(`gets a token, cached, new, listed, revoked, under ${proof}`, async () => {
          await start({ requireFrameProof: false });
          const one = device(transport, { proof });
          const first = await one.host(HOST).getToken();
          assert.equal(isGood(first.token), true);
          assert.equal((await one.host(HOST).getToken()).token, first.token);
          assert.notEqual((await one.host(HOST).generateToken()).token, first.token);
          assert.deepEqual(await one.listTokens(), [HOST]);
          await one.host(HOST).revokeToken();
          assert.equal(isGood(first.token), false);
          assert.deepEqual(await one.listTokens(), []);
          const { connects, losses, malformed, macRefused } = one.auth.counters;
          assert.deepEqual([connects, losses, malformed, macRefused], [1, 0, 0, 0]);
        });
      }

      it("tells of its connection as over MQTT, and of its end", async () => {
        await start();
        const connected = cloud.next("connected");
        const disconnected = cloud.next("disconnected");
        const one = device(transport, { proof: "password" });
        assert.deepEqual(await connected, { event: "connected", id: DEVICE.id, proof: "password" });
        one.close();
        assert.equal((await disconnected).id, DEVICE.id);
      });

      it("goes on after it was kicked, and after the cloud restarted", async () => {
        await start();
        const one = device(transport);
        const { token } = await one.host(HOST).getToken();
        const lost = one.next("WAITING");
        assert.equal(cloud.kick(DEVICE.id), true);
        await lost;
        await one.ready();
        cloud.restart();
        const renewed = await one.host(HOST).generateToken();
        assert.deepEqual([renewed.token === token, isGood(renewed.token)], [false, true]);
      });

      it("backs off when it is kicked right after it was let in", async () => {
        await start({ faults: { kickAfterConnack: 2 } });
        const one = device(transport);
        assert.equal(isGood((await one.host(HOST).getToken()).token), true);
        assert.equal(cloud.faults.kickAfterConnack, 0);
      });

      it("is refused with a wrong password, and once it is disabled", async () => {
        await start();
        const wrong = device(transport, { psk: "battery staple", proof: "password" });
        assert.equal(await failureOf(wrong), "BAD_CREDENTIALS");
        await cloud.disable(DEVICE.id);
        const barred = device(transport, { proof: "password" });
        assert.equal(await failureOf(barred), "NOT_AUTHORIZED");
      });

      it("reads a list that is longer than its memory", async () => {
        await start({ faults: { listTokenHosts: 500 } });
        const one = device(transport);
        await one.host(HOST).getToken();
        assert.equal((await one.listTokens()).length, 501);
      });

      it("keeps 30 devices apart", async () => {
        await start();
        const tokens = await Promise.all(
          Array.from({ length: 30 }, async (_, i) => {
            const identity = await cloud.addDevice({ id: `device_${i}` });
            const { token } = await device(transport, identity).host(HOST).getToken();
            const check = cloud.checkToken(token, HOST);
            return check.active && check.sub === identity.id;
          }),
        );
        assert.deepEqual(tokens, Array(30).fill(true));
      });

      it("speaks CBOR in binary messages once Hello offered it", async () => {
        await start();
        const tap = await Tap.start(endpointOf(cloud, transport).port);
        closing.push(() => tap.close());
        const value = endpointOf(cloud, transport).transport;
        const one = new Device(tap.port, DEVICE, { transport: value, encoding: cbor, proof: "mac" });
        closing.push(() => one.close());
        assert.equal((await one.getToken(HOST)).status, "OK");
        await one.settled();
        const { length } = tap.received();
        assert.equal(isGood((await one.generateToken(HOST)).token), true);
        // A map in the reply, where JSON's brace would be.
        assert.doesNotMatch(tap.received().subarray(length).toString("latin1"), /\{"/);
        assert.equal(one.auth.counters.malformed, 0);
      });

      for (const proof of ["password", "link"] as const) {
        it(`runs inside TLS, proved by ${proof === "link" ? "a certificate" : "a password"}`, async () => {
          await start({ tls: { clientCertificates: "optional" } });
          assert.match(transport === "rpc+ws" ? cloud.rpcUrl : cloud.wsUrl, /^wss:/);
          const tls = proof === "link" ? await cloud.issueCertificate(DEVICE.id) : {};
          const one = device(transport, {
            proof,
            allowInsecure: false,
            tls: { ...tls, ca: cloud.ca as string },
          });
          assert.equal(isGood((await one.host(HOST).getToken()).token), true);
        });
      }

      it("runs inside TLS-PSK", async () => {
        await start({ tls: { psk: true } });
        const one = device(transport, { allowInsecure: false, tls: { psk: true } });
        assert.equal(isGood((await one.host(HOST).getToken()).token), true);
      });
    });
  }

  it("MQTT over WebSocket takes one round trip more than MQTT: its first request leaves with CONNECT", async () => {
    await start();
    const tap = await Tap.start(Number(new URL(cloud.httpUrl).port));
    closing.push(() => tap.close());
    const one = device("mqtt+ws", { cloud: `ws://127.0.0.1:${tap.port}/mqtt` });
    await one.host(HOST).getToken();
    const [handshake, opening] = tap.recordings[0]?.fromDevice ?? [];
    assert.match(String(handshake), /^GET \/mqtt HTTP\/1\.1\r\n/);
    assert.ok((opening?.length ?? 0) > 200, "CONNECT, SUBSCRIBE and the request");
  });

  it("tells a wrong path, a missing login and a port that speaks MQTT apart", async () => {
    await start({ anonymous: false });
    const { port } = new URL(cloud.rpcUrl);
    const at = (path: string): SimulatedDevice =>
      device("rpc+ws", { cloud: `ws://127.0.0.1:${port}${path}`, proof: "mac" });
    assert.equal(await failureOf(at("/elsewhere")), "WS_NOT_FOUND");
    assert.equal(await failureOf(at("/rpc")), "BAD_CREDENTIALS");
    const plain = device("mqtt+ws", { cloud: `ws://127.0.0.1:${cloud.port}/mqtt` });
    assert.equal(await failureOf(plain), "HUNG_UP");
  });

  it("frames of one connection are refused as another device's", async () => {
    await start();
    await cloud.addDevice({ id: "device_9", psk: "another-key-of-another-device" });
    const refused = cloud.next("refused");
    const one = device("rpc+ws", { proof: "password" });
    await one.ready();
    const thief = device("rpc+ws", { id: "device_9", psk: "guessed", proof: "key" });
    await assert.rejects(thief.host(HOST).getToken());
    assert.deepEqual([(await refused).id, (await refused).reason], ["device_9", "key-wrong"]);
  });

  it("an HTTP client that sends nothing more does not keep the cloud from closing", async () => {
    await start();
    const socket = connect(Number(new URL(cloud.rpcUrl).port), "127.0.0.1");
    closing.unshift(() => socket.destroy());
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.on("error", () => {});
    const one = device("rpc+ws");
    await one.ready();
    await cloud.close();
  });
});

describe("the firmware over mosquitto's WebSocket", () => {
  for (const proof of ["password", "password+mac", "password+digest", "password+key"] as const) {
    it(`gets a token, new, listed, revoked, under ${proof}`, async function () {
      const program = findMosquitto(this);
      const broker = await startMosquitto(program, [{ id: DEVICE.id, password: DEVICE.psk }]);
      const cloud = await startCloud({ broker: broker.cloudUrl, topicsBound: proof === "password" });
      const one = simulateDevice({
        cloud: broker.wsUrl,
        ...DEVICE,
        transport: "mqtt+ws",
        proof,
        allowInsecure: true,
      });
      try {
        await cloud.addDevice(DEVICE);
        const { token } = await one.host(HOST).getToken();
        assert.equal(cloud.checkToken(token, HOST).active, true);
        assert.notEqual((await one.host(HOST).generateToken()).token, token);
        assert.deepEqual(await one.listTokens(), [HOST]);
        await one.host(HOST).revokeToken();
        assert.deepEqual(await one.listTokens(), []);
        assert.deepEqual([one.auth.counters.connects, one.auth.counters.malformed], [1, 0]);
      } finally {
        one.close();
        await cloud.close();
        await broker.close();
      }
    });
  }
});
