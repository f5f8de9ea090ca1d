/** After close() nothing that the client leads to holds a secret: its fields are walked, byte array by byte array. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import mqtt from "mqtt-packet";
import { createAuth, type Proof, State } from "../../firmware/index.js";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { endpointOf } from "../../host-sim/transports.js";
import { PLAIN_PROOFS } from "../proofs.js";
import { until } from "../until.js";
import { Device } from "./device.js";
import { reachableFrom } from "./reachable.js";
import { frameOf } from "./tap.js";

const HOST = "app.example.com";
const PSK = "K7xQ2mVb9RtYw4ZsLc8NpHd3FjGa6UeTi1BoXvCnMzS";
/** A shorter run of equal bytes may be chance. */
const RUN_BYTES = 8;
/** The words that every SHA-256 starts from (FIPS 180-4, 5.3.3), as they lie in memory: no secret. */
const SHA256_START = Buffer.from(
  Uint32Array.of(
    0x6a09e667,
    0xbb67ae85,
    0x3c6ef372,
    0xa54ff53a,
    0x510e527f,
    0x9b05688c,
    0x1f83d9ab,
    0x5be0cd19,
  ).buffer,
);

const holds = (bytes: Uint8Array, secret: string): boolean => {
  const [where, what] = [Buffer.from(bytes), Buffer.from(secret)];
  for (let i = 0; i + RUN_BYTES <= what.length; i++) {
    if (where.includes(what.subarray(i, i + RUN_BYTES))) return true;
  }
  return false;
};

/** Where a part of the secret lies. */
const traces = (root: object, secret: string): string[] => {
  const { arrays, texts } = reachableFrom(root);
  return [
    ...arrays.filter(({ value }) => holds(value, secret)).map(({ path }) => path),
    ...texts.filter(({ value }) => holds(Buffer.from(value), secret)).map(({ path }) => path),
  ];
};

/** Arrays with bytes that are neither zero nor text: keys, digests and random numbers look so. */
const binary = (root: object): string[] =>
  reachableFrom(root)
    .arrays.filter(({ value }) => !SHA256_START.equals(value))
    .filter(({ value }) => value.some((byte) => byte !== 0 && (byte < 0x20 || byte > 0x7e)))
    .map(({ path }) => path);

describe("after close()", () => {
  let cloud: Cloud;
  let device: Device;

  beforeEach(async () => {
    // A proof of the connection alone gets tokens here too.
    cloud = await startCloud({ requireFrameProof: false });
  });

  afterEach(async () => {
    device?.close();
    await cloud.close();
  });

  const start = async (proof: Proof, psk = PSK): Promise<void> => {
    await cloud.addDevice({ id: "device_123", psk: PSK });
    device = new Device(cloud.port, { id: "device_123", psk }, { proof });
  };

  const assertWiped = (...secrets: string[]): void => {
    for (const secret of [PSK, ...secrets]) assert.deepEqual(traces(device.auth, secret), []);
    assert.deepEqual(binary(device.auth), []);
  };

  it("the walk finds what is there before it", async () => {
    await start("counter+mac");
    const { token } = await device.getToken(HOST);
    assert.ok(traces(device.auth, PSK).length > 0);
    assert.ok(traces(device.auth, token).length > 0);
    assert.ok(binary(device.auth).length > 0);
  });

  for (const proof of PLAIN_PROOFS) {
    it(`no key, token or digest is left of a whole life (${proof})`, async () => {
      await start(proof);
      const first = await device.getToken(HOST);
      const second = await device.generateToken(HOST);
      const other = await device.getToken("other.example.com");
      await device.listTokens();
      cloud.kick("device_123");
      await device.next(State.READY);
      const last = await device.generateToken("other.example.com");
      for (const { status } of [first, second, other, last]) assert.equal(status, "OK");
      device.close();
      assertWiped(first.token, second.token, other.token, last.token);
    });

    it(`nor of a call under way (${proof})`, async () => {
      await start(proof);
      const { status, token } = await device.getToken(HOST);
      assert.equal(status, "OK");
      cloud.faults.latencyMs = 60_000;
      const asked = cloud.next("request");
      const ended = device.generateToken(HOST);
      await asked;
      device.close();
      assert.equal((await ended).status, "CLOSED");
      assertWiped(token);
    });

    it(`nor of a connection that is being made (${proof})`, async () => {
      await start(proof);
      await device.reaches(State.CONNECTING);
      device.close();
      assertWiped();
    });
  }

  for (const name of ["mqtt+ws", "rpc+ws"] as const) {
    for (const proof of ["counter+mac", "password", "digest"] as const) {
      it(`nor of a life over ${name}, its handshake's login and masks included (${proof})`, async () => {
        await cloud.addDevice({ id: "device_123", psk: PSK });
        const { port, transport } = endpointOf(cloud, name);
        device = new Device(port, { id: "device_123", psk: PSK }, { proof, transport });
        const { status, token } = await device.getToken(HOST);
        assert.equal(status, "OK");
        // Without the id, which stands in tokens too.
        const login = Buffer.from(`device_123:${PSK}`).toString("base64").slice(16);
        device.close();
        assertWiped(token, login);
      });
    }
  }

  it("nor while the device waits for its next attempt with the wrong key", async () => {
    const wrong = "W".repeat(20) + PSK.slice(20);
    await start("counter+mac", wrong);
    await device.reaches(State.WAITING);
    device.close();
    assertWiped(wrong);
  });

  it("nor where it was closed before its first turn", async () => {
    await start("counter+mac");
    device.close();
    assertWiped();
  });

  it("a key that was given as bytes is wiped where it lay", async () => {
    const psk = Buffer.from(PSK);
    const address = { host: "127.0.0.1", port: cloud.port };
    createAuth({ deviceId: "device_123", cloud: address, credential: { psk } }, nodePorts()).close();
    assert.ok(psk.every((byte) => byte === 0));
  });

  it("half of a token that was coming in is gone", async () => {
    const canary = "half-of-a-token-that-never-came-whole";
    const broker = createServer((socket) => answerHalf(socket, canary)).listen(0, "127.0.0.1");
    await once(broker, "listening");
    const { port } = broker.address() as AddressInfo;
    device = new Device(port, { id: "device_123", psk: PSK }, { proof: "password" });
    const ended = device.getToken(HOST);
    await until("half of the token", () => traces(device.auth, canary).length > 0);
    device.close();
    assert.equal((await ended).status, "CLOSED");
    assertWiped(canary);
    broker.close();
  });
});

/** A broker that accepts everything and answers each request with the first half of a reply. */
function answerHalf(socket: Socket, token: string): void {
  const parser = mqtt.parser();
  socket.on("error", () => {});
  socket.on("data", (bytes) => parser.parse(bytes));
  parser.on("packet", (packet) => {
    if (packet.cmd === "connect")
      socket.write(mqtt.generate({ cmd: "connack", returnCode: 0, sessionPresent: false }));
    if (packet.cmd === "subscribe")
      socket.write(mqtt.generate({ cmd: "suback", messageId: packet.messageId as number, granted: [1] }));
    if (packet.cmd !== "publish") return;
    const { id, method } = frameOf(packet.payload.toString());
    if (method === "/v1/Hello") return;
    const payload = `{"v":2,"id":${id},"result":{"token":"${token}${"x".repeat(100)}"}}`;
    const reply = mqtt.generate({
      cmd: "publish",
      topic: "device_123/rpc",
      payload,
      qos: 0,
      retain: false,
      dup: false,
    });
    socket.write(reply.subarray(0, reply.length - 60));
  });
}
