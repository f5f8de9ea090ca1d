/** No output quotes a secret, whatever made the text: forms, cuts, libraries' errors and a provider that says all it hears. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import fc from "fast-check";
import type { Identity } from "../../host-sim/index.js";
import { printable } from "../../tools/cli/failure.js";
import { keepGiven } from "../../tools/cli/given.js";
import { Secrets } from "../../tools/cli/secrets.js";
import { ANN, good, startAcme } from "./acme.js";
import { type RunOptions, World } from "./world.js";

const basic = (secret: string) => Buffer.from(`some-client:${secret}`).toString("base64");

/** The ways in which libraries and servers quote a text. */
const QUOTED: Readonly<Record<string, (secret: string) => string>> = {
  "as it is": (secret) => secret,
  "as JSON": (secret) => JSON.stringify({ value: secret }),
  "as JSON in JSON": (secret) => JSON.stringify(JSON.stringify(secret)),
  "as Node shows it": (secret) => inspect({ value: secret }, { breakLength: Number.POSITIVE_INFINITY }),
  "in an address": (secret) => `https://id.example.com/?token=${encodeURIComponent(secret)}&x=1`,
  "in an address, in lower case": (secret) =>
    encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
  "in a form": (secret) => new URLSearchParams({ password: secret }).toString(),
  "in Basic credentials": (secret) => `Basic ${basic(secret)}`,
  "in Basic credentials, encoded as OAuth wants": (secret) =>
    `Basic ${basic(new URLSearchParams([["", secret]]).toString().slice(1))}`,
  "in base64url": (secret) => Buffer.from(`${secret}.`).toString("base64url"),
  "without its control characters": (secret) => `a header of Bearer ${printable(secret)} is invalid`,
};

const SECRETS = {
  "a token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c3JfMTIzNDU2Nzg5MCJ9.c2lnbmF0dXJlLW9mLWEtdG9rZW4",
  "a password with signs": 'p&ss "wörd" 100%=\\x',
  "a token with a control character": "canary-token-with\u0001a-control-character",
  "a short password": "k7Xq",
};

describe("a secret", () => {
  const without = (secret: string, text: string): string => {
    const secrets = new Secrets();
    secrets.keep(secret);
    return secrets.without(text);
  };

  for (const [what, secret] of Object.entries(SECRETS)) {
    for (const [how, quote] of Object.entries(QUOTED)) {
      // Base64 of four bytes stands in many a text.
      if (secret.length < 6 && how.includes("base64url")) continue;
      if (secret.length < 6 && how.includes("Basic")) continue;
      it(`${what}, ${how}: stars`, () => {
        const said = without(secret, `The request failed: ${quote(secret)} (HTTP 400).`);
        assert.match(said, /^The request failed: .*\*\*\*.* ?\(HTTP 400\)\.$/s);
        for (const part of secret.split(/[^\w-]+/).filter((word) => word.length > 3))
          assert.ok(!said.includes(part), said);
      });
    }
  }

  it("within any text, in any form: gone (property)", () => {
    const texts = fc.string({ minLength: 0, maxLength: 40, unit: "binary" });
    const secrets = fc
      .string({ minLength: 8, maxLength: 60, unit: "binary" })
      .filter((text) => text.trim() === text);
    fc.assert(
      fc.property(secrets, texts, texts, fc.constantFrom(...Object.values(QUOTED)), (secret, a, b, quote) => {
        const wellFormed = Buffer.from(secret).toString();
        fc.pre(wellFormed.trim().length >= 8 && !a.includes(wellFormed) && !b.includes(wellFormed));
        const written = quote(wellFormed);
        assert.ok(!without(wellFormed, a + written + b).includes(wellFormed));
        assert.notEqual(without(wellFormed, written), written);
      }),
    );
  });

  it("cut by us or by a library: what is left of it goes too", () => {
    const secret = "canary-0123456789-abcdefghij-ABCDEFGHIJ";
    assert.equal(without(secret, printable(`It says ${secret} and more`, 20)), "It says ***…");
    assert.equal(
      without(secret, `Unexpected token 'c', "${secret.slice(0, 9)}"... is not valid JSON`),
      `Unexpected token 'c', "***"... is not valid JSON`,
    );
    assert.equal(without(secret, `..."${secret.slice(-9)}" is wrong`), `..."***" is wrong`);
    assert.equal(without(secret, `in the middle ${secret.slice(4, 30)}!`), "in the middle ***!");
  });

  it("of 1 to 3 characters: where it is quoted, and never in the words of a sentence", () => {
    const said = "error: option '--x' argument 'a' is invalid: a=a&b, a cat sat";
    assert.equal(without("a", said), "error: option '--x' argument '***' is invalid: a=***&b, a cat sat");
  });

  it("that is a name which is shown by design is shown, and so is a name that is a part of one", () => {
    const secrets = new Secrets();
    secrets.keep("admin", "service-account-1-and-its-secret");
    secrets.show("admin", "service-account-1");
    assert.equal(
      secrets.without("Logged in as admin, service-account-1."),
      "Logged in as admin, service-account-1.",
    );
    assert.equal(secrets.without("service-account-1-and-its-secret"), "***");
  });

  it("in an address's password: stars, also when nobody knew it", () => {
    const secrets = new Secrets();
    assert.equal(
      secrets.without("'https://ann:hunter2@id.example.com' fails"),
      "'https://ann:***@id.example.com' fails",
    );
    assert.equal(secrets.without("http://127.0.0.1:8181/a@b"), "http://127.0.0.1:8181/a@b");
    keepGiven(secrets, ["--issuer=https://ann:hunt%40r2@id"], {
      HTTPS_PROXY: "http://me:proxy-canary@proxy:1",
    });
    assert.equal(secrets.without("hunt@r2 and proxy-canary"), "*** and ***");
  });

  it("a private key, line by line; what begins and ends every key stays", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const secrets = new Secrets();
    secrets.keepPem(pem);
    const said = secrets.without(pem);
    assert.match(said, /^-----BEGIN PRIVATE KEY-----\n\*\*\*\n/);
    assert.ok(!pem.split("\n").some((line) => /^[^-]{16,}$/.test(line) && said.includes(line)));
  });
});

/** An issuer that answers everything with all that it was ever told, in every form, as an error's description. */
class Echo {
  private heard: string[] = [];
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Echo> {
    const server = createServer().listen(0, "127.0.0.1");
    const echo = new Echo(server);
    server.on("request", (request, response) => void echo.answer(request, response));
    await once(server, "listening");
    return echo;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { issuer } = this;
    const path = request.url ?? "";
    response.setHeader("content-type", "application/json");
    if (path.includes(".well-known")) {
      response.end(JSON.stringify(discoveryOf(issuer)));
      return;
    }
    const { authorization = "" } = request.headers;
    const basic = Buffer.from(authorization.replace(/^Basic /, ""), "base64").toString();
    this.heard = [...new URLSearchParams(body).values(), body, authorization, basic].filter(
      (text) => text !== "",
    );
    response.statusCode = 400;
    const description = this.heard.flatMap((text) => [text, JSON.stringify(text), encodeURIComponent(text)]);
    response.end(JSON.stringify({ error: "invalid_request", error_description: description.join(" ") }));
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

function discoveryOf(issuer: string): object {
  const endpoints = [
    "authorization",
    "token",
    "userinfo",
    "revocation",
    "introspection",
    "device_authorization",
  ];
  return {
    issuer,
    ...Object.fromEntries(endpoints.map((name) => [`${name}_endpoint`, `${issuer}/${name}`])),
    jwks_uri: `${issuer}/jwks`,
    me_endpoint: `${issuer}/me`,
    grant_types_supported: [
      ...["authorization_code", "password", "client_credentials", "refresh_token"],
      ...["urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange"],
    ],
  };
}

/** Secrets that no test uses for anything else. */
const CANARY = {
  password: "canary:Passw0rd+1",
  secret: "canary/Client=Secret",
  token: "canary.access~token-0123456789",
  refresh: "canary.refresh~token-0123456789",
};
const MANNERS = [[], ["--json"]] as const;

describe("what commands say", () => {
  let world: World;
  let echo: Echo;
  before(async () => {
    echo = await Echo.start();
  });
  after(() => echo.close());
  beforeEach(() => {
    world = new World();
    world.env.MOTEKEY_ISSUER = echo.issuer;
    world.env.MOTEKEY_DEBUG = "1";
  });
  afterEach(() => world.end());

  /** Each of the lines, for people and for programs, quotes nothing. */
  const quiet = async (line: string, options: RunOptions, secrets: readonly string[]) => {
    for (const manner of MANNERS) {
      const said = await world.run([...line.split(" "), ...manner], options);
      const all = `${said.stdout}${said.stderr}`;
      assert.notEqual(said.exit, 0, all);
      for (const secret of secrets) {
        const json = JSON.stringify(secret).slice(1, -1);
        for (const form of [secret, json, encodeURIComponent(secret), printable(secret), secret.slice(0, 8)])
          assert.ok(!all.includes(form), `motekey ${line} ${manner.join(" ")} quotes ${form}: ${all}`);
      }
    }
  };

  /** A login at the echo, as a file that nobody sealed. */
  const keep = (more: object = {}) => {
    const open = {
      ...{ team: "acme", name: "ann@example.com", type: "platform", method: "browser", issuer: echo.issuer },
      ...{ clientId: "motekey-cli", subject: null, email: "ann@example.com", organization: null, scope: "" },
      ...{ accessToken: CANARY.token, refreshToken: CANARY.refresh, issuedAtMs: Date.now() },
      ...{ expiresAtMs: Date.now() + 3_600_000, refreshExpiresAtMs: null, kept: {}, ...more },
    };
    const teams = { acme: { issuer: echo.issuer, account: "ann@example.com" } };
    const accounts = [{ team: "acme", name: "ann@example.com", open }];
    const state = { storage: "file", active_team: "acme", teams, accounts };
    writeFileSync(world.config, JSON.stringify(state), { mode: 0o600 });
  };

  const logins: [line: string, options: RunOptions][] = [
    ["auth login --username ann --insecure-storage", { input: CANARY.password }],
    ["auth login --username ann --insecure-storage", { env: { MOTEKEY_PASSWORD: CANARY.password } }],
    [`auth login --username ann --password ${CANARY.password} --insecure-storage`, {}],
    [`auth login -u ann -p${CANARY.password} --client-id ci -c ${CANARY.secret} --insecure-storage`, {}],
    ["auth login --client-id ci --insecure-storage", { env: { MOTEKEY_CLIENT_SECRET: CANARY.secret } }],
    ["auth login --with-token --insecure-storage", { input: CANARY.token }],
    ["auth login --device-code --insecure-storage", { env: { MOTEKEY_CLIENT_SECRET: CANARY.secret } }],
  ];
  for (const [line, options] of logins) {
    it(`'motekey ${line}' at a provider that says all it hears`, () =>
      quiet(line, options, [CANARY.password, CANARY.secret, CANARY.token]));
  }

  it("a login by key, whose assertion the provider says", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const file = join(world.folder, "key.pem");
    writeFileSync(file, pem);
    await quiet(`auth login --client-id ci --secret-file ${file} --insecure-storage`, {}, [
      ...pem.split("\n").filter((text) => /^[^-]{16,}$/.test(text)),
      "eyJhbGciOiJFUzI1NiJ9",
    ]);
  });

  for (const line of ["auth refresh", "auth whoami", "auth switch --org x", "auth token", "auth status"]) {
    it(`'motekey ${line}' with a kept login, at a provider that says all it hears`, async () => {
      keep(line === "auth token" || line === "auth status" ? { expiresAtMs: Date.now() - 1 } : {});
      await quiet(line, {}, [CANARY.token, CANARY.refresh]);
    });
  }

  it("'motekey auth logout' whose revocation the provider refuses with all it hears", async () => {
    for (const manner of MANNERS) {
      keep();
      const { stdout, stderr } = await world.run(["auth", "logout", "--force", ...manner]);
      for (const secret of [CANARY.token, CANARY.refresh])
        assert.ok(!(stdout + stderr).includes(secret), stdout);
    }
  });

  describe("of a token with a control character, which no header can hold", () => {
    const token = `${CANARY.token}\u0001and-its-end`;
    it("from the environment", async () => {
      for (const line of ["auth whoami", "auth status", "doctor"])
        await quiet(line, { env: { MOTEKEY_AUTH_TOKEN: token } }, [token, CANARY.token, "and-its-end"]);
    });

    it("from the file, and of a kept login", async () => {
      const auth = JSON.stringify({ auth_token: token });
      for (const write of [
        () => writeFileSync(world.config, auth, { mode: 0o600 }),
        () => keep({ accessToken: token, refreshToken: null }),
      ]) {
        write();
        for (const line of ["auth whoami", "auth status", "doctor"])
          await quiet(line, {}, [token, CANARY.token, "and-its-end"]);
      }
    });

    it("piped in, or from the provider", async () => {
      await quiet("auth login --with-token --insecure-storage", { input: token }, [token, "and-its-end"]);
      const identity: Identity = await startAcme();
      try {
        world.env.MOTEKEY_ISSUER = identity.issuer;
        identity.faults.rawReply = (path, content) =>
          path === "/token" ? { ...content, access_token: token } : content;
        await quiet("auth login --username ann --insecure-storage", { input: ANN.password }, [
          ...[token, CANARY.token, "and-its-end", ANN.password],
        ]);
      } finally {
        await identity.close();
      }
    });
  });

  const slips = [
    "auth login --pasword=canary:Passw0rd+1",
    "auth token --password=canary:Passw0rd+1",
    "--password=canary:Passw0rd+1",
    "--whatever=canary:Passw0rd+1",
    "auth login --with-token canary:Passw0rd+1",
    "auth login -p canary:Passw0rd+1 canary:Passw0rd+1",
    "auth login --team canary:Passw0rd+1 --password canary:Passw0rd+1",
    "auth login --client-secret canary:Passw0rd+1 --issuer http://x:canary:Passw0rd+1@example.com",
    "auth status --issuer https://ann:canary:Passw0rd+1@example.com",
    "auth list --json=canary:Passw0rd+1 --token canary:Passw0rd+1",
    "doctor --cloud mqtt://ann:canary:Passw0rd+1@127.0.0.1:1 --issuer http://127.0.0.1:1",
  ];
  for (const line of slips) {
    it(`the slip 'motekey ${line}'`, () => quiet(line, {}, [CANARY.password]));
  }

  it("a proxy's password, when the proxy cannot be reached", () =>
    quiet(
      "auth whoami --issuer https://id.invalid",
      {
        env: {
          HTTPS_PROXY: `http://me:${encodeURIComponent(CANARY.password)}@127.0.0.1:1`,
          MOTEKEY_AUTH_TOKEN: CANARY.token,
        },
      },
      [CANARY.password, CANARY.token],
    ));

  it("nothing writes to a stream but the output, which knows the secrets, the questions, the copied code, and help", () => {
    const root = fileURLToPath(new URL("../../tools/", import.meta.url));
    const writers = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !/dist|\.cache/.test(path))
      .filter((path) => /std(out|err)\.write\(|console\./.test(readFileSync(join(root, path), "utf8")));
    // The machine waits until all is written; the clipboard gets the code that stands on the screen.
    const expected = ["cli/clipboard.ts", "cli/output.ts", "cli/prompt.ts", "machine.ts", "program.ts"];
    assert.deepEqual(writers.sort(), expected);
  });

  it("'motekey auth token' prints the token that was asked for, and nothing else does", async () => {
    keep();
    assert.equal(good(await world.line("auth token")).stdout, `${CANARY.token}\n`);
    assert.match(good(await world.line("auth list")).stdout, /ann@example\.com/);
    assert.ok(readFileSync(world.config, "utf8").includes(CANARY.token));
  });
});
