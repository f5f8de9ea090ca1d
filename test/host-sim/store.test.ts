/** A directory as a device's flash: values outlive the process, failures are told, and a device goes on with its counter. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore, nodePorts, type SimulatedDevice, simulateDevice } from "../../host-sim/index.js";
import { type CloudUnderTest, startUnderTest } from "../cloud/under-test.js";
import { compiled } from "../compiled.js";
import { SteadyClock } from "./steady-clock.js";

const HOLDER = "test/host-sim/programs/store-holder.ts";
const NOBODY = 65_534;
const ID = "device_123";
const PSK = "correct horse";

/** Does something as a user who owns nothing: the tests may run as root, who may do all. */
function asNobody(run: () => void): void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    run();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** A process that has a store over this directory, once it says so. */
async function holderOf(directory: string): Promise<ChildProcess> {
  const holder = spawn(process.execPath, [await compiled(HOLDER), directory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(holder.stdout as NonNullable<typeof holder.stdout>, "data");
  return holder;
}

describe("a directory as flash", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "motekey-store-"));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it("gives back what was written, to whoever opens it next, with the length it has", () => {
    const other = new FileStore(join(directory, "new"));
    assert.ok(other.write("name", Buffer.from("12345"), 4));
    const store = new FileStore(join(directory, "new"));
    const out = Buffer.from("------");
    assert.equal(store.read("name", out), 4);
    assert.equal(out.toString(), "1234--");
    assert.equal(store.read("name", out.subarray(0, 2)), 4, "the length of the value, not of what fitted");
    assert.ok(store.write("name", Buffer.from("x"), 1));
    assert.equal(store.read("name", out), 1);
    store.close();
    other.close();
    assert.deepEqual(readdirSync(join(directory, "new")), ["name"], "nothing else is left there");
    assert.equal(statSync(join(directory, "new", "name")).mode & 0o777, 0o600);
  });

  it("tells what is absent from what cannot be read, and what cannot be written, and never throws", () => {
    const store = new FileStore(directory);
    mkdirSync(join(directory, "folder"));
    assert.equal(store.read("name", Buffer.alloc(4)), -1);
    assert.equal(store.read("folder", Buffer.alloc(4)), -2);
    assert.equal(store.write("folder", Buffer.alloc(4), 4), false);
    assert.match(String(store.failure), /folder cannot be written \(E/);
    assert.ok(!readdirSync(directory).some((name) => name.endsWith(".new")), "nothing half written is left");
    store.close();
    assert.equal(store.read("name", Buffer.alloc(4)), -2);
    assert.equal(store.write("name", Buffer.alloc(4), 4), false);
    assert.match(String(store.failure), /was closed/);
  });

  it("that is a file, lies in one, or cannot be written is refused in one sentence", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "flash")])
      assert.throws(
        () => new FileStore(path),
        /^Error: motekey: the store .*file.* is a file, or lies in one; name a directory$/,
      );
    const shut = join(directory, "shut");
    mkdirSync(shut);
    chmodSync(directory, 0o755);
    chmodSync(shut, 0o555);
    asNobody(() => {
      for (const path of [shut, join(shut, "flash")])
        assert.throws(
          () => new FileStore(path),
          /^Error: motekey: the store .*shut.* cannot be made or written \(EACCES\)/,
        );
    });
  });

  it("is one process's: another one is told which has it, until that ends, by whatever means", async function () {
    this.timeout(60_000);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const holder = await holderOf(directory);
      const inUse = new RegExp(
        `^Error: motekey: the store ${directory} is in use by process ${holder.pid} on .*; end that one`,
      );
      assert.throws(() => new FileStore(directory), inUse);
      const ended = once(holder, "exit");
      holder.kill(signal);
      await ended;
      new FileStore(directory).close();
    }
    const holder = await holderOf(directory);
    const copy = `${directory}-copy`;
    cpSync(directory, copy, { recursive: true });
    new FileStore(copy).close();
    rmSync(copy, { recursive: true });
    const ended = once(holder, "exit");
    (holder.stdin as NonNullable<typeof holder.stdin>).end();
    await ended;
    assert.deepEqual(readdirSync(directory), ["name"], "who ends in good order leaves no lock");
  });

  it("whose lock nobody could finish writing is free after a while", () => {
    const lock = join(directory, "motekey.lock");
    writeFileSync(lock, "");
    assert.throws(() => new FileStore(directory), /is in use by another process/);
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(lock, longAgo, longAgo);
    new FileStore(directory).close();
  });
});

describe("a simulated device with a directory", () => {
  let cloud: CloudUnderTest;
  let device: SimulatedDevice;
  let directory: string;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "motekey-store-"));
    cloud = await startUnderTest();
    await cloud.addDevice({ id: ID, psk: PSK });
  });

  afterEach(async () => {
    device.close();
    await cloud.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const boot = (): void => {
    device = simulateDevice({ cloud, id: ID, psk: PSK, store: directory });
  };

  it("is accepted after every restart though nobody gives it a counter", async () => {
    for (let count = 0; count < 3; count++) {
      boot();
      const { token } = await device.host("app.example.com").getToken();
      assert.equal((await cloud.checkToken(token, "app.example.com")).active, true);
      device.close();
    }
    assert.deepEqual(cloud.stats.connectsRefused, {});
    assert.deepEqual(readdirSync(directory).sort(), [
      "motekey-ctra",
      "motekey-ctrb",
      "motekey-h0a",
      "motekey-h0b",
      "motekey-mark",
    ]);
    assert.equal(readFileSync(join(directory, "motekey-ctra")).readBigUInt64BE(10), 3n * 64n);
  });

  it("that was lost begins its counters again, and has the cloud say how far they were", async () => {
    boot();
    await device.ready();
    device.close();
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    boot();
    await device.ready();
    assert.equal(device.auth.counters.recoveries, 1);
  });

  it("that another device of this process has is not touched by the second, which says why, and has it when that is closed", async () => {
    boot();
    const { token } = await device.host("app.example.com").getToken();
    const other = { id: "device_124", psk: PSK };
    await cloud.addDevice(other);
    const limits = { callAttemptMs: 200, callDeadlineMs: 500, backoffBaseMs: 50, backoffCapMs: 100 };
    const ports = { ...nodePorts(), clock: new SteadyClock() };
    const second = simulateDevice({ cloud, ...other, store: directory, limits, ports });
    const why = /another device of this process has the store in .*: close it, or give each/;
    await assert.rejects(second.host("app.example.com").getToken(), { status: "STORE_FAILED", message: why });
    await assert.rejects(second.ready(100), { status: "STORE_FAILED", message: why });
    device.close();
    await second.ready();
    assert.notEqual((await second.host("app.example.com").getToken()).token, token);
    second.close();
  });

  it("is free again when the device could not be made", () => {
    assert.throws(() => simulateDevice({ cloud, id: "no/device", psk: PSK, store: directory }), /no\/device/);
    boot();
    assert.equal(device.auth.counters.recordsDropped, 0);
    assert.deepEqual(readdirSync(directory).includes("motekey.lock"), true);
    device.close();
    assert.deepEqual(readdirSync(directory).includes("motekey.lock"), false);
  });

  it("is beside the ports that the caller gives", async () => {
    device = simulateDevice({ cloud, id: ID, psk: PSK, store: directory, ports: nodePorts() });
    await device.ready();
    assert.deepEqual(readdirSync(directory), ["motekey-ctra", "motekey-mark", "motekey.lock"]);
  });
});
