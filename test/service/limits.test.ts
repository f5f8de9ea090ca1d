/** What senders are held to: rates, wrong keys that are told late, and memory that does not grow. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { WebSocket } from "ws";
import type { Entity } from "../../host-sim/cloud/types.js";
import { simulateDevice } from "../../host-sim/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { Guesses } from "../../host-sim/service/limits/guesses.js";
import { type HeldUp, SenderLimits } from "../../host-sim/service/limits/limits.js";
import { networkOf } from "../../host-sim/service/limits/network.js";
import { Rates } from "../../host-sim/service/limits/rates.js";
import { Client, type Reply } from "../cloud/client.js";
import { FREE, newFolder } from "./places.js";

const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";

describe("rates", () => {
  it("let a second's worth in at once, then evenly, and all again after a second", () => {
    const rates = new Rates(5, 10);
    const taken = (nowMs: number): number =>
      Array.from({ length: 20 }, () => rates.take("a", nowMs)).filter(Boolean).length;
    assert.deepEqual([taken(0), taken(199), taken(200), taken(10_000)], [5, 0, 1, 5]);
    assert.equal(rates.take("b", 10_000), true);
  });

  it("of 0 let everybody in", () => {
    const rates = new Rates(0, 10);
    assert.ok(Array.from({ length: 1000 }, () => rates.take("a", 0)).every(Boolean));
    assert.equal(rates.size, 0);
  });

  it("remember so many keys and no more", () => {
    const rates = new Rates(1, 100);
    for (let key = 0; key < 10_000; key++) rates.take(String(key), 0);
    assert.equal(rates.size, 100);
    assert.equal(rates.take("9999", 0), false);
  });
});

describe("guesses", () => {
  it("are told twice as late each time, up to the limit, and sooner again with time", () => {
    const guesses = new Guesses(5_000, 10);
    const delays = Array.from({ length: 8 }, () => guesses.delayMs("a", 0));
    assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert.equal(guesses.delayMs("b", 0), 100);
    assert.equal(guesses.delayMs("a", 3_600_000), 100);
  });
});

describe("addresses", () => {
  it("are counted by themselves, of IPv6 by the /64", () => {
    for (const [address, network] of [
      ["192.0.2.1", "192.0.2.1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:db8::6", "2001:db8:0:0::/64"],
      ["2001:db8:0:0:9::", "2001:db8:0:0::/64"],
      ["::1", "0:0:0:0::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ] as const)
      assert.equal(networkOf(address), network);
  });
});

describe("senders", () => {
  const of = (role: Entity["role"]) => ({ id: "x", role }) as Entity;

  it("have 64 messages on their way and all together 10,000, and get their places back", () => {
    const heldUp: HeldUp[] = [];
    const limits = new SenderLimits({}, (why) => heldUp.push(why));
    assert.equal(Array.from({ length: 100 }, () => limits.arrive("a")).filter(Boolean).length, 64);
    limits.leave("a");
    assert.deepEqual([limits.arrive("a"), limits.arrive("a")], [true, false]);
    const others = Array.from({ length: 20_000 }, (_, at) => limits.arrive(`other_${at}`));
    assert.equal(others.filter(Boolean).length, 10_000 - 64);
    assert.ok(heldUp.every((why) => why === "crowd"));
  });

  it("are held to a rate as devices and users, not as backends", () => {
    const limits = new SenderLimits(
      { devicePerSecond: 1 },
      () => {},
      () => 0,
    );
    assert.equal(limits.refusalOf(of("device")), null);
    assert.deepEqual(limits.refusalOf(of("user"))?.code, 429);
    for (let at = 0; at < 10; at++) assert.equal(limits.refusalOf(of("backend")), null);
  });

  it("that wait for a wrong answer get it at once when the replica ends", () => {
    const limits = new SenderLimits({}, () => {});
    let told = 0;
    for (let at = 0; at < 5; at++) limits.late("a", undefined, () => told++);
    assert.equal(told, 0);
    limits.drain();
    limits.late("a", undefined, () => told++);
    assert.equal(told, 6);
  });
});

describe("the service under limits", function () {
  this.timeout(60_000);
  const folder = newFolder();
  let service: Service;

  before(async () => {
    const limits = { addressPerSecond: 20, devicePerSecond: 4 };
    service = await startService({ database: { folder }, limits, ...FREE });
  });
  after(async () => {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A request from another address of this machine than the other tests come from: each has a rate of its own. */
  async function get(localAddress: string, path: string): Promise<IncomingMessage> {
    const asked = request(service.httpUrl + path, { localAddress, agent: false }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    response.resume();
    return response;
  }

  /** So many at once, until one of them is refused: how fast they come is the machine's. */
  async function untilOne<Answer>(
    ask: () => Promise<Answer>,
    isRefusal: (answer: Answer) => boolean,
  ): Promise<Answer[]> {
    for (const all: Answer[] = []; ; ) {
      all.push(...(await Promise.all(Array.from({ length: 60 }, ask))));
      if (all.some(isRefusal)) return all;
    }
  }

  it("too many requests from one address are answered 429 with when to try again, others and whoever watches are served", async () => {
    const ask = () => get("127.0.0.2", "/.well-known/jwks.json");
    const answers = await untilOne(ask, ({ statusCode }) => statusCode === 429);
    const seen = answers.map(({ statusCode, headers }) => [statusCode, headers["retry-after"]].join());
    assert.deepEqual([...new Set(seen)].sort(), ["200,", "429,1"]);
    assert.equal((await get("127.0.0.3", "/.well-known/jwks.json")).statusCode, 200);
    for (let at = 0; at < 40; at++) assert.equal((await get("127.0.0.2", "/livez")).statusCode, 200);
  });

  it("too many connections from one address are refused as by a server that is busy: CONNACK 3, and 429 of a WebSocket", async () => {
    const { id, psk } = await service.addDevice({ id: "device_crowd" });
    const open = async (): Promise<number> => {
      const options = { id, username: id, password: psk, localAddress: "127.0.0.4" };
      const client = await Client.open(service.mqttUrl, options);
      client.close();
      return client.returnCode;
    };
    const codes = new Set(await untilOne(open, (code) => code === 3));
    assert.deepEqual([...codes].sort(), [0, 3]);
    const headers = { authorization: `Basic ${Buffer.from(`${id}:${psk}`).toString("base64")}` };
    const shake = async (): Promise<string> => {
      const options = { headers, localAddress: "127.0.0.5" };
      const socket = new WebSocket(service.rpcUrl, "clubby.cesanta.com", options);
      const refused = once(socket, "unexpected-response").then(
        ([, answer]) => `${answer.statusCode},${answer.headers["retry-after"]}`,
      );
      const status = await Promise.race([refused, once(socket, "open").then(() => "101")]);
      socket.on("error", () => {}).terminate();
      return status;
    };
    const statuses = new Set(await untilOne(shake, (status) => status !== "101"));
    assert.deepEqual([...statuses].sort(), ["101", "429,1"]);
  });

  it("a device that asks too often is told when to ask again, and then gets its tokens", async () => {
    const known = await service.addDevice({ id: "device_eager" });
    const codes: number[] = [];
    const unlisten = service.on((event) => event.event === "replied" && codes.push(event.code));
    const device = simulateDevice({ cloud: service, ...known });
    for (let at = 0; at < 8; at++) await device.host(`app-${at % 3}.example.com`).generateToken();
    device.close();
    const headers = { authorization: `Basic ${Buffer.from(`${known.id}:${known.psk}`).toString("base64")}` };
    const post = async (id: number) => {
      const body = JSON.stringify({ v: 2, id, method: GENERATE, args: { host: HOST } });
      const response = await fetch(`${service.httpUrl}/rpc`, { method: "POST", headers, body });
      return {
        status: response.status,
        after: response.headers.get("retry-after"),
        reply: (await response.json()) as Reply,
      };
    };
    const answers = await Promise.all(Array.from({ length: 8 }, (_, at) => post(100 + at)));
    unlisten();
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0);
    assert.ok(refused.every(({ after, reply }) => after === "1" && reply.error?.retry_after === 1));
    assert.deepEqual([...new Set(codes)].sort(), [0, 429]);
  });

  it("wrong keys are told late, a right one in between at once: over MQTT", async () => {
    const known = await service.addDevice({ id: "device_guessed" });
    const told: string[] = [];
    const open = async (password: string, name: string): Promise<void> => {
      const options = { id: known.id, username: known.id, password, localAddress: "127.0.0.6" };
      const client = await Client.open(service.mqttUrl, options);
      told.push(`${name} ${client.returnCode}`);
      client.close();
    };
    const wrong = Array.from({ length: 6 }, (_, at) => open(`guess ${at} of this device's key`, "wrong"));
    await service.next("connect-refused", ({ id }) => id === known.id);
    await open(known.psk, "right");
    await Promise.all(wrong);
    assert.equal(told.filter((text) => text === "wrong 4").length, 6);
    assert.ok(told.indexOf("right 0") < 5, told.join());
  });

  it("wrong keys are told late, a right one in between at once: in frames, which hold up nobody's turn", async () => {
    const known = await service.addDevice({ id: "device_framed" });
    const authorization = `Basic ${Buffer.from(`${known.id}:${known.psk}`).toString("base64")}`;
    const socket = new WebSocket(service.rpcUrl, "clubby.cesanta.com", { headers: { authorization } });
    await once(socket, "open");
    const told: number[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        const { id, error } = JSON.parse(String(data)) as Reply;
        assert.equal(error?.code, id === 7 ? undefined : 401);
        if (told.push(id as number) === 7) resolve();
      });
    });
    for (let id = 1; id <= 7; id++)
      socket.send(
        JSON.stringify({
          v: 2,
          src: known.id,
          id,
          method: "/v1/Hello",
          key: id === 7 ? known.psk : `guess ${id}`,
        }),
      );
    await all;
    assert.notEqual(told.at(-1), 7);
    socket.terminate();
  });

  it("Prometheus is told who was held up, and why", async () => {
    const text = await (await fetch(`${service.httpUrl}/metrics`)).text();
    for (const why of ["address", "device", "wrong"])
      assert.match(text, new RegExp(`motekey_held_up_total\\{why="${why}"\\} [1-9]`));
  });
});
