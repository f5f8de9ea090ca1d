/** Tokens for other audiences: by token exchange at the mock cloud, by a resource indicator at oidc-provider, or not. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as oidc from "openid-client";
import type { Identity } from "../../host-sim/index.js";
import { discover } from "../identity/client.js";
import { ANN, CI, good, json, startAcme } from "./acme.js";
import { startMockServer, startResourceProvider } from "./foreign/providers.js";
import { type RunOptions, World } from "./world.js";

const API = "https://api.example.com";
const OTHER_API = "https://reports.example.com";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

describe("auth token --audience", () => {
  let world: World;
  let identity: Identity;

  before(async () => {
    identity = await startAcme({ audiences: [API, OTHER_API, "metrics"] });
  });
  after(() => identity.close());
  beforeEach(async () => {
    identity.faults.lacks = [];
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    good(await world.line("auth login --username ann --insecure-storage", { input: ANN.password }));
  });
  afterEach(() => world.end());

  const line = async (words: string, options?: RunOptions): Promise<string> =>
    good(await world.line(words, options)).stdout.trim();
  /** What the provider says of a token (RFC 7662). */
  const told = async (token: string): Promise<oidc.IntrospectionResponse> =>
    oidc.tokenIntrospection(await discover(identity), token);
  const exchanges = (): number => identity.stats.tokens[EXCHANGE] ?? 0;

  it("is good at that API only, and the login's own token stays as it is", async () => {
    const own = await line("auth token");
    const token = await line(`auth token --audience ${API}`);
    assert.notEqual(token, own);
    assert.equal(await line("auth token"), own);
    const { active, aud } = await told(token);
    assert.deepEqual([active, aud], [true, API]);
    // The provider's own user info is another audience.
    const said = await world.line("auth whoami", { env: { MOTEKEY_AUTH_TOKEN: token } });
    assert.equal(said.exit, 4);
    const { audience, account } = json(await world.line(`auth token --audience metrics --json`));
    assert.deepEqual([audience, account], ["metrics", ANN.email]);
  });

  it("is kept per audience while it is good, and is another one afterwards", async () => {
    const before = exchanges();
    const [one, two] = [
      await line(`auth token --audience ${API}`),
      await line(`auth token --audience ${OTHER_API}`),
    ];
    assert.notEqual(one, two);
    assert.equal(await line(`auth token --audience ${API}`), one);
    assert.equal(await line(`auth token --audience ${OTHER_API}`), two);
    assert.equal(exchanges() - before, 2);
    const later = { now: () => Date.now() + 29 * 60_000 + 45_000 };
    assert.notEqual(await line(`auth token --audience ${API}`, later), one);
  });

  it("asked for by many at once, is got once", async () => {
    const before = exchanges();
    const tokens = await Promise.all(Array.from({ length: 5 }, () => line(`auth token --audience ${API}`)));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(exchanges() - before, 1);
  });

  it("is a new one after 'auth refresh', and after 'auth switch --org'", async () => {
    const first = await line(`auth token --audience ${API}`);
    await line("auth refresh");
    const second = await line(`auth token --audience ${API}`);
    assert.notEqual(second, first);
    good(await world.run(["auth", "switch", "--org", "Other Org"]));
    assert.notEqual(await line(`auth token --audience ${API}`), second);
  });

  it("ends with the login: 'auth logout' leaves none of them good", async () => {
    const tokens = [
      await line(`auth token --audience ${API}`),
      await line(`auth token --audience ${OTHER_API}`),
    ];
    await line("auth refresh");
    tokens.push(await line(`auth token --audience ${API}`));
    for (const token of tokens) assert.equal((await told(token)).active, true);
    await line("auth logout --force");
    for (const token of tokens) assert.equal((await told(token)).active, false);
  });

  it("is given by 'auth exec', 'auth credential kubectl' and 'auth credential git' too", async () => {
    const token = await line(`auth token --audience ${API}`);
    const runProgram: RunOptions["runProgram"] = (_program, _words, env) =>
      Promise.resolve(env.MOTEKEY_AUTH_TOKEN === token ? 7 : 1);
    assert.equal((await world.line(`auth exec --audience ${API} -- deploy`, { runProgram })).exit, 7);
    const { status } = JSON.parse(await line(`auth credential kubectl --audience ${API}`));
    assert.equal(status.token, token);
    const git = `auth credential git --host git.example.com --audience ${API}`;
    const input = "protocol=https\nhost=git.example.com\n";
    assert.match(await line(`${git} get`, { input }), new RegExp(`^password=${token}$`, "m"));
    // What git found refused is not given again; the login's own token stays.
    const own = await line("auth token");
    await line(`${git} erase`, { input: `${input}password=${token}\n` });
    assert.doesNotMatch(await line(`${git} get`, { input }), new RegExp(token));
    assert.equal(await line("auth token"), own);
  });

  it("of a service account, and of a token that was handed in, which is not written down", async () => {
    const service = { MOTEKEY_CLIENT_ID: CI.clientId, MOTEKEY_CLIENT_SECRET: CI.secret };
    good(await world.line("auth login --insecure-storage", { env: service }));
    const token = await line(`auth token --account ci --audience ${API}`, { env: service });
    const client = await discover(identity, CI.clientId, oidc.ClientSecretBasic(CI.secret));
    const { aud, client_id } = await oidc.tokenIntrospection(client, token);
    assert.deepEqual([aud, client_id], [API, CI.clientId]);
    const own = await line("auth token --account ann@example.com");
    const before = readFileSync(world.config, "utf8");
    const other = await line(`auth token --audience metrics`, { env: { MOTEKEY_AUTH_TOKEN: own } });
    assert.equal((await told(other)).aud, "metrics");
    assert.equal(readFileSync(world.config, "utf8"), before);
  });

  it("an audience that the provider does not know is refused with its own words; the login stays", async () => {
    const own = await line("auth token");
    const said = await world.line("auth token --audience nothing");
    assert.match(
      said.stderr,
      /gives no token for that audience \(invalid_target: no API is called 'nothing'\)/,
    );
    assert.match(said.stderr, /Check --audience/);
    assert.deepEqual([said.exit, said.stdout], [1, ""]);
    assert.equal(await line("auth token"), own);
  });

  it("where the provider has no token exchange and ignores resources: said, and no other token passes for it", async () => {
    identity.faults.rawReply = (path, content) =>
      path.endsWith("openid-configuration")
        ? {
            ...(content as object),
            grant_types_supported: ["authorization_code", "password", "refresh_token"],
          }
        : content;
    try {
      const name = await world.line("auth token --audience metrics");
      assert.match(name.stderr, /gives no token for metrics: it has no token exchange, and resources are/);
      const address = await world.line(`auth token --audience ${API}`);
      assert.match(
        address.stderr,
        /gives no token for https:\/\/api\.example\.com: it has no token exchange, and takes no resource/,
      );
      assert.deepEqual([address.exit, address.stdout], [1, ""]);
      // The refresh token that was rotated on the way is kept.
      await line("auth refresh");
      await line("auth logout --force");
    } finally {
      identity.faults.rawReply = null;
    }
  });

  it("by a resource indicator, at a provider without token exchange; another resource is refused", async () => {
    const foreign = await startResourceProvider();
    const there = new World();
    try {
      there.env.MOTEKEY_ISSUER = foreign.issuer;
      const options = { env: { DISPLAY: ":0" }, openBrowser: foreign.browser ?? undefined };
      good(await there.line("auth login", options as RunOptions));
      const own = good(await there.line("auth token")).stdout;
      const token = good(await there.line(`auth token --audience ${API}`)).stdout;
      assert.notEqual(token, own);
      const [, claims = ""] = token.split(".");
      assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).aud, API);
      assert.equal(good(await there.line(`auth token --audience ${API}`)).stdout, token);
      const said = await there.line(`auth token --audience ${OTHER_API}`);
      assert.match(said.stderr, /no token for that audience \(invalid_target/);
      // oidc-provider has rotated the refresh token by then, and told nobody the next.
      assert.match(
        said.stderr,
        /may have used up the refresh token over it: if 'motekey auth refresh' fails, log/,
      );
      assert.equal(good(await there.line("auth token")).stdout, own);
      good(await there.line("auth logout --force"));
      assert.equal(await foreign.liveTokens(), 0);
    } finally {
      there.end();
      await foreign.close();
    }
  });

  it("a provider whose JWTs name another audience has none (oauth2-mock-server)", async () => {
    const foreign = await startMockServer();
    const there = new World();
    try {
      there.env.MOTEKEY_ISSUER = foreign.issuer;
      const options = { env: { DISPLAY: ":0" }, openBrowser: foreign.browser ?? undefined };
      good(await there.line("auth login", options as RunOptions));
      const said = await there.line(`auth token --audience ${API}`);
      assert.match(said.stderr, /gives no token for https:\/\/api\.example\.com/);
      assert.equal(said.exit, 1);
      good(await there.line("auth logout --all --force"));
      assert.equal(await foreign.liveTokens(), 0);
    } finally {
      there.end();
      await foreign.close();
    }
  });
});
