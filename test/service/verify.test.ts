import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import sinon from "sinon";
import { createVerifier, KeysUnavailable, TokenRefused } from "../../host-sim/service/verify.js";

const ISSUER = "//auth.example.com";
const AUDIENCE = "app.example.com";

interface Signer {
  kid: string;
  jwk: JWK;
  sign: (claims?: Record<string, unknown>) => Promise<string>;
}

async function newSigner(kid: string, alg = "ES256"): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const now = Math.floor(Date.now() / 1000);
  const base = { iss: ISSUER, aud: AUDIENCE, sub: "device_1", iat: now, exp: now + 60 };
  return {
    kid,
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" },
    sign: (claims = {}) =>
      new SignJWT({ ...base, ...claims }).setProtectedHeader({ alg, kid }).sign(privateKey),
  };
}

describe("motekey-service/verify", () => {
  let server: Server;
  let url: string;
  /** What the issuer publishes; null: it is down. */
  let published: JWK[] | null;
  let asked: number;
  let clock: sinon.SinonFakeTimers;

  beforeEach(async () => {
    clock = sinon.useFakeTimers({ now: Date.now(), toFake: ["performance"] });
    [published, asked] = [[], 0];
    server = createServer((_request, response) => {
      asked++;
      if (published === null) response.writeHead(500).end();
      else response.end(JSON.stringify({ keys: published }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  });
  afterEach(async () => {
    clock.restore();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const verifier = (more: { staleSeconds?: number } = {}) =>
    createVerifier({ jwksUrl: url, issuer: ISSUER, audience: AUDIENCE, ...more });

  for (const alg of ["ES256", "EdDSA"])
    it(`takes a token that is signed with ${alg}, and says whose it is; the keys are read once`, async () => {
      const signer = await newSigner("one", alg);
      published = [signer.jwk];
      const verify = verifier();
      const [first, second] = await Promise.all([verify(await signer.sign()), verify(await signer.sign())]);
      assert.deepEqual([first.sub, second.sub, first.exp - first.iat], ["device_1", "device_1", 60]);
      assert.equal(asked, 1);
    });

  it("refuses what is for others, over, of another issuer, without an end, unsigned, or no token", async () => {
    const signer = await newSigner("one");
    const stranger = await newSigner("one");
    published = [signer.jwk];
    const verify = verifier();
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${(await signer.sign()).split(".")[1]}.`;
    const wrong = [
      await signer.sign({ aud: "other.example.com" }),
      await signer.sign({ exp: Math.floor(Date.now() / 1000) - 1 }),
      await signer.sign({ iss: "//other.example.com" }),
      await signer.sign({ exp: undefined }),
      await stranger.sign(),
      unsigned,
      "no token",
    ];
    for (const token of wrong) await assert.rejects(verify(token), TokenRefused);
  });

  it("knows a new key as soon as a token comes under it", async () => {
    const [one, two] = [await newSigner("one"), await newSigner("two")];
    published = [one.jwk];
    const verify = verifier();
    await verify(await one.sign());
    published = [one.jwk, two.jwk];
    clock.tick(30_000);
    assert.equal((await verify(await two.sign())).sub, "device_1");
  });

  it("asks no more than twice a minute, whatever names tokens come under", async () => {
    const [one, two] = [await newSigner("one"), await newSigner("two")];
    published = [one.jwk];
    const verify = verifier();
    await verify(await one.sign());
    for (let at = 0; at < 5; at++) await assert.rejects(verify(await two.sign()), TokenRefused);
    assert.equal(asked, 1);
    clock.tick(30_000);
    await assert.rejects(verify(await two.sign()), TokenRefused);
    assert.equal(asked, 2);
  });

  it("goes on by the keys that it has while the issuer is down, for the time that is said, and no longer", async () => {
    const signer = await newSigner("one");
    published = [signer.jwk];
    const verify = verifier({ staleSeconds: 100 });
    const token = await signer.sign();
    await verify(token);
    published = null;
    clock.tick(690_000);
    assert.equal((await verify(token)).sub, "device_1");
    clock.tick(20_000);
    await assert.rejects(verify(token), KeysUnavailable);
    published = [signer.jwk];
    clock.tick(30_000);
    assert.equal((await verify(token)).sub, "device_1");
  });

  it("says that nobody knows where the keys were never read", async () => {
    published = null;
    await assert.rejects(verifier()(await (await newSigner("one")).sign()), KeysUnavailable);
  });
});
