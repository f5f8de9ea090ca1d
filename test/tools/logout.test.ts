/** Logging out: what ends at the provider, what is erased here, and what is told. */
import assert from "node:assert/strict";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import type { Identity } from "../../host-sim/index.js";
import { ANN, CI, good, json, startAcme } from "./acme.js";
import { World } from "./world.js";

describe("auth logout", () => {
  let world: World;
  let identity: Identity;

  beforeEach(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    good(await world.line("auth login --username ann", { input: ANN.password }));
  });
  afterEach(async () => {
    world.end();
    await identity.close();
  });

  const alsoBob = async () =>
    good(await world.line("auth login --username bob --keep-default", { input: "bob's own" }));
  const results = async (line: string) => {
    const said = await world.line(`${line} --force --json=account,team,result`);
    return { exit: said.exit, list: JSON.parse(said.stdout) };
  };
  const isGood = async (token: string) =>
    (await fetch(`${identity.issuer}/me`, { headers: { authorization: `Bearer ${token}` } })).ok;

  it("ends the tokens at the provider and here", async () => {
    const token = good(await world.line("auth token")).stdout.trim();
    const said = good(await world.line("auth logout --force"));
    assert.equal(said.stdout, "✓ Successfully logged out\n");
    assert.equal(await isGood(token), false);
    assert.equal((await world.line("auth status")).exit, 1);
    assert.equal(json(await world.line("auth list --json")).length, 0);
  });

  it("keeps the client's secret beside the user name and password, which are refused without it", async () => {
    const env = { MOTEKEY_CLIENT_SECRET: CI.secret };
    const line = "--team acme auth login --client-id ci --username ann";
    good(await world.line(line, { env, input: ANN.password }));
    const said = good(await world.line("--team acme auth logout --force"));
    assert.match(
      said.stderr,
      /user name and password stay kept, and the client's secret; --clear erases them/,
    );
    assert.match(good(await world.line("--team acme auth login")).stdout, /Logged in as user: ann/);
    good(await world.line("--team acme auth logout --force --clear"));
  });

  it("keeps the user name and password, unless --clear", async () => {
    const said = good(await world.line("auth logout --force"));
    assert.match(said.stderr, /The user name and password stay kept; --clear erases them\./);
    assert.equal(good(await world.line("auth login")).stdout, "Logged in as user: ann.\n");
    good(await world.line("auth logout --clear --force"));
    assert.deepEqual(JSON.parse(readFileSync(world.config, "utf8")).accounts, []);
    // Nothing is left to log in with: the browser would be opened.
    const pressed = new AbortController();
    const again = await world.line("auth login", {
      env: { DISPLAY: ":0" },
      openBrowser: async () => pressed.abort(),
      interrupted: pressed.signal,
    });
    assert.equal(world.opened.length, 1);
    assert.equal(again.exit, 130);
  });

  it("--clear after a logout erases what that had kept", async () => {
    good(await world.line("auth logout --force"));
    good(await world.line("auth logout --force --clear"));
    assert.deepEqual(JSON.parse(readFileSync(world.config, "utf8")).accounts, []);
  });

  it("without a terminal and without --force it says which flag to give, and nothing is done", async () => {
    const { exit, stderr } = await world.line("auth logout");
    assert.equal(exit, 2);
    assert.match(stderr, /no terminal to ask on\. Give --force\./);
    good(await world.line("auth status"));
  });

  it("without names ends the default account, and names the others", async () => {
    await alsoBob();
    const said = good(await world.line("auth logout --force"));
    assert.equal(said.stdout, "✓ Successfully logged out\n");
    assert.match(said.stderr, /Still logged in: bob@example\.com \(--all logs all out\)/);
    assert.match(
      said.stderr,
      /^No account is the default now: 'motekey auth switch --account NAME' chooses one\./m,
    );
    const [left] = json(await world.line("auth list --json"));
    assert.deepEqual([left.account, left.default], ["bob@example.com", false]);
  });

  it("after a logout the hint logs nobody else in: it names who is logged in", async () => {
    await alsoBob();
    good(await world.line("auth logout --force"));
    const hint =
      /Logged in, and not the default: bob@example\.com\. Run 'motekey auth switch --team acme --account bob@example\.com'/;
    const status = await world.line("auth status");
    assert.equal(status.exit, 1);
    assert.match(status.stdout, hint);
    for (const line of ["auth token", "auth whoami", "auth logout --force"]) {
      const said = await world.line(line);
      assert.equal(said.exit, 4);
      assert.match(said.stderr, hint);
    }
    good(await world.line("auth switch --team acme --account bob@example.com"));
    assert.equal(json(await world.line("auth whoami --json")).email, "bob@example.com");
  });

  it("after a logout another person's login is the default, and is said to be", async () => {
    good(await world.line("auth logout --force"));
    const said = good(await world.line("auth login --username bob", { input: "bob's own" }));
    assert.match(
      said.stderr,
      /^The default account is now bob@example\.com \(team acme\); it was ann@example\.com/,
    );
    assert.equal(json(await world.line("auth status --json")).account, "bob@example.com");
    assert.equal(good(await world.line("auth login")).stdout, "Logged in as user: bob.\n");
  });

  it("accounts by name: each has its result, and one that is missing stops none", async () => {
    await alsoBob();
    good(await world.line("auth login --client-id ci", { env: { MOTEKEY_CLIENT_SECRET: CI.secret } }));
    const { exit, list } = await results("auth logout eve bob ci ann@example.com");
    assert.equal(exit, 1, "nobody knows eve");
    const of = (account: string) => list.find((one: { account: string }) => one.account === account)?.result;
    assert.equal(of("eve"), "already");
    assert.equal(of("bob@example.com"), "revoked");
    assert.equal(of("ci"), "revoked");
    assert.equal(of("ann@example.com"), "revoked");
  });

  it("'auth revoke' is the same; --all ends all, --team those of the team", async () => {
    await alsoBob();
    good(await world.line("--team staging auth login --username ann", { input: ANN.password }));
    const staging = await results("auth revoke --all --team staging");
    assert.deepEqual(staging.list, [{ account: "ann@example.com", team: "staging", result: "revoked" }]);
    const { list } = await results("auth revoke --all");
    assert.deepEqual(
      list.map(({ account, result }: Record<string, string>) => [account, result]),
      [
        ["ann@example.com", "revoked"],
        ["bob@example.com", "revoked"],
      ],
    );
    assert.deepEqual(await results("auth logout --all"), { exit: 0, list: [] });
  });

  it("when the provider is out of reach the login is erased here, and that is told", async () => {
    await identity.close();
    const said = good(await world.line("auth logout --force --clear"));
    assert.match(said.stdout, /^✓ ann@example\.com: Logged out here only: .* cannot be reached/);
    assert.deepEqual(JSON.parse(readFileSync(world.config, "utf8")).accounts, []);
  });

  it("at a provider that ends no tokens: local-only", async () => {
    identity.faults.lacks = ["revocation_endpoint"];
    const { exit, list } = await results("auth logout");
    assert.deepEqual([exit, list[0].result], [0, "local-only"]);
  });

  it("after the access token is over the refresh token is ended too", async () => {
    identity.age(31 * 60);
    const ended = identity.next("revoked");
    good(await world.line("auth logout --force", { now: () => Date.now() + 31 * 60_000 }));
    await ended;
    assert.doesNotMatch(readFileSync(world.config, "utf8"), /refresh/);
  });

  it("what cannot be erased is told as failed, with exit 1", async () => {
    const lock = `${world.config}.lock`;
    writeFileSync(lock, "in the lock's place");
    utimesSync(lock, 0, 0);
    const { exit, list } = await results("auth logout");
    assert.deepEqual([exit, list[0].result], [1, "failed"]);
  });

  it("MOTEKEY_AUTH_TOKEN is not ended, and that is told", async () => {
    const said = good(await world.line("auth logout --force", { env: { MOTEKEY_AUTH_TOKEN: "given" } }));
    assert.match(said.stderr, /Warning: MOTEKEY_AUTH_TOKEN is still set/);
  });

  it("of an account that nobody knows: no tick, and exit 1; of one that has logged out already: exit 0", async () => {
    const nobody = await world.line("auth logout nobody --force");
    assert.deepEqual([nobody.exit, nobody.stdout], [1, "✗ nobody: No such account is known\n"]);
    good(await world.line("auth logout --force"));
    const again = await world.line("auth logout ann --force");
    assert.deepEqual([again.exit, again.stdout], [0, "- ann: Was not logged in\n"]);
  });

  it("--all with names is wrong usage", async () => {
    assert.equal((await world.line("auth logout --all ann")).exit, 2);
  });
});
