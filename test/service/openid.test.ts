/** Operators and backends at the service, by the tokens of an OpenID provider. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { SignJWT } from "jose";
import sinon from "sinon";
import { simulateDevice } from "../../host-sim/index.js";
import { checkService, readConfiguration, type Service, startService } from "../../host-sim/service/index.js";
import { until } from "../until.js";
import { newSigner, type Signer, TestIssuer } from "./issuer.js";
import { FREE, newFolder, newKeyFile } from "./places.js";

const HOST = "app.example.com";
const AUDIENCE = "https://auth.example.com";
const KEY = "a-key-of-some-length";
const SCOPE = "openid devices:provision";

interface Answer {
  status: number;
  challenge: string | null;
  retryAfter: string | null;
  error?: string | { code: number; message: string };
  result?: Record<string, unknown> & { history?: { did: string; by: string; at: string }[] };
}

describe("the service's operators", function () {
  this.timeout(120_000);
  const folder = newFolder();
  let issuer: TestIssuer;
  let signer: Signer;
  let service: Service;
  let clock: sinon.SinonFakeTimers;

  before(async () => {
    clock = sinon.useFakeTimers({ now: Date.now(), toFake: ["performance"] });
    issuer = await TestIssuer.start();
    signer = await newSigner("one");
    issuer.keys = [signer.jwk];
    service = await startService({
      ...{ database: { folder }, ...FREE },
      // Clocks that jump are for the keys.
      limits: { addressPerSecond: 0, devicePerSecond: 0 },
      openid: {
        issuer: issuer.url,
        audience: AUDIENCE,
        rolesClaim: "realm.roles",
        roles: { admin: ["boss"], developer: ["maker"], viewer: ["reader"], backend: ["app"] },
        claims: { org: "acme" },
        nameClaim: "email",
        staleSeconds: 100,
      },
    });
  });
  after(async () => {
    clock?.restore();
    await service?.close();
    await issuer?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What a token says, but for what a test wants otherwise. */
  const claims = (roles: string[], more: Record<string, unknown> = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const who = { iss: issuer.url, aud: AUDIENCE, sub: "u1", email: "ann@example.com", org: "acme" };
    return { ...who, iat: now, exp: now + 60, realm: { roles }, scope: SCOPE, ...more };
  };
  const token = (roles: string[], more = {}, by = signer) => by.sign(claims(roles, more));

  async function call(bearer: string, method: string, args: object = {}): Promise<Answer> {
    const response = await fetch(`${service.httpUrl}/rpc`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ id: 1, method, args }),
    });
    const { headers, status } = response;
    const [challenge, retryAfter] = [headers.get("www-authenticate"), headers.get("retry-after")];
    return { status, challenge, retryAfter, ...((await response.json()) as object) };
  }
  const codeOf = ({ error }: Answer) => (typeof error === "object" ? error.code : null);

  it("register, read, rotate and revoke devices, and the history says who did it", async () => {
    const maker = await token(["maker"], { email: "Ann Lee" });
    const created = await call(maker, "/v1/Device.Create", { id: "device_1", psk: KEY });
    assert.equal(created.result?.created, true, JSON.stringify(created));
    const again = await call(maker, "/v1/Device.Create", { id: "device_1", psk: KEY });
    assert.equal(again.result?.created, false);
    const other = await call(maker, "/v1/Device.Create", { id: "device_1", psk: "another-key-of-it" });
    assert.equal(codeOf(other), 409);
    assert.equal((await call(maker, "/v1/Device.Rotate", { id: "device_1" })).result?.changed, true);
    assert.equal((await call(maker, "/v1/Device.Rotate", { id: "device_1" })).result?.changed, false);
    const back = await call(maker, "/v1/Device.Rotate", { id: "device_1", cancel: true });
    assert.deepEqual([back.result?.changed, back.result?.next_key_fingerprint], [true, null]);
    const device = simulateDevice({ cloud: service, id: "device_1", psk: KEY });
    const { token: text } = await device.host(HOST).getToken();
    const gone = service.next("disconnected", ({ id }) => id === "device_1");
    const revoked = await call(maker, "/v1/Device.Revoke", { id: "device_1" });
    assert.equal(revoked.result?.revoked, true);
    await gone;
    device.close();
    assert.deepEqual(await service.checkToken(text, HOST), { active: false });
    assert.equal((await call(maker, "/v1/Device.Revoke", { id: "device_1" })).result?.revoked, false);
    const shown = await call(await token(["reader"]), "/v1/Device.Show", { id: "device_1" });
    assert.equal(shown.result?.state, "revoked");
    assert.ok((shown.result?.counter as number) > 0);
    assert.deepEqual(
      shown.result?.history?.map(({ did, by }) => `${did} by ${by}`),
      ["created", "rotation-begun", "rotation-cancelled", "revoked"].map((did) => `${did} by Ann Lee`),
    );
    for (const { at } of shown.result?.history ?? [])
      assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000, at);
    assert.equal(codeOf(await call(maker, "/v1/Device.Create", { id: "device_1", psk: KEY })), 409);
  });

  it("register many at once, each by itself, and list them in pages", async () => {
    const maker = await token(["boss"]);
    const devices = [
      ...Array.from({ length: 200 }, (_, at) => ({ id: `many_${String(at).padStart(3, "0")}`, psk: KEY })),
      { id: "many_000", psk: KEY },
      { id: "many_001", psk: "another-key-of-it" },
      { id: "not an id", psk: KEY },
      { id: "many_cert", cert_fingerprint: "AB:".repeat(31).concat("CD") },
    ];
    const { result } = await call(maker, "/v1/Device.CreateMany", { devices });
    const many = result?.devices as { id: string; created?: boolean; error?: { code: number } }[];
    assert.deepEqual(
      many.map(({ created, error }) => created ?? error?.code),
      [...Array(200).fill(true), false, 409, 400, true],
    );
    const check = await call(maker, "/v1/Device.Check", {
      devices: [{ id: "many_cert", cert_fingerprint: "AB:".repeat(31).concat("CD") }, { id: "nobody" }],
    });
    assert.deepEqual(check.result?.devices, [
      { id: "many_cert", state: "active", same_key: true },
      { id: "nobody", state: "unknown", same_key: false },
    ]);
    const certified = await call(maker, "/v1/Device.Certify", {
      id: "many_cert",
      cert_fingerprint: "AB:".repeat(31).concat("EF"),
    });
    assert.equal(certified.result?.certified, true);
    const ids: string[] = [];
    for (let after: unknown = "many"; after !== null; ) {
      const { result: page = {} } = await call(maker, "/v1/Device.List", { after, limit: 64 });
      ids.push(...(page.devices as { id: string }[]).map(({ id }) => id));
      after = page.next;
    }
    assert.equal(ids.filter((id) => id.startsWith("many_")).length, 201);
    assert.deepEqual(ids, [...new Set(ids)].sort());
  });

  it("do what their role and scope say, and no more; who has no role is told so", async () => {
    const create = { id: "device_2", psk: KEY };
    assert.equal(codeOf(await call(await token(["reader"]), "/v1/Device.Create", create)), 403);
    const scopeless = await token(["maker"], { scope: "openid" });
    assert.match(
      JSON.stringify(await call(scopeless, "/v1/Device.Create", create)),
      /scope devices:provision/,
    );
    assert.equal(codeOf(await call(scopeless, "/v1/Device.List")), null);
    const app = await call(await token(["app"]), "/v1/Device.List");
    assert.match(JSON.stringify(app), /yours is none/);
    const nobody = await call(await token(["guest"]), "/v1/Device.List");
    assert.equal(nobody.status, 403);
    assert.match(String(nobody.error), /gives no role here: see its claim "realm\.roles"/);
    const word = await call(await token([], { realm: { roles: "no boss" } }), "/v1/Device.List");
    assert.equal(word.status, 403, "a role's name may hold spaces");
    const method = await call(await token(["boss"]), "/v1/Auth.GenerateToken", { host: HOST });
    assert.equal(codeOf(method), 404);
  });

  it("with a token for others, of others, over, bound, unsigned or signed by no key of the issuer's are refused", async () => {
    const stranger = await newSigner("one");
    const now = Math.floor(Date.now() / 1000);
    const [, body] = (await token(["boss"])).split(".");
    const bare = (header: object) => Buffer.from(JSON.stringify(header)).toString("base64url");
    const confused = (secret: string) =>
      new SignJWT(claims(["boss"]))
        .setProtectedHeader({ alg: "HS256", kid: "one" })
        .sign(Buffer.from(secret));
    const wrong: Record<string, string> = {
      "for others": await token(["boss"], { aud: "https://other.example.com" }),
      "for nobody": await token(["boss"], { aud: undefined }),
      over: await token(["boss"], { iat: now - 600, exp: now - 60 }),
      "without an end": await token(["boss"], { exp: undefined }),
      "not yet good": await token(["boss"], { nbf: now + 600 }),
      "without a subject": await token(["boss"], { sub: undefined }),
      "without a claim": await token(["boss"], { org: undefined }),
      "with another claim": await token(["boss"], { org: "umbrella" }),
      "with a claim that has the value as a word": await token(["boss"], { org: "umbrella acme" }),
      "bound to a key": await token(["boss"], { cnf: { jkt: "x" } }),
      "of a stranger's key": await token(["boss"], {}, stranger),
      "signed by nobody": `${bare({ alg: "none" })}.${body}.`,
      "signed with the public key as a secret": await confused(signer.spki),
      "signed with the JWK as a secret": await confused(JSON.stringify(signer.jwk)),
    };
    for (const [what, text] of Object.entries(wrong)) {
      const { status, challenge, error } = await call(text, "/v1/Device.List");
      assert.deepEqual([status, challenge], [401, 'Bearer error="invalid_token"'], what);
      assert.match(String(error), /^The token of http:\S+ is /, what);
    }
    // Another issuer's is no token that anybody here knows.
    const other = await call(await token(["boss"], { iss: "https://other.example.com" }), "/v1/Device.List");
    assert.equal(other.status, 401);
  });

  it("a backend asks about tokens and ends them, calls what backends call, and registers nothing", async () => {
    const known = await service.addDevice({ id: "device_3" });
    const device = simulateDevice({ cloud: service, ...known });
    const { token: text } = await device.host(HOST).getToken();
    device.close();
    const post = async (path: string, bearer: string) =>
      fetch(service.httpUrl + path, {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}` },
        body: new URLSearchParams({ token: text }),
      });
    const asked = { id: known.id, credentials: { psk: known.psk } };
    const app = await token(["app"]);
    const found = (await (await post("/oauth2/introspect", app)).json()) as Record<string, unknown>;
    assert.deepEqual([found.active, found.sub], [true, known.id]);
    assert.equal((await post("/oauth2/introspect", await token(["boss"]))).status, 403);
    await post("/oauth2/revoke", await token(["boss"]));
    assert.equal((await service.checkToken(text, HOST)).active, true);
    const proved = await call(app, "/v1/Auth.Authenticate", asked);
    assert.equal(codeOf(proved), null, JSON.stringify(proved));
    assert.equal((await post("/oauth2/revoke", app)).status, 200);
    assert.deepEqual(await service.checkToken(text, HOST), { active: false });
    const both = await token(["app", "maker"]);
    assert.equal((await call(both, "/v1/Device.Show", { id: known.id })).result?.id, known.id);
    assert.equal(codeOf(await call(both, "/v1/Auth.Authenticate", asked)), null);
  });

  it("come under a new key as soon as it is published; made-up names of keys ask the issuer twice a minute", async () => {
    const next = await newSigner("two");
    const under = await token(["reader"], {}, next);
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
    clock.tick(30_000);
    const before = issuer.asked;
    for (let at = 0; at < 5; at++) assert.equal((await call(under, "/v1/Device.List")).status, 401);
    assert.equal(issuer.asked, before + 1);
    issuer.keys = [signer.jwk, next.jwk];
    assert.equal((await call(under, "/v1/Device.List")).status, 401);
    clock.tick(30_000);
    assert.equal((await call(under, "/v1/Device.List")).status, 200);
    // A key that the issuer has taken back is good for ten minutes at most.
    issuer.keys = [next.jwk];
    clock.tick(600_000);
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 401);
    issuer.keys = [signer.jwk];
    clock.tick(30_000);
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
  });

  it("go on while the issuer is down, for the time that is set, and are told then what is away", async () => {
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
    issuer.mood = "down";
    clock.tick(690_000);
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
    clock.tick(30_000);
    const refused = await call(await token(["reader"]), "/v1/Device.List");
    assert.deepEqual([refused.status, refused.retryAfter], [503, "5"]);
    assert.match(
      String(refused.error),
      /^The keys of http:\S+ cannot be read: it answers with HTTP 503; try again/,
    );
    issuer.mood = "well";
    clock.tick(30_000);
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
  });

  it("wait for a slow issuer alone: no device does, and no operator whose key is there", async () => {
    const known = await service.addDevice({ id: "device_4" });
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
    issuer.mood = "slow";
    const before = issuer.asked;
    clock.tick(30_000);
    const unknown = await newSigner("three");
    let isTold = false;
    const late = call(await token(["reader"], {}, unknown), "/v1/Device.List").then((answer) => {
      isTold = true;
      return answer;
    });
    // Discovery is asked first, and held already.
    await until("the issuer is asked", () => issuer.holds > 0);
    const device = simulateDevice({ cloud: service, ...known });
    assert.ok((await device.host(HOST).getToken()).token);
    device.close();
    const authorization = `Basic ${Buffer.from(`${known.id}:${known.psk}`).toString("base64")}`;
    const body = JSON.stringify({ id: 1, method: "/v1/Auth.GetToken", args: { host: HOST } });
    const posted = await fetch(`${service.httpUrl}/rpc`, {
      method: "POST",
      headers: { authorization },
      body,
    });
    assert.equal(posted.status, 200);
    assert.equal((await call(await token(["reader"]), "/v1/Device.List")).status, 200);
    assert.equal(isTold, false);
    issuer.release();
    assert.equal((await late).status, 401);
    assert.ok(issuer.asked > before);
  });
});

describe("the service's settings of an OpenID provider", () => {
  const roles = { admin: ["boss"] };
  // A database that nobody listens at: the provider is looked at before it.
  const away = { database: { url: "postgresql://127.0.0.1:1/motekey" }, sealKeyFiles: [newKeyFile()] };

  it("are checked: an address without TLS, another issuer's discovery, and nobody who has a role", async () => {
    const issuer = await TestIssuer.start();
    const found = async (openid: object) =>
      (
        await checkService({ ...away, openid: { issuer: issuer.url, audience: AUDIENCE, roles, ...openid } })
      ).map(({ problem }) => problem);
    try {
      assert.match((await found({}))[0] ?? "", /ECONNREFUSED/);
      assert.match(
        (await found({ issuer: "http://login.example.com" }))[0] ?? "",
        /must be an https:\/\/ address/,
      );
      assert.match(
        (await found({ issuer: `${issuer.url}/` }))[0] ?? "",
        /discovery is that of another issuer/,
      );
      assert.match((await found({ roles: {} }))[0] ?? "", /gives nobody a role/);
      issuer.mood = "down";
      assert.match((await found({}))[0] ?? "", /cannot be read: it answers with HTTP 503/);
    } finally {
      await issuer.close();
    }
    await assert.rejects(
      startService({ ...away, openid: { issuer: "ftp://x", audience: AUDIENCE, roles }, ...FREE }),
      /openid\.issuer must be an https:\/\/ address/,
    );
    await assert.rejects(
      startService({ ...away, openid: { issuer: "https://x.example.com" } as never }),
      /openid\.audience is missing/,
    );
  });

  it("come from the environment too", async () => {
    const { openid } = await readConfiguration(
      undefined,
      {
        MOTEKEY_SERVICE_OPENID_ISSUER: "https://login.example.com",
        MOTEKEY_SERVICE_OPENID_AUDIENCE: AUDIENCE,
        MOTEKEY_SERVICE_OPENID_ROLES_ADMIN: "boss,chief",
        MOTEKEY_SERVICE_OPENID_CLAIMS: '{"org":"acme"}',
        MOTEKEY_SERVICE_OPENID_STALE_SECONDS: "60",
      },
      "/",
    );
    assert.deepEqual(openid, {
      issuer: "https://login.example.com",
      audience: AUDIENCE,
      roles: { admin: ["boss", "chief"] },
      claims: { org: "acme" },
      staleSeconds: 60,
    });
    await assert.rejects(
      readConfiguration(undefined, { MOTEKEY_SERVICE_OPENID_CLAIMS: "acme" }, "/"),
      /MOTEKEY_SERVICE_OPENID_CLAIMS must be an object of JSON/,
    );
  });
});
