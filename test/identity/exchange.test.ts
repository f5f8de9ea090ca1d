/** Token exchange, RFC 8693: a build platform's token becomes a service account's. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import * as oidc from "openid-client";
import { type Identity, type Profile, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { discover, me } from "./client.js";

const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const SUBJECT = "repo:acme/firmware:ref:refs/heads/main";

describe("the identity's token exchange", () => {
  let platform: Server;
  let issuer: string;
  let key: CryptoKey;
  let identity: Identity;
  let client: oidc.Configuration;

  before(async () => {
    const pair = await generateKeyPair("RS256");
    key = pair.privateKey;
    const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "1", alg: "RS256" }] };
    platform = createServer((request, response) => {
      const isKeys = request.url === "/keys";
      response.end(JSON.stringify(isKeys ? jwks : { issuer, jwks_uri: `${issuer}/keys` }));
    });
    await new Promise<void>((resolve) => platform.listen(0, "127.0.0.1", resolve));
    issuer = `http://127.0.0.1:${(platform.address() as AddressInfo).port}`;
  });

  after(() => {
    platform.closeAllConnections();
    platform.close();
  });

  beforeEach(async () => {
    identity = await startIdentity();
    await identity.addServiceAccount({
      clientId: "ci",
      name: "CI of acme/firmware",
      workload: { issuer, subject: SUBJECT },
    });
    client = await discover(identity);
  });

  afterEach(() => identity.close());

  function subjectToken(claims: object = {}, signer: CryptoKey = key): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const right = { iss: issuer, sub: SUBJECT, aud: identity.issuer, iat: now, exp: now + 300 };
    return new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: "RS256", kid: "1" }).sign(signer);
  }

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
    await isRefused(exchange(token, { subject_token_type: ACCESS_TOKEN }), /subject_token_type must be/);
    await isRefused(exchange(token, { requested_token_type: ID_TOKEN }), /requested_token_type must be/);
    await isRefused(oidc.genericGrantRequest(client, GRANT, {}), /missing required parameter/);
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
