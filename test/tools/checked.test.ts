/** What is said of a login is true: given credentials are tried, and the provider is asked. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { exportJWK, SignJWT } from "jose";
import type { Identity } from "../../host-sim/index.js";
import { ANN, ANN_AT_BROWSER, CI, good, json, startAcme } from "./acme.js";
import { type RunOptions, World } from "./world.js";

describe("auth login, with a good login kept,", () => {
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

  const wrong: [how: string, words: string, options: RunOptions][] = [
    ["by flag", "--username ann --password wrong", {}],
    ["piped in", "--username ann", { input: "wrong\n" }],
    ["by variables", "", { env: { MOTEKEY_USERNAME: "ann", MOTEKEY_PASSWORD: "wrong" } }],
    ["as the client's secret", "--client-id ci --client-secret wrong", {}],
  ];
  for (const [how, words, options] of wrong) {
    it(`tries wrong credentials ${how}, says so, and leaves the login as it is`, async () => {
      good(await world.line(`auth login --client-id ci --client-secret ${CI.secret}`));
      const { exit, stdout, stderr } = await world.line(`auth login ${words}`, options);
      assert.deepEqual([exit, stdout], [1, ""]);
      assert.match(stderr, /Error: (Invalid user name or password|The provider refuses the client)/);
      good(await world.line("auth status"));
      assert.equal(json(await world.line("auth list --json")).length, 2);
    });
  }

  it("keeps a changed password once it is accepted", async () => {
    await identity.setPassword("ann", "the new one");
    good(await world.line("auth login --username ann", { input: "the new one" }));
    good(await world.line("auth logout --force"));
    assert.equal(good(await world.line("auth login")).stdout, "Logged in as user: ann.\n");
  });

  it("does not try a kept password twice that was refused", async () => {
    await identity.setPassword("ann", "the new one");
    const tried: boolean[] = [];
    const stop = identity.on((event) => {
      if (event.event === "login") tried.push(event.ok);
    });
    const first = await world.line("auth login --force");
    assert.equal(first.exit, 1);
    assert.match(
      first.stderr,
      /refuses the password that was kept for ann; it is forgotten\. Pipe the new one/,
    );
    assert.equal((await world.line("auth login --force")).exit, 2);
    assert.deepEqual(tried, [false]);
    good(await world.line("auth login", { input: "the new one" }));
    stop();
  });

  it("without new credentials asks the provider, and logs in again where it ended the login", async () => {
    const before = good(await world.line("auth token")).stdout;
    assert.equal(good(await world.line("auth login")).stdout, "Logged in as user: ann.\n");
    assert.equal(good(await world.line("auth token")).stdout, before);
    // All logins end, as when a provider restarts without its database.
    identity.age(7 * 60 * 60);
    assert.equal(good(await world.line("auth login")).stdout, "Logged in as user: ann.\n");
    assert.notEqual(good(await world.line("auth token")).stdout, before);
    good(await world.line("auth whoami"));
  });

  it("says that it could not ask when the provider is away", async () => {
    identity.faults.down = 503;
    // Known by discovery's failure only: the token itself is not over.
    const said = good(await world.line("auth login"));
    assert.match(said.stderr, /^Not checked: .* HTTP 503/);
  });
});

describe("a login that the provider ended", () => {
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
  const state = async () => json(await world.line("auth list --json=state"))[0].state;

  const noticed: [line: string, exit: number][] = [
    ["auth status", 1],
    ["auth whoami", 4],
    ["auth refresh", 4],
  ];
  for (const [line, exit] of noticed) {
    it(`is noticed by '${line}', marked, listed as ended, and made good by 'auth login'`, async () => {
      good(await world.line("auth login", ANN_AT_BROWSER));
      identity.age(7 * 60 * 60);
      assert.equal(await state(), "valid");
      const said = await world.line(line);
      assert.equal(said.exit, exit);
      assert.match(
        said.stdout + said.stderr,
        /The provider ended this login: .*\sRun 'motekey auth login'\./s,
      );
      assert.equal(await state(), "ended");
      identity.faults.down = 503;
      assert.equal((await world.line("auth token")).exit, 4, "what is known to be over is not asked about");
      identity.faults.down = null;
      const opened = world.opened.length;
      assert.equal(
        good(await world.line("auth login", ANN_AT_BROWSER)).stdout,
        "✓ Successfully authenticated as ann@example.com\n",
      );
      assert.equal(world.opened.length, opened + 1);
      assert.equal(await state(), "valid");
      good(await world.line("auth status"));
    });
  }

  it("by disabling the user: told by every command, and not as accepted by 'auth login'", async () => {
    good(await world.line("auth login --username ann", { input: ANN.password }));
    await identity.disable("ann");
    const { reason, authenticated } = JSON.parse((await world.line("auth status --json")).stdout);
    assert.deepEqual([reason, authenticated], ["login_ended", false]);
    assert.equal((await world.line("auth login")).exit, 1);
    assert.equal(await state(), "ended");
  });

  it("is ended at the provider by a logout all the same", async () => {
    good(await world.line("auth login --username ann", { input: ANN.password }));
    identity.faults.error = { endpoint: "token_endpoint", status: 400, body: { error: "invalid_grant" } };
    assert.equal((await world.line("auth refresh")).exit, 4);
    assert.equal(await state(), "ended");
    const revoked = identity.next("revoked");
    assert.equal(json(await world.line("auth logout --force --json"))[0].result, "revoked");
    await revoked;
  });

  it("of a service account whose secret was changed: says which login mends it", async () => {
    good(await world.line(`auth login --client-id ci --client-secret ${CI.secret}`));
    identity.faults.error = { endpoint: "token_endpoint", status: 401, body: { error: "invalid_client" } };
    const { exit, stderr } = await world.line("auth refresh");
    assert.equal(exit, 4);
    assert.match(
      stderr,
      /it refuses the client\. Run 'motekey auth login --client-id ci' with its secret or key\./,
    );
    good(await world.line("auth login --client-id ci"));
    good(await world.line("auth refresh"));
  });
});

describe("auth status", () => {
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
  const annIn = async () => good(await world.line("auth login --username ann", { input: ANN.password }));
  /** Exit status, how it was checked, and the reason. */
  const told = async (flags = "", options: RunOptions = {}) => {
    const { exit, stdout } = await world.line(`auth status --json ${flags}`, options);
    const { checked, reason, token_valid } = JSON.parse(stdout);
    assert.equal(token_valid, exit === 0);
    return [exit, checked, reason];
  };

  it("asks by introspection, else by user info, and names which", async () => {
    await annIn();
    assert.deepEqual(await told(), [0, "introspection", "valid"]);
    identity.faults.lacks = ["introspection_endpoint"];
    assert.deepEqual(await told(), [0, "userinfo", "valid"]);
    identity.faults.lacks = ["introspection_endpoint", "me_endpoint"];
    assert.deepEqual(await told(), [0, "userinfo", "valid"]);
    assert.match(good(await world.line("auth status")).stdout, /\nChecked: userinfo at http/);
  });

  it("asks by user info where the provider has introspection for other clients only", async () => {
    await annIn();
    const body = { error: "invalid_client" };
    identity.faults.error = { endpoint: "introspection_endpoint", status: 401, body };
    assert.deepEqual(await told(), [0, "userinfo", "valid"]);
  });

  it("of an opaque token that the provider has no way to check: not_checked, exit 1", async () => {
    await annIn();
    identity.faults.lacks = ["introspection_endpoint", "me_endpoint", "userinfo_endpoint"];
    assert.deepEqual(await told(), [1, null, "not_checked"]);
    assert.deepEqual(await told("--offline"), [0, "clock", "valid_by_clock"]);
  });

  describe("of a JWT that only its signature can vouch for", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwt = (claims: object, key = privateKey) =>
      new SignJWT({ sub: "ann", aud: "https://api.example.com", iss: identity.issuer, exp: 4e9, ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "ours" })
        .setIssuedAt()
        .sign(key);
    const publish = async () => {
      const jwk = { ...(await exportJWK(publicKey)), kid: "ours", alg: "ES256" };
      identity.faults.rawReply = (path, content) => (path === "/jwks" ? { keys: [jwk] } : content);
    };
    const statusOf = (token: string) => told("", { env: { MOTEKEY_AUTH_TOKEN: token } });

    it("says valid though user info refuses its audience, and invalid_token of another's signature or one that is over", async () => {
      await publish();
      identity.faults.lacks = ["introspection_endpoint"];
      assert.deepEqual(await statusOf(await jwt({})), [0, "signature", "valid"]);
      identity.faults.lacks = ["introspection_endpoint", "me_endpoint", "userinfo_endpoint"];
      assert.deepEqual(await statusOf(await jwt({})), [0, "signature", "valid"]);
      const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
      for (const token of [await jwt({}, other), await jwt({ exp: 1 })])
        assert.deepEqual(await statusOf(token), [1, null, "invalid_token"]);
    });
  });

  it("of garbage in MOTEKEY_AUTH_TOKEN: never exit 0", async () => {
    const env = { MOTEKEY_AUTH_TOKEN: "garbage" };
    assert.deepEqual(await told("", { env }), [1, null, "invalid_token"]);
    assert.deepEqual(await told("--offline", { env }), [1, null, "not_checked"]);
    delete world.env.MOTEKEY_ISSUER;
    assert.deepEqual(await told("", { env }), [1, null, "not_checked"]);
    await identity.close();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    assert.deepEqual(await told("", { env }), [1, null, "not_checked"]);
  });

  it("with the provider out of reach: not checked, exit 1; --offline trusts the clock", async () => {
    await annIn();
    await identity.close();
    const said = await world.line("auth status");
    assert.equal(said.exit, 1);
    assert.match(
      said.stdout,
      /^✗ Not checked: .* cannot be reached.*--offline' trusts this machine's clock/s,
    );
    assert.deepEqual(await told("--offline"), [0, "clock", "valid_by_clock"]);
    const later = { now: () => Date.now() + 31 * 60_000 };
    assert.deepEqual(await told("--offline", later), [1, "clock", "token_expired"]);
  });

  it("asks nobody with --offline", async () => {
    await annIn();
    identity.faults.down = 503;
    good(await world.line("auth status --offline"));
  });

  it("gives a reason for every state: without a login, over, ended, refused", async () => {
    assert.deepEqual(await told(), [1, null, "not_authenticated"]);
    await annIn();
    identity.age(7 * 60 * 60);
    const later = { now: () => Date.now() + 7 * 60 * 60_000 };
    assert.deepEqual(await told("", later), [1, null, "token_expired"]);
    good(await world.line("auth login --force"));
    identity.age(7 * 60 * 60);
    assert.deepEqual(await told(), [1, null, "login_ended"]);
    assert.deepEqual(await told("--offline"), [1, null, "login_ended"]);
    assert.deepEqual(await told("", { env: { MOTEKEY_AUTH_TOKEN: "x" } }), [1, null, "invalid_token"]);
  });
});
