import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { StoryEvent } from "../../host-sim/story/events.js";
import { compiled } from "../compiled.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { ROOT } from "../tidy/repository.js";

const HOST = "app.example.com";

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What `npm start` runs. */
const program = () => compiled("host-sim/story/main.ts", "host-sim/fleet/cloud-process.ts");

/** Starts the story in a process group of its own, as a terminal would. */
function start(command: string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const env = { ...process.env, ...environment };
  const [file = "", ...words] = command;
  return spawn(file, words, {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (piece) => {
    stdout += piece;
  });
  child.stderr?.on("data", (piece) => {
    stderr += piece;
  });
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

const run = async (words: string[], environment?: NodeJS.ProcessEnv) =>
  ended(start([process.execPath, await program(), ...words], environment));

const npmStart = (words: string[]) => ended(start(["npm", "start", "--silent", "--", ...words]));

const eventsOf = (stdout: string): StoryEvent[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

/** The event of this name; fails where there is not exactly one. */
function only<Name extends StoryEvent["event"]>(events: StoryEvent[], name: Name) {
  const named = events.filter((event) => event.event === name);
  assert.equal(named.length, 1, `${named.length} events "${name}"`);
  return named[0] as Extract<StoryEvent, { event: Name }>;
}

describe("npm start", () => {
  it("-- --json tells connected, token, cached, refreshed, revoked, gone, closed, done", async () => {
    const { code, stdout } = await npmStart(["--json"]);
    const events = eventsOf(stdout);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["started", "connected", "token", "token", "refreshed", "revoked", "gone", "closed", "done"],
    );
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /eyJ/, "a token was told");

    const [first, cached] = events.filter((event) => event.event === "token");
    assert.deepEqual([first?.host, first?.cached, first?.generation], [HOST, false, 1]);
    assert.deepEqual([cached?.host, cached?.cached, cached?.generation], [HOST, true, 1]);
    assert.ok((first?.expiresIn ?? 0) > 5 && (first?.expiresIn ?? 0) <= 10, `${first?.expiresIn} s`);

    const refreshed = only(events, "refreshed");
    assert.deepEqual([refreshed.host, refreshed.generation], [HOST, 2]);
    assert.ok(refreshed.aheadOfExpiry > 0, `${refreshed.aheadOfExpiry} s`);
    assert.ok(refreshed.answers > 0, `${refreshed.answers} answers`);

    const gone = only(events, "gone");
    assert.deepEqual([gone.host, gone.listed, gone.active], [HOST, 0, 0]);
    assert.equal(only(events, "closed").connects, 1);
    assert.equal(only(events, "done").ok, true);
    for (const event of events) if ("ms" in event) assert.ok(event.ms > 0 && event.ms < 60_000, event.event);
  });

  it("tells the same to people in plain lines, and no token", async () => {
    const { code, stdout, stderr } = await run([]);
    assert.deepEqual([code, stderr], [0, ""]);
    const names = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.trim().split(/\s+/)[2]);
    assert.deepEqual(names, [
      "started",
      "connected",
      "token",
      "cached",
      "refreshed",
      "revoked",
      "gone",
      "closed",
      "done",
    ]);
    assert.ok(!stdout.includes("\x1b"), "colours, though this is no terminal");
    assert.doesNotMatch(stdout, /eyJ|\bundefined\b|\bNaN\b/);
  });

  it("-- --devices 25 --json reports 25 tokens", async () => {
    const { code, stdout } = await npmStart(["--devices", "25", "--json"]);
    const events = eventsOf(stdout);
    assert.deepEqual(
      events.map(({ event }) => event),
      ["started", "fleet", "done"],
    );
    const { devices, tokens, failures, firstMs, bytesPerToken } = only(events, "fleet");
    assert.deepEqual([code, devices, tokens, failures], [0, 25, 25, {}]);
    assert.ok(firstMs.p50 > 0 && firstMs.p99 >= firstMs.p50);
    assert.ok(bytesPerToken.sent > 0 && bytesPerToken.received > 0);
  });

  it("-- --devices 5 tells people the figures", async () => {
    const { code, stdout } = await run(["--devices", "5"]);
    assert.equal(code, 0);
    assert.match(stdout, / tokens +5 of 5, in /);
    assert.match(stdout, / first +token after [\d.]+ ms \(p50\), [\d.]+ ms \(p99\)\n/);
  });

  it("-- --cloud attaches to mosquitto, where the device has a password", async function () {
    const psk = "correct horse";
    const broker = await startMosquitto(findMosquitto(this), [{ id: "device_7", password: psk }]);
    try {
      const words = ["--cloud", broker.cloudUrl, "--id", "device_7", "--proof", "password+mac"];
      const { code, stdout } = await run([...words, "--allow-insecure", "--json"], { MOTEKEY_PSK: psk });
      const events = eventsOf(stdout);
      assert.equal(only(events, "done").ok, true, stdout);
      assert.equal(code, 0);
      assert.deepEqual(
        [only(events, "started").cloud, only(events, "refreshed").generation],
        [broker.url, 2],
      );
      assert.ok(!stdout.includes(psk) && !stdout.includes(new URL(broker.cloudUrl).password));
    } finally {
      await broker.close();
    }
  });

  it("-- --cloud where the broker refuses the device ends with its reason and 1", async function () {
    const broker = await startMosquitto(findMosquitto(this), []);
    try {
      const { code, stdout, stderr } = await run(["--cloud", broker.cloudUrl, "--json"]);
      const done = only(eventsOf(stdout), "done");
      assert.deepEqual([code, done.ok, stderr], [1, false, ""]);
      assert.match("reason" in done ? done.reason : "", /^getToken for app\.example\.com: NOT_AUTHORIZED\. /);
    } finally {
      await broker.close();
    }
  });

  for (const devices of [[], ["--devices", "3"]]) {
    it(`-- --cloud without a broker there ends with the reason and 1 ${devices.join(" ")}`, async () => {
      const words = ["--cloud", "mqtt://me:s3cret@127.0.0.1:1", "--json", ...devices];
      const { code, stdout, stderr } = await run(words);
      const events = eventsOf(stdout);
      assert.deepEqual([code, events.length, stderr], [1, 1, ""]);
      const done = only(events, "done");
      assert.match(
        "reason" in done ? done.reason : "",
        /^Cannot connect to the broker mqtt:\/\/127\.0\.0\.1:1: nothing listens/,
      );
    });
  }

  it("wrong usage ends with one line and 2", async () => {
    const { code, stdout, stderr } = await run(["--devices", "none", "--json"]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.equal(stderr, "motekey: --devices must be a whole number from 1 to 20000 (npm start -- --help)\n");
  });

  it("--help shows examples and ends with 0", async () => {
    const { code, stdout, stderr } = await run(["--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /npm start -- --devices 500/);
  });

  for (const words of [["--json"], ["--json", "--devices", "2000"]]) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      it(`${words.join(" ")} ended by ${signal} closes everything and ends with 130`, async () => {
        const child = start([process.execPath, await program(), ...words]);
        const end = ended(child);
        const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
        await Promise.race([once(lines, "line"), end]);
        // As Ctrl-C does: the whole group is told, the fleet's cloud too.
        process.kill(-(child.pid as number), signal);
        const { code, stdout, stderr } = await end;
        const done = only(eventsOf(stdout), "done");
        assert.deepEqual([code, done.ok, stderr], [130, false, ""]);
        assert.equal("reason" in done ? done.reason : "", "interrupted");
        assert.throws(
          () => process.kill(-(child.pid as number), 0),
          { code: "ESRCH" },
          "somebody still runs",
        );
      });
    }
  }
});
