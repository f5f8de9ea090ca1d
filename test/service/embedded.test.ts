import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { SpanKind, trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { simulateDevice } from "../../host-sim/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { TRANSPORTS } from "../../host-sim/transports.js";
import { FREE, newFolder } from "./places.js";

const HOST = "app.example.com";

describe("the service on its embedded database", function () {
  this.timeout(120_000);
  const folder = newFolder();
  let service: Service;

  const open = (): Promise<Service> => startService({ database: { folder }, ...FREE });
  before(async () => {
    service = await open();
  });
  after(async () => {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  });

  const basic = (id: string, psk: string) => `Basic ${Buffer.from(`${id}:${psk}`).toString("base64")}`;
  const post = (path: string, authorization: string, form: Record<string, string>) =>
    fetch(service.httpUrl + path, {
      method: "POST",
      headers: { authorization },
      body: new URLSearchParams(form),
    });

  for (const transport of TRANSPORTS) {
    for (const proof of ["counter+mac", "password"] as const) {
      it(`a device gets, lists and revokes its token over ${transport} with ${proof}`, async () => {
        const known = await service.addDevice({
          id: `device_${transport.replace("+", "_")}_${proof.slice(0, 3)}`,
        });
        const device = simulateDevice({ cloud: service, transport, proof, allowInsecure: true, ...known });
        try {
          const app = device.host(HOST);
          const { token } = await app.getToken();
          const check = await service.checkToken(token, HOST);
          assert.ok(check.active);
          assert.equal(check.sub, known.id);
          assert.deepEqual(await device.listTokens(), [HOST]);
          await app.revokeToken();
          assert.deepEqual(await service.checkToken(token, HOST), { active: false });
          assert.deepEqual(await device.listTokens(), []);
        } finally {
          device.close();
        }
      });
    }
  }

  it("tokens are JWTs that the published keys verify, also behind a change of the key", async () => {
    const jwks = async () =>
      createLocalJWKSet(
        (await (await fetch(`${service.httpUrl}/.well-known/jwks.json`)).json()) as JSONWebKeySet,
      );
    const device = simulateDevice({ cloud: service, ...(await service.addDevice({ id: "device_jwt" })) });
    const { token } = await device.host(HOST).getToken();
    const first = await jwtVerify(token, await jwks(), { audience: HOST, subject: "device_jwt" });
    assert.equal(first.protectedHeader.alg, "ES256");
    const next = await service.rotateSigningKey();
    const published = (await (
      await fetch(`${service.httpUrl}/.well-known/jwks.json`)
    ).json()) as JSONWebKeySet;
    assert.ok(published.keys.some(({ kid }) => kid === next));
    assert.ok(published.keys.every((key) => key.d === undefined));
    await device.host(HOST).revokeToken();
    const again = await jwtVerify((await device.host(HOST).getToken()).token, await jwks(), {
      audience: HOST,
    });
    // The new key signs when nobody can still hold the set without it.
    assert.equal(again.protectedHeader.kid, first.protectedHeader.kid);
    device.close();
  });

  it("an app's server introspects and revokes (RFC 7662, RFC 7009), a device does not introspect", async () => {
    const backend = await service.addDevice({ id: "backend_1", role: "backend" });
    const known = await service.addDevice({ id: "device_oauth" });
    const device = simulateDevice({ cloud: service, ...known });
    const { token } = await device.host(HOST).getToken();
    const server = basic(backend.id, backend.psk);
    const found = (await (await post("/oauth2/introspect", server, { token })).json()) as Record<
      string,
      unknown
    >;
    assert.deepEqual([found.active, found.sub, found.aud], [true, known.id, HOST]);
    assert.equal((await post("/oauth2/introspect", basic(known.id, known.psk), { token })).status, 403);
    assert.equal((await post("/oauth2/introspect", basic(backend.id, "wrong"), { token })).status, 401);
    assert.equal((await post("/oauth2/revoke", server, { token })).status, 200);
    assert.deepEqual(await (await post("/oauth2/introspect", server, { token })).json(), { active: false });
    assert.equal((await post("/oauth2/revoke", server, { token: "unknown" })).status, 200);
    device.close();
  });

  it("a barred device's tokens are over when that is answered, its connection is closed, and it stays outside", async () => {
    const known = await service.addDevice({ id: "device_barred" });
    const device = simulateDevice({ cloud: service, ...known });
    const { token } = await device.host(HOST).getToken();
    const gone = service.next("disconnected", ({ id }) => id === known.id);
    const refused = service.next("connect-refused", ({ id }) => id === known.id);
    await service.disable(known.id);
    assert.deepEqual(await service.checkToken(token, HOST), { active: false });
    await gone;
    device
      .host("other.example.com")
      .getToken()
      .catch(() => {});
    await refused;
    device.close();
  });

  it("nobody connects without a password, and a strange id learns no more than a wrong key", async () => {
    const known = await service.addDevice({ id: "device_proof" });
    const wrong = simulateDevice({
      cloud: service,
      id: known.id,
      psk: "not-the-key-of-this-device-at-all",
      proof: "password",
      allowInsecure: true,
    });
    const strange = simulateDevice({
      cloud: service,
      id: "device_strange",
      psk: known.psk,
      proof: "password",
      allowInsecure: true,
    });
    const refusals = [known.id, "device_strange"].map((id) =>
      service.next("connect-refused", (event) => event.id === id),
    );
    for (const device of [wrong, strange])
      device
        .host(HOST)
        .getToken()
        .catch(() => {});
    const codes = (await Promise.all(refusals)).map(({ returnCode }) => returnCode);
    assert.deepEqual(codes, [4, 4]);
    for (const device of [wrong, strange]) device.close();
  });

  it("is ready when it can write, and tells Prometheus what it did, no secret in it", async () => {
    assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 200);
    const known = await service.addDevice({ id: "device_metrics" });
    const device = simulateDevice({ cloud: service, ...known });
    const { token } = await device.host(HOST).getToken();
    const text = await (await fetch(`${service.httpUrl}/metrics`)).text();
    assert.match(text, /motekey_replies_total\{method="\/v1\/Auth.GenerateToken",code="0"\} [1-9]/);
    for (const secret of [known.psk, token]) assert.ok(!text.includes(secret));
    device.close();
  });

  it("traces each call to who has registered a provider: method, proof, outcome and time, no secret, no parent", async () => {
    const known = await service.addDevice({ id: "device_traced" });
    const device = simulateDevice({ cloud: service, ...known });
    const kept = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] });
    trace.setGlobalTracerProvider(provider);
    try {
      const { token } = await device.host(HOST).getToken();
      await fetch(`${service.httpUrl}/rpc`, {
        method: "POST",
        headers: {
          authorization: basic(known.id, known.psk),
          traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
        },
        body: JSON.stringify({ id: 1, method: "/v1/No.Such", args: {} }),
      });
      await provider.forceFlush();
      const spans = kept.getFinishedSpans();
      const found = spans.map(({ name, attributes }) => [
        name,
        attributes["motekey.proof"],
        attributes["motekey.outcome"],
        attributes["motekey.code"],
      ]);
      assert.deepEqual(found.at(-1), ["(unknown)", "link", "refused", 404]);
      assert.ok(
        found.some((one) => one.join() === "/v1/Auth.GenerateToken,mac,done,0"),
        JSON.stringify(found),
      );
      for (const { instrumentationScope, kind, parentSpanContext, duration } of spans) {
        assert.equal(instrumentationScope.name, "motekey-service");
        assert.equal(kind, SpanKind.SERVER);
        assert.equal(parentSpanContext, undefined);
        assert.ok(duration[0] + duration[1] > 0);
      }
      const all = JSON.stringify(
        spans.map(({ name, attributes, events, status, links }) => [name, attributes, events, status, links]),
      );
      for (const secret of [token, known.psk, known.id]) assert.ok(!all.includes(secret));
    } finally {
      trace.disable();
      await provider.shutdown();
      device.close();
    }
  });

  it("another process is told who has the folder", async () => {
    await assert.rejects(open(), /is in use/);
  });

  it("started anew it knows its devices, their tokens and their counters", async () => {
    const known = await service.addDevice({ id: "device_kept" });
    const counter = Date.now();
    const device = simulateDevice({ cloud: service, ...known, counter });
    const { token } = await device.host(HOST).getToken();
    device.close();
    await service.close();
    service = await open();
    assert.equal((await service.checkToken(token, HOST)).active, true);
    const refused = service.next("connect-refused", ({ id }) => id === known.id);
    const replayed = simulateDevice({ cloud: service, ...known, counter });
    replayed
      .host(HOST)
      .getToken()
      .catch(() => {});
    assert.equal((await refused).reason, "password");
    replayed.close();
    assert.equal(statSync(join(folder, "seal.key")).mode & 0o777, 0o600);
  });
});
