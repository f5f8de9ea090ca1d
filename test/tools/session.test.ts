/** What a login is used for: tokens that are renewed, status, accounts side by side, logging out. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { ANN, good, json, startAcme } from "./acme.js";
import { type RunOptions, World } from "./world.js";

const MINUTES = 60 * 1000;

describe("a login", () => {
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

  /** So much later, for the provider and for the command line. */
  const later = (minutes: number): RunOptions => {
    identity.age(minutes * 60);
    return { now: () => Date.now() + minutes * MINUTES };
  };
  const token = async (options?: RunOptions) => good(await world.line("auth token", options)).stdout;
  const refreshes = () => identity.stats.tokens.refresh_token ?? 0;

  describe("its token", () => {
    it("is printed alone on a line, and is the same while it is good", async () => {
      const first = await token();
      assert.match(first, /^[\w.~-]+\n$/);
      assert.equal(await token(), first);
      assert.equal(refreshes(), 0);
    });

    it("is refreshed when it is over, and kept", async () => {
      const first = await token();
      const options = later(31);
      const second = await token(options);
      assert.notEqual(second, first);
      assert.equal(await token(options), second);
      assert.equal(refreshes(), 1);
    });

    it("is refreshed shortly before its end, as it must outlive the request it is for", async () => {
      await token({ now: () => Date.now() + 29.6 * MINUTES });
      assert.equal(refreshes(), 1);
    });

    it("that the provider refuses before its end is refreshed once, with or without a challenge", async () => {
      const first = await token();
      identity.faults.error = { endpoint: "me_endpoint", status: 401, body: {} };
      good(await world.line("auth whoami"));
      assert.equal(refreshes(), 1);
      assert.notEqual(await token(), first);
    });

    it("that the provider refuses for good: told, exit 4", async () => {
      identity.faults.error = { endpoint: "me_endpoint", status: 401, body: {}, times: 2 };
      const { exit, stderr } = await world.line("auth whoami");
      assert.match(
        stderr,
        /^Error: The provider ended this login: it refuses the token\. Run 'motekey auth login'\.\n$/,
      );
      assert.equal(exit, 4);
      assert.equal(refreshes(), 1);
    });

    it("twenty runs on an expired one make one refresh", async () => {
      const options = later(31);
      const tokens = await Promise.all(Array.from({ length: 20 }, () => token(options)));
      assert.equal(new Set(tokens).size, 1);
      assert.equal(refreshes(), 1);
    });

    it("is over after 6 hours: told, exit 4, and the next login needs the password no more than before", async () => {
      const options = later(6 * 60 + 1);
      const { exit, stdout, stderr } = await world.line("auth token", options);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^Error: The token has expired and cannot be refreshed: .* Run 'motekey auth login'\.\n$/,
      );
      assert.equal(exit, 4);
      assert.equal(json(await world.line("auth list --json", options))[0].state, "expired");
    });

    it("when the provider is out of reach, a token that is nearly over is used, one that is over is not", async () => {
      const first = await token();
      await identity.close();
      assert.equal(await token({ now: () => Date.now() + 29.8 * MINUTES }), first);
      const over = await world.line("auth token", { now: () => Date.now() + 31 * MINUTES });
      assert.equal(over.exit, 1);
      assert.match(over.stderr, /cannot be reached/);
    });

    it("'auth refresh' gets a new one now; --scopes narrows it, and more than was granted is refused", async () => {
      const first = await token();
      const said = good(await world.line("auth refresh"));
      assert.match(said.stdout, /^✓ Refreshed; the token expires: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n$/);
      assert.notEqual(await token(), first);
      const narrow = json(await world.run(["auth", "refresh", "--scopes", "openid email", "--json"]));
      assert.equal(narrow.scope, "openid email");
      const more = await world.run(["auth", "refresh", "--scopes", "openid root"]);
      assert.equal(more.exit, 2);
      assert.match(more.stderr, /Not granted at login: root\. Run 'motekey auth login --force --scopes/);
    });
  });

  describe("auth status", () => {
    it("of a good token: the documented lines, exit 0", async () => {
      const { stdout } = good(await world.line("auth status"));
      assert.match(
        stdout,
        /^✓ Authenticated as ann@example\.com\nToken expires: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\nChecked: introspection at http.*\nTeam: acme\nStored in: .*sealed by a key in the Memory\n$/,
      );
    });

    it("as JSON: the documented fields", async () => {
      const { expires_at, issuer, ...rest } = json(await world.line("auth status --json"));
      assert.match(expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.equal(issuer, identity.issuer);
      assert.deepEqual(rest, {
        authenticated: true,
        email: "ann@example.com",
        token_valid: true,
        account: "ann@example.com",
        team: "acme",
        source: "login",
        storage: "keychain",
        checked: "introspection",
        reason: "valid",
        detail: null,
        settings: null,
      });
    });

    it("--json=a,b prints these fields only", async () => {
      assert.deepEqual(json(await world.line("auth status --json=email,token_valid")), {
        email: "ann@example.com",
        token_valid: true,
      });
    });

    it("--quiet says nothing, and exits the same", async () => {
      assert.deepEqual(await world.line("auth status --quiet"), { exit: 0, stdout: "", stderr: "" });
      const { exit, stdout } = await new World().line("auth status --quiet");
      assert.deepEqual([exit, stdout], [1, ""]);
    });

    it("without a login: the documented lines, exit 1, the same with --json", async () => {
      const nobody = new World();
      assert.deepEqual(await nobody.line("auth status"), {
        exit: 1,
        stdout: "✗ Not authenticated\nRun 'motekey auth login' to authenticate\n",
        stderr: "",
      });
      const { exit, stdout } = await nobody.line(
        "auth status --json=authenticated,email,expires_at,token_valid",
      );
      assert.equal(exit, 1);
      const told = { authenticated: false, email: null, expires_at: null, token_valid: false };
      assert.deepEqual(JSON.parse(stdout), told);
      nobody.end();
    });

    it("of a login that is over: told, exit 1, the same with --json", async () => {
      const options = later(6 * 60 + 1);
      const said = await world.line("auth status", options);
      assert.equal(said.exit, 1);
      assert.match(said.stdout, /^✗ The token has expired/);
      const { exit, stdout } = await world.line("auth status --json", options);
      assert.equal(exit, 1);
      assert.equal(JSON.parse(stdout).token_valid, false);
    });

    it("of a token that is over: refreshes first, exit 0", async () => {
      good(await world.line("auth status", later(31)));
      assert.equal(refreshes(), 1);
    });

    it("--explain says where each setting came from", async () => {
      const env = { MOTEKEY_TEAM: "acme" };
      const { settings } = json(await world.line("auth status --explain --json", { env }));
      assert.deepEqual(settings.team, { value: "acme", from: "MOTEKEY_TEAM" });
      assert.deepEqual(settings.config, { value: world.config, from: "MOTEKEY_CONFIG_PATH" });
      assert.deepEqual(settings.issuer, { value: identity.issuer, from: "login" });
      assert.deepEqual(settings.token, { value: "(hidden)", from: "login" });
    });
  });

  describe("the team", () => {
    beforeEach(async () => {
      good(
        await world.line("--team staging auth login --username ann --keep-default", { input: ANN.password }),
      );
    });
    const teamOf = async (words: string, options?: RunOptions) =>
      json(await world.line(`auth status --json=team ${words}`, options)).team;

    it("flag before environment before directory before active account", async () => {
      assert.equal(await teamOf(""), "acme");
      const pin = join(world.folder, ".motekey.json");
      writeFileSync(pin, '{"team":"staging"}');
      assert.equal(await teamOf(""), "staging");
      assert.equal(await teamOf("", { env: { MOTEKEY_TEAM: "acme" } }), "acme");
      assert.equal(await teamOf("--team staging", { env: { MOTEKEY_TEAM: "acme" } }), "staging");
    });

    it("a directory's file names a team and nothing else: an issuer or a command in it is ignored and told", async () => {
      const hostile = {
        team: "staging",
        issuer: "https://evil.example",
        config: "/evil",
        exec: "rm -rf /",
        "\u001b[2J": 1,
      };
      writeFileSync(join(world.folder, ".motekey.json"), JSON.stringify(hostile));
      const { stdout, stderr } = good(await world.line("auth status --explain --json"));
      const { team, issuer, settings } = JSON.parse(stdout);
      assert.equal(team, "staging");
      assert.equal(issuer, identity.issuer);
      assert.equal(settings.config.value, world.config);
      assert.match(stderr, /may pin a team only; ignored: issuer, config, exec/);
      assert.ok(!stderr.includes("\u001b[2J"));
    });

    const unreadable = ["no json", "[]", '{"team":1}', '{"team":"\\u001b[31mred"}', "x".repeat(70_000)];
    for (const content of unreadable) {
      it(`a directory's file that holds ${content.slice(0, 20)} is wrong usage, and not quoted`, async () => {
        writeFileSync(join(world.folder, ".motekey.json"), content);
        const { exit, stderr } = await world.line("auth status");
        assert.equal(exit, 2);
        assert.ok(!stderr.includes("\u001b") && !stderr.includes("no json"));
      });
    }

    it("'auth switch' chooses team, account and organization", async () => {
      good(await world.line("auth switch --team staging"));
      assert.equal(await teamOf(""), "staging");
      good(await world.line("auth switch --team acme --account ann"));
      assert.equal(await teamOf(""), "acme");
      const answer = json(await world.run(["auth", "switch", "--org", "Other Org", "--json"]));
      assert.deepEqual(answer, {
        account: "ann@example.com",
        team: "acme",
        type: "platform",
        organization: "Other Org",
      });
      assert.equal(json(await world.line("auth me --json")).organization, "Other Org");
    });

    it("'auth switch' and 'auth login' say what goes before the default account", async () => {
      const env = { MOTEKEY_ISSUER: "https://other.example.com", MOTEKEY_TEAM: "staging" };
      const said = await world.run(["auth", "switch", "--team", "acme", "--account", ANN.email], {
        env: { ...env, MOTEKEY_AUTH_TOKEN: "canary" },
      });
      assert.match(
        good(said).stderr,
        /MOTEKEY_ISSUER is set to https:\/\/other\.example\.com, and goes before this default: give --account ann@example\.com, or unset it\.\n.*MOTEKEY_TEAM is set to staging.*\n.*MOTEKEY_AUTH_TOKEN is set/,
      );
    });

    it("an organization is known by its id, guid or name; an unknown one is told with those there are", async () => {
      const me = await fetch(`${identity.issuer}/me`, {
        headers: { authorization: `Bearer ${(await token()).trim()}` },
      });
      const { organizations } = (await me.json()) as {
        organizations: { id: number; guid: string; name: string }[];
      };
      for (const { id, guid, name } of organizations) {
        for (const key of [String(id), guid, name]) {
          const answer = json(await world.run(["auth", "switch", "--org", key, "--json"]));
          assert.equal(answer.organization, name);
        }
      }
      const { exit, stderr } = await world.run(["auth", "switch", "--org", "Nowhere"]);
      assert.equal(exit, 1);
      assert.match(stderr, /No organization 'Nowhere' is known\. Choose from Acme Corp, Other Org\./);
    });

    it("a service account skips the organization", async () => {
      good(
        await world.line("auth login --client-id ci", {
          env: { MOTEKEY_CLIENT_SECRET: "canary-client-secret" },
        }),
      );
      const said = good(await world.run(["auth", "switch", "--account", "ci", "--org", "Other Org"]));
      assert.match(said.stderr, /A service account has no organization to choose/);
      assert.match(said.stdout, /^✓ Default account: ci \(team acme/);
    });

    it("without a terminal 'auth switch' says which flag to give; an unknown account is told", async () => {
      const { exit, stderr } = await world.line("auth switch");
      assert.equal(exit, 2);
      assert.match(stderr, /no terminal to ask on\. Give --account NAME\./);
      const unknown = await world.line("auth switch --account eve");
      assert.equal(unknown.exit, 1);
      assert.match(unknown.stderr, /No account 'eve' is logged in\. Choose from ann@example\.com/);
    });
  });

  describe("whoami", () => {
    it("prints the documented lines and fields; 'me' is the same", async () => {
      const lines = [
        "Email:        ann@example.com",
        "Name:         Ann Example",
        "Organization: Acme Corp",
        "Role:         Admin",
        "Account ID:   usr_1234567890",
        "",
      ].join("\n");
      assert.deepEqual(await world.line("auth whoami"), { exit: 0, stdout: lines, stderr: "" });
      const { created_at, ...rest } = json(await world.line("auth me --json"));
      assert.match(created_at, /^\d{4}-\d\d-\d\dT/);
      assert.deepEqual(rest, {
        id: "usr_1234567890",
        email: "ann@example.com",
        name: "Ann Example",
        organization: "Acme Corp",
        role: "admin",
        account: "ann@example.com",
        team: "acme",
        source: "login",
      });
    });

    it("what a server says cannot drive the terminal", async () => {
      identity.faults.rawReply = (path, content) =>
        path === "/me" ? { ...content, name: "\u001b]0;evil\u0007Ann\u202e" } : content;
      const { stdout } = good(await world.line("auth whoami"));
      assert.match(stdout, /Name: {9} ?\]0;evil Ann/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    });
  });

  describe("a token from elsewhere", () => {
    it("MOTEKEY_AUTH_TOKEN goes before the login, and no command writes it down", async () => {
      const given = (await token()).trim();
      const other = new World();
      const env = { MOTEKEY_AUTH_TOKEN: given, MOTEKEY_ISSUER: identity.issuer };
      good(await other.line("auth status", { env }));
      assert.equal(json(await other.line("auth me --json", { env })).email, "ann@example.com");
      assert.equal(good(await other.line("auth token", { env })).stdout.trim(), given);
      good(await other.line("auth login --username bob", { env, input: "bob's own" }));
      good(
        await other.line("auth login --username bob --insecure-storage --force", { env, input: "bob's own" }),
      );
      assert.ok(!readFileSync(other.config, "utf8").includes(given));
      other.end();
    });

    it("one that is not good: status says so and exits with 1, others with 4", async () => {
      const env = { MOTEKEY_AUTH_TOKEN: "bogus" };
      const said = await world.line("auth status", { env });
      assert.equal(said.exit, 1);
      assert.match(said.stdout, /^✗ The provider refuses the token\./);
      const me = await world.line("auth me", { env });
      assert.equal(me.exit, 4);
      assert.match(me.stderr, /^Error: The provider refuses the token\. /);
    });

    it("auth_token in the file is used where there is none in the environment", async () => {
      const given = (await token()).trim();
      const other = new World();
      writeFileSync(other.config, JSON.stringify({ auth_token: given }), { mode: 0o600 });
      const env = { MOTEKEY_ISSUER: identity.issuer };
      const answer = json(await other.line("auth status --json", { env }));
      assert.deepEqual([answer.source, answer.email], ["auth_token", "ann@example.com"]);
      other.end();
    });
  });
});
