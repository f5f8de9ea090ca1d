import assert from "node:assert/strict";
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from "jose";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";

const HOST = "app.example.com";
const START_MS = 1_700_000_000_000;

describe("the cloud's HTTP", () => {
  let cloud: Cloud;
  let nowMs: number;
  let bearer: string;

  beforeEach(async () => {
    nowMs = START_MS;
    cloud = await startCloud({ now: () => nowMs });
    await cloud.addDevice({ id: "device_123" });
    bearer = await cloud.issueToken("device_123");
  });

  afterEach(() => cloud.close());

  const post = (body: string | object, token: string | null = bearer) =>
    fetch(`${cloud.httpUrl}/rpc`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });

  const generate = { v: 2, src: "device_123", id: 1, method: "/v1/Auth.GenerateToken", args: { host: HOST } };

  it("serves the keys that verify its tokens: ES256, right issuer, subject, audience and times", async () => {
    const { result } = (await (await post(generate)).json()) as { result: { token: string } };
    const keys = createRemoteJWKSet(new URL(`${cloud.httpUrl}/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(result.token, keys, {
      issuer: "//api.mongoose-iot.com",
      audience: HOST,
      subject: "device_123",
      algorithms: ["ES256"],
      currentDate: new Date(nowMs),
    });
    assert.deepEqual([payload.iat, payload.exp], [START_MS / 1000, START_MS / 1000 + 3600]);
    assert.equal(typeof protectedHeader.kid, "string");
    assert.ok(result.token.length <= 640, `a token of ${result.token.length} bytes`);
    await assert.rejects(jwtVerify(result.token, keys, { audience: "b", currentDate: new Date(nowMs) }));
    await assert.rejects(jwtVerify(result.token, keys, { currentDate: new Date(nowMs + 3_600_000) }));
  });

  it("shows no private key, and another cloud's keys do not verify", async () => {
    const jwks = (await (await fetch(`${cloud.httpUrl}/.well-known/jwks.json`)).json()) as { keys: object[] };
    assert.deepEqual(Object.keys(jwks.keys[0] ?? {}).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    const other = await startCloud();
    const theirs = (await (await fetch(`${other.httpUrl}/.well-known/jwks.json`)).json()) as typeof jwks;
    await other.close();
    await assert.rejects(
      jwtVerify(bearer, createLocalJWKSet(theirs as never), { currentDate: new Date(nowMs) }),
    );
  });

  it("carries out a posted frame as the bearer token's owner", async () => {
    const response = await post({ ...generate, src: undefined });
    assert.equal(response.status, 200);
    const reply = (await response.json()) as { dst: string; id: number; result: { token: string } };
    assert.deepEqual([reply.dst, reply.id], ["device_123", 1]);
    assert.equal(cloud.checkToken(reply.result.token, HOST).active, true);
  });

  it("a backend uses its own methods with its own token", async () => {
    await cloud.addDevice({ id: "backend_1", role: "backend" });
    const token = await cloud.issueToken("backend_1");
    const args = { src: "device_123", dst: "device_123", cmd: "Reboot" };
    const frame = { v: 2, id: 1, method: "/v1/Auth.AuthorizeCommand", args };
    assert.deepEqual(((await (await post(frame, token)).json()) as { result: boolean }).result, true);
    assert.equal(((await (await post(frame)).json()) as { error: { code: number } }).error.code, 403);
  });

  it("401 without a good token for the cloud itself", async () => {
    const { result } = (await (await post(generate)).json()) as { result: { token: string } };
    for (const token of [null, "x", `${bearer}x`, result.token]) {
      const response = await post(generate, token);
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      await response.body?.cancel();
    }
    nowMs += 3_600_000;
    assert.equal((await post(generate)).status, 401);
  });

  it("a disabled owner's token is refused, and so is another's src", async () => {
    await cloud.addDevice({ id: "device_9" });
    assert.equal((await post({ ...generate, src: "device_9" })).status, 403);
    await cloud.disable("device_123");
    assert.equal((await post(generate)).status, 401);
  });

  it("bodies that are no request are a 400, too long ones a 413, nr a 204", async () => {
    for (const body of ["", "{", "[]", '{"id":1}', '{"id":0,"method":"/v1/Hello"}']) {
      assert.equal((await post(body)).status, 400, body);
    }
    assert.equal((await post("x".repeat(70_000))).status, 413);
    assert.equal((await post({ ...generate, nr: true })).status, 204);
  });

  it("other paths and methods are a 404 and a 405", async () => {
    assert.equal((await fetch(`${cloud.httpUrl}/`)).status, 404);
    assert.equal((await fetch(`${cloud.httpUrl}/rpc`)).status, 405);
    assert.equal((await fetch(`${cloud.httpUrl}/.well-known/jwks.json`, { method: "POST" })).status, 405);
  });
});
