/** Counters never go back: not by a kill, a second process, a full disk or a backup. */

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt-packet";
import { WebSocket } from "ws";
import { type Cloud, type CloudOptions, startCloud, startIdentity } from "../../host-sim/cloud/index.js";
import { simulateDevice } from "../../host-sim/device.js";
import { compiled } from "../compiled.js";
import { Client } from "./client.js";
import { MacDevice } from "./mac.js";
import { counterPassword as passwordOf } from "./passwords.js";

const ID = "device_123";
const PSK = "correct horse";
const EPOCH = 2 ** 32;

const counterPassword = (counter: number): string => passwordOf(PSK, ID, counter);

interface Answer {
  url?: string;
  httpUrl?: string;
  reason?: string;
}

describe("the cloud's counters on disk", () => {
  let folder: string;
  let registryFile: string;
  let closing: (() => unknown)[];

  beforeEach(async () => {
    closing = [];
    folder = await mkdtemp(join(tmpdir(), "motekey-durable-"));
    registryFile = join(folder, "devices.json");
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    await rm(folder, { recursive: true });
  });

  async function start(options: CloudOptions = {}): Promise<Cloud> {
    const cloud = await startCloud({ registryFile, ...options });
    closing.push(() => cloud.close());
    return cloud;
  }

  /** Starts a cloud that has the device, and ends it. */
  async function provision(): Promise<void> {
    const cloud = await startCloud({ registryFile });
    await cloud.addDevice({ id: ID, psk: PSK });
    await cloud.close();
  }

  async function startProcess(options: CloudOptions = {}): Promise<{ child: ChildProcess; answer: Answer }> {
    const child = fork(await compiled("test/cloud/cloud-process.ts"), {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    closing.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    child.send({ registryFile, ...options });
    const [answer] = (await once(child, "message")) as [Answer];
    return { child, answer };
  }

  async function killed(child: ChildProcess): Promise<void> {
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  /** CONNACK's return code for a counter password. */
  async function attempt(url: string, counter: number): Promise<number> {
    const client = await Client.open(url, { id: ID, username: ID, password: counterPassword(counter) });
    client.close();
    return client.returnCode;
  }

  const counters = async () => JSON.parse(await readFile(registryFile, "utf8")).entities[0].counters;

  it("a process that is killed right after its answer has them: neither CONNECT nor MAC session is taken again", async () => {
    await provision();
    const { child, answer } = await startProcess();
    const url = answer.url ?? assert.fail(answer.reason);
    const client = await Client.open(url, { id: ID, username: ID, password: counterPassword(64) });
    assert.equal(client.returnCode, 0);
    await client.subscribe(`${ID}/rpc`);
    const device = new MacDevice(PSK, 7);
    const hello = device.seal({ v: 2, src: ID, id: 1, method: "/v1/Hello", sec: device.sec });
    client.send(hello);
    await client.message();
    await killed(child);
    const cloud = await start();
    assert.equal(await attempt(cloud.mqttUrl, 64), 4);
    const again = await Client.open(cloud.mqttUrl, { id: ID, username: ID, password: counterPassword(65) });
    assert.equal(again.returnCode, 0);
    const refused = cloud.next("refused");
    again.send(hello);
    assert.equal((await refused).reason, "mac-counter");
    again.close();
  });

  it("they are on the disk before CONNACK, over MQTT 3.1.1, MQTT 5 and WebSocket", async () => {
    const cloud = await start();
    await cloud.addDevice({ id: ID, psk: PSK });
    const kept = async () => (await readFile(`${registryFile}.journal`, "utf8")).trim().split("\n").at(-1);
    assert.equal(await attempt(cloud.mqttUrl, 1), 0);
    assert.equal(await kept(), `[["${ID}","connect",1]]`);
    const five = new WebSocket(cloud.wsUrl, "mqtt");
    await once(five, "open");
    const parser = mqtt.parser({ protocolVersion: 5 });
    five.on("message", (bytes) => parser.parse(bytes as Buffer));
    const told: string[] = [];
    const atConnack = new Promise<string | undefined>((resolve) => {
      parser.on("packet", (packet) => {
        const { cmd } = packet;
        told.push(cmd === "connack" ? `${cmd} ${packet.reasonCode}` : cmd);
        if (cmd === "connack") resolve(kept());
        else parser.emit("behind");
      });
    });
    const behind = once(parser, "behind");
    const base = {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 5,
      clientId: ID,
      username: ID,
    } as const;
    const connect = { ...base, password: Buffer.from(counterPassword(2)), clean: true, keepalive: 60 };
    const subscriptions = [{ topic: `${ID}/rpc`, qos: 1 as const }];
    // What is sent along is answered behind CONNACK, in its order.
    five.send(
      Buffer.concat([
        mqtt.generate(connect, { protocolVersion: 5 }),
        mqtt.generate({ cmd: "subscribe", messageId: 1, subscriptions }, { protocolVersion: 5 }),
      ]),
    );
    assert.equal(await atConnack, `[["${ID}","connect",2]]`);
    await behind;
    assert.deepEqual(told, ["connack 0", "suback"]);
    five.terminate();
    const rpc = new WebSocket(cloud.rpcUrl, "clubby.cesanta.com", { auth: `${ID}:${counterPassword(3)}` });
    await once(rpc, "open");
    assert.equal(await kept(), `[["${ID}","connect",3]]`);
    rpc.terminate();
  });

  it("connections that come together share a write, and each has its counter in the file at the end", async () => {
    const cloud = await startCloud({ registryFile });
    const ids = Array.from({ length: 300 }, (_, index) => `device_${index}`);
    const devices = await Promise.all(ids.map((id) => cloud.addDevice({ id, psk: PSK })));
    const clients = await Promise.all(
      devices.map(({ id, psk }) =>
        Client.open(cloud.mqttUrl, { id, username: id, password: passwordOf(psk, id, 1) }),
      ),
    );
    assert.deepEqual([...new Set(clients.map(({ returnCode }) => returnCode))], [0]);
    for (const client of clients) client.close();
    const lines = (await readFile(`${registryFile}.journal`, "utf8")).trim().split("\n");
    assert.ok(lines.length < ids.length, `${lines.length} writes for ${ids.length} connections`);
    await cloud.close();
    assert.deepEqual(await readdir(folder), ["devices.json"]);
    const { entities } = JSON.parse(await readFile(registryFile, "utf8"));
    assert.ok(entities.every((entity: { counters: { connect: number } }) => entity.counters.connect === 1));
  });

  it("a second cloud is told who has the file: a process here, one that was killed, one elsewhere", async () => {
    await provision();
    const { child, answer } = await startProcess();
    assert.equal(answer.reason, undefined);
    await assert.rejects(startCloud({ registryFile }), ({ message }: Error) => {
      assert.ok(
        message.includes(`devices.json is in use by process ${child.pid} on ${hostname()}; end that one`),
      );
      return true;
    });
    await killed(child);
    const cloud = await start();
    const { answer: second } = await startProcess();
    assert.match(second.reason ?? "", new RegExp(`is in use by process ${process.pid} on`));
    await cloud.close();
    const owner = { pid: 1, host: "elsewhere", start: null, namespace: null };
    await mkdir(`${registryFile}.lock`);
    await writeFile(`${registryFile}.pid`, JSON.stringify(owner));
    await assert.rejects(startCloud({ registryFile }), /is in use by process 1 on elsewhere; end that one/);
    const past = Date.now() / 1000 - 60;
    await utimes(`${registryFile}.lock`, past, past);
    await start();
  });

  it("a number of a process that another has by now is not taken for a living cloud's", async () => {
    await mkdir(`${registryFile}.lock`);
    const { child } = await startProcess({ registryFile: join(folder, "other.json") });
    const owner = JSON.parse(await readFile(join(folder, "other.json.pid"), "utf8"));
    assert.equal(owner.pid, child.pid);
    await writeFile(`${registryFile}.pid`, JSON.stringify(owner));
    if (owner.start === null) return; // this system does not say when a process began
    await assert.rejects(startCloud({ registryFile }), /is in use by process/);
    await writeFile(`${registryFile}.pid`, JSON.stringify({ ...owner, start: "1" }));
    await start();
  });

  it("an identity's folder is locked, too", async () => {
    const identity = await startIdentity({ folder });
    closing.push(() => identity.close());
    await assert.rejects(startIdentity({ folder }), /identity\.json is in use by process/);
  });

  it("a cloud whose lock was taken away refuses counters, to other brokers too, and says so", async () => {
    const cloud = await startCloud({ registryFile, hook: true });
    await cloud.addDevice({ id: ID, psk: PSK });
    await rm(`${registryFile}.lock`, { recursive: true });
    const other = await startCloud({ registryFile });
    const failed = cloud.next("registry-failed", undefined, 15_000);
    for (let counter = 1; cloud.health.status === "ok"; counter++) {
      await attempt(cloud.mqttUrl, counter);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.match((await failed).reason, /its lock was taken or removed/);
    assert.equal(await attempt(cloud.mqttUrl, 10_000), 3);
    const question = { username: ID, client_id: ID, vhost: "/", password: counterPassword(10_001) };
    const body = new URLSearchParams(question);
    const asked = await fetch(`${cloud.httpUrl}/hook/rabbitmq/user`, { method: "POST", body });
    assert.equal(await asked.text(), "deny");
    await other.close();
    await assert.rejects(cloud.close(), /its lock was taken or removed/);
  });

  describe("that is full", () => {
    /** Refused while the disk takes nothing, with the file as it was; accepted when it does again. */
    async function holds(url: string, httpUrl: string, why: RegExp, makeRoom: () => void): Promise<void> {
      let accepted = 0;
      let returnCode = 0;
      while (returnCode === 0) {
        returnCode = await attempt(url, accepted + 1);
        if (returnCode === 0) accepted++;
      }
      assert.equal(returnCode, 3, `after ${accepted}`);
      const health = await fetch(`${httpUrl}/health`);
      const { troubles } = (await health.json()) as { troubles: Record<string, string> };
      assert.equal(health.status, 503);
      assert.match(troubles.registry ?? "", why);
      assert.equal((await counters()).connect <= accepted, true);
      const webSocket = new WebSocket(`${httpUrl.replace("http", "ws")}/rpc`, "clubby.cesanta.com", {
        auth: `${ID}:${counterPassword(accepted + 2)}`,
      });
      const [, response] = await once(webSocket, "unexpected-response");
      assert.equal(response.statusCode, 503);
      makeRoom();
      assert.equal(await attempt(url, accepted + 3), 0);
      assert.equal((await fetch(`${httpUrl}/health`)).status, 200);
      assert.equal((await counters()).connect, accepted + 3);
    }

    it("by a small tmpfs: refuses the connection and says so", async function () {
      const disk = join(folder, "disk");
      await mkdir(disk);
      try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], { stdio: "ignore" });
      } catch {
        console.warn("      skipped: mounting a tmpfs needs root");
        this.skip();
      }
      closing.push(() => execFileSync("umount", [disk]));
      registryFile = join(disk, "devices.json");
      const cloud = await start();
      await cloud.addDevice({ id: ID, psk: PSK });
      const filler = join(disk, "filler");
      // Until the disk takes nothing: each write that it takes a part of is one more.
      await writeFile(filler, Buffer.alloc(65_536)).catch(() => {});
      await holds(cloud.mqttUrl, cloud.httpUrl, /the disk is full; make room$/, () =>
        execFileSync("rm", [filler]),
      );
    });

    it("by the limit of a file's size: refuses the connection and says so", async function () {
      if (!existsSync("/usr/bin/prlimit")) {
        console.warn("      skipped: prlimit (Debian: util-linux) is not here");
        this.skip();
      }
      await provision();
      const { child, answer } = await startProcess();
      const limit = (bytes: string) =>
        execFileSync("prlimit", ["--pid", String(child.pid), `--fsize=${bytes}:`]);
      limit("200");
      await holds(answer.url ?? "", answer.httpUrl ?? "", /may not grow any more; .*\(ulimit -f\)$/, () =>
        limit("1000000"),
      );
    });

    it("answers 503 where a session's counter cannot be kept, and carries nothing out", async function () {
      if (!existsSync("/usr/bin/prlimit")) this.skip();
      await provision();
      const { child, answer } = await startProcess();
      const client = await Client.ready(answer.url ?? "", { id: ID, psk: PSK });
      execFileSync("prlimit", ["--pid", String(child.pid), "--fsize=10:"]);
      const device = new MacDevice(PSK, 7);
      const method = "/v1/Auth.GenerateToken";
      const args = { host: "app.example.com" };
      for (const [id, more] of [
        [1, { sec: device.sec }],
        [2, {}],
      ] as const) {
        client.send(device.seal({ v: 2, src: ID, id, method, args, ...more }));
        const { frame, right } = device.open(await client.message());
        assert.deepEqual([right, frame.error?.code, frame.result], [true, 503, undefined]);
      }
      client.close();
    });
  });

  it("a restored backup begins a new epoch, each time: nothing that was accepted since is taken", async () => {
    await provision();
    const backup = join(folder, "backup");
    await copyFile(registryFile, backup);
    let cloud = await startCloud({ registryFile });
    for (const counter of [1, 64, 1000]) assert.equal(await attempt(cloud.mqttUrl, counter), 0);
    await cloud.close();
    for (const epoch of [1, 2]) {
      if (epoch === 1) await copyFile(backup, registryFile);
      cloud = await startCloud({ registryFile, restored: true });
      assert.deepEqual(await counters(), { connect: epoch * EPOCH - 1, mac: epoch * EPOCH - 1 });
      for (const counter of [64, 1000, 1001, epoch * EPOCH - 1])
        assert.equal(await attempt(cloud.mqttUrl, counter), 4, String(counter));
      await cloud.close();
    }
    cloud = await start();
    assert.equal(await attempt(cloud.mqttUrl, 2 * EPOCH), 0);
  });

  it("a device comes back to a restored cloud by asking for its counter", async () => {
    await provision();
    const cloud = await start({ restored: true });
    const device = simulateDevice({ cloud, id: ID, psk: PSK, proof: "counter+mac", counter: 65 });
    closing.push(() => device.close());
    const { token } = await device.host("app.example.com").getToken();
    assert.equal(cloud.checkToken(token, "app.example.com").active, true);
    assert.ok(cloud.stats.connects <= 2);
  });

  it("what nobody can raise any more is an error", async () => {
    const cloud = await startCloud({ registryFile });
    await cloud.addDevice({ id: ID, psk: PSK, counter: 2 ** 52 - 1 });
    await cloud.close();
    await assert.rejects(
      startCloud({ registryFile, restored: true }),
      /counters of device_123 cannot be raised/,
    );
    await assert.rejects(startCloud({ restored: true }), /Nothing is kept that could be restored/);
  });
});
