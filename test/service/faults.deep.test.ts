/**
 * Three replicas, a PostgreSQL primary with its synchronous standby, and NATS, under load, while what they run on fails.
 * What every client saw is recorded outside, and a checker judges it; the same one finds a store that is broken on purpose.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { simulateDevice } from "../../host-sim/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { findNats, startOpenNats } from "../servers/nats.js";
import { PROGRAMS } from "../servers/postgres.js";
import { PostgresNode } from "../servers/postgres-node.js";
import { findProgram, scratchFolder } from "../servers/process.js";
import { callsAway, violations } from "./faults/checker.js";
import { History } from "./faults/history.js";
import { type Credential, Load } from "./faults/load.js";
import { Replicas } from "./faults/replicas.js";
import { FREE, newKeyFile } from "./places.js";

const PAUSE_MS = 10_000;
const CALL_LIMIT_MS = 60_000;
/** So many tokens behind a fault, and the service is back. */
const BACK = 20;
const MORE = 4_000;
/** How far a stale standby is behind, and what the checker has to find where a replica reads from it. */
const STALE_MS = 1_500;
const STALE = ["a token is active whose end was answered", "a token that was told is unknown"];
const LIMITS = { addressPerSecond: 0, devicePerSecond: 0, wrongKeyMs: 0 };

/** A file system of its own that can be full; null: nobody may mount one here. */
function mountSmall(folder: string): string | null {
  const small = join(folder, "small");
  mkdirSync(small);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200m", "none", small], { stdio: "ignore" });
    return small;
  } catch {
    return null;
  }
}

/** Takes all that is left of a file system. */
function fill(file: string): void {
  const handle = openSync(file, "w");
  try {
    for (const bytes = Buffer.alloc(65_536); ; ) writeSync(handle, bytes);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "ENOSPC") throw failure;
  } finally {
    closeSync(handle);
  }
}

describe("three replicas on a primary with a synchronous standby, and what fails below them", function () {
  this.timeout(120_000);
  const folder = scratchFolder("faults");
  const archive = join(folder, "archive");
  const history = new History();
  const closers: (() => Promise<void> | void)[] = [];
  let small: string | null = null;
  let primary: PostgresNode;
  let standby: PostgresNode;
  let replicas: Replicas;
  let load: Load;
  let people: Credential[];
  let racers: Credential[];
  const brokerDevices: ReturnType<typeof simulateDevice>[] = [];
  let areCalling = true;

  before(async function () {
    findProgram(this, `${PROGRAMS}/postgres`, "postgresql");
    const nats = await startOpenNats(findNats(this));
    closers.push(() => nats.close());
    chmodSync(folder, 0o755);
    mkdirSync(archive);
    chmodSync(archive, 0o777);
    small = mountSmall(folder);
    primary = await PostgresNode.create(small === null ? undefined : join(small, "primary"));
    primary.set(["archive_mode = on", `archive_command = 'cp %p ${archive}/%f'`]);
    await primary.start();
    standby = await PostgresNode.follow(primary);
    await standby.start();
    await primary.waitForStandby();
    const common = { sealKeyFiles: [newKeyFile()], broker: { url: nats.nativeUrl }, limits: LIMITS, ...FREE };
    replicas = await Replicas.prepare(primary.port, common);
    for (const at of [0, 1, 2]) await replicas.start(at);
    const { broker: _, ...alone } = common;
    const keeper: Service = await startService({
      ...alone,
      database: { url: `postgresql://postgres@127.0.0.1:${primary.port}/postgres` },
      databaseLimitMs: 20_000,
    });
    const add = (name: string, count: number) =>
      Promise.all(Array.from({ length: count }, (_, at) => keeper.addDevice({ id: `${name}_${at}` })));
    people = await add("device", 6);
    racers = await add("racer", 3);
    const callers = await add("caller", 2);
    const backend = await keeper.addDevice({ id: "backend", role: "backend" });
    await keeper.close();
    load = new Load(history, replicas.places, backend);
    for (const person of people) load.makeTokens(person);
    for (const racer of racers) load.raceCounters(racer);
    for (const caller of callers)
      callOn(simulateDevice({ cloud: nats.url, proof: "mac", allowInsecure: true, ...caller }), caller.id);
    await load.progress(BACK);
  });

  after(async () => {
    areCalling = false;
    for (const device of brokerDevices) device.close();
    await load?.stop();
    await replicas?.close();
    await standby?.close();
    await primary?.close();
    for (const close of closers) await close();
    if (small !== null) execFileSync("umount", ["-l", small], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  });

  /** A device of ours, through the broker, again and again. */
  function callOn(device: ReturnType<typeof simulateDevice>, id: string): void {
    brokerDevices.push(device);
    void (async () => {
      for (let at = 0; areCalling; at++) {
        await history.record({ kind: "call", device: id }, CALL_LIMIT_MS, async () => {
          const { token } = await device.host(`app-${at % 5}.example.com`).generateToken();
          return { kind: "token", token };
        });
        await wait(50);
      }
    })();
  }

  /** Has something fail, and waits until the service is back; then all that was seen so far is judged. */
  async function through(fault: () => Promise<void>): Promise<void> {
    const before = history.entries.length;
    await fault();
    const mendedMs = performance.now();
    await load.progress(BACK);
    const backMs = performance.now() - mendedMs;
    const seen = history.entries.slice(before);
    const failed = seen.filter(({ ended }) => ended.kind === "failed").length;
    console.log(`      ${seen.length} calls, ${failed} failed; back after ${Math.round(backMs)} ms`);
    const tookMs = callsAway(history)
      .filter((entry) => seen.includes(entry) && entry.ended.kind === "failed")
      .map(({ startedMs, endedMs }) => Math.round(endedMs - startedMs))
      .sort((a, b) => a - b);
    if (tookMs.length > 0)
      console.log(`      503 after ${tookMs[tookMs.length >> 1]} ms, the last after ${tookMs.at(-1)} ms`);
    assert.deepEqual(violations(history), []);
  }

  /** The standby takes over; the primary must be gone by then. */
  async function promote(): Promise<void> {
    await standby.query("SELECT pg_promote(true, 30)");
    await primary.close();
    primary = standby;
    replicas.lead(primary.port);
    standby = await PostgresNode.follow(primary);
    await standby.start();
    await primary.waitForStandby();
  }

  it("a replica is killed", () =>
    through(async () => {
      await replicas.kill(0);
      await load.progress(BACK);
      await replicas.start(0);
    }));

  it("a replica stands still for 10 s", () =>
    through(async () => {
      replicas.signal(1, "SIGSTOP");
      await wait(PAUSE_MS);
      replicas.signal(1, "SIGCONT");
    }));

  it("the primary stands still for 10 s", () =>
    through(async () => {
      primary.pause();
      await history.away(replicas.urls(), () => wait(PAUSE_MS));
      primary.resume();
    }));

  it("the standby stands still for 10 s: nothing is told that it does not have", () =>
    through(async () => {
      standby.pause();
      await history.away(replicas.urls(), () => wait(PAUSE_MS));
      standby.resume();
    }));

  it("the network between a replica and its database is cut for 10 s", () =>
    through(async () => {
      replicas.ways[2]?.cut();
      await history.away(replicas.urls().slice(2), () => wait(PAUSE_MS));
      replicas.ways[2]?.mend();
    }));

  it("the primary's disk is full", async function () {
    if (small === null) {
      console.warn("      skipped: nobody may mount a tmpfs here");
      this.skip();
    }
    const ballast = join(small, "ballast");
    await through(async () => {
      fill(ballast);
      await wait(PAUSE_MS / 2);
      rmSync(ballast);
      // Where it could not write its log it ended itself.
      if (!(await isUp(primary))) {
        await primary.kill();
        await primary.start();
      }
    });
  });

  it("the primary is killed, and its standby promoted", () =>
    through(async () => {
      await primary.kill();
      await promote();
    }));

  it("both databases are killed, and started again", () =>
    through(async () => {
      await Promise.all([primary.kill(), standby.kill()]);
      await history.away(replicas.urls(), () => wait(3_000));
      await primary.start();
      await standby.start();
    }));

  it("the primary stands still, is fenced, and its standby promoted", () =>
    through(async () => {
      primary.pause();
      await wait(2_000);
      await primary.kill();
      await promote();
    }));

  it("a restore to an earlier moment: nothing that was given since is good, and no counter is taken again", async () => {
    const copy = await PostgresNode.copy(primary);
    closers.push(() => copy.close());
    await load.progress(BACK);
    await primary.query("SELECT pg_create_restore_point('moment')");
    await load.progress(5 * BACK);
    areCalling = false;
    await load.stop();
    await primary.query("SELECT pg_switch_wal()");
    while (
      Number(
        (
          await primary.query("SELECT count(*) AS n FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")
        )[0]?.n,
      ) > 0
    )
      await wait(50);
    for (const at of [0, 1, 2]) await replicas.kill(at);
    await Promise.all([primary.kill(), standby.kill()]);
    copy.set([
      `restore_command = 'cp ${archive}/%f %p'`,
      "recovery_target_name = 'moment'",
      "recovery_target_action = 'promote'",
      "archive_mode = off",
    ]);
    await copy.recover();
    replicas.lead(copy.port);
    history.restored();
    await replicas.start(0, { restored: true });
    for (const at of [1, 2]) await replicas.start(at);
    const given = history.entries.flatMap(({ ended }) => (ended.kind === "token" ? [ended.token] : []));
    for (const token of given.slice(-100)) await load.check(token);
    for (const person of people) load.makeTokens(person, MORE);
    for (const racer of racers) load.raceCounters(racer);
    await load.progress(3 * BACK);
    assert.deepEqual(violations(history), []);
  });

  it("all in all: every kind of answer was seen", () => {
    const seen = new Map<string, number>();
    for (const { asked, ended } of history.entries) {
      const key = `${asked.kind}: ${ended.kind}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    for (const [key, count] of [...seen].sort()) console.log(`      ${key} ${count}`);
    for (const key of [
      "counter: counter",
      "generate: token",
      "check: check",
      "revoke: revoked",
      "call: token",
    ])
      assert.ok((seen.get(key) ?? 0) > 0, key);
  });
});

/** Does it take connections? */
function isUp(node: PostgresNode): Promise<boolean> {
  return node.query("SELECT 1").then(
    () => true,
    () => false,
  );
}

describe("the checker of that, on a store that is broken on purpose", function () {
  this.timeout(120_000);
  let primary: PostgresNode;
  let standby: PostgresNode | null = null;
  let replicas: Replicas;
  const common = { sealKeyFiles: [newKeyFile()], limits: LIMITS, ...FREE };

  before(async function () {
    findProgram(this, `${PROGRAMS}/postgres`, "postgresql");
    primary = await PostgresNode.create();
    await primary.start();
    replicas = await Replicas.prepare(primary.port, common);
  });
  after(async () => {
    await replicas?.close();
    await standby?.close();
    await primary?.close();
  });

  /** What the checker finds after a while. */
  async function found(
    start: (load: Load, device: Credential) => void,
    until: (found: string[]) => boolean,
  ): Promise<string[]> {
    const history = new History();
    const database = { url: `postgresql://postgres@127.0.0.1:${primary.port}/postgres` };
    const keeper = await startService({ ...common, database });
    const device = await keeper.addDevice({ id: "device_broken" });
    const backend = await keeper.addDevice({ id: "backend_broken", role: "backend" });
    const load = new Load(history, replicas.places, backend);
    start(load, device);
    for (;;) {
      await wait(500);
      const all = violations(history);
      if (!until(all)) continue;
      await load.stop();
      await keeper.close();
      return all;
    }
  }

  it("finds counters that were accepted twice where the last write wins", async () => {
    for (const at of [0, 1, 2]) await replicas.start(at);
    await primary.query(`CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN NEW.mac_counter := OLD.mac_counter; RETURN NEW; END'`);
    await primary.query(
      "CREATE TRIGGER lost BEFORE UPDATE OF mac_counter ON motekey.devices FOR EACH ROW EXECUTE FUNCTION lost()",
    );
    const all = await found(
      (load, device) => load.raceCounters(device),
      (some) => some.some((sentence) => sentence.includes("accepted")),
    );
    await primary.query("DROP TRIGGER lost ON motekey.devices");
    for (const at of [0, 1, 2]) await replicas.kill(at);
    assert.ok(
      all.every((sentence) => /^counter .* was accepted \d+ times$/.test(sentence)),
      all[0],
    );
  });

  it("finds tokens that nobody knows, and ended ones that are active, where a replica reads from a stale standby", async () => {
    standby = await PostgresNode.follow(primary);
    standby.set([`recovery_min_apply_delay = '${STALE_MS}ms'`, "hot_standby_feedback = on"]);
    await standby.start();
    process.env.STALE_URL = `postgresql://postgres@127.0.0.1:${standby.port}/postgres`;
    await replicas.start(0);
    await replicas.start(1, {}, "stale");
    const all = await found(
      // By its end each token has reached the standby, and its end has not.
      (load, device) => load.makeTokens(device, 1, 2 * STALE_MS),
      (some) => STALE.every((sentence) => some.includes(sentence)),
    );
    assert.deepEqual([...new Set(all)].sort(), STALE);
  });
});
