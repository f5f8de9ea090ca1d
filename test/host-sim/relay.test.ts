/** Somebody on the path who passes everything on and adds words of his own: what each proof leaves him. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { generate, type IPublishPacket, type ISubscribePacket } from "mqtt-packet";
import { WebSocket } from "ws";
import { mqtt, type Proof, type Transport } from "../../firmware/index.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { rpcOverWebSocket } from "../../firmware/websocket.js";
import { type Cloud, type CloudOptions, simulateDevice, startCloud } from "../../host-sim/index.js";
import { Device } from "./device.js";
import { Hijack } from "./hijack.js";
import { Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";

/** A request in the device's name, without a proof. */
function forged(): IPublishPacket {
  const frame = { v: 2, src: DEVICE.id, id: 77, method: "/v1/Auth.GenerateToken", args: { host: HOST } };
  const topic = `cloud/from/${DEVICE.id}/rpc`;
  return { cmd: "publish", topic, payload: JSON.stringify(frame), qos: 0, dup: false, retain: false };
}

/** Proofs of a connection that can be relayed, and what they are carried by. */
const RELAYED: readonly [proof: Proof, transport: Transport][] = [
  ["counter", mqtt],
  ["counter+mac", mqtt],
  ["counter+mac", mqtt5],
  ["auth5", mqtt5],
  ["auth5+mac", mqtt5],
];

/** Where a relay reaches the cloud. A device that does not verify the cloud ends its own TLS at the relay. */
const PATHS = { "plain TCP": {}, "TLS that the device does not verify": { tls: true } } as const;

describe("a relay that forwards a device's CONNECT and withholds the rest", () => {
  let cloud: Cloud;
  let relay: Hijack;
  let device: Device;

  afterEach(async () => {
    device.close();
    await relay.close();
    await cloud.close();
  });

  /** What the cloud answers to a bare frame on the connection that the device proved. */
  async function attack(
    proof: Proof,
    transport: Transport,
    options: CloudOptions,
  ): Promise<{ result?: unknown; error?: { code: number } }> {
    cloud = await startCloud(options);
    const { port } = cloud;
    const address = { host: "127.0.0.1", port, noDelay: true, rejectUnauthorized: false };
    const open = (): Socket => (options.tls === undefined ? connect(address) : connectTls(address));
    const protocolVersion = transport === mqtt5 ? 5 : 4;
    relay = await Hijack.start(open, protocolVersion);
    await cloud.addDevice(DEVICE);
    device = new Device(relay.port, DEVICE, { proof, transport });
    await relay.taken;
    const subscriptions = [{ topic: `${DEVICE.id}/rpc/#`, qos: 1 }] as ISubscribePacket["subscriptions"];
    relay.send({ cmd: "subscribe", messageId: 1, subscriptions });
    relay.send(forged());
    return JSON.parse(await relay.message());
  }

  for (const [path, options] of Object.entries(PATHS)) {
    for (const [proof, transport] of RELAYED) {
      const version = transport === mqtt5 ? "MQTT 5" : "MQTT 3.1.1";
      it(`gets no token for its own frame: ${proof}, ${version}, ${path}`, async () => {
        const { error } = await attack(proof, transport, options);
        assert.equal(error?.code, 401);
        assert.deepEqual([cloud.stats.tokens, cloud.stats.requests], [0, {}]);
        assert.deepEqual(cloud.stats.refused, { "proof-missing": 1 });
      });
    }
  }

  it("gets one where the cloud was told that every device verifies it: so the option warns", async () => {
    const { result } = await attack("counter+mac", mqtt, { requireFrameProof: false });
    assert.notEqual(result, undefined);
    assert.equal(cloud.stats.tokens, 1);
  });
});

describe("a relay on the path", () => {
  let cloud: Cloud;
  let tap: Tap;

  afterEach(async () => {
    await tap.close();
    await cloud.close();
  });

  for (const [proof, transport] of RELAYED) {
    if (!proof.endsWith("+mac")) continue;
    it(`cannot put a frame into a MAC session (${proof}, ${transport.name})`, async () => {
      cloud = await startCloud();
      tap = await Tap.start(cloud.port);
      await cloud.addDevice(DEVICE);
      const device = new Device(tap.port, DEVICE, { proof, transport });
      await device.settled();
      const judged = cloud.next("refused", ({ reason }) => reason === "mac-missing");
      tap.inject(generate(forged(), { protocolVersion: transport === mqtt5 ? 5 : 4 }));
      await judged;
      assert.equal(cloud.stats.tokens, 0);
      device.close();
    });
  }

  it("gets no token for its own frame with the login of a device's WebSocket (counter+mac)", async () => {
    cloud = await startCloud();
    tap = await Tap.start(cloud.port);
    await cloud.addDevice(DEVICE);
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const device = new Device(port, DEVICE, {
      proof: "counter+mac",
      transport: rpcOverWebSocket("/rpc"),
    });
    const [request, socket] = await once(listener, "upgrade");
    const { authorization } = request.headers;
    const thief = new WebSocket(cloud.rpcUrl, "clubby.cesanta.com", { headers: { authorization } });
    await once(thief, "open");
    thief.send(forged().payload);
    const [answer] = await once(thief, "message");
    assert.equal(JSON.parse(String(answer)).error.code, 401);
    assert.equal(cloud.stats.tokens, 0);
    thief.terminate();
    socket.destroy();
    device.close();
    listener.close();
  });

  for (const way of ["a certificate", "TLS-PSK"] as const) {
    it(`cannot put a byte in where the link proves both ends (link, ${way})`, async () => {
      cloud = await startCloud({
        tls: way === "TLS-PSK" ? { psk: true } : { clientCertificates: "required" },
      });
      tap = await Tap.start(cloud.port);
      await cloud.addDevice(DEVICE);
      const own = way === "TLS-PSK" ? { psk: true } : await cloud.issueCertificate(DEVICE.id);
      const ca = way === "TLS-PSK" ? {} : { ca: cloud.authority?.cert ?? "" };
      const device = simulateDevice({
        cloud: `mqtts://127.0.0.1:${tap.port}`,
        ...DEVICE,
        tls: { ...ca, ...own } as NonNullable<Parameters<typeof simulateDevice>[0]["tls"]>,
        limits: { backoffBaseMs: 50 },
      });
      await device.ready();
      const lost = cloud.next("disconnected");
      tap.inject(generate(forged()));
      await lost;
      assert.equal(cloud.stats.tokens, 0);
      await device.ready();
      assert.equal(cloud.checkToken((await device.host(HOST).getToken()).token, HOST).active, true);
      device.close();
    });
  }
});
