/**
 * The three documents, example after example, with a browser, a terminal and a keyring, at providers that are not ours.
 * What a provider lacks is named, and what motekey says then is held.
 */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { good, json } from "../acme.js";
import {
  ANN,
  CI,
  type Foreign,
  startGlewlwyd,
  startMockServer,
  startResourceProvider,
} from "../foreign/providers.js";
import type { Said } from "../world.js";
import { Place } from "./place.js";

/** What a provider lacks for the documents, in words. */
interface Lacks {
  readonly browser?: string;
  readonly device?: string;
  readonly password?: string;
  readonly keyed?: string;
  /** It refuses nobody's password or secret. */
  readonly refusal?: string;
  readonly email?: string;
}

const ORGANIZATIONS = "it names no organizations, teams or roles";
const PROVIDERS: [name: string, start: (context: Mocha.Context) => Promise<Foreign>, lacks: Lacks][] = [
  ["oidc-provider with resources", startResourceProvider, { password: "it has no password grant" }],
  [
    "oauth2-mock-server",
    startMockServer,
    {
      device: "it has no device grant",
      refusal: "it takes any password and any secret",
      email: "it knows no e-mail address",
    },
  ],
  [
    "Glewlwyd",
    startGlewlwyd,
    {
      browser: "it takes a loopback redirect with the registered port only, against RFC 8252 section 7.3",
      keyed: "its clients here have secrets",
    },
  ],
];

for (const [name, start, lacks] of PROVIDERS) {
  describe(`acceptance at ${name}`, function () {
    this.timeout(180_000);
    let place: Place;
    let foreign: Foreign;

    before(async function () {
      foreign = await start(this);
      place = await Place.at(this, foreign.issuer);
      const { id, secret } = foreign.client;
      if (id !== "motekey-cli") place.env.MOTEKEY_CLIENT_ID = id;
      if (secret !== undefined) place.env.MOTEKEY_CLIENT_SECRET = secret;
    });
    after(async () => {
      await place?.close();
      await foreign?.close();
    });

    /** An example; where the provider lacks what it needs, one that names that, of what is said then. */
    const example = (
      title: string,
      missing: string | undefined,
      run: () => Promise<void>,
      without?: () => Promise<void>,
    ) => {
      if (missing === undefined) it(title, run);
      else if (without === undefined) it.skip(`${title}: not here, ${missing}`);
      else it(`${title}: ${missing}, which is said`, without);
    };
    /** Goes through the pages of the provider, in chromium where it has some. */
    const allow = (url: string): Promise<void> => {
      const { pages, device } = foreign;
      if (pages !== null) return place.visit(url, pages);
      assert.ok(device, "neither pages nor a way to confirm");
      return device(url);
    };
    const inBrowser = async (line: string, env: Record<string, string> = {}): Promise<Said> => {
      const run = place.line(line, { env });
      await allow(await place.opened());
      return good(await run);
    };
    let files = 0;
    const byCode = async (line: string): Promise<Said> => {
      const told = `told${files++}`;
      const box = foreign.box === undefined ? "" : ` --client-id ${foreign.box.id}`;
      const run = place.shell(`${line}${box} 2>&1 | tee ${told}`);
      await allow(await place.toldIn(told, /https?:\S+code=\S+/));
      return good(await run);
    };
    /** A person logs in, as this provider can. */
    const logIn = (more = "", env: Record<string, string> = {}): Promise<Said> =>
      lacks.browser === undefined
        ? inBrowser(`motekey auth login${more}`, env)
        : byCode(`motekey auth login --no-browser${more}`);
    const welcome = () => `✓ Successfully authenticated as ${foreign.account}`;
    const logOutAll = async () => good(await place.line("motekey auth logout --all --clear --force"));
    const noSecret = { MOTEKEY_CLIENT_SECRET: "", MOTEKEY_CLIENT_ID: "" };

    describe("PipeOps", () => {
      after(logOutAll);

      it("status without a login, ls without accounts: the documented lines, exit 1 and JSON", async () => {
        const { exit, stdout } = await place.line("motekey auth status");
        assert.equal(stdout, "✗ Not authenticated\nRun 'motekey auth login' to authenticate\n");
        assert.equal(exit, 1);
        assert.deepEqual(json(await place.line("motekey auth ls --json")), []);
      });

      example("login: standard, in the browser", lacks.browser, async () => {
        assert.equal((await logIn()).stdout, `${welcome()}\n`);
      });

      example(
        "login --no-browser, --browser=false and --no-launch-browser: an address and a code for any machine",
        lacks.device,
        async () => {
          for (const flag of ["--no-browser", "--browser=false", "--no-launch-browser"]) {
            const { stdout } = await byCode(`motekey auth login --force ${flag}`);
            assert.match(stdout, /Please open this URL in your browser to authenticate:\nhttp/);
            // What stays good of the login before is said in between.
            const [, after = ""] = stdout.split("\n\nWaiting for authentication...\n");
            assert.ok(after.includes(welcome()), stdout);
          }
          await logOutAll();
        },
      );

      it("status with a login: the documented lines and JSON, exit 0; the script's 'if' takes its first way", async () => {
        await logIn(" --force");
        const { stdout } = good(await place.line("motekey auth status"));
        assert.match(stdout, /^✓ Authenticated as .*\nToken expires: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/);
        const told = json(
          await place.line("motekey auth status --json=authenticated,email,expires_at,token_valid"),
        );
        assert.deepEqual(Object.keys(told), ["authenticated", "email", "expires_at", "token_valid"]);
        assert.equal(told.email, lacks.email === undefined ? ANN.email : null);
        const script =
          "if motekey auth status >/dev/null 2>&1; then echo proceeding; else echo please login; fi";
        assert.equal(good(await place.shell(script)).stdout, "proceeding\n");
      });

      it(`me, whoami: whose it is; ${ORGANIZATIONS}`, async () => {
        const told = json(await place.line("motekey auth me --json"));
        assert.equal(told.email, lacks.email === undefined ? ANN.email : null);
        assert.deepEqual([told.organization, told.role], [null, null]);
        good(await place.line("motekey auth whoami"));
      });

      it("CI: a token from the environment is used, and written nowhere; by hand in the file it works too", async () => {
        const token = good(await place.line("motekey auth token")).stdout.trim();
        const [ci, byHand] = ["ci.json", "by-hand.json"].map((file) => join(place.folder, file));
        const env = { MOTEKEY_AUTH_TOKEN: token, MOTEKEY_CONFIG_PATH: ci as string };
        assert.equal(good(await place.line("motekey auth token", { env })).stdout.trim(), token);
        const { exit, stdout } = await place.line("motekey auth status", { env });
        // Who may not ask about another client's token says so, and never that it is good.
        assert.match(stdout, /MOTEKEY_AUTH_TOKEN/);
        assert.ok(exit === 0 || /not checked/i.test(stdout), stdout);
        assert.ok(!existsSync(env.MOTEKEY_CONFIG_PATH));
        writeFileSync(byHand as string, JSON.stringify({ auth_token: token }), { mode: 0o600 });
        const there = { MOTEKEY_CONFIG_PATH: byHand as string };
        assert.equal(good(await place.line("motekey auth token", { env: there })).stdout.trim(), token);
      });

      it("errors: not authenticated, and an invalid token, each with its next step and exit 4", async () => {
        const env = { MOTEKEY_CONFIG_PATH: join(place.folder, "nothing.json") };
        const none = await place.line("motekey auth me", { env });
        assert.equal(none.stderr, "Error: Not authenticated. Run 'motekey auth login'.\n");
        const bad = await place.line("motekey auth status", { env: { MOTEKEY_AUTH_TOKEN: "nonsense" } });
        // oauth2-mock-server's introspection calls everything active.
        assert.deepEqual([none.exit, bad.exit], [4, lacks.refusal === undefined ? 1 : 0]);
      });

      it("logout asks [y/N], and says so; rotate: another login has another token", async () => {
        const before = good(await place.line("motekey auth token")).stdout;
        const { stdout, exit } = await place.converse("motekey auth logout", [["[y/N]", "y\r"]]);
        assert.match(stdout, /^Are you sure you want to logout\? \[y\/N\] y\n✓ Successfully logged out/);
        assert.equal(exit, 0);
        await logIn();
        // oauth2-mock-server's tokens of one second are the same.
        if (lacks.refusal === undefined)
          assert.notEqual(good(await place.line("motekey auth token")).stdout, before);
      });
    });

    describe("Axway", () => {
      const service = ` --client-id ${CI.id} --client-secret ${CI.secret}`;
      // Glewlwyd grants a program nothing unless it says what.
      const scopes = name === "Glewlwyd" ? " --scopes email" : "";
      after(logOutAll);

      it("login as a person and --force --json: the account, and no token", async () => {
        await logIn();
        const line = lacks.browser === undefined ? " --force --json" : " --force";
        const said = await logIn(line);
        const { stdout: token } = good(await place.line("motekey auth token"));
        assert.ok(!said.stdout.includes(token.trim()));
        if (lacks.browser === undefined) assert.equal(json(said).type, "platform");
      });

      it("service account by client secret, -c too; a wrong one is refused where anything is", async () => {
        good(await place.line(`motekey auth login${service}${scopes}`, { env: noSecret }));
        const short = ` --client-id ${CI.id} -c ${CI.secret}`;
        good(await place.line(`motekey auth login --force${short}${scopes}`, { env: noSecret }));
        const wrong = await place.line(`motekey auth login --client-id ${CI.id} -c canary-wrong${scopes}`, {
          env: noSecret,
        });
        if (lacks.refusal === undefined) assert.equal(wrong.exit, 1, wrong.stdout);
        assert.doesNotMatch(wrong.stdout + wrong.stderr, /canary|Unexpected/);
      });

      example("service account by PEM file, -s too", lacks.keyed, async () => {
        const { id = "", pem = "" } = foreign.keyed ?? {};
        writeFileSync(join(place.folder, "pem"), pem, { mode: 0o600 });
        good(await place.line(`motekey auth login --client-id ${id} --secret-file ./pem`, { env: noSecret }));
        good(await place.line(`motekey auth login --force --client-id ${id} -s ./pem`, { env: noSecret }));
        const rows = json(await place.line("motekey auth ls --json=account,type"));
        assert.ok(
          rows.some((row: { account: string; type: string }) => row.account === id && row.type === "service"),
        );
      });

      it(`switch --account; --org: ${ORGANIZATIONS}, which is said`, async () => {
        good(await place.line(`motekey auth switch --account ${CI.id}`));
        assert.equal(json(await place.line("motekey auth token --json")).account, CI.id);
        const [person] = json(await place.line("motekey auth list --json")).filter(
          ({ type }: { type: string }) => type === "platform",
        );
        const said = await place.line(`motekey auth switch --account ${person.account} --org Acme`);
        assert.match(said.stderr, /No organization 'Acme' is known\. .* names no organizations/);
        good(await place.line(`motekey auth switch --account ${person.account}`));
      });

      it("logout of one, then of all: what was revoked, as JSON, and no refresh token is good", async () => {
        const [one] = json(await place.line(`motekey auth logout --force --json ${CI.id}`));
        assert.equal(one.account, CI.id);
        assert.ok((await foreign.liveTokens()) > 0);
        json(await place.line("motekey auth logout --all --force --json"));
        assert.equal(await foreign.liveTokens(), 0);
        assert.deepEqual(json(await place.line("motekey auth list --json")), []);
      });
    });

    describe("SimpleIOT", () => {
      after(logOutAll);
      const user = `Logged in as user: ${ANN.username}.\n`;
      const refused = async () => {
        const said = await place.line("motekey auth login --username ann", { input: ANN.password });
        assert.match(said.stderr, /has no login by password\. It has .*authorization_code/);
        assert.equal(said.exit, 1);
      };

      example(
        "1. by command line parameters, with --clear: erases, then logs in",
        lacks.password,
        async () => {
          const line = `motekey auth login --team=myteam --username=ann --password=${ANN.password} --clear`;
          const said = good(await place.line(line));
          assert.equal(said.stdout, user);
          assert.match(said.stderr, /^Warning: --password is seen by everybody/);
        },
        refused,
      );

      example("2. interactive: asks for both, the password as asterisks", lacks.password, async () => {
        good(await place.line("motekey --team=myteam auth logout --force --clear"));
        const { stdout, exit } = await place.converse("motekey --team=myteam auth login --username", [
          ["Enter username: ", "ann\r"],
          ["Enter password: ", `${ANN.password}\r`],
        ]);
        assert.equal(exit, 0, stdout);
        assert.match(stdout, /Enter username: ann\nEnter password: \*+\nLogged in as user: ann\.\n/);
      });

      example("3. by the environment variables; then from the keychain", lacks.password, async () => {
        good(await place.line("motekey --team=myteam auth logout --force --clear"));
        const env = { MOTEKEY_TEAM: "myteam", MOTEKEY_USERNAME: "ann", MOTEKEY_PASSWORD: ANN.password };
        assert.equal(good(await place.line("motekey auth login", { env })).stdout, user);
        // The client's own secret is kept too, and would be a service account's in the environment.
        const later = { MOTEKEY_TEAM: "myteam", ...noSecret };
        assert.equal(good(await place.line("motekey auth login --force", { env: later })).stdout, user);
      });

      example(
        "a wrong password: an error, exit 1, and the login that was there stays",
        lacks.password ?? lacks.refusal,
        async () => {
          const env = { MOTEKEY_TEAM: "myteam" };
          const said = await place.line("motekey auth login --username ann --force", { env, input: "wrong" });
          assert.match(said.stderr, /^Error: Invalid user name or password/);
          assert.deepEqual([said.exit, said.stdout], [1, ""]);
          good(await place.line("motekey auth status", { env }));
        },
      );

      example(
        "multiple logins, one for each team; logout keeps the password, --clear does not",
        lacks.password,
        async () => {
          good(await place.line("motekey --team=another auth login --username ann", { input: ANN.password }));
          const teams = json(await place.line("motekey auth list --json=team"));
          assert.deepEqual(teams, [{ team: "myteam" }, { team: "another" }]);
          const env = { MOTEKEY_TEAM: "another", ...noSecret };
          good(await place.line("motekey auth logout --force", { env }));
          good(await place.line("motekey auth login", { env }));
          good(await place.line("motekey auth logout --clear --force", { env }));
          assert.match(
            (await place.line("motekey auth login --username ann", { env })).stderr,
            /A password is needed/,
          );
        },
      );

      it(`a team of any name is a name here: ${ORGANIZATIONS}`, async () => {
        await logOutAll();
        await logIn(" --team anything");
        assert.deepEqual(json(await place.line("motekey auth list --json=team")), [{ team: "anything" }]);
      });
    });
  });
}
