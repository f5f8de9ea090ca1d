/** The identity's knobs: what a client must see through. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as oidc from "openid-client";
import { type Identity, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, attempt, discover, logIn, me, rejectsFor } from "./client.js";
import { Person } from "./people.js";

describe("the identity's faults", () => {
  let identity: Identity;
  let client: oidc.Configuration;

  beforeEach(async () => {
    identity = await startIdentity({ users: [ADA] });
    client = await discover(identity);
  });

  afterEach(() => identity.close());

  const byPassword = () => oidc.genericGrantRequest(client, "password", { ...ADA, scope: "openid" });
  const discovery = () => fetch(`${identity.issuer}/.well-known/openid-configuration`);

  it("latency holds requests back; down answers as a gateway, or resets", async () => {
    identity.faults.latencyMs = 50;
    const startedAtMs = performance.now();
    await (await discovery()).json();
    assert.ok(performance.now() - startedAtMs >= 49);
    identity.faults.latencyMs = 0;
    identity.faults.down = 503;
    const response = await discovery();
    assert.deepEqual([response.status, response.headers.get("content-type")], [503, "text/html"]);
    identity.faults.down = "reset";
    await assert.rejects(discovery(), /fetch failed/);
    identity.faults.down = null;
    assert.equal((await discovery()).status, 200);
  });

  it("an error strikes its endpoint as often as it says", async () => {
    const body = { error: "temporarily_unavailable" };
    identity.faults.error = { endpoint: "token_endpoint", status: 503, body, times: 2 };
    await assert.rejects(byPassword());
    assert.equal((await discovery()).status, 200);
    await assert.rejects(byPassword());
    await byPassword();
    assert.equal(identity.faults.error, null);
  });

  it("an endpoint that is lacking is not in discovery, nor anywhere", async () => {
    identity.faults.lacks = ["device_authorization_endpoint", "revocation_endpoint", "me_endpoint"];
    const metadata = (await (await discovery()).json()) as Record<string, unknown>;
    for (const name of identity.faults.lacks) assert.equal(metadata[name], undefined);
    assert.equal(typeof metadata.token_endpoint, "string");
    assert.equal((await me(identity, "x")).status, 404);
    const { device_authorization_endpoint: gone = "" } = client.serverMetadata();
    assert.equal((await fetch(gone, { method: "POST" })).status, 404);
  });

  it("an ID token of a stranger's key is not verified by the keys that are published", async () => {
    oidc.enableNonRepudiationChecks(client);
    await logIn(client);
    identity.faults.idToken = { forged: true };
    await rejectsFor(logIn(client), /signature verification failed/);
  });

  it("an ID token with other claims has a right signature, and is refused for what it says", async () => {
    oidc.enableNonRepudiationChecks(client);
    const wrongs = [{ aud: "another" }, { iss: "https://evil.example" }, { nonce: "replayed" }, { exp: 1 }];
    for (const claims of wrongs) {
      identity.faults.idToken = { claims };
      const [name] = Object.keys(claims);
      await rejectsFor(logIn(client), new RegExp(`"${name}"`));
    }
    identity.faults.idToken = { claims: { name: "Somebody Else" } };
    assert.equal((await logIn(client)).claims()?.name, "Somebody Else");
  });

  it("the redirect back may be changed: another state, another issuer", async () => {
    for (const name of ["state", "iss"]) {
      identity.faults.rawCallback = (location) => location.searchParams.set(name, "https://evil.example");
      await rejectsFor(logIn(client), new RegExp(name === "iss" ? '"iss"' : '"state"'));
    }
    identity.faults.rawCallback = (location) => location.searchParams.delete("iss");
    await rejectsFor(logIn(client), /iss/);
  });

  it("any JSON answer may be changed", async () => {
    identity.faults.rawReply = (path, content) =>
      path === "/token" ? { ...content, token_type: "mac" } : content;
    await rejectsFor(byPassword(), /token_type/);
    assert.equal((await me(identity, "x")).status, 401);
  });

  it("the server's clock may be wrong in its Date header", async () => {
    identity.faults.clockOffsetSeconds = -86_400;
    const told = Date.parse((await discovery()).headers.get("date") ?? "");
    assert.ok(Math.abs(told - (Date.now() - 86_400_000)) < 10_000);
  });

  it("events and pages carry no secret, whatever happens", async () => {
    const told: string[] = [];
    identity.on((event) => told.push(JSON.stringify(event)));
    const tokens = await logIn(client);
    const next = await oidc.refreshTokenGrant(client, tokens.refresh_token ?? "");
    await oidc.tokenRevocation(client, next.access_token);
    const { url, checks } = await attempt(client);
    const person = new Person();
    const wrong = { username: "ada", password: "canary-password", answer: "yes" };
    const page = await person.answer(await person.open(url), wrong);
    await assert.rejects(oidc.genericGrantRequest(client, "password", wrong));
    await assert.rejects(oidc.refreshTokenGrant(client, tokens.refresh_token ?? ""));
    const said = `${told.join("\n")}\n${page.text}`;
    const secrets = [ADA.password, "canary-password", checks.expectedState, tokens.access_token];
    for (const secret of [...secrets, tokens.refresh_token, tokens.id_token, next.access_token])
      assert.equal(said.includes(secret ?? ""), false);
    assert.ok(told.length >= 6);
  });
});

describe("the identity over TLS", () => {
  it("has an https issuer, named as it listens", async () => {
    const folder = mkdtempSync(join(tmpdir(), "motekey-tls-"));
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
    const files = ["-keyout", keyFile, "-out", certFile];
    execFileSync("openssl", ["req", "-x509", ...curve, ...files, ...subject], { stdio: "ignore" });
    const [key, cert] = [readFileSync(keyFile, "utf8"), readFileSync(certFile, "utf8")];
    rmSync(folder, { recursive: true });
    const identity = await startIdentity({ host: "localhost", tls: { key, cert } });
    try {
      assert.match(identity.issuer, /^https:\/\/localhost:\d+$/);
      const metadata = await getJson(`${identity.issuer}/.well-known/openid-configuration`, cert);
      assert.equal(metadata.issuer, identity.issuer);
      assert.equal(metadata.token_endpoint, `${identity.issuer}/token`);
      const byAddress = identity.issuer.replace("localhost", "127.0.0.1");
      await assert.rejects(getJson(`${byAddress}/jwks`, cert), /altnames|ECONNREFUSED/);
    } finally {
      await identity.close();
    }
  });
});

function getJson(url: string, ca: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    asked.on("error", reject).end();
  });
}
