/** Service accounts: by secret, by private key, and by the token of a build platform. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, type webcrypto } from "node:crypto";
import * as oidc from "openid-client";
import { type Identity, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, discover, me } from "./client.js";

const KEYS: Record<string, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ES384: () => generateKeyPairSync("ec", { namedCurve: "P-384" }),
  Ed25519: () => generateKeyPairSync("ed25519"),
};

describe("the identity's service accounts", () => {
  let identity: Identity;

  beforeEach(async () => {
    identity = await startIdentity({ users: [ADA] });
  });

  afterEach(() => identity.close());

  it("by secret, in the header or in the body: a token without a refresh token", async () => {
    const { clientId, secret = "" } = await identity.addServiceAccount({ name: "deploy" });
    assert.match(clientId, /^svc_[0-9a-f]{32}$/);
    for (const proof of [oidc.ClientSecretPost(secret), oidc.ClientSecretBasic(secret)]) {
      const tokens = await oidc.clientCredentialsGrant(await discover(identity, clientId, proof));
      assert.deepEqual(
        [tokens.expires_in, tokens.refresh_token, tokens.id_token],
        [1800, undefined, undefined],
      );
      const profile = (await (await me(identity, tokens.access_token)).json()) as Record<string, unknown>;
      assert.deepEqual([profile.id, profile.type, profile.name], [clientId, "service", "deploy"]);
      assert.deepEqual([profile.email, profile.role], [null, "developer"]);
    }
  });

  it("a wrong secret, or none, is invalid_client", async () => {
    const { clientId } = await identity.addServiceAccount({});
    for (const proof of [oidc.ClientSecretPost("wrong"), oidc.ClientSecretBasic("wrong"), oidc.None()]) {
      const client = await discover(identity, clientId, proof);
      await assert.rejects(oidc.clientCredentialsGrant(client), { status: 401 });
    }
  });

  for (const [algorithm, makeKeys] of Object.entries(KEYS)) {
    it(`by private_key_jwt with ${algorithm} (RFC 7523), and by no other key`, async () => {
      const { publicKey, privateKey } = makeKeys();
      const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
      const { clientId, secret } = await identity.addServiceAccount({ publicKey: pem });
      assert.equal(secret, undefined);
      const byKey = async (key: KeyObject) => {
        const der = key.export({ type: "pkcs8", format: "der" });
        const imported = await crypto.subtle.importKey("pkcs8", der, parameters(algorithm), false, ["sign"]);
        const client = await discover(identity, clientId, oidc.PrivateKeyJwt(imported));
        return oidc.clientCredentialsGrant(client);
      };
      const tokens = await byKey(privateKey);
      assert.equal((await me(identity, tokens.access_token)).status, 200);
      await assert.rejects(byKey(makeKeys().privateKey), { error: "invalid_client" });
    });
  }

  it("revoking its token ends it", async () => {
    const { clientId, secret = "" } = await identity.addServiceAccount({});
    const client = await discover(identity, clientId, oidc.ClientSecretBasic(secret));
    const { access_token: token } = await oidc.clientCredentialsGrant(client);
    await oidc.tokenRevocation(client, token);
    assert.equal((await me(identity, token)).status, 401);
  });

  it("a disabled one's token ends at once, and it gets no other", async () => {
    const { clientId, secret = "" } = await identity.addServiceAccount({});
    const client = await discover(identity, clientId, oidc.ClientSecretBasic(secret));
    const { access_token: token } = await oidc.clientCredentialsGrant(client);
    await identity.disable(clientId);
    assert.equal((await me(identity, token)).status, 401);
    await assert.rejects(oidc.clientCredentialsGrant(client), { status: 401 });
  });

  it("together with a user's password it logs the user in, with a refresh token", async () => {
    const { clientId, secret = "" } = await identity.addServiceAccount({});
    const client = await discover(identity, clientId, oidc.ClientSecretPost(secret));
    const tokens = await oidc.genericGrantRequest(client, "password", {
      username: ADA.email,
      password: ADA.password,
    });
    const profile = (await (await me(identity, tokens.access_token)).json()) as Record<string, unknown>;
    assert.deepEqual([profile.type, profile.email], ["user", ADA.email]);
    await oidc.refreshTokenGrant(client, tokens.refresh_token ?? "");
  });

  it("a private key, or what is no key, is refused with what to do", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    await assert.rejects(identity.addServiceAccount({ publicKey: pem }), /give its public half/);
    await assert.rejects(identity.addServiceAccount({ publicKey: "x" }), /BEGIN PUBLIC KEY/);
    await identity.addServiceAccount({ clientId: "a" });
    await assert.rejects(identity.addServiceAccount({ clientId: "a" }), /already/);
  });
});

function parameters(algorithm: string): Parameters<webcrypto.SubtleCrypto["importKey"]>[2] {
  if (algorithm === "RS256") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (algorithm === "Ed25519") return { name: "Ed25519" };
  return { name: "ECDSA", namedCurve: algorithm === "ES256" ? "P-256" : "P-384" };
}
