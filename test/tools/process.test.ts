/** The command line as processes: start-up, many at a time, streams, signals, children, and secrets in all of them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { ANN, CI, good, startAcme } from "./acme.js";
import { MOTEKEY, needProgram, type ProcessOptions, runProcess } from "./process.js";
import { World } from "./world.js";

/** Says what the repository's bundle was made from. */
const STAMP = new URL("../../tools/.cache/inputs.json", import.meta.url);

describe("the process motekey", () => {
  let world: World;
  let identity: Identity;

  beforeEach(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    world.end();
    await identity.close();
  });

  const run = (line: string, { env, ...options }: ProcessOptions = {}) =>
    runProcess(line.split(" "), { directory: world.folder, ...options, env: { ...world.env, ...env } });
  const logIn = async () =>
    good(await run("auth login --username ann --insecure-storage", { input: ANN.password }));

  it("started many times at once in a repository that has no bundle yet, each makes it and runs", async () => {
    rmSync(STAMP, { force: true });
    const said = await Promise.all(Array.from({ length: 12 }, () => runProcess(["--version"])));
    for (const one of said) assert.equal(good(one).stderr, "");
  });

  it("twenty on one expired token make one refresh", async () => {
    await logIn();
    const state = JSON.parse(readFileSync(world.config, "utf8"));
    state.accounts[0].open.expiresAtMs = Date.now();
    writeFileSync(world.config, JSON.stringify(state));
    const said = await Promise.all(Array.from({ length: 20 }, () => run("auth token")));
    assert.equal(new Set(said.map((one) => good(one).stdout)).size, 1);
    assert.equal(identity.stats.tokens.refresh_token, 1);
  });

  it("an answer on stdout, all else on stderr: into a pipe that closes early it ends quietly", () => {
    const words = ["-c", `"${process.execPath}" "${MOTEKEY}" --help | head -n 1`];
    const { stdout, stderr } = spawnSync("bash", ["-o", "pipefail", ...words], { encoding: "utf8" });
    assert.match(stdout, /^Usage: motekey/);
    assert.equal(stderr, "");
  });

  it("without permission to write it says what to run", async function () {
    needProgram(this, "setpriv", "util-linux");
    await logIn();
    chmodSync(world.folder, 0o500);
    // Without its capabilities even root obeys permissions.
    const under = ["setpriv", "--bounding-set", "-all"];
    const { exit, stderr } = await run("auth refresh", process.geteuid?.() === 0 ? { under } : {});
    chmodSync(world.folder, 0o700);
    assert.equal(exit, 1);
    assert.match(
      stderr,
      /^Error: Cannot write .*config\.json: permission denied; run chmod 600 .*config\.json, and chmod 700 .*\.\n$/,
    );
  });

  describe("auth exec", () => {
    beforeEach(logIn);

    it("gives a token to the child alone, and ends as it ends", async () => {
      const token = good(await run("auth token")).stdout;
      const words = ["auth", "exec", "--", "sh", "-c", "echo $MOTEKEY_AUTH_TOKEN; exit 7"];
      const said = await runProcess(words, { env: world.env });
      assert.deepEqual(said, { exit: 7, stdout: token, stderr: "" });
    });

    it("a child that a signal ends: 128 and its number", async () => {
      const said = await runProcess(["auth", "exec", "--", "sh", "-c", "kill -TERM $$"], { env: world.env });
      assert.equal(said.exit, 128 + 15);
    });

    it("what is no program is told, exit 1", async () => {
      const missing = await run("auth exec -- no-such-program");
      assert.match(missing.stderr, /^Error: Cannot run no-such-program: there is no such program\. /);
      assert.equal(missing.exit, 1);
      writeFileSync(join(world.folder, "plain"), "");
      assert.match((await run("auth exec -- ./plain")).stderr, /permission denied/);
    });

    it("flags after -- are the program's", async () => {
      assert.equal(
        good(await run("auth exec -- echo --json --team x -username")).stdout,
        "--json --team x -username\n",
      );
    });

    it("hands SIGTERM on, and waits for the child's end", async () => {
      const words = [
        "auth",
        "exec",
        "--",
        "sh",
        "-c",
        "trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.1; done",
      ];
      const said = await runProcess(words, {
        env: world.env,
        started: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
      });
      assert.deepEqual([said.exit, said.stdout], [3, "hello\nbye\n"]);
    });
  });

  describe("secrets", () => {
    const SECRETS = [ANN.password, CI.secret];

    it("no output, no child's environment and no command line of a child holds one", async function () {
      this.timeout(180_000);
      const seen: string[] = [];
      // Stands for the browser: writes down what a child of ours is given.
      const browser = join(world.folder, "browser");
      const report = join(world.folder, "report");
      writeFileSync(
        browser,
        `#!/bin/sh\n{ cat /proc/$$/environ /proc/$$/cmdline /proc/$PPID/environ /proc/$PPID/cmdline; } > ${report}.part; mv ${report}.part ${report}\n`,
        {
          mode: 0o755,
        },
      );
      const env = {
        MOTEKEY_USERNAME: "ann",
        MOTEKEY_PASSWORD: ANN.password,
        MOTEKEY_CLIENT_SECRET: CI.secret,
        BROWSER: browser,
      };
      const lines = [
        "auth login --insecure-storage",
        "auth login --client-id ci --json --force --insecure-storage",
        "auth status --explain",
        "auth list --json",
        "auth whoami --json",
        "auth refresh --json",
        "auth exec -- sh -c cat\t/proc/self/cmdline",
        "auth login --username ann --team nope",
        "auth logout --all --force --json",
      ];
      for (const line of lines) {
        const said = await run(line, { env: { ...env, MOTEKEY_DEBUG: "1" } });
        seen.push(said.stdout, said.stderr);
      }
      const interrupted = run("auth login --browser --insecure-storage --client-id motekey-cli", {
        env: {
          MOTEKEY_CLIENT_SECRET: CI.secret,
          MOTEKEY_AUTH_TOKEN: "canary-token",
          BROWSER: browser,
        },
        started: (child) => {
          const seen = watch(world.folder, (_event, name) => {
            if (name !== "report") return;
            seen.close();
            child.kill("SIGINT");
          });
        },
      });
      seen.push((await interrupted).stderr);
      const given = readFileSync(report, "latin1");
      assert.match(given, /BROWSER=/, "the report is of a child of ours");
      for (const text of [...seen, given]) {
        for (const secret of [...SECRETS, "canary-token"]) assert.ok(!text.includes(secret), text);
        assert.doesNotMatch(text, /"(access|refresh)_?token"/i);
      }
    });

    it("'auth list --json' shows no token", async () => {
      await logIn();
      const token = good(await run("auth token")).stdout.trim();
      const kept = readFileSync(world.config, "utf8");
      const refreshToken = JSON.parse(kept).accounts[0].open.refreshToken as string;
      for (const line of [
        "auth list --json",
        "auth status --json",
        "auth whoami --json",
        "auth list",
        "auth status --explain",
      ]) {
        const { stdout, stderr } = good(await run(line));
        for (const secret of [token, refreshToken]) assert.ok(!(stdout + stderr).includes(secret), line);
      }
    });

    it("'auth exec' hands its child the token, and no other secret", async () => {
      await logIn();
      const said = await run("auth exec -- env", {
        env: {
          MOTEKEY_PASSWORD: ANN.password,
          MOTEKEY_CLIENT_SECRET: CI.secret,
          MOTEKEY_AUTH_TOKEN: "given",
        },
      });
      assert.match(good(said).stdout, /^MOTEKEY_AUTH_TOKEN=given$/m);
      for (const secret of SECRETS) assert.ok(!said.stdout.includes(secret));
    });
  });

  it("Ctrl-C while it waits for the provider ends it at once with 130, and leaves no lock", async () => {
    await logIn();
    identity.faults.latencyMs = 600_000; // longer than this test may take
    const { exit, stdout } = await run("auth refresh", {
      started: (child) => {
        const lock = watch(world.folder, (_event, name) => {
          if (name !== "config.json.lock") return;
          lock.close();
          child.kill("SIGINT");
        });
      },
    });
    assert.deepEqual([exit, stdout], [130, ""]);
    identity.faults.latencyMs = 0;
    good(await run("auth refresh"));
  });

  it("'cloud start' tells where it listens, serves, and ends with Ctrl-C", async () => {
    const words =
      "cloud start --mqtt-port 0 --http-port 0 --identity-port 0 --team acme --json --folder state";
    let told = "";
    const said = await run(words, {
      started: async (child) => {
        while (!told.includes("}")) told += (await once(child.stdout as NodeJS.ReadableStream, "data"))[0];
        const { issuer, password } = JSON.parse(told);
        const login = await run("auth login --username admin --team acme --insecure-storage", {
          env: { MOTEKEY_ISSUER: issuer },
          input: password,
        });
        told = login.stdout;
        child.kill("SIGINT");
      },
    });
    assert.equal(told, "Logged in as user: admin.\n");
    assert.equal(good(said).stderr, "\nFor tests only, not for production. Ctrl-C ends it.\n");
  });

  it("MOTEKEY_CLOUD_FOLDER is where 'cloud start' keeps what it learns", async () => {
    const folder = join(world.folder, "elsewhere");
    const said = await run("cloud start --mqtt-port 0 --http-port 0 --identity-port 0 --json", {
      env: { MOTEKEY_CLOUD_FOLDER: folder },
      started: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
    });
    assert.equal(JSON.parse(good(said).stdout).folder, folder);
  });

  it("'cloud start --restored' begins a new epoch of counters", async () => {
    const folder = join(world.folder, "restored");
    mkdirSync(folder);
    const counters = { connect: 7, mac: 64 };
    const entities = [{ id: "device_1", role: "device", psk: "x", counters, disabled: false }];
    writeFileSync(join(folder, "devices.json"), JSON.stringify({ version: 1, entities }));
    const ports = "--mqtt-port 0 --http-port 0 --identity-port 0 --json";
    good(
      await run(`cloud start --folder ${folder} --restored ${ports}`, {
        started: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
      }),
    );
    const kept = JSON.parse(readFileSync(join(folder, "devices.json"), "utf8"));
    assert.deepEqual(kept.entities[0].counters, { connect: 7 + 2 ** 32, mac: 64 + 2 ** 32 });
  });

  describe("'cloud start' that cannot be", () => {
    const start = (words: string) =>
      run(`cloud start --folder state --mqtt-port 0 --http-port 0 --identity-port 0 ${words}`);
    const seed = (content: string) => writeFileSync(join(world.folder, "seed.json"), content);

    it("a port that is taken: which, and which flags choose others", async () => {
      const port = new URL(identity.issuer).port;
      const { exit, stderr } = await start(`--http-port ${port}`);
      assert.equal(exit, 1);
      const told = `Error: Cannot listen for HTTP on 127.0.0.1:${port}: the port is taken. Other ports: --mqtt-port, --http-port, --identity-port; 0 takes any free one.\n`;
      assert.equal(stderr, told);
    });

    it("an address that this machine has not, and a folder that cannot be made: said as such", async () => {
      const away = await start("--host 192.0.2.1");
      assert.match(away.stderr, /192\.0\.2\.1:0: this machine has no such address\. Check --host\.\n$/);
      seed("{}");
      const { exit, stderr } = await start("--folder seed.json");
      assert.match(stderr, /^Error: Cannot make the folder .*seed\.json; choose another, .*\.\n$/);
      assert.doesNotMatch(stderr, /port/);
      assert.equal(exit, 1);
    });

    const wrong: [content: string | null, words: string, told: RegExp][] = [
      [null, "--mqtt-port 99999", /--mqtt-port is a number from 0 to 65535/],
      [null, "--seed seed.json", /seed\.json cannot be used: there is no such file\./],
      ["{", "--seed seed.json", /cannot be used: it is not JSON\./],
      ["[]", "--seed seed.json", /cannot be used: its top: /],
      ['{"users":[{"username":1}]}', "--seed seed.json", /cannot be used: users\.0\.username: /],
    ];
    for (const [content, words, told] of wrong) {
      it(`'${words}' with ${content ?? "nothing"} is wrong usage`, async () => {
        if (content !== null) seed(content);
        const { exit, stderr, stdout } = await start(words);
        assert.match(stderr, told);
        assert.deepEqual([exit, stdout], [2, ""]);
      });
    }
  });
});
