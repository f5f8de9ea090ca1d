/** What people write into the configuration file by hand, and which of several logins a command takes. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import type { Identity } from "../../host-sim/index.js";
import { ANN, good, json, startAcme } from "./acme.js";
import { needProgram, runProcess } from "./process.js";
import { type Said, World } from "./world.js";

describe("by hand", () => {
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

  const logIn = (more = "") => world.line(`auth login --username ann ${more}`, { input: ANN.password });
  const state = () => JSON.parse(readFileSync(world.config, "utf8"));
  const write = (auth_token: unknown) => {
    const before = (() => {
      try {
        return state();
      } catch {
        return {};
      }
    })();
    writeFileSync(world.config, JSON.stringify({ ...before, auth_token }), { mode: 0o600 });
  };

  describe("auth_token in the file", () => {
    const byHand = (said: Said) =>
      json(said).find(({ account }: { account: string }) => account === "auth_token")?.result;

    it("'auth logout' removes it with the default login, and says what stays good", async () => {
      good(await logIn());
      write("canary-by-hand");
      const said = good(await world.line("auth logout --force"));
      assert.match(
        said.stdout,
        /auth_token: Logged out here only: it was made elsewhere, and stays good there/,
      );
      assert.equal(state().auth_token, undefined);
      assert.equal((await world.line("auth status")).exit, 1);
      assert.doesNotMatch(said.stdout + said.stderr, /canary-by-hand/);
    });

    for (const line of [
      "auth logout --force --json",
      "auth logout --all --force --json",
      "auth logout auth_token --force --json",
    ]) {
      it(`'motekey ${line}' removes it where there is no login, and asks first without --force`, async () => {
        write("canary-by-hand");
        assert.equal((await world.line(line.replace(" --force", ""))).exit, 2);
        assert.equal(state().auth_token, "canary-by-hand");
        assert.equal(byHand(await world.line(line)), "local-only");
        assert.equal(state().auth_token, undefined);
      });
    }

    it("'auth logout auth_token' leaves the logins; logging out others leaves it, with a warning", async () => {
      good(await logIn());
      write("canary-by-hand");
      good(await world.line("auth logout auth_token --force"));
      good(await world.line("auth status"));
      write("canary-by-hand");
      const said = good(await world.line("auth logout ann --force"));
      assert.match(said.stderr, /Warning: auth_token stays in .*, and is used by all commands/);
      assert.equal(state().auth_token, "canary-by-hand");
    });

    it("in a file that cannot be changed: says exactly what to remove, and fails", async function () {
      needProgram(this, "setpriv", "util-linux");
      write("canary-by-hand");
      chmodSync(world.folder, 0o500);
      // Without its capabilities even root obeys permissions.
      const under = process.geteuid?.() === 0 ? ["setpriv", "--bounding-set", "-all"] : [];
      const words = ["auth", "logout", "--force", "--json"];
      const said = await runProcess(words, { env: { ...world.env }, under });
      chmodSync(world.folder, 0o700);
      assert.equal(said.exit, 1, said.stderr);
      const [{ result, detail }] = JSON.parse(said.stdout);
      assert.equal(result, "failed");
      assert.match(
        detail,
        /Cannot write .*: permission denied\. Remove the line "auth_token" from .*config\.json\.$/,
      );
    });

    it("login warns that it goes before the login, and names what removes it", async () => {
      write("canary-by-hand");
      const said = good(await logIn());
      assert.match(
        said.stderr,
        /Warning: auth_token in .* goes before this login; 'motekey auth logout auth_token' removes it\./,
      );
      good(await world.line("auth logout auth_token --force"));
      assert.equal(good(await logIn("--force")).stderr.includes("auth_token"), false);
    });

    it("status and whoami say that it is in use", async () => {
      good(await logIn());
      const token = good(await world.line("auth token")).stdout.trim();
      write(token);
      assert.match(good(await world.line("auth status")).stdout, /^Token from: auth_token$/m);
      assert.equal(json(await world.line("auth status --json")).source, "auth_token");
      const who = good(await world.line("auth whoami"));
      assert.match(who.stderr, /^Token from: auth_token$/m);
      assert.equal(json(await world.line("auth whoami --json")).source, "auth_token");
    });

    const bad: [what: string, content: unknown, command: RegExp][] = [
      [
        "refused by the provider",
        "canary-nonsense",
        /^Error: The provider refuses the token\. .*'motekey auth logout auth_token' removes it\./m,
      ],
      [
        "an empty text",
        "",
        /Warning: auth_token in .* is no token, and is ignored\. 'motekey auth logout auth_token' removes it\./,
      ],
      ["a number", 42, /Warning: auth_token in .* is no token, and is ignored/],
      ["a list", ["canary"], /Warning: auth_token in .* is no token, and is ignored/],
    ];
    for (const [what, content, told] of bad) {
      it(`a bad one is no dead end: ${what}`, async () => {
        write(content);
        const said = await world.line("auth whoami");
        assert.equal(said.exit, 4);
        assert.match(said.stderr, told);
        good(await world.line("auth logout auth_token --force"));
        assert.equal("auth_token" in state(), false);
        good(await logIn());
        assert.equal(good(await world.line("auth whoami")).stderr, "");
      });
    }

    it("the environment's is not advised to be logged out of, but to be unset", async () => {
      const said = await world.line("auth whoami", { env: { MOTEKEY_AUTH_TOKEN: "canary-nonsense" } });
      assert.match(
        said.stderr,
        /MOTEKEY_AUTH_TOKEN goes before every login: set another token, or unset it\./,
      );
    });

    it("whose end no date can hold is used all the same", async () => {
      const claims = Buffer.from(JSON.stringify({ iss: identity.issuer, exp: 1e300 })).toString("base64url");
      write(`e30.${claims}.c2ln`);
      assert.match(json(await world.line("auth token --json")).expires_at, /^\+275760-09-13T00:00:00Z$/);
    });
  });

  describe("an account that cannot be read", () => {
    it("an account that cannot be read is named, and the others are usable", async () => {
      good(await logIn("--insecure-storage"));
      good(await world.line("auth login --username bob --insecure-storage", { input: "bob's own" }));
      const spoilt = state();
      const bob = spoilt.accounts.find(({ name }: { name: string }) => name.startsWith("bob"));
      bob.open.expiresAtMs = 1e300;
      writeFileSync(world.config, JSON.stringify(spoilt));
      const listed = good(await world.line("auth list"));
      assert.match(listed.stdout, /ann@example\.com/);
      assert.match(
        listed.stderr,
        /Warning: The login of bob@example\.com \(team .*\) in .* cannot be read: it is wrong at open\.expiresAtMs\. 'motekey auth login' replaces it, 'motekey auth logout bob@example\.com' forgets it\./,
      );
      good(await world.line("auth token --team acme"));
      const forgot = good(await world.line("auth logout bob@example.com --force"));
      assert.match(forgot.stdout, /bob@example\.com: Logged out here only: its tokens could not be read/);
      assert.equal(good(await world.line("auth list")).stderr, "");
    });

    it("as the default: an error that names it; a login takes its place", async () => {
      good(await logIn("--insecure-storage"));
      const spoilt = state();
      spoilt.accounts[0].open.issuedAtMs = "yesterday";
      writeFileSync(world.config, JSON.stringify(spoilt));
      const said = await world.line("auth token");
      assert.equal(said.exit, 1);
      assert.match(said.stderr, /Error: The login of ann@example\.com .* cannot be read/);
      good(await logIn());
      assert.equal(good(await world.line("auth token")).stderr, "");
    });
  });

  describe("--issuer", () => {
    let second: Identity;
    beforeEach(async () => {
      second = await startAcme();
      delete world.env.MOTEKEY_ISSUER;
      good(await logIn(`--team acme --issuer ${identity.issuer}`));
    });
    afterEach(() => second.close());
    const ann = (issuer: string, team: string) =>
      world.line(`auth login --team ${team} --issuer ${issuer} --username ann`, { input: ANN.password });
    const issuerOf = async (line: string, env: Record<string, string> = {}) =>
      json(await world.line(`${line} --json`, { env })).issuer;

    it("the account that is logged in there is used, whatever is the default", async () => {
      good(await ann(second.issuer, "staging"));
      for (const [issuer, named] of [
        [identity.issuer, identity.issuer],
        [second.issuer, `${second.issuer}/`],
      ] as const) {
        assert.equal(await issuerOf(`auth status --issuer ${named}`), issuer);
        assert.equal(await issuerOf("auth status", { MOTEKEY_ISSUER: named }), issuer);
        const before = second.stats.tokens.refresh_token ?? 0;
        good(await world.line(`auth refresh --issuer ${named}`));
        const after = second.stats.tokens.refresh_token ?? 0;
        assert.equal(after - before, issuer === second.issuer ? 1 : 0);
      }
      const ended = json(await world.line(`auth logout --force --json --issuer ${second.issuer}`));
      assert.equal(ended[0].team, "staging");
      assert.deepEqual(json(await world.line("auth list --json=team")), [{ team: "acme" }]);
    });

    it("'auth logout --all' ends those of the issuer only", async () => {
      good(await ann(second.issuer, "staging"));
      good(await world.line(`auth logout --all --force --issuer ${identity.issuer}`));
      assert.deepEqual(json(await world.line("auth list --json=team")), [{ team: "staging" }]);
    });

    it("where nobody is logged in there, an error says who is, and where", async () => {
      const lines = ["auth token", "auth whoami", "auth refresh", "auth exec -- true", "auth logout --force"];
      for (const line of lines) {
        const said = await world.line(line.replace(/ -- |$/, ` --issuer ${second.issuer}$&`));
        assert.equal(said.exit, 4, said.stderr);
        const told = `Error: Nobody is logged in at ${second.issuer} (--issuer); logged in: ann@example.com at ${identity.issuer}.`;
        assert.equal(said.stderr.slice(0, told.length), told);
        assert.match(said.stderr, /Run 'motekey auth login --issuer http\S+', or leave --issuer out\.\n$/);
      }
    });

    it("status says so too, and exits with 1", async () => {
      const said = await world.line(`auth status --issuer ${second.issuer}`);
      assert.equal(said.exit, 1);
      assert.match(said.stdout, /^✗ Nobody is logged in at .* \(--issuer\); logged in: ann@example\.com at /);
    });

    it("of several there that are their teams' defaults: an error says which there are", async () => {
      good(await ann(identity.issuer, "staging"));
      good(await ann(second.issuer, "other"));
      good(await world.line("auth switch --team other"));
      const said = await world.line(`auth token --issuer ${identity.issuer}`);
      assert.equal(said.exit, 2);
      assert.match(
        said.stderr,
        /Several accounts of \S+ are logged in: .*acme.*staging.* Say which: --team NAME\./,
      );
      good(await world.line(`auth token --team acme --issuer ${identity.issuer}`));
    });
  });
});
