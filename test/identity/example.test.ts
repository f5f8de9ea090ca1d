/** How a tool's login is tested against the identity: by its own client library, and without a browser. */
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { type Identity, startIdentity } from "../../host-sim/index.js";

describe("an operator's login", () => {
  let identity: Identity;
  let client: oidc.Configuration;

  before(async () => {
    identity = await startIdentity({ users: [{ username: "ada", password: "correct horse" }] });
    const insecure = { execute: [oidc.allowInsecureRequests] }; // http, on the loopback only
    const { issuer, clientId } = identity;
    client = await oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), insecure);
  });

  after(() => identity.close());

  it("is refreshed after half an hour, and is over after six hours of rest", async () => {
    const login = { username: "ada", password: "correct horse", scope: "openid email" };
    const first = await oidc.genericGrantRequest(client, "password", login);
    const sub = first.claims()?.sub ?? "";
    assert.equal(first.claims()?.email, "ada@example.com");

    identity.age(30 * 60);
    await assert.rejects(oidc.fetchUserInfo(client, first.access_token, sub));
    const second = await oidc.refreshTokenGrant(client, first.refresh_token ?? "");
    await oidc.fetchUserInfo(client, second.access_token, sub);

    identity.age(6 * 60 * 60);
    const late = oidc.refreshTokenGrant(client, second.refresh_token ?? "");
    await assert.rejects(late, { error: "invalid_grant" });
  });
});
