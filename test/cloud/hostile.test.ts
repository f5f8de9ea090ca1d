/** What visitors may send: every entry of the cloud stays up, refuses, and gives nothing back but an id. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import mqtt, { type Packet } from "mqtt-packet";
import { WebSocket } from "ws";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { OpenBroker } from "../host-sim/open-broker.js";
import { Client, type Reply } from "./client.js";
import { nastyCbor, nastyFrame } from "./nasty.js";

const DEVICE = { id: "device_123", psk: "correct horse" };
const RUNS = { numRuns: 60 };
/** Beyond the ids of hostile frames. */
const GOOD_ID = 2 ** 50;
const RPC_PROTOCOL = "clubby.cesanta.com";

/** One entry of the cloud: sends a message and resolves when the cloud has looked at it, or has closed. */
type Entry = (cloud: Cloud, message: string | Buffer) => Promise<void>;

/** A client of MQTT whose packets are bytes. */
class RawClient {
  private constructor(
    readonly socket: Socket,
    private readonly version: 4 | 5,
  ) {
    socket.on("error", () => {});
    socket.resume();
  }

  static async open(cloud: Cloud, version: 4 | 5, password?: string): Promise<RawClient> {
    const socket = connect(cloud.port, "127.0.0.1");
    await once(socket, "connect");
    const client = new RawClient(socket, version);
    const proof = password === undefined ? {} : { username: DEVICE.id, password: Buffer.from(password) };
    const base = { clean: true, keepalive: 0, clientId: DEVICE.id, protocolId: "MQTT" } as const;
    await client.answered({ cmd: "connect", protocolVersion: version, ...base, ...proof }, "connack");
    return client;
  }

  bytesOf(packet: Packet): Buffer {
    return mqtt.generate(packet, { protocolVersion: this.version });
  }

  /** Sends bytes; resolves when PINGRESP or the end has come. */
  async sent(bytes: Buffer): Promise<void> {
    if (this.socket.destroyed) return;
    this.socket.write(bytes);
    await this.answered({ cmd: "pingreq" }, "pingresp");
  }

  private answered(packet: Packet, cmd: string): Promise<void> {
    return new Promise((resolve) => {
      const parser = mqtt.parser({ protocolVersion: this.version });
      const take = (bytes: Buffer): void => void parser.parse(bytes);
      const end = (): void => {
        this.socket.off("data", take);
        this.socket.off("close", end);
        resolve();
      };
      parser.on("packet", (one) => {
        if (one.cmd === cmd) end();
      });
      parser.on("error", () => {});
      this.socket.on("data", take);
      this.socket.on("close", end);
      if (this.socket.destroyed) end();
      else this.socket.write(this.bytesOf(packet));
    });
  }
}

/** Sends the last bytes; resolves when the cloud has closed. */
async function ended(socket: Socket, bytes: Buffer): Promise<void> {
  socket.on("error", () => {});
  socket.resume();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.end(bytes);
  if (!socket.destroyed) await closed;
}

const publish = (topic: string, payload: string | Buffer): Packet => ({
  cmd: "publish",
  topic,
  payload,
  qos: 1,
  messageId: 1,
  dup: false,
  retain: false,
});

const overMqtt =
  (version: 4 | 5, password?: string): Entry =>
  async (cloud, message) => {
    const client = await RawClient.open(cloud, version, password);
    const end = typeof message === "string" ? "rpc" : "rpc-cbor";
    await client.sent(client.bytesOf(publish(`cloud/from/${DEVICE.id}/${end}`, message)));
    client.socket.destroy();
  };

const overWebSocket =
  (password?: string): Entry =>
  async (cloud, message) => {
    const auth = password === undefined ? {} : { auth: `${DEVICE.id}:${password}` };
    const socket = new WebSocket(cloud.rpcUrl, RPC_PROTOCOL, auth);
    await once(socket, "open");
    socket.send(message);
    socket.ping();
    await Promise.race([once(socket, "pong"), once(socket, "close")]);
    socket.terminate();
  };

const ENTRIES: Readonly<Record<string, Entry>> = {
  "MQTT 3.1.1, proved": overMqtt(4, DEVICE.psk),
  "MQTT 3.1.1, unproved": overMqtt(4),
  "MQTT 5, proved": overMqtt(5, DEVICE.psk),
  "MQTT 5, unproved": overMqtt(5),
  "a WebSocket, proved": overWebSocket(DEVICE.psk),
  "a WebSocket that names nobody": overWebSocket(),
  HTTP: async (cloud, body) => {
    const headers = { authorization: `Bearer ${await cloud.issueToken(DEVICE.id)}` };
    const response = await fetch(`${cloud.httpUrl}/rpc`, {
      method: "POST",
      headers,
      body: new Uint8Array(Buffer.from(body)),
    });
    await response.arrayBuffer();
  },
};

describe("whatever a visitor sends", () => {
  let cloud: Cloud;
  let thrown: unknown[];
  const note = (failure: unknown): void => void thrown.push(failure);

  beforeEach(() => {
    thrown = [];
    process.on("uncaughtExceptionMonitor", note);
    process.on("unhandledRejection", note);
  });

  afterEach(async () => {
    process.off("uncaughtExceptionMonitor", note);
    process.off("unhandledRejection", note);
    await cloud.close();
  });

  async function start(options: CloudOptions = {}): Promise<void> {
    cloud = await startCloud(options);
    await cloud.addDevice(DEVICE);
  }

  /** Somebody well-behaved is served, and nothing came up from below. */
  async function isUp(): Promise<void> {
    const client = await Client.ready(cloud.mqttUrl, DEVICE);
    client.send(JSON.stringify({ v: 2, src: DEVICE.id, id: GOOD_ID, method: "/v1/Hello" }));
    let reply: Reply;
    // On a broker of others the answers to what was sent before may still be on their way.
    do reply = JSON.parse(await client.message());
    while (reply.id !== GOOD_ID);
    assert.equal(reply.error, undefined);
    client.close();
    assert.deepEqual([thrown, cloud.stats.failed], [[], 0]);
  }

  for (const [name, visit] of Object.entries(ENTRIES)) {
    it(`as a frame over ${name}, the cloud stays up`, async () => {
      await start();
      await fc.assert(
        fc.asyncProperty(nastyFrame(DEVICE.id), (frame) => visit(cloud, frame)),
        RUNS,
      );
      if (name !== "HTTP")
        await fc.assert(
          fc.asyncProperty(nastyCbor(DEVICE.id), (frame) => visit(cloud, frame)),
          RUNS,
        );
      await isUp();
    });
  }

  for (const version of [4, 5] as const) {
    it(`as packets of MQTT ${version === 4 ? "3.1.1" : "5"}, the cloud stays up`, async () => {
      await start();
      const frame = publish(`cloud/from/${DEVICE.id}/rpc`, "{}");
      const base = { clean: true, keepalive: 0, clientId: DEVICE.id, protocolId: "MQTT" } as const;
      const packets: Packet[] = [
        frame,
        { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: `${DEVICE.id}/rpc`, qos: 1 }] },
        { cmd: "unsubscribe", messageId: 1, unsubscriptions: ["a"] },
        { cmd: "pubrel", messageId: 1 },
        {
          cmd: "connect",
          protocolVersion: version,
          ...base,
          username: DEVICE.id,
          password: Buffer.from("x"),
        },
        { cmd: "disconnect" },
      ];
      const flips = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 });
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 64 }).map((one) => Buffer.from(one)),
        fc.tuple(fc.constantFrom(...packets), flips).map(([packet, changes]) => {
          const changed = Buffer.from(mqtt.generate(packet, { protocolVersion: version }));
          for (const [at, byte] of changes) changed[at % changed.length] = byte;
          return changed;
        }),
      );
      await fc.assert(
        fc.asyncProperty(bytes, fc.boolean(), async (one, isIn) => {
          const client = isIn ? await RawClient.open(cloud, version, DEVICE.psk) : null;
          await ended(client?.socket ?? connect(cloud.port, "127.0.0.1"), one);
        }),
        { numRuns: 200 },
      );
      await isUp();
    });
  }

  it("a burst of requests is served one by one, without recursion", async () => {
    await start();
    const clients = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const id = `burst_${index}`;
        await cloud.addDevice({ id, psk: DEVICE.psk });
        return Client.ready(cloud.mqttUrl, { id, psk: DEVICE.psk });
      }),
    );
    // All within one turn of ours, so that they wait for one another in the broker.
    for (const client of clients)
      for (let id = 1; id <= 30; id++)
        client.send(JSON.stringify({ v: 2, src: client.id, id, method: "/v1/Hello" }));
    for (const client of clients) for (let id = 1; id <= 30; id++) await client.message();
    for (const client of clients) client.close();
    await isUp();
  });

  it("to a broker that the cloud is attached to, the cloud stays up", async () => {
    const broker = await OpenBroker.start();
    await start({ broker: broker.url, topicsBound: true });
    const visitor = await Client.open(broker.url, { id: "visitor" });
    for (const [encoding, frames] of [
      ["rpc", nastyFrame(DEVICE.id)],
      ["rpc-cbor", nastyCbor(DEVICE.id)],
    ] as const) {
      await fc.assert(
        fc.asyncProperty(frames as fc.Arbitrary<string | Buffer>, async (frame) => {
          visitor.publish(`cloud/from/${DEVICE.id}/${encoding}`, frame);
          visitor.publish("cloud/from/a b\u00e9/rpc", frame);
        }),
        RUNS,
      );
    }
    await isUp();
    visitor.close();
    await broker.close();
  });

  it("to the identity provider, it stays up and says what it did not take", async () => {
    await start({ identity: true });
    const { issuer } = cloud.identity ?? assert.fail();
    const paths = ["/token", "/introspect", "/device_authorization", "/par", "/revoke", "/me/organization"];
    const jwt = (claims: string): string =>
      `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(claims).toString("base64url")}.`;
    const body = fc.oneof(
      nastyFrame("ada"),
      fc.tuple(nastyFrame("ada"), fc.constantFrom("iss", "sub", "aud")).map(([frame, claim]) => {
        const token = jwt(`{"iss":"a","sub":"b","${claim}":${frame}}`);
        const type = encodeURIComponent("urn:ietf:params:oauth:token-type:jwt");
        const grant = encodeURIComponent("urn:ietf:params:oauth:grant-type:token-exchange");
        return `client_id=motekey-cli&grant_type=${grant}&subject_token_type=${type}&subject_token=${token}`;
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), body, async (path, text) => {
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        const method = path.startsWith("/me") ? "PUT" : "POST";
        const response = await fetch(issuer + path, { method, headers, body: text });
        assert.ok(response.status < 500, `${path}: ${response.status}`);
        await response.arrayBuffer();
      }),
      RUNS,
    );
    assert.equal((await fetch(`${issuer}/.well-known/openid-configuration`)).status, 200);
    await isUp();
  });
});

describe("a frame that is too deep or too long", () => {
  let cloud: Cloud;
  let client: Client;

  beforeEach(async () => {
    cloud = await startCloud();
    await cloud.addDevice(DEVICE);
    client = await Client.ready(cloud.mqttUrl, DEVICE);
  });

  afterEach(async () => {
    client.close();
    await cloud.close();
  });

  const nested = (levels: number): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < levels; i++) value = [value];
    return value;
  };

  it("is answered 400 from 17 levels on", async () => {
    assert.equal((await client.call("/v1/Hello", {}, { x: nested(15) })).error, undefined);
    for (const levels of [16, 2000]) {
      const { error } = await client.call("/v1/Hello", {}, { x: nested(levels) });
      assert.deepEqual(error, {
        code: 400,
        message: "The frame is nested more than 16 levels deep; make it flatter",
      });
    }
    assert.deepEqual(cloud.stats.refused, { "too-deep": 2 });
  });

  it("over HTTP too, and a body that is too long is answered 413 before its end", async () => {
    const headers = { authorization: `Bearer ${await cloud.issueToken(DEVICE.id)}` };
    const post = (body: string) => fetch(`${cloud.httpUrl}/rpc`, { method: "POST", headers, body });
    const deep = await post(JSON.stringify({ id: 1, method: "/v1/Hello", args: nested(16) }));
    assert.equal(deep.status, 400);
    const socket = connect(Number(new URL(cloud.httpUrl).port), "127.0.0.1");
    socket.write(
      `POST /rpc HTTP/1.1\r\nHost: a\r\nAuthorization: ${headers.authorization}\r\nContent-Length: 9000000\r\n\r\n`,
    );
    socket.write("x".repeat(70_000));
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 413 /);
    await new Promise((resolve) => socket.on("error", () => {}).on("close", resolve));
  });

  it("that is longer than 65,536 bytes ends its connection, and what an app sends may be longer", async () => {
    const app = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: "device_9" }));
    assert.equal(await app.subscribe("app/device_9/#"), 1);
    app.publish("app/device_9/photo", "x".repeat(200_000));
    assert.equal((await app.message()).length, 200_000);
    app.close();
    const seen = cloud.next("dropped");
    client.send(`{"v":2,"src":"${DEVICE.id}","id":1,"x":"${"x".repeat(65_536)}"}`);
    assert.deepEqual(await seen, { event: "dropped", id: DEVICE.id, reason: "too-long" });
    await client.ended();
  });

  it("gives nothing back but its id while its sender is not proved", async () => {
    const stranger = await Client.open(cloud.mqttUrl, { id: DEVICE.id });
    stranger.close();
    const other = await cloud.addDevice({ id: "device_9" });
    const bare = await Client.open(cloud.mqttUrl, { id: other.id });
    await bare.subscribe(`${other.id}/rpc`);
    const reply = await bare.call("/v1/CANARY", { CANARY: 1 }, { id: 42, tag: "CANARY", CANARY: "CANARY" });
    assert.deepEqual([reply.id, reply.error?.code], [42, 401]);
    assert.equal(JSON.stringify(reply).includes("CANARY"), false);
    bare.close();
  });
});
