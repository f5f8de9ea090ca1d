/**
 * SimpleIOT's page "Authentication", example after example in its order, with `motekey` for `iot` and `MOTEKEY_` for
 * `IOT_`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { good } from "../acme.js";
import { Place } from "./place.js";

const MAX = "canary-password-of-max";

describe("acceptance: SimpleIOT", () => {
  let place: Place;
  let password: string;

  before(async function () {
    place = await Place.open(this, {
      organizations: [{ name: "Example", teams: ["myteam", "another"] }],
      users: [
        { username: "max", password: MAX, memberships: [{ organization: "Example", teams: ["another"] }] },
      ],
    });
    ({ password } = place.started);
  });
  after(() => place?.close());

  const stored = () => readFileSync(join(place.folder, ".config", "motekey", "config.json"), "utf8");

  it("First Login: an administrative user 'admin' with a random password was made by the installation", () => {
    assert.equal(place.started.user, "admin");
    assert.ok(password.length >= 16);
  });

  it("1. by command line parameters, with --clear: erases, then logs in, and exits with 0", async () => {
    const said = await place.line(
      `motekey auth login --team=myteam --username=admin --password=${password} --clear`,
    );
    assert.equal(good(said).stdout, "Logged in as user: admin.\n");
    assert.match(said.stderr, /^Warning: --password is seen by everybody on this machine/);
  });

  it("2. interactive: asks for user name and password, which is shown as asterisks", async () => {
    good(await place.line("motekey --team=myteam auth logout --force --clear"));
    const { stdout, exit } = await place.converse("motekey --team=myteam auth login --username", [
      ["Enter username: ", "admin\r"],
      ["Enter password: ", `${password}\r`],
    ]);
    assert.equal(exit, 0, stdout);
    assert.match(
      stdout,
      /Enter username: admin\nEnter password: \*+\nLogged in as user: admin\.\nKept in .*, sealed by a key in the Secret Service: the tokens and the password\.\n$/,
    );
    assert.ok(!stdout.includes(password));
  });

  it("3. by the environment variables for user name and password", async () => {
    good(await place.line("motekey --team=myteam auth logout --force --clear"));
    const env = { MOTEKEY_TEAM: "myteam", MOTEKEY_USERNAME: "admin", MOTEKEY_PASSWORD: password };
    assert.equal(good(await place.line("motekey auth login", { env })).stdout, "Logged in as user: admin.\n");
  });

  it("a wrong user name or password: an error, exit 1, and the login that was there stays", async () => {
    const env = { MOTEKEY_TEAM: "myteam" };
    const said = await place.line("motekey auth login --username admin --force", { env, input: "wrong" });
    assert.match(said.stderr, /^Error: Invalid user name or password/);
    assert.equal(said.exit, 1);
    assert.equal(said.stdout, "");
    good(await place.line("motekey auth status", { env }));
  });

  it("a team that is not known: an error that says so, exit 1", async () => {
    const said = await place.line("motekey --team=nope auth login --username admin", { input: password });
    assert.match(said.stderr, /^Error: Team 'nope' is not known\./);
    assert.equal(said.exit, 1);
  });

  it("Subsequent logins: user name and password come from the keychain", async () => {
    const env = { MOTEKEY_TEAM: "myteam" };
    assert.equal(
      good(await place.line("motekey auth login --force", { env })).stdout,
      "Logged in as user: admin.\n",
    );
    assert.ok(!stored().includes(password), "sealed");
  });

  it("multiple logins, one for each team", async () => {
    good(await place.line("motekey --team=another auth login --username max", { input: MAX }));
    const { stdout } = good(await place.line("motekey auth list --json=team"));
    assert.deepEqual(JSON.parse(stdout), [{ team: "myteam" }, { team: "another" }]);
  });

  it("logout removes the token; user name and password stay for the next login", async () => {
    const env = { MOTEKEY_TEAM: "myteam" };
    good(await place.line("motekey auth logout --force", { env }));
    assert.equal((await place.line("motekey auth status", { env })).exit, 1);
    good(await place.line("motekey auth login", { env }));
  });

  it("logout --clear removes them too: the next login has nothing to go by", async () => {
    const env = { MOTEKEY_TEAM: "myteam" };
    good(await place.line("motekey auth logout --clear --force", { env }));
    const said = await place.line("motekey auth login --username admin", { env });
    assert.match(said.stderr, /A password is needed/);
    assert.equal(said.exit, 2);
    good(await place.line("motekey --team=another auth status"));
  });

  it("the slip 'iot --team={team} --username=…' without a command gets a hint, and exit 2", async () => {
    const said = await place.line("motekey --team=myteam --username=admin");
    assert.match(said.stderr, /^Error: /);
    assert.equal(said.exit, 2);
  });
});
