/** What becomes of tokens: refreshed, expired, revoked, asked about. */
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { type Identity, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, discover, me, SCOPE } from "./client.js";

describe("the identity's tokens", () => {
  let identity: Identity;
  let client: oidc.Configuration;
  let tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

  beforeEach(async () => {
    identity = await startIdentity({ users: [ADA] });
    client = await discover(identity);
    tokens = await byPassword();
  });

  afterEach(() => identity.close());

  const byPassword = (password = ADA.password, username = ADA.username) =>
    oidc.genericGrantRequest(client, "password", { username, password, scope: SCOPE });
  const refresh = (token = tokens.refresh_token) => oidc.refreshTokenGrant(client, token ?? "");
  const isGood = async (token: string) => (await me(identity, token)).status === 200;
  const isRefused = (request: Promise<unknown>, error = "invalid_grant") =>
    assert.rejects(request, { error });

  it("by user name or address and password: an ID token, too", async () => {
    assert.equal(tokens.claims()?.email, ADA.email);
    assert.equal(await isGood(tokens.access_token), true);
    const { scope } = await byPassword(ADA.password, ADA.email);
    assert.equal(scope, SCOPE);
    const some = { ...ADA, scope: "openid unheard-of email" };
    assert.equal((await oidc.genericGrantRequest(client, "password", some)).scope, "openid email");
  });

  it("a wrong password, an unknown and a disabled user are refused in the same words", async () => {
    await identity.addUser({ username: "bob", password: "b" });
    await identity.disable("bob");
    const words = { error: "invalid_grant", error_description: "Invalid user name or password" };
    for (const [username, password] of [
      ["ada", "wrong"],
      ["nobody", "x"],
      ["bob", "b"],
    ] as const)
      await assert.rejects(byPassword(password, username), words);
    await isRefused(oidc.genericGrantRequest(client, "password", { username: "ada" }), "invalid_request");
  });

  it("a refresh gives new tokens; the old access token lives on to its end", async () => {
    const next = await refresh();
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    assert.deepEqual([await isGood(next.access_token), await isGood(tokens.access_token)], [true, true]);
    assert.equal(next.claims()?.sub, tokens.claims()?.sub);
  });

  it("a refresh token that comes again ends the login, whoever has it", async () => {
    const next = await refresh();
    const ended = identity.next("ended");
    await isRefused(refresh());
    assert.equal((await ended).account, tokens.claims()?.sub);
    await isRefused(refresh(next.refresh_token));
    assert.equal(await isGood(next.access_token), false);
  });

  it("of twenty that refresh at once with one token, one has tokens at most, and the login has ended", async () => {
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => refresh()));
    const given = answers.filter(({ status }) => status === "fulfilled");
    assert.ok(given.length <= 1, `${given.length} were given tokens`);
    await isRefused(refresh());
    assert.equal(await isGood(tokens.access_token), false);
  });

  it("scopes may shrink with a refresh, not grow", async () => {
    const less = await oidc.refreshTokenGrant(client, tokens.refresh_token ?? "", { scope: "openid email" });
    assert.equal(less.scope, "openid email");
    const more = oidc.refreshTokenGrant(client, less.refresh_token ?? "", { scope: "openid admin" });
    await isRefused(more, "invalid_scope");
  });

  it("the access token ends after 30 minutes, the refresh token after 6 hours", async () => {
    assert.equal(tokens.expires_in, 1800);
    identity.age(1700);
    assert.equal(await isGood(tokens.access_token), true);
    identity.age(100);
    const response = await me(identity, tokens.access_token);
    assert.equal(response.status, 401);
    assert.match(response.headers.get("www-authenticate") ?? "", /invalid_token/);
    identity.age(6 * 3600 - 1900);
    const next = await refresh();
    identity.age(6 * 3600);
    await isRefused(refresh(next.refresh_token));
  });

  it("however often it is refreshed, a login ends after 14 days", async () => {
    for (let hours = 5; hours < 14 * 24; hours += 5) {
      identity.age(5 * 3600);
      tokens = await refresh();
    }
    identity.age(5 * 3600);
    await isRefused(refresh());
  });

  it("lifetimes may be changed while it runs", async () => {
    identity.lifetimes.accessToken = 7;
    identity.lifetimes.refreshToken = 9;
    const next = await refresh();
    assert.equal(next.expires_in, 7);
    identity.age(7);
    assert.equal(await isGood(next.access_token), false);
    identity.age(2);
    await isRefused(refresh(next.refresh_token));
  });

  it("revoking the refresh token ends the login, revoking an access token ends what it came from", async () => {
    const revoked = identity.next("revoked");
    await oidc.tokenRevocation(client, tokens.refresh_token ?? "");
    assert.deepEqual(await revoked, {
      event: "revoked",
      client: identity.clientId,
      token: "refresh_token",
    });
    await isRefused(refresh());
    assert.equal(await isGood(tokens.access_token), false);
    // RFC 7009 section 2.2: an unknown token is no error.
    await oidc.tokenRevocation(client, tokens.refresh_token ?? "");
    const others = await byPassword();
    await oidc.tokenRevocation(client, others.access_token);
    assert.equal(await isGood(others.access_token), false);
    await isRefused(refresh(others.refresh_token));
  });

  it("introspection tells its own client what a token is", async () => {
    const told = await oidc.tokenIntrospection(client, tokens.access_token);
    assert.deepEqual([told.active, told.client_id, told.scope], [true, identity.clientId, SCOPE]);
    identity.age(1800);
    assert.deepEqual(await oidc.tokenIntrospection(client, tokens.access_token), { active: false });
  });

  it("a disabled user's tokens end at once", async () => {
    await identity.disable("ada");
    assert.equal(await isGood(tokens.access_token), false);
    await isRefused(refresh());
  });

  it("an unknown client, and an unknown grant type, are refused", async () => {
    const stranger = await discover(identity, "nobody");
    await isRefused(oidc.genericGrantRequest(stranger, "password", ADA), "invalid_client");
    await isRefused(oidc.genericGrantRequest(client, "magic", {}), "unsupported_grant_type");
    await isRefused(oidc.clientCredentialsGrant(client), "invalid_request");
  });

  it("counts tell how many tokens were given by which grant, and what was refused", async () => {
    await refresh();
    await isRefused(refresh());
    assert.deepEqual(identity.stats.tokens, { password: 1, refresh_token: 1 });
    assert.deepEqual(identity.stats.refused, { invalid_grant: 1 });
  });
});
