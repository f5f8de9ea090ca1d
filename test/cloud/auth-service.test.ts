import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";

const HOST = "app.example.com";
const START_MS = 1_700_000_000_000;

/** Self-signed, for CN=device_123; its key was thrown away. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBgjCCASegAwIBAgIUcxDi/F/m/FrSdLoSga+N2qzyH0gwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKZGV2aWNlXzEyMzAgFw0yNjExMjEyMjM4MzhaGA8yMTI2MTAy
ODIyMzgzOFowFTETMBEGA1UEAwwKZGV2aWNlXzEyMzBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABAIn5OW+PjGCC80y6Onuu1Awt43thGfLfXcpXmfusIFJJDRu881K
YkhzQ70f3+uZROeUl2eFzRXyCgg+IoJj7tmjUzBRMB0GA1UdDgQWBBRgNBahRph5
na3zKR/y3d11IADgBDAfBgNVHSMEGDAWgBRgNBahRph5na3zKR/y3d11IADgBDAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQC6AB6HAoTIMtFn1mvV
5nigckdWjhgXl4p1NDT5umTA5wIhAIc+gGalmq8wGavITSETTzj7p59/joGhUZQW
O90+0QzI
-----END CERTIFICATE-----
`;

describe("the cloud's Auth service", () => {
  let cloud: Cloud;
  let device: Client;
  let backend: Client;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = START_MS;
    cloud = await startCloud({ now: () => nowMs, tokens: { format: "opaque" } });
    device = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: "device_123", owner: "ann" }));
    const added = await cloud.addDevice({ id: "backend_1", role: "backend" });
    backend = await Client.ready(cloud.mqttUrl, added);
  });

  afterEach(async () => {
    device.close();
    backend.close();
    await cloud.close();
  });

  const generate = async () => (await device.call("/v1/Auth.GenerateToken", { host: HOST })).result;

  it("GenerateToken gives a token with its lifetime, members in the documented order", async () => {
    device.send(
      `{"v":2,"src":"device_123","id":123,"method":"/v1/Auth.GenerateToken","args":{"host":"${HOST}"}}`,
    );
    const text = await device.message();
    const start = '{"v":2,"src":"//api.mongoose-iot.com","dst":"device_123","id":123,"result":{"token":"';
    assert.equal(text.slice(0, start.length), start);
    assert.match(
      text.slice(start.length),
      /^[A-Za-z0-9_-]{43}","expires_in":3600,"issued_at":1700000000\}\}$/,
    );
    const { token } = JSON.parse(text).result;
    const [iat, exp] = [1_700_000_000, 1_700_003_600];
    assert.deepEqual(cloud.checkToken(token, HOST), {
      active: true,
      sub: "device_123",
      host: HOST,
      iat,
      exp,
    });
    assert.deepEqual(cloud.checkToken(token, "other.example.com"), { active: false });
  });

  it("GetToken gives the newest token with what is left of its life, or says that there is none", async () => {
    const absent = await device.call("/v1/Auth.GetToken", { host: HOST });
    assert.deepEqual(absent.result, { exist: false });
    const { token } = await generate();
    nowMs += 600_500;
    const { result } = await device.call("/v1/Auth.GetToken", { host: HOST });
    assert.deepEqual(result, { exist: true, token, expires_in: 2999, issued_at: 1_700_000_000 });
    nowMs = START_MS + 3_600_000;
    assert.deepEqual((await device.call("/v1/Auth.GetToken", { host: HOST })).result, { exist: false });
  });

  it("ListToken names hosts, never tokens, and only those with a good token", async () => {
    assert.deepEqual((await device.call("/v1/Auth.ListToken")).result, []);
    await generate();
    nowMs += 1_000_000;
    await device.call("/v1/Auth.GenerateToken", { host: "b.example.com" });
    const both = await device.call("/v1/Auth.ListToken", {});
    assert.deepEqual(both.result, [{ host: HOST }, { host: "b.example.com" }]);
    nowMs = START_MS + 3_600_000;
    assert.deepEqual((await device.call("/v1/Auth.ListToken")).result, [{ host: "b.example.com" }]);
  });

  it("RevokeToken ends all tokens of the host at once, answers without a result, and never fails", async () => {
    const first = await generate();
    const second = await generate();
    device.send(
      `{"v":2,"src":"device_123","id":123,"method":"/v1/Auth.RevokeToken","args":{"host":"${HOST}"}}`,
    );
    assert.equal(
      await device.message(),
      '{"v":2,"src":"//api.mongoose-iot.com","dst":"device_123","id":123}',
    );
    for (const { token } of [first, second]) assert.equal(cloud.checkToken(token, HOST).active, false);
    assert.deepEqual((await device.call("/v1/Auth.ListToken")).result, []);
    const unknown = await device.call("/v1/Auth.RevokeToken", { host: "never.example.com" });
    assert.equal(unknown.error, undefined);
    assert.equal("result" in unknown, false);
  });

  it("a token generated again leaves the one before it good for the grace time, not beyond its life", async () => {
    const first = await generate();
    nowMs += 60_000;
    const second = await generate();
    assert.notEqual(first.token, second.token);
    nowMs += 119_999;
    assert.equal(cloud.checkToken(first.token, HOST).active, true);
    nowMs += 1;
    assert.equal(cloud.checkToken(first.token, HOST).active, false);
    assert.equal(cloud.checkToken(second.token, HOST).active, true);
    nowMs = START_MS + 60_000 + 3_599_999;
    await generate();
    assert.equal(cloud.checkToken(second.token, HOST).active, true);
    nowMs += 1;
    assert.equal(cloud.checkToken(second.token, HOST).active, false);
  });

  it("a token revoked behind the device's back is gone", async () => {
    const { token } = await generate();
    assert.equal(cloud.revokeToken("device_123", HOST), true);
    assert.equal(cloud.checkToken(token, HOST).active, false);
    assert.deepEqual((await device.call("/v1/Auth.GetToken", { host: HOST })).result, { exist: false });
    assert.equal(cloud.revokeToken("device_123", HOST), false);
  });

  it("Authenticate tells a right PSK from a wrong one, and asks for credentials", async () => {
    await cloud.addDevice({ id: "thing", psk: "the key" });
    const ask = async (id: string, credentials: object) =>
      (await backend.call("/v1/Auth.Authenticate", { id, credentials })).result;
    assert.deepEqual(await ask("thing", { psk: "the key" }), { success: true });
    assert.deepEqual(await ask("thing", { psk: "the kez" }), { success: false });
    assert.deepEqual(await ask("thing", { psk: "the key", cert: "no certificate" }), { success: false });
    assert.deepEqual(await ask("nobody", { psk: "the key" }), { success: false });
    await cloud.disable("thing");
    assert.deepEqual(await ask("thing", { psk: "the key" }), { success: false });
  });

  it("Authenticate tells a certificate by its fingerprint", async () => {
    const { fingerprint256 } = new X509Certificate(CERTIFICATE);
    await cloud.addDevice({ id: "thing", psk: "the key", certFingerprint: fingerprint256 });
    const ask = async (id: string, credentials: object) =>
      (await backend.call("/v1/Auth.Authenticate", { id, credentials })).result.success;
    assert.equal(await ask("thing", { cert: CERTIFICATE }), true);
    assert.equal(await ask("thing", { cert: CERTIFICATE, psk: "the key" }), true);
    assert.equal(await ask("thing", { cert: CERTIFICATE, psk: "the kez" }), false);
    assert.equal(await ask("device_123", { cert: CERTIFICATE }), false);
    assert.equal(await ask("thing", { cert: CERTIFICATE.replace("MII", "MIJ") }), false);
  });

  it("AuthorizeCommand answers a bare boolean, by default for things of one owner", async () => {
    await cloud.addDevice({ id: "ann", role: "user" });
    await cloud.addDevice({ id: "lamp", owner: "ann" });
    await cloud.addDevice({ id: "safe", owner: "bob" });
    const ask = async (src: string, dst: string) =>
      (await backend.call("/v1/Auth.AuthorizeCommand", { src, dst, cmd: "Set" })).result;
    assert.equal(await ask("device_123", "lamp"), true);
    assert.equal(await ask("ann", "lamp"), true);
    assert.equal(await ask("lamp", "lamp"), true);
    assert.equal(await ask("backend_1", "safe"), true);
    assert.equal(await ask("device_123", "safe"), false);
    assert.equal(await ask("lamp", "ann"), false);
    assert.equal(await ask("nobody", "lamp"), false);
    await cloud.disable("lamp");
    assert.equal(await ask("device_123", "lamp"), false);
  });

  it("AuthorizeCommand asks the policy that is given", async () => {
    const strict = await startCloud({ policy: (src, dst, cmd) => `${src}>${dst}:${cmd}` === "a>b:On" });
    const added = await strict.addDevice({ id: "asker", role: "backend" });
    const asker = await Client.ready(strict.mqttUrl, added);
    const ask = async (cmd: string) =>
      (await asker.call("/v1/Auth.AuthorizeCommand", { src: "a", dst: "b", cmd })).result;
    assert.deepEqual([await ask("On"), await ask("Off")], [true, false]);
    asker.close();
    await strict.close();
  });

  it("Hello tells the time and the extensions", async () => {
    const { result } = await device.call("/v1/Hello");
    assert.deepEqual(result, {
      time: 1_700_000_000,
      ext: { retry_after: 1, expires_in: 1, mac: 1, cbor: 1, seal: 1 },
    });
    cloud.faults.extensions = { retryAfter: false, expiresIn: false, mac: false, cbor: false, seal: false };
    assert.deepEqual((await device.call("/v1/Hello")).result, { time: 1_700_000_000 });
    assert.deepEqual(Object.keys(await generate()), ["token"]);
  });

  it("each method is refused with 403 to the roles that it is not for", async () => {
    const asDevice: [string, object][] = [
      ["/v1/Auth.Authenticate", { id: "device_123", credentials: { psk: "x" } }],
      ["/v1/Auth.AuthorizeCommand", { src: "a", dst: "b", cmd: "c" }],
    ];
    for (const [method, args] of asDevice) {
      const { error } = await device.call(method, args);
      assert.equal(error?.code, 403, method);
      assert.match(error?.message ?? "", /backend/);
    }
    for (const name of ["GenerateToken", "GetToken", "ListToken", "RevokeToken"]) {
      assert.equal((await backend.call(`/v1/Auth.${name}`, { host: HOST })).error?.code, 403, name);
    }
  });

  it("a missing or mistyped argument is a 400 that names it", async () => {
    const cases: [Client, string, unknown, string][] = [
      [device, "GenerateToken", {}, "host"],
      [device, "GenerateToken", undefined, "host"],
      [device, "GenerateToken", { host: 5 }, "host"],
      [device, "GenerateToken", { host: "" }, "host"],
      [device, "GenerateToken", { host: "x".repeat(254) }, "host"],
      [device, "GetToken", { host: null }, "host"],
      [device, "RevokeToken", { host: [HOST] }, "host"],
      [device, "ListToken", [1], "args"],
      [backend, "Authenticate", { credentials: { psk: "x" } }, "id"],
      [backend, "Authenticate", { id: "a" }, "credentials"],
      [backend, "Authenticate", { id: "a", credentials: "x" }, "credentials"],
      [backend, "Authenticate", { id: "a", credentials: {} }, "psk nor cert"],
      [backend, "Authenticate", { id: "a", credentials: { psk: 1 } }, "credentials.psk"],
      [backend, "Authenticate", { id: "a", credentials: { cert: {} } }, "credentials.cert"],
      [backend, "AuthorizeCommand", { dst: "b", cmd: "c" }, "src"],
      [backend, "AuthorizeCommand", { src: "a", cmd: "c" }, "dst"],
      [backend, "AuthorizeCommand", { src: "a", dst: "b", cmd: 3 }, "cmd"],
    ];
    for (const [client, name, args, named] of cases) {
      const { error } = await client.call(`/v1/Auth.${name}`, args as object);
      assert.equal(error?.code, 400, `${name} ${JSON.stringify(args)}`);
      assert.ok(error?.message.includes(named), `${name}: ${error?.message}`);
    }
  });

  it("a method that is not there is a 404 that names it", async () => {
    const { error } = await device.call("/v1/Auth.MintToken", {});
    assert.equal(error?.code, 404);
    assert.match(error?.message ?? "", /"\/v1\/Auth\.MintToken"/);
    assert.deepEqual(cloud.stats.requests, { "(unknown)": 1 });
  });
});
