/**
 * The documents' commands against providers that are not ours: oidc-provider with JWT access tokens for one resource and
 * pairwise subjects, oauth2-mock-server, and Glewlwyd.
 */
import assert from "node:assert/strict";
import { good, json } from "../acme.js";
import { type RunOptions, World } from "../world.js";
import { ANN, CI, type Foreign, startGlewlwyd, startMockServer, startResourceProvider } from "./providers.js";

const PROVIDERS: [name: string, start: (context: Mocha.Context) => Promise<Foreign>][] = [
  ["oidc-provider with resources", startResourceProvider],
  ["oauth2-mock-server", startMockServer],
  ["Glewlwyd", startGlewlwyd],
];

for (const [name, start] of PROVIDERS) {
  describe(`at ${name}`, () => {
    let world: World;
    let foreign: Foreign;

    before(async function () {
      foreign = await start(this);
      world = new World();
      world.env.MOTEKEY_ISSUER = foreign.issuer;
    });
    after(async () => {
      world?.end();
      await foreign?.close();
    });

    const client = (): Record<string, string> => {
      const { id, secret } = foreign.client;
      return { MOTEKEY_CLIENT_ID: id, ...(secret !== undefined && { MOTEKEY_CLIENT_SECRET: secret }) };
    };
    const service = { MOTEKEY_CLIENT_ID: CI.id, MOTEKEY_CLIENT_SECRET: CI.secret };
    /** What the person's account is called beside the one of another client. */
    const mine = () =>
      foreign.box === undefined ? foreign.account : `${foreign.account}/${foreign.client.id}`;
    /** Logs a person in, as this provider can. */
    const logIn = async (more = "") => {
      const { browser, device } = foreign;
      if (browser !== null) {
        const options: RunOptions = { env: { ...client(), DISPLAY: ":0" }, openBrowser: browser };
        return world.line(`auth login ${more}`, options);
      }
      return byDevice(device, more);
    };
    const byDevice = async (confirm: Foreign["device"], more = "") => {
      let confirmed: Promise<void> | null = null;
      const onStderr = (text: string) => {
        const address = /https?:\S+code=\S+/.exec(text)?.[0];
        if (address !== undefined && text.includes("Waiting")) confirmed ??= confirm?.(address) ?? null;
      };
      const env = foreign.box === undefined ? client() : { MOTEKEY_CLIENT_ID: foreign.box.id };
      const said = await world.line(`auth login --device-code ${more}`, { env, onStderr });
      await confirmed;
      return said;
    };

    it("login: a person, and again while it is good; --force logs in anew", async () => {
      const said = good(await logIn());
      assert.equal(said.stdout, `✓ Successfully authenticated as ${foreign.account}\n`);
      const { env } = { env: client() };
      const again = good(await world.line("auth login --no-browser", { env }));
      assert.match(again.stdout, /Successfully authenticated as/);
      good(await logIn("--force"));
    });

    it("login with a code that any machine can confirm, where there is one", async function () {
      if (foreign.device === null) return this.skip();
      const said = good(await byDevice(foreign.device, "--force"));
      assert.match(said.stderr, /Please open this URL in your browser to authenticate:\nhttp/);
    });

    it("list: the account, its team and its end; no token", async () => {
      const rows = json(await world.line("auth list --json"));
      const [one, other] = rows;
      assert.equal(one.account, mine());
      assert.deepEqual([one.team, one.type, one.state], ["default", "platform", "valid"]);
      // The last that logged in is the default.
      assert.equal(rows.at(-1).default, true);
      // By another client it is another account.
      assert.equal(other?.account, foreign.box && `${foreign.account}/${foreign.box.id}`);
    });

    it("status: good, exit 0, and what checked it", async () => {
      const told = json(await world.line("auth status --json"));
      assert.deepEqual([told.authenticated, told.issuer, told.source], [true, foreign.issuer, "login"]);
      assert.equal(told.checked, foreign.checked);
    });

    it("whoami: whose it is, as far as the provider tells", async () => {
      const told = json(await world.line("auth whoami --json"));
      assert.match(told.id, /\S/);
      assert.equal(told.email, foreign.account === "johndoe" ? null : ANN.email);
    });

    it("token: printed alone; refreshed it is another one", async () => {
      const first = good(await world.line("auth token")).stdout;
      assert.match(first, /^[\w.~-]+\n$/);
      good(await world.line("auth refresh"));
      if (!name.includes("mock")) assert.notEqual(good(await world.line("auth token")).stdout, first);
      const child = await world.line("auth exec -- deploy", {
        runProgram: async (program, _words, env) => (program === "deploy" && env.MOTEKEY_AUTH_TOKEN ? 7 : 1),
      });
      assert.equal(child.exit, 7);
    });

    it("an access token that is over is refreshed by whoever needs it", async () => {
      const first = good(await world.line("auth token")).stdout;
      const later = { now: () => Date.now() + 2 * 60 * 60 * 1000 };
      const second = good(await world.line("auth token", later)).stdout;
      // oauth2-mock-server's tokens of one second are the same.
      if (!name.includes("mock")) assert.notEqual(second, first);
    });

    it("a service account by its secret, and switch between both", async () => {
      // Glewlwyd grants a program nothing unless it says what.
      const line = name === "Glewlwyd" ? "auth login --scopes email" : "auth login";
      good(await world.line(line, { env: service }));
      const names = json(await world.line("auth list --json=account")).map(
        ({ account }: { account: string }) => account,
      );
      assert.ok(names.includes(mine()) && names.includes(CI.id), names.join());
      good(await world.line(`auth switch --account ${CI.id}`));
      assert.equal(json(await world.line("auth token --json")).account, CI.id);
      good(await world.line(`auth switch --account ${mine()}`));
      const wrong = await world.line(`${line} --force`, {
        env: { ...service, MOTEKEY_CLIENT_SECRET: "canary-wrong" },
      });
      if (!name.includes("mock")) assert.equal(wrong.exit, 1, "oauth2-mock-server takes any secret");
      assert.doesNotMatch(wrong.stderr, /canary|Unexpected/);
    });

    it("by password, where there is that grant; elsewhere it says which there are", async () => {
      const line = "auth login --username ann --force";
      const said = await world.line(line, { env: client(), input: ANN.password });
      if (!foreign.hasPassword) {
        assert.match(said.stderr, /has no login by password\. It has .*authorization_code/);
        return;
      }
      good(said);
      if (name.includes("mock")) return;
      const wrong = await world.line(line, { env: client(), input: "wrong" });
      assert.match(wrong.stderr, /^Error: Invalid user name or password\./);
      assert.equal(wrong.exit, 1);
    });

    it("a token made elsewhere: by --with-token, and in the environment", async () => {
      const token = good(await world.line(`auth token --team default`)).stdout.trim();
      const other = new World();
      other.env.MOTEKEY_ISSUER = foreign.issuer;
      good(await other.line("auth login --with-token", { input: token }));
      assert.equal(good(await other.line("auth token")).stdout.trim(), token);
      const env = { MOTEKEY_AUTH_TOKEN: token };
      assert.equal(good(await world.line("auth token", { env })).stdout.trim(), token);
      other.end();
    });

    it("logout --all ends every refresh token at the provider", async () => {
      assert.ok((await foreign.liveTokens()) > 0);
      const results = json(await world.line("auth logout --all --clear --force --json"));
      for (const { result, detail } of results) assert.match(result, /^(revoked|local-only)$/, detail);
      assert.equal(await foreign.liveTokens(), 0);
      assert.deepEqual(json(await world.line("auth list --json")), []);
    });
  });
}

describe("at Glewlwyd", () => {
  it("logout of a client without a secret, whose tokens it does not end: said, with what stays good", async function () {
    const foreign = await startGlewlwyd(this);
    const world = new World();
    try {
      world.env.MOTEKEY_ISSUER = foreign.issuer;
      let confirmed: Promise<void> | null = null;
      const onStderr = (text: string) => {
        const address = /https?:\S+code=\S+/.exec(text)?.[0];
        if (address !== undefined && text.includes("Waiting"))
          confirmed ??= foreign.confirmPublic?.(address) ?? null;
      };
      good(await world.line("auth login --device-code", { onStderr }));
      await confirmed;
      const [{ result, detail }] = json(await world.line("auth logout --force --json"));
      assert.equal(result, "local-only");
      assert.match(detail, /\S/);
    } finally {
      world.end();
      await foreign.close();
    }
  });
});
