/** Traces: what a device of a fleet recorded replays to the same states, and there is no secret in it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { AuthClient, AuthOptions, Ports } from "../../firmware/index.js";
import { type Dialogue, describeInbound, describeOutbound } from "../../firmware/trace/describe.js";
import { Trace } from "../../firmware/trace.js";
import { type Cloud, startCloud } from "../../host-sim/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import {
  drawPlan,
  LEVELS,
  type MakeClient,
  type Rates,
  recordCell,
  replayTrace,
  runCell,
} from "../../host-sim/world/index.js";
import { publish } from "../../host-sim/world/mqtt.js";

const SEED = Number(process.env.SEED ?? 1);
/** No trace has the bits that a line turned, nor what a cut left of a record. */
const WHOLE = { ...LEVELS.many, corrupt: 0, cut: 0 };
const planOf = (device: number, rates: Rates = WHOLE) =>
  drawPlan({ seed: SEED, forMs: 21_600_000, rates, core: "byte" }, device);

const schema = JSON.parse(readFileSync(new URL("../../docs/trace.schema.json", import.meta.url), "utf8"));

/** A device at the mock cloud, over real sockets, and what is recorded of it. */
async function traced(cloud: Cloud): Promise<{ client: AuthClient; psk: string; lines: string[] }> {
  const lines: string[] = [];
  const trace = new Trace({ entries: 1, onLine: (line) => void lines.push(line) });
  const { id, psk } = await cloud.addDevice({ id: "device_1" });
  const { hostname, port } = new URL(cloud.mqttUrl);
  const client = trace.createAuth(
    {
      deviceId: id,
      cloud: { host: hostname, port: Number(port) },
      credential: { psk, counter: 1 },
      proof: "counter+mac",
    },
    nodePorts(),
  );
  return { client, psk, lines };
}

/** Whether a line is as the schema says, of which it uses a few words. */
function fits(line: Record<string, unknown>): void {
  assert.equal(typeof line.t, "number");
  for (const [name, value] of Object.entries(line)) {
    const rule = schema.properties[name];
    assert.ok(rule !== undefined, `${name} is in no schema`);
    if (rule.const !== undefined) assert.equal(value, rule.const, name);
    if (rule.enum !== undefined) assert.ok(rule.enum.includes(value), `${name} is ${value}`);
    if (rule.type === "integer") assert.ok(Number.isSafeInteger(value), `${name} is ${value}`);
    else if (rule.type !== undefined) assert.equal(typeof value, rule.type, name);
  }
}

describe("a trace", () => {
  it("of each of many devices, recorded through days of faults, replays to the same states", () => {
    const proofs = new Set<string>();
    let boots = 0;
    for (let device = 0; device < 16; device++) {
      const plan = planOf(device);
      const lines: string[] = [];
      recordCell(plan, (line) => void lines.push(line));
      const replayed = replayTrace(lines.join("\n"));
      const where = `seed ${SEED}, device ${device}`;
      assert.deepEqual(replayed.difference, undefined, where);
      assert.equal(replayed.lines, lines.length, where);
      const states = lines.flatMap((line) => /"state":"(\w+)"/.exec(line)?.[1] ?? []);
      assert.deepEqual(replayed.states, states, where);
      assert.ok(states.includes("READY"), where);
      for (const line of lines) fits(JSON.parse(line));
      proofs.add(plan.proof);
      boots += replayed.boots;
    }
    assert.ok(proofs.size >= 3 && boots > 20, `${[...proofs]}, ${boots} boots`);
  });

  it("has no key in it, no token, no password and no MAC, whatever the proof", () => {
    for (let device = 0; device < 8; device++) {
      const secrets = new Set<string>();
      const lines: string[] = [];
      const trace = new Trace({ entries: 1, onLine: (line) => void lines.push(line) });
      const make: MakeClient = (auth, ports) => trace.createAuth(auth, tapped(ports, secrets));
      const { tally } = runCell(planOf(device, { ...LEVELS.many, corrupt: 100 }), { make });
      const text = lines.join("\n");
      assert.ok(tally.issued > 0 && secrets.size > tally.issued / 2, `${secrets.size} secrets`);
      for (const secret of secrets) assert.ok(!text.includes(secret), `device ${device}: ${secret}`);
    }
  });

  it("of a device at the mock cloud, with sealed tokens, replays too", async () => {
    await using cloud = await startCloud();
    const { client, psk, lines } = await traced(cloud);
    const app = client.host("app.example.com");
    const token = await new Promise<string>((resolve) =>
      app.getToken((_status, given) =>
        resolve(Buffer.from(given?.bytes.subarray(0, given.length) ?? []).toString()),
      ),
    );
    client.close();
    assert.ok(token.length > 40);
    const text = lines.join("\n");
    assert.ok(!text.includes(token) && !text.includes(psk));
    assert.ok(!text.includes(token.split(".")[2] as string), "the signature");
    const { difference, states } = replayTrace(text);
    assert.deepEqual(difference, undefined);
    assert.deepEqual(states, ["WAITING", "CONNECTING", "READY", "CLOSED"]);
  });

  it("of calls of methods that the app names replays, and has nothing of their results", async () => {
    await using cloud = await startCloud();
    const { client, lines } = await traced(cloud);
    const call = (method: string): Promise<unknown> =>
      new Promise((resolve) => client.call(method, Buffer.from("{}"), new Uint8Array(64), resolve));
    await call("Lock.Open");
    await call("Lock.Pin");
    client.close();
    const text = lines.join("\n");
    assert.match(text, /"out":"PUBLISH","method":"Lock\.Pin"/);
    assert.deepEqual(replayTrace(text).difference, undefined);

    const dialogue: Dialogue = { ownIds: [] };
    const ask = (id: number, method: string): string =>
      lineOf(describeOutbound, `{"v":2,"src":"d","id":${id},"method":"${method}","args":{}}`, dialogue);
    ask(7, "Lock.Open");
    ask(8, "Lock.Pin");
    ask(9, "/v1/Lock.Pin");
    ask(10, "/v1/Auth.GetToken");
    for (const id of [7, 8, 9])
      for (const frame of [
        `{"v":2,"id":${id},"src":"c","result":{"id":10,"pin":4711}}`,
        `{"v":2,"src":"c","result":{"pin":4711,"id":10},"id":${id}}`,
        `{"v":2,"src":"c","result":4711,"id":"${id}"}`,
      ])
        assert.doesNotMatch(lineOf(describeInbound, frame, dialogue), /4711/);
    const own = '{"v":2,"id":10,"src":"c","result":{"exp":4711}}';
    assert.match(lineOf(describeInbound, own, dialogue), /4711/);
  });

  it("has a line of JSON for each answer to a stranger, whatever the id", () => {
    const refusal = '{"v":2,"src":"d","dst":"s","id":"first","error":{"code":404}}';
    const line = lineOf(describeOutbound, refusal, { ownIds: [] });
    assert.equal(JSON.parse(`{${line}}`).id, -1);
  });

  it("keeps so many lines, the latest", () => {
    const all: string[] = [];
    const trace = new Trace({ entries: 20, onLine: (line) => void all.push(line) });
    runCell({ ...planOf(0), forMs: 60_000 }, { make: (auth, ports) => trace.createAuth(auth, ports) });
    const kept: string[] = [];
    trace.lines((line) => void kept.push(line));
    assert.ok(all.length > 20);
    assert.deepEqual(kept, all.slice(-20));
  });

  it("that another firmware recorded says where they part", () => {
    const lines: string[] = [];
    recordCell(planOf(1), (line) => void lines.push(line));
    const at = lines.findIndex((line) => line.includes('"state":"READY"'));
    lines[at] = (lines[at] as string).replace("READY", "WAITING");
    const { difference } = replayTrace(lines.join("\n"));
    assert.equal(difference?.line, at + 1);
    assert.match(difference?.expected ?? "", /WAITING/);
    assert.match(difference?.found ?? "", /READY/);
    const missing = lines.toSpliced(at - 1, 1);
    assert.ok(replayTrace(missing.join("\n")).difference !== undefined);
  });

  it("is refused where it is none", () => {
    assert.throws(() => replayTrace("{"), /line 1/);
    assert.throws(() => replayTrace('{"t":1,"wake":true}'), /no line has a boot/);
    assert.throws(() => replayTrace('{"t":1,"boot":{"version":9}}'), /its version is 9, not 1/);
  });

  it("is not made of what it cannot replay", () => {
    const messages = {} as never;
    const options = { cloud: { host: "cloud.example.com" }, messages } as AuthOptions;
    assert.throws(
      () => new Trace().createAuth(options, nodePorts()),
      /leave out transport, encoding, messages/,
    );
  });
});

/** What a trace says of a PUBLISH with this frame. */
function lineOf(describePacket: typeof describeInbound, frame: string, dialogue: Dialogue): string {
  const packet = publish("d/rpc", Buffer.from(frame), 1, true);
  return describePacket(packet, 0, packet.length, dialogue);
}

/** Ports that note each secret that crosses them: passwords, MACs, keys in frames and in flash, tokens. */
function tapped(ports: Ports, secrets: Set<string>): Ports {
  const note = (bytes: Uint8Array): void => {
    const text = Buffer.from(bytes).toString("latin1");
    for (const [, secret] of text.matchAll(/"(?:token|key|psk)":"([^"]{16,})"/g))
      secrets.add(secret as string);
    for (const [, mac] of text.matchAll(/\n\d+\.([A-Za-z0-9_-]{43})/g)) secrets.add(mac as string);
    for (const [, mac] of text.matchAll(/\d{1,16}\.([A-Za-z0-9_-]{43})/g)) secrets.add(mac as string);
    for (const [found] of text.matchAll(/[0-9a-f]{43}/g)) secrets.add(found);
  };
  return {
    ...ports,
    link: {
      open: (address, events) =>
        ports.link.open(address, {
          opened: () => events.opened(),
          writable: () => events.writable(),
          closed: (status) => events.closed(status),
          received: (bytes, from, to) => {
            note(bytes.subarray(from, to));
            events.received(bytes, from, to);
          },
        }),
      write: (bytes, from, to) => {
        note(bytes.subarray(from, to));
        return ports.link.write(bytes, from, to);
      },
      close: () => ports.link.close(),
    },
  };
}
