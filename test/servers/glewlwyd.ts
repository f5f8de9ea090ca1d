import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, freePort, ServerProcess, scratchFolder } from "./process.js";
import { writeFiles } from "./samples.js";

/** The schema that Debian's package installs for its own set-up. */
const SCHEMA = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
/** Who the schema makes. */
const ADMIN = { username: "admin", password: "password" };

/** A client of {@link Glewlwyd}: without a secret it is public. */
export interface GlewlwydClient {
  readonly id: string;
  readonly secret?: string;
  readonly grants: readonly string[];
}

/** What there is from the start. */
export interface GlewlwydSeed {
  readonly user: {
    readonly username: string;
    readonly password: string;
    readonly email: string;
    readonly name: string;
  };
  readonly clients: readonly GlewlwydClient[];
}

const SCOPES = ["openid", "profile", "email"];

/** Glewlwyd, an OpenID provider in C, with SQLite, on a free port of the loopback. */
export class Glewlwyd {
  private constructor(
    private readonly server: ServerProcess,
    readonly url: string,
    private readonly seed: GlewlwydSeed,
  ) {}

  static async start(context: Mocha.Context, seed: GlewlwydSeed): Promise<Glewlwyd> {
    const program = findProgram(context, "glewlwyd", "glewlwyd");
    const sqlite = findProgram(context, "sqlite3", "sqlite3");
    const folder = scratchFolder("glewlwyd");
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const database = join(folder, "glewlwyd.db");
    const made = spawnSync(sqlite, [database], { input: readFileSync(SCHEMA), encoding: "utf8" });
    if (made.status !== 0) throw new Error(`sqlite3: ${made.stderr}`);
    const modules = "/usr/lib/glewlwyd";
    await writeFiles(folder, {
      "glewlwyd.conf": [
        `port=${port}`,
        'bind_address="127.0.0.1"',
        `external_url="${url}"`,
        'login_url="login.html"',
        'api_prefix="api"',
        'log_mode="console"',
        'log_level="INFO"',
        'cookie_domain="127.0.0.1"',
        "cookie_secure=0",
        'admin_scope="g_admin"',
        'profile_scope="g_profile"',
        `user_module_path="${modules}/user"`,
        `client_module_path="${modules}/client"`,
        `user_auth_scheme_module_path="${modules}/scheme"`,
        `plugin_module_path="${modules}/plugin"`,
        'hash_algorithm="SHA512"',
        `database = { type = "sqlite3" path = "${database}" };`,
      ].join("\n"),
    });
    const args = [`--config-file=${join(folder, "glewlwyd.conf")}`];
    const server = await ServerProcess.start(program, args, {
      folder,
      port,
      ready: /Glewlwyd started on port/,
    });
    const glewlwyd = new Glewlwyd(server, url, seed);
    try {
      await glewlwyd.setUp();
    } catch (failure) {
      await glewlwyd.close();
      throw failure;
    }
    return glewlwyd;
  }

  get issuer(): string {
    return `${this.url}/api/oidc`;
  }

  private async setUp(): Promise<void> {
    const cookie = await this.session(ADMIN);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwks = { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "1", alg: "RS256" }] };
    await this.send(cookie, "POST", "/mod/plugin/", {
      ...{ module: "oidc", name: "oidc", display_name: "OpenID Connect", enabled: true },
      parameters: this.parameters(jwks),
    });
    for (const name of SCOPES.slice(1))
      await this.send(cookie, "POST", "/scope/", {
        name,
        display_name: name,
        password_required: false,
        scheme: {},
      });
    const { user, clients } = this.seed;
    await this.send(cookie, "POST", "/user/?source=database", {
      ...user,
      enabled: true,
      scope: [...SCOPES, "g_profile"],
    });
    for (const { id, secret, grants } of clients) {
      await this.send(cookie, "POST", "/client/?source=database", {
        ...{ client_id: id, name: id, enabled: true, authorization_type: grants },
        ...{ confidential: secret !== undefined, password: secret, scope: SCOPES },
        redirect_uri: ["http://127.0.0.1/callback"],
        token_endpoint_auth_method: [secret === undefined ? "none" : "client_secret_basic"],
      });
    }
  }

  private parameters(jwks: object): object {
    const isOn = ["code", "password", "client", "device", "refresh"].map((name) => [
      `auth-type-${name}-enabled`,
      true,
    ]);
    return {
      ...Object.fromEntries(isOn),
      iss: this.issuer,
      "jwks-show": true,
      "jwks-private": JSON.stringify(jwks),
      "default-kid": "1",
      "jwt-type": "rsa",
      "jwt-key-size": "256",
      "access-token-duration": 1800,
      "refresh-token-duration": 21_600,
      "code-duration": 600,
      "refresh-token-rolling": true,
      "refresh-token-one-use": "always",
      "allow-non-oidc": true,
      "pkce-allowed": true,
      "introspection-revocation-allowed": true,
      "introspection-revocation-allow-target-client": true,
      "device-authorization-expiration": 600,
      "device-authorization-interval": 1,
      "subject-type": "public",
      "name-claim": "mandatory",
      "email-claim": "mandatory",
      "allowed-scope": SCOPES,
    };
  }

  /** Signs in; resolves to the cookie. */
  async session(user: { readonly username: string; readonly password: string }): Promise<string> {
    const { username, password } = user;
    const answer = await this.send("", "POST", "/auth/", { username, password });
    return answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  }

  /** Confirms a device's address as the user, who allows all scopes. */
  async confirm(address: string, clientId: string): Promise<void> {
    const cookie = await this.session(this.seed.user);
    await this.send(cookie, "PUT", `/auth/grant/${clientId}`, { scope: SCOPES.join(" ") });
    const page = await fetch(`${address}&g_continue`, { headers: { cookie }, redirect: "manual" });
    const to = page.headers.get("location") ?? "";
    if (!to.includes("deviceComplete") && !to.includes("complete"))
      throw new Error(`confirming: ${page.status} ${to}`);
  }

  /** How many refresh tokens of the user are good. */
  async liveTokens(): Promise<number> {
    const cookie = await this.session(this.seed.user);
    const answer = await this.send(cookie, "GET", "/oidc/token?limit=1000");
    const tokens = (await answer.json()) as { enabled: boolean }[];
    return tokens.filter(({ enabled }) => enabled).length;
  }

  private async send(cookie: string, method: string, path: string, content?: object): Promise<Response> {
    const headers = { cookie, "content-type": "application/json" };
    const body = content === undefined ? null : JSON.stringify(content);
    const answer = await fetch(`${this.url}/api${path}`, { method, headers, body });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
