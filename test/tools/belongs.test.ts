/** What is kept belongs to one issuer and one client: two real providers, one of which writes down all it gets. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { ANN, CI, good, json, startAcme } from "./acme.js";
import { World } from "./world.js";

/** A hostile issuer: it refuses all logins, and hears all that is said. */
class Listener {
  heard = "";
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Listener> {
    const server = createServer();
    const listener = new Listener(server);
    server.on("request", (request, response) => {
      listener.heard += `${request.method} ${request.url} ${JSON.stringify(request.headers)}\n`;
      request.on("data", (chunk) => (listener.heard += chunk));
      request.on("end", () => {
        const isDiscovery = request.url?.includes(".well-known") === true;
        response.writeHead(isDiscovery ? 200 : 400, { "content-type": "application/json" });
        response.end(JSON.stringify(isDiscovery ? listener.document() : { error: "invalid_grant" }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return listener;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private document(): object {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/me`,
      revocation_endpoint: `${issuer}/revoke`,
      device_authorization_endpoint: `${issuer}/device`,
      jwks_uri: `${issuer}/jwks`,
      grant_types_supported: [
        "authorization_code",
        "password",
        "client_credentials",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
      ],
    };
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

describe("what is kept", () => {
  let world: World;
  let identity: Identity;
  let listener: Listener;

  beforeEach(async () => {
    identity = await startAcme();
    listener = await Listener.start();
    world = new World();
  });
  afterEach(async () => {
    world.end();
    await Promise.all([identity.close(), listener.close()]);
  });

  const at = (issuer: string) => `--issuer ${issuer}`;
  const annAt = (issuer: string, flags = "") =>
    world.line(`auth login ${at(issuer)} --username ann ${flags}`, { input: ANN.password });
  const settings = () => JSON.parse(readFileSync(world.config, "utf8")).teams;
  const unheard = (...secrets: string[]) => {
    for (const secret of secrets) {
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(`ci:${secret}`).toString("base64")])
        assert.ok(!listener.heard.includes(form), `the other issuer got ${form}`);
    }
  };

  for (const flags of ["", "--team acme", "--clear", "--force", "--client-id motekey-cli"]) {
    it(`a password goes to its issuer only: 'auth login --issuer OTHER ${flags}', also after logout`, async () => {
      good(await annAt(identity.issuer));
      assert.notEqual((await world.line(`auth login ${at(listener.issuer)} ${flags}`)).exit, 0);
      good(await world.line("auth logout --force"));
      assert.notEqual((await world.line(`auth login ${at(listener.issuer)} ${flags}`)).exit, 0);
      assert.match(listener.heard, /well-known/);
      unheard(ANN.password, "username=ann");
      assert.equal(settings().acme.issuer, identity.issuer);
      assert.equal(good(await world.line("auth login")).stdout, "Logged in as user: ann.\n");
    });
  }

  it("a password goes to its client only", async () => {
    const env = { MOTEKEY_CLIENT_SECRET: CI.secret, MOTEKEY_PASSWORD: ANN.password };
    good(await world.line(`auth login ${at(identity.issuer)} --client-id ci --username ann`, { env }));
    const grants: unknown[] = [];
    const end = new AbortController();
    const options = {
      env: { DISPLAY: ":0" },
      openBrowser: async (url: string) => {
        grants.push(new URL(url).searchParams.get("client_id"));
        end.abort();
      },
      interrupted: end.signal,
    };
    assert.equal((await world.line("auth login --client-id other", options)).exit, 130);
    assert.deepEqual(grants, ["other"], "the browser was asked, not the password's grant");
  });

  it("a client's secret goes to its issuer only, also one from the environment", async () => {
    const env = { MOTEKEY_CLIENT_SECRET: CI.secret, MOTEKEY_CLIENT_ID: "ci" };
    good(
      await world.line(`auth login ${at(identity.issuer)} --username ann`, {
        env: { ...env, MOTEKEY_PASSWORD: ANN.password },
      }),
    );
    await world.line(`auth login ${at(listener.issuer)}`);
    await world.line(`auth login ${at(listener.issuer)} --client-id ci`);
    good(await world.line("auth logout --force"));
    await world.line(`auth login ${at(listener.issuer)} --client-id ci`);
    unheard(CI.secret, ANN.password);
  });

  it("the environment's secret proves no login of another issuer or client", async () => {
    const { clientOf } = await import("../../tools/auth/renew.js");
    const account = { clientId: "ci", issuer: identity.issuer, kept: {} } as never;
    const secretWith = (env: Record<string, string>) =>
      clientOf({ env: { MOTEKEY_CLIENT_SECRET: CI.secret, ...env } } as never, account).clientSecret;
    assert.equal(secretWith({ MOTEKEY_ISSUER: identity.issuer }), CI.secret);
    assert.equal(secretWith({ MOTEKEY_ISSUER: `${identity.issuer}/`, MOTEKEY_CLIENT_ID: "ci" }), CI.secret);
    assert.equal(secretWith({ MOTEKEY_ISSUER: listener.issuer, MOTEKEY_CLIENT_ID: "ci" }), undefined);
    assert.equal(secretWith({ MOTEKEY_ISSUER: identity.issuer, MOTEKEY_CLIENT_ID: "other" }), undefined);
    assert.equal(secretWith({}), undefined, "nothing says whose it is");
  });

  it("credentials in the environment go to the issuer there only, though --issuer names another", async () => {
    const env = {
      MOTEKEY_ISSUER: identity.issuer,
      MOTEKEY_USERNAME: "ann",
      MOTEKEY_PASSWORD: ANN.password,
      MOTEKEY_CLIENT_ID: "ci",
      MOTEKEY_CLIENT_SECRET: CI.secret,
      MOTEKEY_AUTH_TOKEN: "canary-token",
    };
    for (const line of [
      "auth login",
      "auth login --username ann",
      "auth login --client-id ci",
      "auth whoami",
    ]) {
      const said = await world.line(`${line} ${at(listener.issuer)}`, { env, input: "another" });
      assert.notEqual(said.exit, 0);
    }
    assert.match(listener.heard, /well-known/);
    unheard(ANN.password, CI.secret, "canary-token");
    const said = await world.line(`auth login --device-code ${at(listener.issuer)}`, { env });
    assert.match(
      said.stderr,
      /Warning: MOTEKEY_USERNAME, .* for the issuer in MOTEKEY_ISSUER, and not used at /,
    );
    good(await world.line("auth login", { env }));
  });

  it("a client's key signs for its issuer only", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    await identity.addServiceAccount({ clientId: "keyed", publicKey: pem });
    writeFileSync(join(world.folder, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    good(await world.line(`auth login ${at(identity.issuer)} --client-id keyed --secret-file key.pem`));
    for (const line of [
      "auth login",
      "auth login --client-id keyed",
      "auth login --client-id keyed --device-code",
    ])
      await world.line(`${line} ${at(listener.issuer)}`);
    good(await world.line("auth logout --force"));
    await world.line(`auth login --client-id keyed --device-code ${at(listener.issuer)}`);
    assert.match(listener.heard, /well-known/);
    assert.doesNotMatch(listener.heard, /client_assertion/);
  });

  it("a team's client for people goes to its issuer only", async () => {
    const teams = { acme: { issuer: identity.issuer, client_id: "their-client" } };
    writeFileSync(world.config, JSON.stringify({ active_team: "acme", teams }), { mode: 0o600 });
    await world.line(`auth login ${at(listener.issuer)} --team acme --device-code`);
    assert.match(listener.heard, /client_id=motekey-cli/);
    assert.doesNotMatch(listener.heard, /their-client/);
  });

  it("tokens go to their issuer only: kept, from the environment, from the file, and piped in", async () => {
    good(await annAt(identity.issuer));
    const kept = good(await world.line("auth token")).stdout.trim();
    const claims = Buffer.from(JSON.stringify({ iss: identity.issuer })).toString("base64url");
    const theirs = `e30.${claims}.c2ln`;
    for (const line of ["whoami", "status", "token", "refresh", "logout --force"])
      await world.line(`auth ${line} ${at(listener.issuer)}`);
    const env = { MOTEKEY_AUTH_TOKEN: theirs };
    const said = await world.line(`auth whoami ${at(listener.issuer)}`, { env });
    assert.match(said.stderr, /^Error: The token was made by .*, and is not sent to /);
    assert.equal(said.exit, 4);
    const piped = await world.line(`auth login ${at(listener.issuer)} --with-token`, { input: theirs });
    assert.equal(piped.exit, 4);
    // A token that does not say whose it is goes to nobody unless somebody names the provider.
    const teams = { x: { issuer: listener.issuer } };
    const bare = JSON.stringify({ auth_token: "canary-bare-token", active_team: "x", teams });
    const other = new World();
    writeFileSync(other.config, bare, { mode: 0o600 });
    assert.equal((await other.line("auth whoami")).exit, 2);
    assert.equal((await other.line("auth whoami", { env: { MOTEKEY_AUTH_TOKEN: "canary-bare" } })).exit, 2);
    other.end();
    unheard(kept, theirs, "canary-bare");
  });

  it("an issuer is the name in its document: another name is refused, another spelling is the same", async () => {
    good(await annAt(`${identity.issuer}/`));
    assert.equal(json(await world.line("auth status --json")).issuer, identity.issuer);
    assert.equal(
      good(await world.line(`auth login ${at(identity.issuer)}`)).stdout,
      "Logged in as user: ann.\n",
    );
    const document = `${identity.issuer}/.well-known/openid-configuration`;
    const said = await annAt(document);
    assert.equal(said.exit, 1);
    assert.match(
      said.stderr,
      /not to be trusted: it calls itself http.*Give --issuer the provider's own name/,
    );
  });

  describe("of a team: its issuer", () => {
    let second: Identity;
    beforeEach(async () => {
      second = await startAcme();
      good(await annAt(identity.issuer, "--team acme"));
    });
    afterEach(() => second.close());
    const bobAt = (line: string, directory = world.folder) =>
      world.line(`${line} auth login ${at(second.issuer)} --username bob`, { input: "bob's own", directory });

    it("changes when a login there was asked for by name, and its client with it", async () => {
      good(await bobAt("--team acme"));
      assert.deepEqual([settings().acme.issuer, settings().acme.client_id], [second.issuer, "motekey-cli"]);
    });

    it("stays when the login failed", async () => {
      const failed = await world.line(`--team acme auth login ${at(second.issuer)} --username bob`, {
        input: "wrong",
      });
      assert.equal(failed.exit, 1);
      assert.equal(settings().acme.issuer, identity.issuer);
    });

    it("stays when nobody named the team, which is said with the way to change it", async () => {
      const said = good(await bobAt(""));
      assert.match(
        said.stderr,
        /Team 'acme' stays at .*; to move it: motekey auth login --team 'acme' --issuer /,
      );
      assert.equal(settings().acme.issuer, identity.issuer);
    });

    it("stays when a directory's file named the team", async () => {
      writeFileSync(join(world.folder, ".motekey.json"), '{"team":"acme"}');
      good(await bobAt(""));
      assert.equal(settings().acme.issuer, identity.issuer);
    });
  });
});
