/** Logging in without anybody at a browser: real HTTP, real grants; the keychain is in memory. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { Store } from "../../tools/store/store.js";
import { ANN, CI, good, json, startAcme } from "./acme.js";
import { World } from "./world.js";

describe("auth login", () => {
  let world: World;
  let identity: Identity;

  before(async () => {
    identity = await startAcme();
  });
  after(() => identity.close());
  beforeEach(() => {
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(() => world.end());

  describe("with a user name and a password", () => {
    const told = "Logged in as user: ann.\n";

    it("by flags, with a warning", async () => {
      const { stdout, stderr } = good(
        await world.run(["auth", "login", "--username", "ann", "--password", ANN.password]),
      );
      assert.equal(stdout, told);
      assert.match(stderr, /^Warning: --password is seen by everybody on this machine; /);
    });

    it("by -u and -p", async () => {
      assert.equal(good(await world.run(["auth", "login", "-u", "ann", "-p", ANN.password])).stdout, told);
    });

    it("by MOTEKEY_USERNAME and MOTEKEY_PASSWORD", async () => {
      const env = { MOTEKEY_USERNAME: "ann", MOTEKEY_PASSWORD: ANN.password };
      assert.deepEqual(await world.line("auth login", { env }), { exit: 0, stdout: told, stderr: "" });
    });

    it("with the password piped in", async () => {
      const said = await world.line("auth login --username ann", { input: `${ANN.password}\n` });
      assert.deepEqual(said, { exit: 0, stdout: told, stderr: "" });
    });

    it("the password may be piped in by a program that stays", async () => {
      good(
        await world.line("auth login --username ann", { input: `${ANN.password}\r\nmore that is not read` }),
      );
    });

    it("a wrong password is told, and exits with 1", async () => {
      const { exit, stdout, stderr } = await world.line("auth login --username ann", { input: "wrong" });
      assert.equal(exit, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^Error: Invalid user name or password\. /);
      assert.equal((await world.line("auth status")).exit, 1);
    });

    it("without a terminal and without a password it says what to give, and exits with 2", async () => {
      const { exit, stderr } = await world.line("auth login --username ann");
      assert.equal(exit, 2);
      assert.match(stderr, /no terminal.*MOTEKEY_PASSWORD/);
      const unnamed = await world.line("auth login --username");
      assert.equal(unnamed.exit, 2);
      assert.match(unnamed.stderr, /Give --username NAME, or set MOTEKEY_USERNAME/);
    });

    it("the second time neither is needed, also after the login is over", async () => {
      good(await world.line("auth login --username ann", { input: ANN.password }));
      const again = await world.line("auth login");
      assert.deepEqual(again, { exit: 0, stdout: told, stderr: "" });
      identity.age(7 * 60 * 60);
      const hours = 7 * 60 * 60 * 1000;
      assert.equal(good(await world.line("auth login", { now: () => Date.now() + hours })).stdout, told);
      assert.equal(world.opened.length, 0);
    });

    it("--insecure-storage is for the login that names it: others stay sealed, and the next login seals it again", async () => {
      const stored = () => {
        const { accounts } = JSON.parse(readFileSync(world.config, "utf8"));
        return accounts.map((entry: object) => ("open" in entry ? "open" : "sealed"));
      };
      good(await world.line("auth login --username ann", { input: ANN.password }));
      const open = await world.line("auth login --username bob --insecure-storage", { input: "bob's own" });
      assert.match(good(open).stderr, /Kept in .*config\.json, readable for .*: the tokens; no password/);
      assert.deepEqual(stored(), ["sealed", "open"]);
      assert.equal(
        json(await world.line("auth status --account bob@example.com --json")).storage,
        "insecure file",
      );
      assert.equal(
        json(await world.line("auth status --account ann@example.com --json")).storage,
        "keychain",
      );
      good(await world.line("auth refresh --account bob@example.com"));
      assert.deepEqual(stored(), ["sealed", "open"], "a refresh moves nothing");
      const again = good(await world.line("auth login --username bob", { input: "bob's own" }));
      assert.match(
        again.stderr,
        /sealed by a key in the Memory: the tokens.*\. It could be read there before\./,
      );
      assert.deepEqual(stored(), ["sealed", "sealed"]);
    });

    it("with insecure storage the password is not kept", async () => {
      good(await world.line("auth login --username ann --insecure-storage", { input: ANN.password }));
      assert.ok(!readFileSync(world.config, "utf8").includes(ANN.password));
      const { stdout } = await world.line("auth status");
      assert.match(stdout, /insecure/);
    });

    it("--force logs in again, and the default stays", async () => {
      good(await world.line("auth login --username ann", { input: ANN.password }));
      const before = good(await world.line("auth token")).stdout;
      good(await world.line("auth login --force --username ann", { input: ANN.password }));
      assert.notEqual(good(await world.line("auth token")).stdout, before);
    });

    it("--clear erases what was kept, and then logs in", async () => {
      good(await world.line("auth login --username ann", { input: ANN.password }));
      const before = good(await world.line("auth token")).stdout.trim();
      const refused = await world.line("auth login --clear --username ann", { input: "wrong" });
      assert.equal(refused.exit, 1);
      assert.equal((await world.line("auth status")).exit, 1, "erased although the login failed");
      good(await world.line("auth login --clear --username ann", { input: ANN.password }));
      assert.notEqual(good(await world.line("auth token")).stdout.trim(), before);
      const ended = await fetch(`${identity.issuer}/me`, { headers: { authorization: `Bearer ${before}` } });
      assert.equal(ended.status, 401);
    });

    it("together with a client's secret: the user logs in, at that client", async () => {
      const env = { MOTEKEY_CLIENT_SECRET: "canary-client-secret", MOTEKEY_PASSWORD: ANN.password };
      const answer = json(await world.line("auth login --client-id ci --username ann --json", { env }));
      assert.equal(answer.account, "ann@example.com");
      assert.equal(answer.type, "platform");
    });
  });

  describe("as which client", () => {
    const clientsOf = async () => {
      const { accounts } = await new Store(world.config, world.keychain).read();
      return accounts.map(({ name, clientId }) => [name, clientId]);
    };
    const byPassword = (line: string) => world.line(line, { input: ANN.password });

    it("a login at one client is none at another", async () => {
      good(await byPassword("auth login --username ann"));
      const other = await byPassword("auth login --username ann --client-id nobody");
      assert.equal(other.exit, 1);
      assert.match(other.stderr, /invalid_client/);
    });

    it("the next login of a kept user is at the client of the first, whose secret is kept too", async () => {
      const env = { MOTEKEY_CLIENT_SECRET: CI.secret, MOTEKEY_PASSWORD: ANN.password };
      good(await world.line("auth login --client-id ci --username ann", { env }));
      good(await world.line("auth login --force"));
      assert.deepEqual(await clientsOf(), [[ANN.email, "ci"]]);
    });

    it("the team's, in the browser, where no flag names another; a service account's login changes it not", async () => {
      const team = { issuer: identity.issuer, client_id: "their-client" };
      writeFileSync(world.config, JSON.stringify({ active_team: "acme", teams: { acme: team } }), {
        mode: 0o600,
      });
      good(await world.line("auth login --client-id ci", { env: { MOTEKEY_CLIENT_SECRET: CI.secret } }));
      const ended = new AbortController();
      const openBrowser = async () => ended.abort();
      const options = { env: { DISPLAY: ":0" }, openBrowser, interrupted: ended.signal };
      assert.equal((await world.line("auth login --browser", options)).exit, 130);
      assert.equal(new URL(world.opened[0] ?? "").searchParams.get("client_id"), "their-client");
    });
  });

  it("a login with other scopes than the kept one's is a new one", async () => {
    good(await world.line("auth login --username ann", { input: ANN.password }));
    good(await world.line("auth login --username ann --scopes openid", { input: ANN.password }));
    const { scope } = json(await world.line("auth refresh --json"));
    assert.equal(scope, "openid");
  });

  describe("as a service account", () => {
    const answer = {
      account: "ci",
      team: "acme",
      type: "service",
      email: null,
      organization: "Acme Corp",
      storage: "keychain",
      default: true,
    };

    it("with its secret, by flag (with a warning) or by MOTEKEY_CLIENT_SECRET", async () => {
      const said = await world.line("auth login --client-id ci -c canary-client-secret --json");
      const { expires_at, issuer, ...rest } = json(said);
      assert.deepEqual(rest, answer);
      assert.equal(issuer, identity.issuer);
      assert.match(expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.match(said.stderr, /^Warning: --client-secret is seen/);
      const env = { MOTEKEY_CLIENT_SECRET: "canary-client-secret", MOTEKEY_CLIENT_ID: "ci" };
      assert.equal(good(await world.line("auth login --force", { env })).stderr, "");
    });

    const keys = {
      "an RSA key": generateKeyPairSync("rsa", { modulusLength: 2048 }),
      "a P-256 key": generateKeyPairSync("ec", { namedCurve: "P-256" }),
      "an Ed25519 key": generateKeyPairSync("ed25519"),
    };
    for (const [name, { publicKey, privateKey }] of Object.entries(keys)) {
      it(`with ${name} in PEM, by --secret-file and -s`, async () => {
        const clientId = name.replace(/\W/g, "-");
        const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
        await identity.addServiceAccount({ clientId, publicKey: pem });
        const path = join(world.folder, "key.pem");
        writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }));
        good(await world.line(`auth login --client-id ${clientId} --secret-file ${path}`));
        good(await world.line(`auth login --client-id ${clientId} -s key.pem --force`));
        good(await world.line("auth refresh"));
      });
    }

    const unusable: [name: string, content: string, told: RegExp][] = [
      ["no key", "hello", /holds no private key in PEM/],
      [
        "an encrypted key",
        keys["an RSA key"].privateKey
          .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
          .toString(),
        /is encrypted.*openssl pkey/,
      ],
      [
        "a key of another kind",
        generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        /Use RSA, P-256/,
      ],
    ];
    for (const [name, content, told] of unusable) {
      it(`a file with ${name} is refused, and not quoted`, async () => {
        writeFileSync(join(world.folder, "key.pem"), content);
        const { exit, stderr } = await world.line("auth login --client-id ci --secret-file key.pem");
        assert.equal(exit, 2);
        assert.match(stderr, told);
        assert.ok(!stderr.includes(content.split("\n")[1] ?? content));
      });
    }

    it("MOTEKEY_CLIENT_ID and MOTEKEY_CLIENT_SECRET are a service account without flags", async () => {
      const env = { MOTEKEY_CLIENT_ID: "ci", MOTEKEY_CLIENT_SECRET: CI.secret };
      assert.equal(json(await world.line("auth login --json", { env })).account, "ci");
    });

    it("a wrong secret is told, and exits with 1", async () => {
      const { exit, stderr } = await world.line("auth login --client-id ci -c wrong");
      assert.equal(exit, 1);
      assert.match(stderr, /Error: The provider refuses the client \(invalid_client/);
    });

    it("a new token is had with the kept secret, and with the environment's where none may be kept", async () => {
      good(await world.line("auth login --client-id ci -c canary-client-secret"));
      const [first, second] = [await world.line("auth token"), await world.line("auth refresh")];
      good(second);
      assert.notEqual(first.stdout, good(await world.line("auth token")).stdout);
      good(await world.line("auth login --force --client-id ci -c canary-client-secret --insecure-storage"));
      assert.equal((await world.line("auth refresh")).exit, 4);
      good(await world.line("auth refresh", { env: { MOTEKEY_CLIENT_SECRET: "canary-client-secret" } }));
    });
  });

  describe("with a token that was made elsewhere", () => {
    it("reads it from standard input", async () => {
      good(await world.line("auth login --username ann", { input: ANN.password }));
      const token = good(await world.line("auth token")).stdout;
      const other = new World();
      const said = good(
        await other.line("auth login --with-token", {
          input: token,
          env: (world.env as never) && { MOTEKEY_ISSUER: identity.issuer },
        }),
      );
      assert.equal(said.stdout, "✓ Successfully authenticated as ann@example.com\n");
      assert.equal(good(await other.line("auth token")).stdout, token);
      other.end();
    });

    it("one that the provider refuses is not kept", async () => {
      const { exit, stderr } = await world.line("auth login --with-token", { input: "bogus" });
      assert.equal(exit, 4);
      assert.match(stderr, /Error: The provider refuses the token\. /);
      assert.equal((await world.line("auth status")).exit, 1);
    });

    it("nothing piped in is wrong usage", async () => {
      assert.equal((await world.line("auth login --with-token")).exit, 2);
    });
  });

  const exclusive = [
    "--client-id a --client-secret b --secret-file c",
    "--username a --device-code",
    "--username a --browser",
    "--with-token --username a",
    "--with-token --client-id a -c b",
    "--browser --device-code",
    "--password b",
    "--client-secret b",
    "--secret-file b",
  ];
  for (const flags of exclusive) {
    it(`'${flags}' is wrong usage`, async () => {
      const { exit, stdout } = await world.line(`auth login ${flags}`);
      assert.equal(exit, 2);
      assert.equal(stdout, "");
      assert.equal(world.opened.length, 0);
    });
  }
});
