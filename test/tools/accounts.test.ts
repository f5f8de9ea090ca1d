/** An account is a subject at an issuer by a client: who has one name in several places is several accounts. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { Identity } from "../../host-sim/index.js";
import { Store } from "../../tools/store/store.js";
import { ANN, ANN_AT_BROWSER, CI, good, json, startAcme } from "./acme.js";
import { startForgivingProvider } from "./foreign/providers.js";
import { type RunOptions, World } from "./world.js";

describe("accounts", () => {
  let world: World;
  let identity: Identity;
  let second: Identity;

  beforeEach(async () => {
    [identity, second] = await Promise.all([startAcme(), startAcme()]);
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    world.end();
    await Promise.all([identity.close(), second.close()]);
  });

  const ann = (flags = "") =>
    world.line(`--team acme auth login --username ann ${flags}`, { input: ANN.password }).then(good);
  const annByCi = () =>
    world.line("--team acme auth login --client-id ci --username ann", {
      env: { MOTEKEY_CLIENT_SECRET: CI.secret },
      input: ANN.password,
    });
  const listed = async (): Promise<string[]> =>
    json(await world.line("auth list --json")).map(({ account }: { account: string }) => account);
  const host = (issuer: string) => issuer.replace("http://", "");

  it("of one e-mail address at two issuers are two, told apart by the issuer, each with its own token", async () => {
    await ann();
    const first = good(await world.line("auth token")).stdout;
    await ann(`--issuer ${second.issuer}`);
    const names = [identity, second].map(({ issuer }) => `${ANN.email}/${host(issuer)}`);
    delete world.env.MOTEKEY_ISSUER; // it would choose the account of its issuer
    assert.deepEqual(await listed(), names);
    for (const [index, { issuer }] of [identity, second].entries()) {
      const { stdout } = good(await world.line(`auth switch --account ${names[index]}`));
      assert.match(stdout, new RegExp(`^✓ Default account: ${names[index]} `));
      const { token, account } = json(await world.line("auth token --json"));
      assert.equal(account, names[index]);
      const me = await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(me.status, 200);
      if (index === 0) assert.equal(token, first.trim());
    }
    const both = await world.line(`auth switch --account ${ANN.email}`);
    assert.equal(both.exit, 2);
    assert.match(both.stderr, new RegExp(`is more than one account\\. Say which: ${names.join(" or ")}\\.`));
  });

  it("of one user by two clients are two, told apart by the client", async () => {
    await ann();
    good(await annByCi());
    assert.deepEqual(await listed(), [`${ANN.email}/motekey-cli`, `${ANN.email}/ci`]);
    const rows = json(await world.line("auth list --json=account,client,issuer"));
    assert.deepEqual(rows[1], { account: `${ANN.email}/ci`, client: "ci", issuer: identity.issuer });
    assert.match(good(await world.line("auth list")).stdout, /ann@example\.com\/ci +Acme Corp/);
  });

  it("are logged out one by one, and the one that is left has its plain name", async () => {
    await ann();
    good(await annByCi());
    const said = json(await world.line(`auth logout ${ANN.email}/ci --force --json`));
    assert.deepEqual(said[0], {
      account: `${ANN.email}/ci`,
      team: "acme",
      result: "revoked",
      detail: null,
      good_until: null,
    });
    assert.deepEqual(await listed(), [ANN.email]);
    good(await world.line(`auth switch --account ${ANN.email}`));
    good(await world.line("auth status"));
  });

  /** What is kept, as the tools read it. */
  const kept = () => new Store(world.config, world.keychain).read();
  const tokensOf = async () => {
    const { accounts, ending } = await kept();
    return [...accounts, ...ending].flatMap(({ accessToken, refreshToken, earlier }) => ({
      access: accessToken ?? "",
      refresh: [refreshToken, ...earlier].filter((token) => token !== null),
    }));
  };
  const isGood = async (token: string) =>
    (await fetch(`${identity.issuer}/me`, { headers: { authorization: `Bearer ${token}` } })).ok;
  const isRenewed = async (refresh_token: string) => {
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "motekey-cli",
      refresh_token,
    });
    return (await fetch(`${identity.issuer}/token`, { method: "POST", body })).ok;
  };
  const noneIsGood = async (tokens: Awaited<ReturnType<typeof tokensOf>>) => {
    assert.ok(tokens.length > 0);
    for (const { access, refresh } of tokens) {
      assert.equal(await isGood(access), false, "an access token is good");
      for (const token of refresh) assert.equal(await isRenewed(token), false, "a refresh token is good");
    }
  };
  const revocationFails = (times = 1) => {
    identity.faults.error = { endpoint: "revocation_endpoint", status: 503, body: {}, times };
  };

  for (const flags of ["--force", "--scopes openid", "--force --insecure-storage"]) {
    it(`a login that replaces another ends its tokens at the provider (${flags})`, async () => {
      await ann();
      const before = await tokensOf();
      await ann(flags);
      await noneIsGood(before);
      assert.equal((await kept()).ending.length, 0);
      good(await world.line("auth whoami"));
    });
  }

  it("a login in the browser that replaces another ends its tokens, and stays good", async () => {
    good(await world.line("auth login", ANN_AT_BROWSER));
    const before = await tokensOf();
    good(await world.line("auth login --force", ANN_AT_BROWSER));
    await noneIsGood(before);
    good(await world.line("auth refresh"));
  });

  it("where a replaced login could not be ended a line says so, and 'logout --all' ends it", async () => {
    await ann();
    revocationFails();
    const said = await ann("--force");
    assert.match(
      said.stderr,
      /^The login before this one is not ended at the provider: .* HTTP 503: .*\. 'motekey auth logout' tries again\.\n$/,
    );
    const all = await tokensOf();
    assert.equal(all.length, 2);
    assert.equal(await isGood(all[1]?.access ?? ""), true);
    const results = json(await world.line("auth logout --all --force --json=account,result,detail"));
    assert.deepEqual(results, [
      { account: ANN.email, result: "revoked", detail: null },
      { account: ANN.email, result: "revoked", detail: "an earlier login" },
    ]);
    await noneIsGood(all);
    assert.deepEqual((await kept()).ending, []);
  });

  it("a logout while the provider is away is made good by 'logout --all', though no account is left", async () => {
    await ann();
    const all = await tokensOf();
    revocationFails();
    const said = good(await world.line("auth logout --force"));
    assert.match(said.stdout, /^✓ ann@example\.com: Logged out here only: .* HTTP 503/);
    assert.match(
      said.stderr,
      /One login is over here, and not ended at .* yet: 'motekey auth logout --all' tries again/,
    );
    assert.equal((await world.line("auth token")).exit, 4);
    const [first] = json(await world.line("auth logout --all --json"));
    assert.equal(first.result, "revoked");
    await noneIsGood(all);
    assert.deepEqual(json(await world.line("auth logout --all --json")), []);
  });

  it("--clear forgets what could not be ended; readable in a file it is never kept", async () => {
    for (const [flags, clear] of [
      ["", "--clear"],
      ["--insecure-storage", ""],
    ]) {
      await ann(`--force ${flags}`);
      revocationFails();
      good(await world.line(`auth logout --force ${clear}`));
      assert.deepEqual((await kept()).ending, []);
    }
  });

  it("of rotated refresh tokens none stays good after a logout", async () => {
    await ann();
    good(await world.line("auth refresh"));
    good(await world.line("auth refresh"));
    const all = await tokensOf();
    assert.equal(all[0]?.refresh.length, 3);
    good(await world.line("auth logout --all --force"));
    await noneIsGood(all);
  });

  it("a provider that leaves rotated refresh tokens good: 'logout --all' ends each, and says where it could not", async () => {
    const foreign = await startForgivingProvider();
    const there = new World();
    try {
      there.env.MOTEKEY_ISSUER = foreign.issuer;
      const openBrowser = foreign.browser ?? undefined;
      const logIn = async () =>
        good(
          await there.line("auth login --insecure-storage", {
            env: { DISPLAY: ":0" },
            openBrowser,
          } as RunOptions),
        );
      await logIn();
      for (let left = 25; left > 0; left--) good(await there.line("auth refresh"));
      assert.equal(await foreign.liveTokens(), 26);
      const [{ result }] = json(await there.line("auth logout --all --force --json"));
      assert.equal(result, "revoked");
      assert.equal(await foreign.liveTokens(), 0);
      // More than are remembered: said.
      await logIn();
      const { accounts, ...rest } = JSON.parse(readFileSync(there.config, "utf8"));
      accounts[0].open.earlier = Array.from({ length: 100 }, (_, index) => `canary-${index}`);
      writeFileSync(there.config, JSON.stringify({ ...rest, accounts }));
      const said = good(await there.line("auth logout --all --force"));
      assert.match(said.stdout, /refresh tokens before the last 100 may stay good, if it lets old ones/);
    } finally {
      there.end();
      await foreign.close();
    }
  });

  it("an access token that is a JWT is told with its end: at logout, and of a login that is replaced", async () => {
    const exp = Math.floor(Date.now() / 1000) + 1800;
    const claims = Buffer.from(JSON.stringify({ sub: "ann", exp })).toString("base64url");
    identity.faults.lacks = ["me_endpoint", "userinfo_endpoint"];
    identity.faults.rawReply = (path, content) =>
      path === "/token" ? { ...content, access_token: `e30.${claims}.c2ln` } : content;
    await ann();
    const end = "the access token stays good until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC";
    identity.faults.rawReply = (path, content) =>
      path === "/token" ? { ...content, access_token: `e30.${claims}.YQ` } : content;
    const again = await ann("--force");
    assert.match(again.stderr, new RegExp(`^Of the login before this one ${end}\\.\n$`));
    const said = json(await world.line("auth logout --force --json"));
    assert.equal(said[0].result, "revoked");
    assert.match(said[0].detail, new RegExp(`^${end}$`));
    assert.ok(Math.abs(Date.parse(said[0].good_until) / 1000 - exp) < 60);
  });
});
