/** The firmware over MQTT 5 on the cloud's own broker: the exchange, reasons in words, the fallback. */

import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { generate, type IConnectPacket, type Packet, parser } from "mqtt-packet";
import { PROOFS, type Proof, State } from "../../firmware/index.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { Exchange } from "../../host-sim/cloud/exchange.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { Device, type DeviceOptions } from "./device.js";
import { FakeBroker } from "./fake-broker.js";
import { Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";
const FIVE = { protocolVersion: 5 } as const;
const OVER_TCP: readonly Proof[] = PROOFS.filter((proof) => !proof.startsWith("link"));

describe("the firmware over MQTT 5", () => {
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

  function connect(options: DeviceOptions = {}, port = cloud.port, identity = DEVICE): Device {
    const device = new Device(port, identity, { transport: mqtt5, ...options });
    closing.push(() => device.close());
    return device;
  }

  /** Waits for the end of a connection, and tells its name. */
  async function failureOf(device: Device): Promise<string> {
    await device.reaches(State.CONNECTING);
    await device.next(State.WAITING);
    return explain(device.auth).name;
  }

  for (const proof of OVER_TCP) {
    it(`gets a token, renews, lists and revokes it under ${proof}`, async () => {
      await start({ requireFrameProof: false });
      const connected = cloud.next("connected");
      const device = connect({ proof });
      const first = await device.getToken(HOST);
      assert.deepEqual([first.status, cloud.checkToken(first.token, HOST).active], ["OK", true]);
      assert.equal((await device.generateToken(HOST)).generation, 2);
      assert.deepEqual(await device.listTokens(), { status: "OK", hosts: [HOST] });
      assert.equal((await device.revokeToken(HOST)).status, "OK");
      if (proof.startsWith("auth5")) assert.equal((await connected).proof, "auth5");
      const { foreign, malformed, unknownIds, echoes } = device.auth.counters;
      assert.deepEqual([foreign, malformed, unknownIds, echoes], [0, 0, 0, 0]);
    });
  }

  it("proves itself by auth5 without the key, or the same bytes twice, on the wire", async () => {
    await start();
    const tap = await Tap.start(cloud.port);
    closing.push(() => tap.close());
    const device = connect({ proof: "auth5+mac" }, tap.port);
    await device.settled();
    const first = connectsIn(tap.sent());
    const lost = device.next(State.WAITING);
    tap.cut();
    await lost;
    await device.settled();
    assert.ok(!tap.sent().includes(DEVICE.psk));
    const [, second] = connectsIn(tap.sent());
    assert.notDeepEqual(second?.properties?.authenticationData, first[0]?.properties?.authenticationData);
  });

  it("auth5 with the wrong key is refused by the device: the cloud cannot prove that it knows it", async () => {
    await start();
    const device = connect({ proof: "auth5" }, cloud.port, { ...DEVICE, psk: "guess" });
    assert.equal(await failureOf(device), "EXCHANGE_WRONG");
  });

  it("auth5 gives nothing to a broker that lets it in without the exchange, or plays another's challenge", async () => {
    await start();
    const answers: Packet[] = [
      { cmd: "connack", reasonCode: 0, sessionPresent: false },
      {
        cmd: "auth",
        reasonCode: 0x18,
        properties: { authenticationMethod: "MOTEKEY-HMAC-SHA-256", authenticationData: Buffer.alloc(48, 7) },
      },
      {
        cmd: "auth",
        reasonCode: 0x18,
        properties: { authenticationMethod: "MOTEKEY-HMAC-SHA-256", authenticationData: Buffer.alloc(3) },
      },
    ];
    for (const answer of answers) {
      const fake = await FakeBroker.start([answer]);
      closing.push(() => fake.close());
      const device = connect({ proof: "auth5" }, fake.port);
      assert.equal(await failureOf(device), "EXCHANGE_WRONG");
      assert.deepEqual(fake.commands, ["connect"]);
      device.close();
    }
  });

  const METHOD = "MOTEKEY-HMAC-SHA-256";
  const methods: [what: string, inAuth: string, inConnack: string | undefined, status: string | null][] = [
    ["names the method throughout", METHOD, METHOD, null],
    ["names another method in AUTH", "MOTEKEY-HMAC-SHA-257", METHOD, "MQTT_UNEXPECTED"],
    ["names a longer method in AUTH", `${METHOD}0`, METHOD, "MQTT_UNEXPECTED"],
    ["names another method in CONNACK", METHOD, "M", "MQTT_UNEXPECTED"],
    ["names none in CONNACK", METHOD, undefined, "MQTT_UNEXPECTED"],
  ];
  for (const [what, inAuth, inConnack, status] of methods) {
    it(`auth5 with a cloud that knows the key and ${what}: ${status ?? "let in"}`, async () => {
      const fake = await FakeBroker.start((packet) => {
        if (packet.cmd === "auth") {
          const authenticationMethod = inConnack as string;
          const properties = inConnack === undefined ? {} : { authenticationMethod };
          return { cmd: "connack", reasonCode: 0, sessionPresent: false, properties };
        }
        const { authenticationData } = (packet.cmd === "connect" && packet.properties) || {};
        const exchange = Exchange.begin(DEVICE.psk, DEVICE.id, authenticationData);
        if (exchange === null) return undefined;
        const properties = { authenticationMethod: inAuth, authenticationData: exchange.challenge };
        return { cmd: "auth", reasonCode: 0x18, properties };
      });
      closing.push(() => fake.close());
      const device = connect({ proof: "auth5" }, fake.port);
      if (status === null) return fake.told("subscribe", 1);
      assert.equal(await failureOf(device), status);
      await fake.told("disconnect", 1);
      assert.deepEqual(fake.reasonCodes, [0x82]);
    });
  }

  it("an eavesdropper's replay of auth5 does not get in", async () => {
    await start();
    const tap = await Tap.start(cloud.port);
    closing.push(() => tap.close());
    const device = connect({ proof: "auth5+mac" }, tap.port);
    await device.settled();
    const said = tap.sent();
    device.close();
    const refused = cloud.next("connect-refused");
    const thief = createConnection(cloud.port, "127.0.0.1");
    thief.write(said);
    assert.equal((await refused).reason, "exchange");
    thief.destroy();
  });

  it("is told that another client took its id", async () => {
    await start();
    const device = connect({ limits: { backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
    await device.settled();
    const lost = device.next(State.WAITING);
    connect({ counter: 1_000 });
    await lost;
    assert.equal(explain(device.auth).name, "SESSION_TAKEN_OVER");
  });

  it("a client of the other version that takes its id ends it too, either way", async () => {
    await start();
    const slow = { backoffBaseMs: 60_000, backoffCapMs: 60_000 };
    const five = connect({ limits: slow });
    await five.settled();
    const fiveLost = five.next(State.WAITING);
    const four = new Device(cloud.port, DEVICE, { counter: 1_000, limits: slow });
    closing.push(() => four.close());
    await fiveLost;
    await four.settled();
    const fourLost = four.next(State.WAITING);
    const last = connect({ counter: 2_000 });
    await fourLost;
    assert.equal((await last.getToken(HOST)).status, "OK");
  });

  for (const pipeline of [true, false]) {
    it(`falls back to 3.1.1 where the broker knows no other (pipeline: ${pipeline})`, async () => {
      await start({ mqttVersion: 4 });
      const device = connect({ cloud: { pipeline } });
      const { status, token } = await device.getToken(HOST);
      assert.deepEqual([status, cloud.checkToken(token, HOST).active], ["OK", true]);
    });
  }

  it("falls back at once where a broker refuses the version, as 3.1.1 or 5 says it", async () => {
    const refusals: Buffer[] = [
      Buffer.from("20020001", "hex"),
      generate({ cmd: "connack", reasonCode: 0x84, sessionPresent: false }, FIVE),
    ];
    for (const refusal of refusals) {
      const fake = await FakeBroker.start(refusal);
      closing.push(() => fake.close());
      const device = connect({ cloud: { pipeline: false } }, fake.port);
      await fake.connected(2);
      assert.deepEqual(fake.versions.slice(0, 2), [5, 4]);
      device.close();
    }
  });

  it("auth5 never falls back", async () => {
    const fake = await FakeBroker.start(Buffer.from("20020001", "hex"));
    closing.push(() => fake.close());
    connect({ proof: "auth5" }, fake.port);
    await fake.connected(3);
    assert.deepEqual(fake.versions.slice(0, 3), [5, 5, 5]);
  });

  const reasons: [code: number, name: string][] = [
    [0x85, "CLIENT_ID_REFUSED"],
    [0x86, "BAD_CREDENTIALS"],
    [0x87, "NOT_AUTHORIZED"],
    [0x88, "SERVER_UNAVAILABLE"],
    [0x8a, "NOT_AUTHORIZED"],
    [0x8c, "METHOD_REFUSED"],
    [0x97, "QUOTA_EXCEEDED"],
    [0x9f, "QUOTA_EXCEEDED"],
    [0x9d, "SERVER_MOVED"],
  ];
  for (const [code, name] of reasons) {
    it(`a CONNACK of 0x${code.toString(16)} means ${name}, and its words are kept`, async () => {
      const packet: Packet = {
        cmd: "connack",
        reasonCode: code,
        sessionPresent: false,
        properties: { reasonString: "go \u001b[31maway" },
      };
      const fake = await FakeBroker.start([packet]);
      closing.push(() => fake.close());
      const device = connect({ cloud: { pipeline: false } }, fake.port);
      assert.equal(await failureOf(device), name);
      const { peerCode, peerReason } = explain(device.auth);
      assert.deepEqual([peerCode, peerReason], [code, "go ?[31maway"]);
    });
  }

  it("names its Response Topic and its id in each request, and drops answers under another", async () => {
    await start();
    const tap = await Tap.start(cloud.port);
    closing.push(() => tap.close());
    const device = connect({}, tap.port);
    await device.settled();
    for (const packet of packetsIn(tap.sent())) {
      if (packet.cmd !== "publish") continue;
      assert.equal(packet.properties?.responseTopic, `${DEVICE.id}/rpc`);
      const frame = JSON.parse(String(packet.payload).split("\n")[0] as string) as { id: number };
      assert.equal(packet.properties?.correlationData?.readBigUInt64BE(), BigInt(frame.id));
    }
  });
});

function packetsIn(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  const reader = parser(FIVE);
  reader.on("packet", (packet: Packet) => packets.push(packet));
  reader.parse(bytes);
  return packets;
}

function connectsIn(bytes: Buffer): IConnectPacket[] {
  return packetsIn(bytes).filter((packet) => packet.cmd === "connect");
}
