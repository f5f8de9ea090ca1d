/** Every error code, made for real: one JSON object on stderr with what happened and the next step, nothing on stdout. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { FAILURES, type FailureCode } from "../../tools/cli/failure.js";
import { Person } from "../identity/people.js";
import { ANN, ANN_AT_BROWSER, CI, good, startAcme, visit } from "./acme.js";
import { MemoryKeychain, type RunOptions, World } from "./world.js";

const PROCESS = new URL("../../tools/store/keychain-process.ts", import.meta.url);
const HOURS = 60 * 60 * 1000;

/** What must be so for a line to fail, done first; it resolves to how the line is run. */
type Before = (world: World, identity: Identity) => RunOptions | undefined | Promise<RunOptions | undefined>;

const loggedIn: Before = async (world) => {
  good(await world.line("auth login --username ann", { input: ANN.password }));
  return undefined;
};
const fresh: Before = () => undefined;

/** Signs in and says no. */
async function refuse(url: string): Promise<void> {
  const person = new Person();
  const answers = { username: ANN.username, password: ANN.password, answer: "yes" };
  const page = await person.answer(await person.open(url), answers);
  void visit((await person.answer(page, { answer: "no" })).url);
}

const ROWS: readonly [code: FailureCode, line: string, before: Before][] = [
  ["usage", "auth login --password x", fresh],
  ["needs_terminal", "auth logout", loggedIn],
  [
    "issuer_missing",
    "auth login",
    (world) => {
      delete world.env.MOTEKEY_ISSUER;
      return undefined;
    },
  ],
  ["not_authenticated", "auth token", fresh],
  [
    "token_expired",
    "auth token",
    async (world, identity) => {
      await loggedIn(world, identity);
      identity.age(7 * 60 * 60);
      return { now: () => Date.now() + 7 * HOURS };
    },
  ],
  [
    "login_ended",
    "auth refresh",
    async (world, identity) => {
      await loggedIn(world, identity);
      await identity.disable("ann");
      return undefined;
    },
  ],
  ["invalid_token", "auth whoami", () => ({ env: { MOTEKEY_AUTH_TOKEN: "nonsense" } })],
  ["invalid_credentials", "auth login --username ann", () => ({ input: "wrong" })],
  ["login_denied", "auth login", () => ({ ...ANN_AT_BROWSER, openBrowser: refuse })],
  [
    "login_timeout",
    "auth login --device-code",
    (_world, identity) => {
      identity.lifetimes.deviceCode = 1;
      return undefined;
    },
  ],
  [
    "unsafe_response",
    "auth login",
    (_world, identity) => {
      identity.faults.idToken = { forged: true };
      return ANN_AT_BROWSER;
    },
  ],
  [
    "not_supported",
    "auth login --device-code",
    (_world, identity) => {
      identity.faults.lacks = ["device_authorization_endpoint"];
      return undefined;
    },
  ],
  ["issuer_unreachable", "auth login --issuer http://127.0.0.1:1", fresh],
  [
    "issuer_unavailable",
    "auth login",
    (_world, identity) => {
      identity.faults.down = 503;
      return undefined;
    },
  ],
  [
    "issuer_invalid",
    "auth login",
    (_world, identity) => {
      identity.faults.down = 404;
      return undefined;
    },
  ],
  [
    "clock_wrong",
    "auth login",
    (_world, identity) => {
      const hourAgo = Math.floor(Date.now() / 1000) - 3600;
      identity.faults.clockOffsetSeconds = -2 * 3600;
      identity.faults.idToken = { claims: { iat: hourAgo - 60, exp: hourAgo } };
      return ANN_AT_BROWSER;
    },
  ],
  [
    "issuer_refused",
    "auth login --username ann --scopes bogus",
    (_world, identity) => {
      const body = { error: "invalid_scope", error_description: "not for you" };
      identity.faults.error = { endpoint: "token_endpoint", status: 400, body, times: 1 };
      return { input: ANN.password };
    },
  ],
  ["team_unknown", "auth login --team nope --username ann", () => ({ input: ANN.password })],
  ["account_unknown", "auth switch --account nope", loggedIn],
  ["organization_unknown", "auth switch --org nope", loggedIn],
  [
    "keychain_absent",
    "auth login --username ann",
    async (world) => {
      // Imported as the commands do: see World.
      const { systemKeychain } = await import("../../tools/store/keychain.js");
      const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(world.folder, "no-bus")}` };
      world.keychain = systemKeychain("linux", PROCESS, { env });
      return { input: ANN.password };
    },
  ],
  [
    "key_missing",
    "auth token",
    async (world, identity) => {
      await loggedIn(world, identity);
      world.keychain = new MemoryKeychain();
      return undefined;
    },
  ],
  [
    "storage_denied",
    "auth login --username ann",
    (world) => {
      writeFileSync(join(world.folder, "file"), "");
      return { env: { MOTEKEY_CONFIG_PATH: join(world.folder, "file", "config.json") } };
    },
  ],
  [
    "storage_unsafe",
    "auth token",
    async (world, identity) => {
      await loggedIn(world, identity);
      chmodSync(world.config, 0o666);
      return undefined;
    },
  ],
  [
    "storage_broken",
    "auth token",
    (world) => {
      writeFileSync(world.config, "canary", { mode: 0o600 });
      return undefined;
    },
  ],
  [
    "command_failed",
    "auth exec -- no-such-program",
    async (world, identity) => {
      await loggedIn(world, identity);
      return { runProgram: () => Promise.reject(Object.assign(new Error(), { code: "ENOENT" })) };
    },
  ],
  ["interrupted", "auth login --device-code", () => ({ interrupted: AbortSignal.abort() })],
  ["failed", "cloud start --folder state --host 192.0.2.1", fresh],
];

/** Secrets that each of them has around it, and need not use. */
const CANARIES = {
  MOTEKEY_CLIENT_SECRET: "canary-of-a-client",
  HTTPS_PROXY: "http://me:canary-of-a-proxy@127.0.0.1:1",
};

/** Those that take a system's service, or a minute: each has a test of its own. */
const ELSEWHERE: readonly FailureCode[] = [
  "keyring_missing",
  "keychain_locked",
  "keychain_silent",
  "storage_busy",
  "cloud_unreachable",
  "cloud_invalid",
  "not_allowed",
  "device_unknown",
  "device_exists",
  "log_broken",
  "batch_other",
  "partition_damaged",
  "partition_unfit",
  "port_unavailable",
  "device_silent",
  "device_unfit",
  "device_unverified",
  "wifi_failed",
];

describe("the error", () => {
  let world: World;
  let identity: Identity;

  beforeEach(async () => {
    world = new World();
    identity = await startAcme();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    world.end();
    await identity.close();
  });

  it("codes are all tested", () => {
    const codes = [...ROWS.map(([code]) => code), ...ELSEWHERE];
    assert.deepEqual(codes.sort(), Object.keys(FAILURES).sort());
  });

  for (const [code, line, before] of ROWS) {
    it(`${code}: 'motekey ${line}' tells it with its exit status and the next step`, async () => {
      const given = await before(world, identity);
      const options = { ...given, env: { ...CANARIES, ...given?.env } };
      const { exit, stdout, stderr } = await world.line(`${line.replace(/ -- |$/, " --json$&")}`, options);
      assert.equal(stdout, "");
      const { error } = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "");
      assert.deepEqual(Object.keys(error), ["code", "message", "next", "exit"]);
      assert.equal(error.code, code, stderr);
      assert.equal(error.exit, exit);
      assert.equal(exit, FAILURES[code].exit);
      assert.match(error.message, /^\S.*[^.]\.?$/s);
      if (code !== "interrupted") assert.match(error.next, /\S.*\.$/, stderr);
      for (const secret of [ANN.password, CI.secret, "canary", "    at "])
        assert.ok(!stderr.includes(secret), secret);
      if (code === "interrupted") return;
      const human = await world.line(line, { ...options, env: { ...options.env, MOTEKEY_DEBUG: "1" } });
      for (const secret of [ANN.password, CI.secret, "canary"]) {
        assert.ok(!human.stderr.includes(secret), secret);
        assert.ok(!human.stdout.includes(secret), secret);
      }
    });
  }
});
