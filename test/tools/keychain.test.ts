/** The real keychain: GNOME Keyring on a session bus of its own, unlocked, locked, and not there. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { systemKeychain } from "../../tools/store/keychain.js";
import { ANN, good, startAcme } from "./acme.js";
import { MOTEKEY, needProgram, runProcess } from "./process.js";
import type { Said } from "./world.js";

/** The daemon reads the keyring's password from stdin; an empty one would leave the keyring unprotected. */
const UNLOCK = "printf keyring-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1";
/** What asks the keychain, from its source: this process has Node load TypeScript. */
const PROCESS = new URL("../../tools/store/keychain-process.ts", import.meta.url);
const LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1";

describe("the system's keychain", () => {
  let identity: Identity;
  let home: string;

  before(async function () {
    needProgram(this, "dbus-run-session", "dbus");
    needProgram(this, "gnome-keyring-daemon", "gnome-keyring");
    needProgram(this, "secret-tool", "libsecret-tools");
    identity = await startAcme();
  });
  after(() => identity?.close());
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "motekey-home-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  /** Runs a shell script in a session with a bus; `motekey` in it is ours. */
  const session = (script: string, input = ""): Promise<Said> => {
    const motekey = `motekey() { "${process.execPath}" "${MOTEKEY}" "$@"; }`;
    const env = {
      HOME: home,
      XDG_DATA_HOME: home,
      XDG_RUNTIME_DIR: home,
      MOTEKEY_ISSUER: identity.issuer,
      MOTEKEY_CONFIG_PATH: join(home, "config.json"),
      MOTEKEY_PASSWORD: ANN.password,
    };
    return runProcess([], {
      under: ["dbus-run-session", "--", "sh", "-c", `${motekey}\n${script}\n:`, "--"],
      env,
      input,
    });
  };

  it("keeps a key; without it the file opens nobody's login; the tokens are in neither in clear", async () => {
    const said = good(
      await session(
        `${UNLOCK}; motekey auth login --username ann && motekey auth status && motekey auth token && secret-tool search --all service motekey`,
      ),
    );
    const [told, , , , , stored, token = ""] = said.stdout.split("\n");
    assert.equal(told, "Logged in as user: ann.");
    assert.match(stored ?? "", /^Stored in: .*config\.json, sealed by a key in the Secret Service$/);
    assert.match(said.stderr, /attribute\.service = motekey/);
    const file = readFileSync(join(home, "config.json"), "utf8");
    for (const secret of [token, ANN.password, "canary"]) assert.ok(!file.includes(secret));
    assert.match(file, /"sealed"/);
    const keyring = readFileSync(join(home, "keyrings", "login.keyring"), "latin1");
    for (const secret of [token, ANN.password]) assert.ok(!keyring.includes(secret));
  });

  it("a login outlives the session, as its key does", async () => {
    good(await session(`${UNLOCK}; motekey auth login --username ann`));
    const said = good(await session(`${UNLOCK}; motekey auth status`));
    assert.match(said.stdout, /^✓ Authenticated as ann@example\.com/);
  });

  it("logging out with --clear leaves no login in the file", async () => {
    good(
      await session(`${UNLOCK}; motekey auth login --username ann && motekey auth logout --force --clear`),
    );
    assert.deepEqual(JSON.parse(readFileSync(join(home, "config.json"), "utf8")).accounts, []);
  });

  it("one that lost its key can be left: 'logout --all --clear' erases all, says what is not ended, and logs in again", async () => {
    const lose = "secret-tool clear service motekey";
    const script = `${UNLOCK}; motekey auth login --username ann && ${lose}; motekey auth token; motekey auth logout --all --force; motekey auth logout --all --clear --force --json && motekey auth login --username ann && motekey auth logout --all --clear --force; secret-tool search --all service motekey`;
    const { stdout, stderr } = await session(script);
    assert.equal(
      stderr.match(/no longer has the key .* Run 'motekey auth logout --all --clear'/g)?.length,
      2,
      stderr,
    );
    const [, answer = "", ...rest] = stdout.split(/^(\[[\s\S]*^\])$/m);
    const [told] = JSON.parse(answer);
    assert.deepEqual([told.account, told.result], ["ann@example.com", "local-only"]);
    assert.match(told.detail, /could not be unsealed, so it is not ended at the provider/);
    assert.match(rest.join(""), /Logged in as user: ann\.\n✓ Successfully logged out\n/);
    assert.doesNotMatch(`${stdout}${stderr}`, /attribute\.service/, "the key is still in the keyring");
    assert.equal(JSON.parse(readFileSync(join(home, "config.json"), "utf8")).key, undefined);
  });

  it("a locked one can be left too: the key stays there, which is said, and opens nothing", async () => {
    good(await session(`${UNLOCK}; motekey auth login --username ann`));
    const { stdout, stderr } = await session(`${LOCKED}; motekey auth logout --all --clear --force`);
    assert.match(stdout, /ann@example\.com: Logged out here only: it could not be unsealed/);
    assert.match(
      stderr,
      /Warning: The key stays in the Secret Service, and opens nothing any more: .*locked/,
    );
    assert.deepEqual(JSON.parse(readFileSync(join(home, "config.json"), "utf8")).accounts, []);
  });

  it("a locked one is not an absent one: it says to unlock it, before anybody is asked", async () => {
    good(await session(`${UNLOCK}; motekey auth login --username ann`));
    const { stderr } = await session(
      `${LOCKED}; motekey auth login --force --username ann; motekey auth token`,
    );
    assert.match(stderr, /Error: The system keychain is locked \(.*\)\. Unlock it and try again\./);
    assert.doesNotMatch(stderr, /--insecure-storage/);
  });

  it("one without any keyring is not called locked: it says that there is none, and the next step", async () => {
    const said = await session(
      `${LOCKED}; motekey auth login --username ann --json; motekey auth login --username ann`,
    );
    assert.match(said.stderr, /"code":"keyring_missing"/);
    assert.match(
      said.stderr,
      /Error: The system keychain has no keyring to keep anything in \(.*\)\. Make one: .*--insecure-storage/,
    );
    assert.doesNotMatch(said.stderr, /locked/);
  });

  describe("behind a bus that says nothing", () => {
    let bus: Server;
    let env: Record<string, string>;
    let asked: Promise<unknown>;

    beforeEach(async () => {
      const path = join(home, "bus");
      bus = createServer(() => undefined).listen(path);
      asked = once(bus, "connection");
      await once(bus, "listening");
      env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}`, MOTEKEY_ISSUER: identity.issuer };
    });
    afterEach(() => bus.close());

    it("is silent, which is told when the time is over", async () => {
      const keychain = systemKeychain("linux", PROCESS, { limitMs: 1000, env });
      await assert.rejects(keychain.get("x"), { code: "keychain_silent" });
    });

    it("Ctrl-C still ends what asks it: 130, at once", async () => {
      const said = await runProcess(["auth", "login", "--username", "ann"], {
        env: { ...env, MOTEKEY_CONFIG_PATH: join(home, "config.json") },
        input: ANN.password,
        started: (child) => asked.then(() => child.kill("SIGINT")),
      });
      assert.deepEqual(said, { exit: 130, stdout: "", stderr: "\n" });
    });
  });

  it("without one it says so, names --insecure-storage, and keeps nothing", async () => {
    const env = { MOTEKEY_ISSUER: identity.issuer, MOTEKEY_CONFIG_PATH: join(home, "config.json") };
    const said = await runProcess(["auth", "login", "--username", "ann"], { env, input: ANN.password });
    assert.equal(said.exit, 1);
    assert.match(
      said.stderr,
      /^Error: No system keychain answers here \(.*\)\. .*--insecure-storage.*MOTEKEY_AUTH_TOKEN/,
    );
    assert.throws(() => readFileSync(join(home, "config.json")), { code: "ENOENT" });
  });
});
