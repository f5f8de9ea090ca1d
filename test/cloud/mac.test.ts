import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";

const ID = "device_123";

describe("the cloud's MAC'd frames", () => {
  let cloud: Cloud;
  let psk: string;
  let client: Client;

  beforeEach(async () => {
    cloud = await startCloud();
    ({ psk } = await cloud.addDevice({ id: ID }));
    client = await anonymous();
  });

  afterEach(async () => {
    client.close();
    await cloud.close();
  });

  async function anonymous(): Promise<Client> {
    const opened = await Client.open(cloud.mqttUrl, { id: ID });
    await opened.subscribe(`${ID}/rpc/#`);
    return opened;
  }

  const hello = (id: number, more: object = {}) => ({ v: 2, src: ID, id, method: "/v1/Hello", ...more });

  /** Opens a session and takes the first reply. */
  async function session(counter: number): Promise<MacDevice> {
    const device = new MacDevice(psk, counter);
    client.send(device.seal(hello(1, { sec: device.sec })));
    const reply = device.open(await client.message());
    assert.deepEqual([reply.right, reply.sequence, reply.frame.id], [true, 0, 1]);
    return device;
  }

  /** Sends a message that must be refused with 401 for this reason, by a reply without a MAC. */
  async function refused(message: string, reason: string): Promise<void> {
    const seen = cloud.next("refused");
    client.send(message);
    assert.equal((await seen).reason, reason);
    const reply = JSON.parse(await client.message());
    assert.equal(reply.error.code, 401);
    assert.doesNotMatch(reply.error.message, /digest/);
  }

  it("prove both sides in one round trip, over a connection that proved nothing", async () => {
    const device = await session(5);
    client.send(device.seal(hello(2)));
    const reply = device.open(await client.message());
    assert.deepEqual([reply.right, reply.sequence, reply.frame.id], [true, 1, 2]);
    assert.equal(
      reply.text.startsWith('{"v":2,"src":"//api.mongoose-iot.com","dst":"device_123","id":2,'),
      true,
    );
    assert.equal(cloud.stats.macSessions, 1);
  });

  it("errors are MAC'd as well once the sender is proved", async () => {
    const device = await session(5);
    client.send(device.seal({ ...hello(2), method: "/v1/Nothing" }));
    const reply = device.open(await client.message());
    assert.deepEqual([reply.right, reply.frame.error.code], [true, 404]);
  });

  it("a gap is allowed, a repeated or older sequence is dropped without an answer", async () => {
    const device = await session(5);
    client.send(device.seal(hello(2), 7));
    assert.equal(device.open(await client.message()).frame.id, 2);
    for (const sequence of [7, 6, 1, 0]) {
      const seen = cloud.next("dropped");
      client.send(device.seal(hello(3), sequence));
      assert.equal((await seen).reason, "mac-replayed");
    }
    client.send(device.seal(hello(4), 2 ** 32 - 1));
    const last = device.open(await client.message());
    assert.deepEqual([last.frame.id, last.sequence], [4, 2]);
    assert.equal(client.unread, 0);
  });

  it("the opening frame delivered twice is dropped, not a used counter", async () => {
    const device = new MacDevice(psk, 5);
    const opening = device.seal(hello(1, { sec: device.sec }));
    client.send(opening);
    client.send(opening);
    assert.equal(device.open(await client.message()).frame.id, 1);
    client.send(device.seal(hello(2)));
    assert.equal(device.open(await client.message()).frame.id, 2);
    assert.deepEqual([cloud.stats.dropped, cloud.stats.refused], [{ "mac-replayed": 1 }, {}]);
  });

  it("a wrong MAC is refused, wherever the message was changed, and uses up no sequence", async () => {
    const device = await session(5);
    const good = device.seal(hello(2), 1);
    const bad = [
      good.replace("Hello", "Hallo"),
      good.replace("\n1.", "\n2."),
      good.replace(/.$/, (last) => (last === "A" ? "E" : "A")),
      new MacDevice(`${psk}x`, 5, Buffer.from(device.sec.n, "base64url")).seal(hello(2), 1),
      new MacDevice(psk, 6, Buffer.from(device.sec.n, "base64url")).seal(hello(2), 1),
    ];
    for (const message of bad) await refused(message, "mac-wrong");
    client.send(good);
    assert.equal(device.open(await client.message()).right, true);
  });

  it("the cloud's own reply sent back is refused: directions have MACs of their own", async () => {
    const device = new MacDevice(psk, 5);
    cloud.faults.rawReply = ({ text }) => text.replace(/"src":"[^"]*"/, `"src":"${ID}","method":"/v1/Hello"`);
    client.send(device.seal(hello(1, { sec: device.sec })));
    const echo = await client.message();
    assert.equal(device.open(echo).right, true);
    cloud.faults.rawReply = null;
    await refused(echo, "mac-wrong");
  });

  it("a malformed tail is no MAC: the message is no frame", async () => {
    const device = await session(5);
    const good = device.seal(hello(2));
    const bad = [
      good.replace("\n1.", "\n01."),
      good.replace("\n1.", "\n4294967296."),
      good.slice(0, -1),
      `${good} `,
    ];
    for (const message of [...bad, good.replace("\n1.", "\n.")]) {
      const seen = cloud.next("dropped");
      client.send(message);
      assert.equal((await seen).reason, "malformed", JSON.stringify(message.slice(-60)));
    }
  });

  it("a frame without a MAC is refused in a session, also over a proven connection", async () => {
    client.close();
    client = await Client.ready(cloud.mqttUrl, { id: ID, psk });
    assert.equal((await client.call("/v1/Hello")).error, undefined);
    await session(5);
    for (const more of [{}, { key: psk }]) await refused(JSON.stringify(hello(2, more)), "mac-missing");
  });

  it("a fresh sec opens another session on the living connection; the old one's frames are refused", async () => {
    const old = await session(5);
    const device = await session(6);
    await refused(old.seal(hello(2)), "mac-wrong");
    client.send(device.seal(hello(3)));
    const reply = device.open(await client.message());
    assert.deepEqual([reply.right, reply.sequence], [true, 1]);
  });

  it("a session is refused whose counter was used, also in another connection", async () => {
    await session(5);
    client.close();
    client = await anonymous();
    for (const counter of [5, 4, 0]) {
      const device = new MacDevice(psk, counter);
      await refused(device.seal(hello(2, { sec: device.sec })), "mac-counter");
    }
    await session(6);
  });

  it("a recorded session cannot be played again after the connection", async () => {
    const device = new MacDevice(psk, 5);
    const recorded = [device.seal(hello(1, { sec: device.sec })), device.seal(hello(2))];
    for (const message of recorded) {
      client.send(message);
      await client.message();
    }
    client.close();
    client = await anonymous();
    await refused(recorded[0] as string, "mac-counter");
    await refused(recorded[1] as string, "mac-session-unknown");
  });

  it("a wrong MAC opens no session and uses up no counter", async () => {
    const device = new MacDevice(`${psk}x`, 5);
    await refused(device.seal(hello(1, { sec: device.sec })), "mac-wrong");
    await session(5);
  });

  it("a malformed sec is refused", async () => {
    const device = new MacDevice(psk, 5);
    const n = device.sec.n;
    const bad = [null, 5, {}, { c: 5 }, { n }, { c: "5", n }, { c: -1, n }, { c: 1.5, n }, { c: 2 ** 53, n }];
    for (const sec of [...bad, { c: 5, n: n.slice(1) }, { c: 5, n: `${n}A` }, { c: 5, n: "=".repeat(22) }]) {
      await refused(device.seal(hello(1, { sec })), "sec-malformed");
    }
  });

  it("after a restart of the cloud the session is unknown and a new one opens at once", async () => {
    const device = await session(5);
    cloud.restart();
    await client.ended();
    client = await anonymous();
    await refused(device.seal(hello(2)), "mac-session-unknown");
    await session(6);
  });

  it("another PSK ends the session", async () => {
    const device = await session(5);
    psk = "another key";
    await cloud.setPsk(ID, psk);
    await refused(device.seal(hello(2)), "mac-session-unknown");
    await session(6);
  });

  it("a reply is not sent under a session that the device has left", async () => {
    const old = await session(5);
    cloud.faults.latencyMs = 20;
    const seen = cloud.next("dropped");
    client.send(old.seal(hello(2)));
    const device = new MacDevice(psk, 6);
    client.send(device.seal(hello(3, { sec: device.sec })));
    assert.equal((await seen).reason, "mac-session-ended");
    const reply = device.open(await client.message());
    assert.deepEqual([reply.right, reply.frame.id], [true, 3]);
  });

  it("a repeated request gets its stored reply under the next sequence", async () => {
    const device = await session(5);
    const request = { ...hello(2), method: "/v1/Auth.GenerateToken", args: { host: "a.b" } };
    client.send(device.seal(request));
    client.send(device.seal(request));
    const first = device.open(await client.message());
    const second = device.open(await client.message());
    assert.deepEqual([first.text, first.sequence, second.sequence], [second.text, 1, 2]);
    assert.equal(second.right, true);
  });

  it("without the extension a MAC'd message is no frame", async () => {
    cloud.faults.extensions = { ...cloud.faults.extensions, mac: false };
    const device = new MacDevice(psk, 5);
    const seen = cloud.next("dropped");
    client.send(device.seal(hello(1, { sec: device.sec })));
    assert.equal((await seen).reason, "malformed");
  });
});
