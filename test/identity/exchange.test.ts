/** Token exchange, RFC 8693: a build platform's token becomes a service account's. */
import assert from "node:assert/strict";
import { type CryptoKey, generateKeyPair } from "jose";
import * as oidc from "openid-client";
import { type Identity, type Profile, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, discover, me } from "./client.js";
import { Platform } from "./platform.js";

const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const SAML = "urn:ietf:params:oauth:token-type:saml2";
const API = "https://api.example.com";
const SUBJECT = "repo:acme/firmware:ref:refs/heads/main";

describe("the identity's token exchange", () => {
  let platform: Platform;
  let identity: Identity;
  let client: oidc.Configuration;

  before(async () => {
    platform = await Platform.start();
  });
  after(() => platform.close());

  beforeEach(async () => {
    identity = await startIdentity({
      audiences: [API],
      users: [ADA],
      serviceAccounts: [{ clientId: "other", secret: "other's own" }],
    });
    await identity.addServiceAccount({
      clientId: "ci",
      name: "CI of acme/firmware",
      workload: { issuer: platform.issuer, subject: SUBJECT },
    });
    client = await discover(identity);
  });

  afterEach(() => identity.close());

  const subjectToken = (claims: object = {}, signer?: CryptoKey): Promise<string> =>
    platform.token(SUBJECT, identity.issuer, claims, signer);

  const exchange = (token: string, parameters: Record<string, string> = {}) =>
    oidc.genericGrantRequest(client, GRANT, {
      subject_token: token,
      subject_token_type: ID_TOKEN,
      ...parameters,
    });
  const isRefused = (request: Promise<unknown>, description: RegExp) =>
    assert.rejects(request, (failure: { error: string; error_description: string }) => {
      assert.equal(failure.error, "invalid_request");
      assert.match(failure.error_description, description);
      return true;
    });

  it("gives the service account that trusts the workload an access token, without a secret", async () => {
    const tokens = await exchange(await subjectToken());
    assert.deepEqual(
      [tokens.issued_token_type, tokens.expires_in, tokens.refresh_token],
      [ACCESS_TOKEN, 1800, undefined],
    );
    const profile = (await (await me(identity, tokens.access_token)).json()) as Profile;
    assert.deepEqual([profile.id, profile.type, profile.name], ["ci", "service", "CI of acme/firmware"]);
    assert.deepEqual(identity.stats.tokens, { [GRANT]: 1 });
  });

  it("another subject, issuer, audience, key, or an expired token is refused", async () => {
    const { privateKey } = await generateKeyPair("RS256");
    await isRefused(exchange(await subjectToken({ sub: `${SUBJECT}2` })), /no service account trusts/);
    await isRefused(exchange(await subjectToken({ iss: "https://other.example" })), /no service account/);
    await isRefused(exchange(await subjectToken({ aud: "other" })), /unexpected "aud"/);
    await isRefused(exchange(await subjectToken({ exp: 1 })), /"exp" claim timestamp check failed/);
    await isRefused(exchange(await subjectToken({ exp: undefined })), /missing required "exp"/);
    await isRefused(exchange(await subjectToken({}, privateKey)), /signature verification failed/);
    await isRefused(exchange("no.jwt"), /not a JWT/);
  });

  it("other types of tokens, or none, are refused", async () => {
    const token = await subjectToken();
    await isRefused(exchange(token, { subject_token_type: SAML }), /subject_token_type must be/);
    await isRefused(exchange(token, { requested_token_type: ID_TOKEN }), /requested_token_type must be/);
    await isRefused(oidc.genericGrantRequest(client, GRANT, {}), /missing required parameter/);
  });

  const another = (token: string, audience?: string, by = client) =>
    oidc.genericGrantRequest(by, GRANT, {
      subject_token: token,
      subject_token_type: ACCESS_TOKEN,
      ...(audience !== undefined && { audience }),
    });

  it("gives an access token for another audience, which this provider itself takes not, and which ends with the login", async () => {
    const { access_token, refresh_token = "" } = await oidc.genericGrantRequest(client, "password", {
      ...{ username: ADA.username, password: ADA.password, scope: "openid email" },
    });
    const tokens = await another(access_token, API);
    assert.deepEqual([tokens.issued_token_type, tokens.refresh_token], [ACCESS_TOKEN, undefined]);
    const told = await oidc.tokenIntrospection(client, tokens.access_token);
    assert.deepEqual([told.active, told.aud, told.scope], [true, API, "openid email"]);
    assert.equal((await me(identity, tokens.access_token)).status, 401);
    await isRefused(another(tokens.access_token, API), /no good access token of this client/);
    await oidc.tokenRevocation(client, refresh_token);
    assert.equal((await oidc.tokenIntrospection(client, tokens.access_token)).active, false);
    await isRefused(another(access_token, API), /no good access token of this client/);
  });

  it("for an audience that there is not, for none, or by another client's token: refused", async () => {
    const service = await discover(identity, "other", oidc.ClientSecretBasic("other's own"));
    const { access_token } = await oidc.clientCredentialsGrant(service);
    await assert.rejects(another(access_token, "nothing", service), { error: "invalid_target" });
    await isRefused(another(access_token, undefined, service), /missing required parameter 'audience'/);
    await isRefused(another(access_token, API), /no good access token of this client/);
    const { aud } = await oidc.tokenIntrospection(
      service,
      (await another(access_token, API, service)).access_token,
    );
    assert.equal(aud, API);
  });

  it("a workload's token becomes one for another audience at once, and the client that asked can end it", async () => {
    const { access_token } = await exchange(await subjectToken(), { audience: API });
    assert.equal((await oidc.tokenIntrospection(client, access_token)).aud, API);
    await oidc.tokenRevocation(client, access_token);
    assert.equal((await oidc.tokenIntrospection(client, access_token)).active, false);
  });

  it("an issuer that is down is told as such", async () => {
    const gone = "http://127.0.0.1:1";
    await identity.addServiceAccount({ workload: { issuer: gone, subject: SUBJECT } });
    await isRefused(exchange(await subjectToken({ iss: gone })), /not accepted/);
  });

  it("the service account itself, without a platform's token, gets nothing", async () => {
    const bare = await discover(identity, "ci");
    await assert.rejects(oidc.clientCredentialsGrant(bare), { error: "invalid_request" });
  });
});
