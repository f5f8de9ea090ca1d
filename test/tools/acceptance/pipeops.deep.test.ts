/** PipeOps' page "Authentication Commands", example after example in its order, with `motekey` for `pipeops`. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { good, json } from "../acme.js";
import { Place } from "./place.js";

const USER = {
  username: "user",
  password: "canary-password",
  email: "user@example.com",
  name: "John Doe",
};

describe("acceptance: PipeOps", () => {
  let place: Place;

  before(async function () {
    place = await Place.open(this, {
      organizations: [{ name: "Acme Corp", teams: ["acme"] }],
      users: [{ ...USER, memberships: [{ organization: "Acme Corp", role: "admin" }] }],
    });
  });
  after(() => place?.close());

  const logIn = async (line = "motekey auth login", env: Record<string, string> = {}) => {
    const run = place.line(line, { env });
    await place.allowAt(await place.opened(), USER.username, USER.password);
    return good(await run);
  };

  it("status without a login: the documented lines, exit 1", async () => {
    const { exit, stdout } = await place.line("motekey auth status");
    assert.equal(stdout, "✗ Not authenticated\nRun 'motekey auth login' to authenticate\n");
    assert.equal(exit, 1);
  });

  it("login: standard, in the browser", async () => {
    assert.equal((await logIn()).stdout, "✓ Successfully authenticated as user@example.com\n");
  });

  it("login --no-browser: the documented lines, and a code that any machine can confirm", async () => {
    const run = place.shell("motekey auth login --no-browser --force 2>&1 | tee told");
    const url = await place.toldIn("told", /https?:\S+user_code=\S+|https?:\S+\/device\S*/);
    await place.allowAt(url, USER.username, USER.password);
    const { stdout } = good(await run);
    assert.match(stdout, /^Please open this URL in your browser to authenticate:\nhttp/);
    assert.match(
      stdout,
      /\n\nWaiting for authentication\.\.\.\n✓ Successfully authenticated as user@example\.com\n$/,
    );
  });

  it("--browser=false is --no-browser, --browser the default", async () => {
    const run = place.shell("motekey auth login --browser=false --force 2>&1 | tee told2");
    await place.allowAt(await place.toldIn("told2", /https?:\S+user_code=\S+/), USER.username, USER.password);
    good(await run);
    await logIn("motekey auth login --browser --force");
  });

  it("logout asks [y/N], and says so when it is done", async () => {
    const said = await place.converse("motekey auth logout", [["[y/N]", "y\r"]]);
    assert.match(said.stdout, /^Are you sure you want to logout\? \[y\/N\] y\n✓ Successfully logged out\n$/);
    assert.equal(said.exit, 0);
    assert.equal((await place.line("motekey auth status")).exit, 1);
  });

  it("logout --force asks nothing", async () => {
    await logIn();
    assert.match(good(await place.line("motekey auth logout --force")).stdout, /✓ Successfully logged out/);
  });

  it("status with a login: the documented lines and JSON, exit 0", async () => {
    await logIn();
    const { stdout } = good(await place.line("motekey auth status"));
    assert.match(
      stdout,
      /^✓ Authenticated as user@example\.com\nToken expires: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/,
    );
    const told = json(
      await place.line("motekey auth status --json=authenticated,email,expires_at,token_valid"),
    );
    assert.deepEqual(Object.keys(told), ["authenticated", "email", "expires_at", "token_valid"]);
    assert.equal(told.email, USER.email);
    assert.match(told.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it("in scripts: the documented 'if' takes its first way with a login, its second without", async () => {
    const script =
      "if motekey auth status > /dev/null 2>&1; then echo proceeding; else echo please login; fi";
    assert.equal(good(await place.shell(script)).stdout, "proceeding\n");
    const away = { MOTEKEY_CONFIG_PATH: join(place.folder, "nothing.json") };
    assert.equal(good(await place.shell(script, { env: away })).stdout, "please login\n");
  });

  it("me: the documented lines and JSON", async () => {
    const { stdout } = good(await place.line("motekey auth me"));
    assert.match(
      stdout,
      /^Email: {8}user@example\.com\nName: {9}John Doe\nOrganization: Acme Corp\nRole: {9}Admin\nAccount ID: {3}usr_\d{10}\n$/,
    );
    const { id, created_at, ...rest } = json(
      await place.line("motekey auth me --json=id,email,name,organization,role,created_at"),
    );
    assert.match(id, /^usr_\d{10}$/);
    assert.ok(Date.parse(created_at) > 0);
    assert.deepEqual(rest, { email: USER.email, name: USER.name, organization: "Acme Corp", role: "admin" });
  });

  it("CI: a token from the environment is used, and written nowhere", async () => {
    const token = good(await place.line("motekey auth token")).stdout.trim();
    const config = join(place.folder, "ci.json");
    const env = { MOTEKEY_AUTH_TOKEN: token, MOTEKEY_CONFIG_PATH: config };
    assert.match(good(await place.line("motekey auth status", { env })).stdout, /MOTEKEY_AUTH_TOKEN/);
    assert.ok(!existsSync(config));
  });

  it("multiple accounts: each configuration file has its own login", async () => {
    const [prod, staging] = ["prod.json", "staging.json"].map((name) => join(place.folder, name));
    await logIn("motekey auth login", { MOTEKEY_CONFIG_PATH: prod ?? "" });
    assert.equal(statSync(prod ?? "").mode & 0o777, 0o600);
    assert.equal(
      (await place.line("motekey auth status", { env: { MOTEKEY_CONFIG_PATH: prod ?? "" } })).exit,
      0,
    );
    assert.equal(
      (await place.line("motekey auth status", { env: { MOTEKEY_CONFIG_PATH: staging ?? "" } })).exit,
      1,
    );
  });

  it("headless: a token put into the file by hand; a file that others can read is told, with chmod 600", async () => {
    const token = good(await place.line("motekey auth token")).stdout.trim();
    const config = join(place.folder, "by-hand.json");
    writeFileSync(config, JSON.stringify({ auth_token: token }));
    chmodSync(config, 0o644);
    const env = { MOTEKEY_CONFIG_PATH: config };
    const said = good(await place.line("motekey auth status", { env }));
    assert.match(said.stderr, /chmod 600/);
    chmodSync(config, 0o600);
    assert.equal(good(await place.line("motekey auth status", { env })).stderr, "");
  });

  it("rotate: logout and login", async () => {
    const { stdout: before } = good(await place.line("motekey auth token"));
    good(await place.line("motekey auth logout --force"));
    await logIn();
    assert.notEqual(good(await place.line("motekey auth token")).stdout, before);
  });

  it("errors: not authenticated, and an invalid token, each with its next step and exit 4", async () => {
    const env = { MOTEKEY_CONFIG_PATH: join(place.folder, "nothing.json") };
    const none = await place.line("motekey auth me", { env });
    assert.equal(none.stderr, "Error: Not authenticated. Run 'motekey auth login'.\n");
    assert.equal(none.exit, 4);
    const bad = await place.line("motekey auth me", { env: { MOTEKEY_AUTH_TOKEN: "nonsense" } });
    assert.match(bad.stderr, /^Error: The provider refuses the token\./);
    assert.equal(bad.exit, 4);
  });

  it("permission denied: told with the file, and what to run", async () => {
    const env = { MOTEKEY_CONFIG_PATH: join(place.folder, "open.json") };
    writeFileSync(env.MOTEKEY_CONFIG_PATH, "{}");
    chmodSync(env.MOTEKEY_CONFIG_PATH, 0o666);
    const said = await place.line("motekey auth status", { env });
    assert.match(said.stderr, /Run chmod 600 .*open\.json/);
    assert.equal(said.exit, 1);
  });
});
