/** The authorization code grant with PKCE, as RFC 8252 has native apps do it. */
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { type Identity, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, attempt, discover, logIn, me, REDIRECT } from "./client.js";
import { Person } from "./people.js";

describe("the identity's authorization code grant", () => {
  let identity: Identity;
  let client: oidc.Configuration;

  beforeEach(async () => {
    identity = await startIdentity({ users: [ADA] });
    client = await discover(identity);
  });

  afterEach(() => identity.close());

  /** The redirect that ends a login, not yet exchanged. */
  async function allowed(parameters: Record<string, string> = {}) {
    const { url, checks } = await attempt(client, parameters);
    const person = new Person();
    const page = await person.allow(await person.open(url), ADA.username, ADA.password);
    return { callback: page.url, checks };
  }

  const refusal = async (exchange: Promise<unknown>): Promise<string> => {
    const failure = await exchange.then(
      () => assert.fail("was accepted"),
      (failed) => failed,
    );
    return (failure as { error?: string; code?: string }).error ?? (failure as { code: string }).code;
  };

  it("gives access, refresh and ID token, with the claims of its scopes", async () => {
    const tokens = await logIn(client);
    assert.deepEqual([tokens.token_type, tokens.expires_in], ["bearer", 1800]);
    assert.equal(typeof tokens.refresh_token, "string");
    const claims = tokens.claims();
    assert.deepEqual([claims?.email, claims?.name, claims?.aud], [ADA.email, ADA.name, identity.clientId]);
    const info = await oidc.fetchUserInfo(client, tokens.access_token, claims?.sub ?? "");
    assert.equal((info.organization as { name: string }).name, "Acme Corp");
    const profile = (await (await me(identity, tokens.access_token)).json()) as Record<string, unknown>;
    assert.deepEqual([profile.id, profile.email, profile.role], [claims?.sub, ADA.email, "developer"]);
  });

  it("brings state and issuer back (RFC 9207), to any port of both loopback addresses", async () => {
    for (const redirect of [REDIRECT, "http://127.0.0.1:1/callback", "http://[::1]:50999/callback"]) {
      const { callback, checks } = await allowed({ redirect_uri: redirect });
      assert.equal(`${callback.origin}${callback.pathname}`, redirect);
      assert.equal(callback.searchParams.get("state"), checks.expectedState);
      assert.equal(callback.searchParams.get("iss"), identity.issuer);
      await oidc.authorizationCodeGrant(client, callback, checks);
    }
  });

  it("no other redirect, and no request but for a code with PKCE by S256, gets to the sign-in page", async () => {
    const cases: Record<string, string>[] = [
      { redirect_uri: "http://127.0.0.1:51234/other" },
      { redirect_uri: "http://localhost:51234/callback" },
      { redirect_uri: "https://evil.example/callback" },
      { client_id: "nobody" },
    ];
    for (const wrong of cases) {
      const page = await new Person().open((await attempt(client, wrong)).url);
      assert.equal(page.status, 400, JSON.stringify(wrong));
      assert.match(page.text, /That did not work/);
    }
    for (const wrong of [{ code_challenge_method: "plain" }, { code_challenge: "" }] as const) {
      const page = await new Person().open((await attempt(client, wrong)).url);
      assert.equal(page.url.searchParams.get("error"), "invalid_request", JSON.stringify(wrong));
    }
    // These ask for an answer in the fragment, and an error is an answer.
    for (const wrong of [{ response_type: "id_token" }, { response_mode: "fragment" }] as const) {
      const page = await new Person().open((await attempt(client, wrong)).url);
      assert.match(page.url.hash, /^#error=invalid_request&/, JSON.stringify(wrong));
    }
  });

  it("a wrong verifier is refused, and the code stays good for the right one", async () => {
    const { callback, checks } = await allowed();
    const wrong = { ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
    assert.equal(await refusal(oidc.authorizationCodeGrant(client, callback, wrong)), "invalid_grant");
    await oidc.authorizationCodeGrant(client, callback, checks);
  });

  it("a code that comes twice ends the login that it gave", async () => {
    const { callback, checks } = await allowed();
    const tokens = await oidc.authorizationCodeGrant(client, callback, checks);
    const ended = identity.next("ended");
    assert.equal(await refusal(oidc.authorizationCodeGrant(client, callback, checks)), "invalid_grant");
    await ended;
    assert.equal((await me(identity, tokens.access_token)).status, 401);
    const refresh = oidc.refreshTokenGrant(client, tokens.refresh_token ?? "");
    assert.equal(await refusal(refresh), "invalid_grant");
  });

  it("a code is good for its lifetime only", async () => {
    const { callback, checks } = await allowed();
    identity.age(identity.lifetimes.authorizationCode);
    assert.equal(await refusal(oidc.authorizationCodeGrant(client, callback, checks)), "invalid_grant");
  });

  it("who cancels, or refuses, is told to the client as access_denied", async () => {
    const { url, checks } = await attempt(client);
    const person = new Person();
    const cancelled = await person.answer(await person.open(url), { answer: "no" });
    assert.equal(cancelled.url.searchParams.get("error"), "access_denied");
    assert.equal(cancelled.url.searchParams.get("state"), checks.expectedState);
    const other = new Person();
    const { username, password } = ADA;
    const consent = await other.answer(await other.open(url), { username, password, answer: "yes" });
    const refused = await other.answer(consent, { answer: "no" });
    assert.equal(refused.url.searchParams.get("error"), "access_denied");
  });

  it("a wrong password shows the page again with the name kept and no word of which was wrong", async () => {
    const person = new Person();
    const page = await person.open((await attempt(client)).url);
    for (const username of [ADA.username, "nobody"]) {
      const again = await person.answer(page, { username, password: "wrong", answer: "yes" });
      assert.equal(again.status, 401);
      assert.match(again.text, /Invalid user name or password\. Try again\./);
      assert.match(again.text, new RegExp(`value="${username}"`));
    }
    await person.allow(page, ADA.email, ADA.password);
  });

  it("the sign-in page waits for ten minutes", async () => {
    const person = new Person();
    const page = await person.open((await attempt(client)).url);
    identity.age(10 * 60);
    const late = await person.answer(page, { ...ADA, answer: "yes" });
    assert.equal(late.status, 400);
    assert.match(late.text, /This sign-in has ended/);
  });

  it("who is signed in already is asked for consent only; prompt=login asks for the password again", async () => {
    const person = new Person();
    await person.allow(await person.open((await attempt(client)).url), ADA.username, ADA.password);
    assert.match((await person.open((await attempt(client)).url)).text, /It asks to/);
    const again = await person.open((await attempt(client, { prompt: "login" })).url);
    assert.match(again.text, /type="password"/);
  });

  it("logins from one browser end apart from each other", async () => {
    const person = new Person();
    const first = await attempt(client);
    const one = await person.allow(await person.open(first.url), ADA.username, ADA.password);
    const tokens = await oidc.authorizationCodeGrant(client, one.url, first.checks);
    const second = await attempt(client);
    const two = await person.answer(await person.open(second.url), { answer: "yes" });
    const others = await oidc.authorizationCodeGrant(client, two.url, second.checks);
    await oidc.tokenRevocation(client, tokens.refresh_token ?? "");
    assert.equal((await me(identity, tokens.access_token)).status, 401);
    assert.equal((await me(identity, others.access_token)).status, 200);
  });
});
