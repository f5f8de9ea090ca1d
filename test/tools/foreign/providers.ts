/** OpenID providers that are not ours, each with Ann, a client for people and one for programs. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type MutableResponse, OAuth2Issuer, OAuth2Service } from "oauth2-mock-server";
import { type Adapter, type AdapterPayload, type Configuration, Provider } from "oidc-provider";
import type { Page } from "playwright-core";
import { Person } from "../../identity/people.js";
import { Glewlwyd } from "../../servers/glewlwyd.js";
import { visit } from "../acme.js";

export const ANN = {
  username: "ann",
  password: "canary-password",
  email: "ann@example.com",
  name: "Ann Example",
};
export const DESK = { id: "desk", secret: "canary-desk-secret" };
export const CI = { id: "ci", secret: "canary-client-secret" };

/** A provider as the tests need it. */
export interface Foreign {
  readonly issuer: string;
  /** The client for people; its secret where it must have one. */
  readonly client: { readonly id: string; readonly secret?: string };
  /** The client for codes, where it is another one. */
  readonly box?: { readonly id: string };
  /** What the account is called. */
  readonly account: string;
  /** Signs Ann in at the address that the browser would open, and follows the redirect back. */
  readonly browser: ((address: string) => Promise<void>) | null;
  /** Confirms a device's code as Ann. */
  readonly device: ((address: string) => Promise<void>) | null;
  /** The same for a client without a secret, where the other one has one. */
  readonly confirmPublic?: (address: string) => Promise<void>;
  /** Goes through the provider's own pages as Ann in a browser, until they lead to the program or end; null: there are none. */
  readonly pages: ((page: Page) => Promise<void>) | null;
  /** A client that proves itself by this key; null: none is set up. */
  readonly keyed: { readonly id: string; readonly pem: string } | null;
  readonly hasPassword: boolean;
  /** What checks a login's token. */
  readonly checked: "introspection" | "signature";
  /** How many refresh tokens are good. */
  liveTokens(): Promise<number>;
  close(): Promise<void>;
}

const KEYED = "keyed";

const anyKey = (): string =>
  generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();

/** The pages of oidc-provider's own development: a code's, signing in, consent. */
async function oidcProviderPages(page: Page): Promise<void> {
  const next = page.getByRole("button", { name: /^(Continue|Sign-in)$/ });
  const done = page.getByText(/Back to the terminal|Sign-in Success/);
  for (;;) {
    await done.or(next).first().waitFor();
    if ((await done.count()) > 0) return;
    const login = page.locator('input[name="login"]');
    if ((await login.count()) > 0) {
      await login.fill(ANN.username);
      await page.locator('input[name="password"]').fill(ANN.password);
    }
    await Promise.all([page.waitForEvent("framenavigated"), next.first().click()]);
  }
}

/** Signs in and allows on the pages of oidc-provider's own development, until they lead elsewhere. */
async function signIn(address: string): Promise<URL> {
  const person = new Person();
  let page = await person.open(address);
  for (let left = 5; left > 0 && page.text.includes('name="prompt"'); left--) {
    page = await person.answer(page, { login: ANN.username, password: ANN.password });
  }
  return page.url;
}

/** What oidc-provider keeps, in memory and countable. */
class Kept implements Adapter {
  static readonly all = new Map<string, AdapterPayload>();
  /** @param forgives leaves rotated refresh tokens good, and ends none with its kin (RFC 6749 section 6 allows it) */
  constructor(
    private readonly model: string,
    private readonly forgives = false,
  ) {}
  private key = (id: string): string => `${this.model} ${id}`;
  private by(test: (payload: AdapterPayload) => boolean): Promise<AdapterPayload | undefined> {
    const found = [...Kept.all].find(([key, payload]) => key.startsWith(`${this.model} `) && test(payload));
    return Promise.resolve(found?.[1]);
  }
  upsert(id: string, payload: AdapterPayload): Promise<void> {
    Kept.all.set(this.key(id), payload);
    return Promise.resolve();
  }
  find(id: string): Promise<AdapterPayload | undefined> {
    return Promise.resolve(Kept.all.get(this.key(id)));
  }
  findByUserCode = (code: string) => this.by(({ userCode }) => userCode === code);
  findByUid = (id: string) => this.by(({ uid }) => uid === id);
  consume(id: string): Promise<void> {
    if (this.forgives && this.model === "RefreshToken") return Promise.resolve();
    Object.assign(Kept.all.get(this.key(id)) ?? {}, { consumed: Math.floor(Date.now() / 1000) });
    return Promise.resolve();
  }
  destroy(id: string): Promise<void> {
    Kept.all.delete(this.key(id));
    return Promise.resolve();
  }
  revokeByGrantId(grant: string): Promise<void> {
    if (this.forgives) return Promise.resolve();
    for (const [key, { grantId }] of Kept.all) if (grantId === grant) Kept.all.delete(key);
    return Promise.resolve();
  }
}

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** oidc-provider: JWT access tokens for one resource, which user info refuses; a subject of its own for each client. */
export function startResourceProvider(): Promise<Foreign> {
  return startOidcProvider(false);
}

/** The same, which leaves refresh tokens good that it has rotated: each is ended by itself or not at all. */
export function startForgivingProvider(): Promise<Foreign> {
  return startOidcProvider(true);
}

async function startOidcProvider(forgives: boolean): Promise<Foreign> {
  Kept.all.clear();
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const configuration: Configuration = {
    adapter: (model) => new Kept(model, forgives),
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] },
    cookies: { keys: ["tests"] },
    conformIdTokenClaims: false,
    claims: { openid: ["sub"], email: ["email"], profile: ["name"] },
    scopes: ["openid", "offline_access", "profile", "email", "devices:provision"],
    extraTokenClaims: (_context, { clientId }) => ({ roles: [clientId === CI.id ? "apps" : "makers"] }),
    subjectTypes: ["public", "pairwise"],
    pairwiseIdentifier: (_context, account, client) =>
      createHash("sha256").update(`${account} ${client.clientId}`).digest("hex").slice(0, 20),
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: ANN.email, name: ANN.name }),
    }),
    clients: [
      {
        ...{ client_id: "motekey-cli", token_endpoint_auth_method: "none", application_type: "native" },
        ...{
          redirect_uris: ["http://127.0.0.1/callback"],
          response_types: ["code"],
          subject_type: "pairwise",
        },
        grant_types: ["authorization_code", "refresh_token"],
      },
      // A pairwise client with the device grant would have to have a key of its own.
      {
        ...{ client_id: "box", token_endpoint_auth_method: "none", redirect_uris: [], response_types: [] },
        grant_types: ["refresh_token", DEVICE_GRANT],
      },
      {
        ...{ client_id: CI.id, client_secret: CI.secret, redirect_uris: [], response_types: [] },
        grant_types: ["client_credentials"],
      },
      {
        ...{ client_id: KEYED, token_endpoint_auth_method: "private_key_jwt" },
        ...{ redirect_uris: [], response_types: [], grant_types: ["client_credentials"] },
        jwks: { keys: [key.publicKey.export({ format: "jwk" })] },
      },
    ],
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: false },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://api.example.com",
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "openid profile email offline_access devices:provision",
          audience: "https://api.example.com",
          accessTokenTTL: 1800,
          accessTokenFormat: "jwt" as const,
          jwt: { sign: { alg: "RS256" as const } },
        }),
      },
    },
    rotateRefreshToken: true,
    ttl: {
      RefreshToken: 21_600,
      Grant: 21_600,
      Session: 21_600,
      DeviceCode: 600,
      Interaction: 600,
      IdToken: 3600,
    },
  };
  const provider = new Provider(issuer, configuration);
  server.on("request", provider.callback());
  return {
    issuer,
    client: { id: "motekey-cli" },
    box: { id: "box" },
    account: ANN.email,
    browser: async (address) => void visit(await signIn(address)).catch(() => undefined),
    device: async (address) => {
      const person = new Person();
      let page = await person.answer(await person.open(address), {});
      for (let left = 6; left > 0 && /name="(prompt|confirm)"/.test(page.text); left--)
        page = await person.answer(page, { login: ANN.username, password: ANN.password });
    },
    pages: oidcProviderPages,
    keyed: { id: KEYED, pem: key.privateKey.export({ type: "pkcs8", format: "pem" }).toString() },
    checked: "signature",
    hasPassword: false,
    liveTokens: () => {
      const tokens = [...Kept.all].filter(
        ([key, { consumed }]) => key.startsWith("RefreshToken ") && !consumed,
      );
      return Promise.resolve(tokens.length);
    },
    close: () => closed(server),
  };
}

/** oauth2-mock-server: who asks is let in. It reads no body of a revocation: that is done here. */
export async function startMockServer(): Promise<Foreign> {
  const issuer = new OAuth2Issuer();
  await issuer.keys.generate("RS256");
  const service = new OAuth2Service(issuer);
  const good = new Set<string>();
  service.on("beforeResponse", ({ body }: MutableResponse) => {
    if (typeof body === "object" && typeof body.refresh_token === "string") good.add(body.refresh_token);
  });
  const server = createServer((request, response) => {
    if (request.url === "/revoke") {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => good.delete(new URLSearchParams(body).get("token") ?? ""));
    }
    service.requestHandler(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer: issuer.url,
    client: { id: "motekey-cli" },
    account: "johndoe",
    browser: async (address) => {
      const answer = await fetch(address, { redirect: "manual" });
      void visit(answer.headers.get("location") ?? "").catch(() => undefined);
    },
    device: null,
    // Whoever comes is sent on at once.
    pages: () => Promise.resolve(),
    // It takes any proof, or none.
    keyed: { id: KEYED, pem: anyKey() },
    checked: "introspection",
    hasPassword: true,
    liveTokens: () => Promise.resolve(good.size),
    close: () => closed(server),
  };
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Glewlwyd: written in C, keeps all in SQLite; a client that ends tokens must have a secret. */
export async function startGlewlwyd(context: Mocha.Context): Promise<Foreign> {
  const people = ["code", "password", "refresh_token", "device_authorization", "client_credentials"];
  const glewlwyd = await Glewlwyd.start(context, {
    user: ANN,
    clients: [
      { ...DESK, grants: people },
      { ...CI, grants: ["client_credentials"] },
      { id: "motekey-cli", grants: ["code", "refresh_token", "device_authorization"] },
    ],
  });
  return {
    issuer: glewlwyd.issuer,
    client: DESK,
    account: ANN.email,
    // It takes the address of a redirect with the very port that was registered.
    browser: null,
    device: (address) => glewlwyd.confirm(address, DESK.id),
    pages: null,
    keyed: null,
    confirmPublic: (address) => glewlwyd.confirm(address, "motekey-cli"),
    checked: "introspection",
    hasPassword: true,
    liveTokens: () => glewlwyd.liveTokens(),
    close: () => glewlwyd.close(),
  };
}
