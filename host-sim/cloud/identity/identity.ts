import { join } from "node:path";
import type Provider from "oidc-provider";
import { FileLock } from "../file-lock.js";
import { countOne, type EventOf, Listeners } from "../listeners.js";
import type { Operator } from "../operator.js";
import { checkOptions, guarded } from "../options.js";
import { needRealTicks } from "../real-ticks.js";
import { operatorOf } from "./bearer.js";
import { CLI_CLIENT_ID } from "./clients.js";
import { devicePace } from "./device-pace.js";
import { DIRECTORY_KIND, Directory } from "./directory.js";
import { registerExchangeGrant } from "./exchange-grant.js";
import { faultyAnswers, type IdentityFaults, makeIdentityFaults } from "./faults.js";
import { interactionPages } from "./interactions.js";
import { Logins } from "./logins.js";
import { meEndpoint } from "./me.js";
import { registerPasswordGrant } from "./password-grant.js";
import { makeProvider } from "./provider.js";
import { scriptFree } from "./script-free.js";
import { IdentityServer } from "./server.js";
import { IDENTITY_OPTIONS, LIFETIMES, NEW_SERVICE_ACCOUNT, NEW_USER } from "./tables.js";
import { tellEvents } from "./telling.js";
import type {
  IdentityEvent,
  IdentityOptions,
  IdentityStats,
  Lifetimes,
  NewServiceAccount,
  NewUser,
} from "./types.js";

const ADMIN = "admin";
const DEFAULT_LIFETIMES: Lifetimes = {
  accessToken: 30 * 60,
  refreshToken: 6 * 60 * 60,
  authorizationCode: 60,
  deviceCode: 10 * 60,
  deviceInterval: 5,
};

interface IdentityParts {
  lock: FileLock | null;
  server: IdentityServer;
  provider: Provider;
  directory: Directory;
  logins: Logins;
  listeners: Listeners<IdentityEvent>;
  stats: IdentityStats;
}

/** A running mock identity provider. */
export class Identity {
  /** The client id of the command line: public, native, loopback redirects to `/callback` on any port. */
  readonly clientId = CLI_CLIENT_ID;
  /** The issuer: discovery is at `<issuer>/.well-known/openid-configuration`. */
  readonly issuer: string;
  private closing: Promise<void> | null = null;

  /** Use `startIdentity`. */
  constructor(
    private parts: IdentityParts,
    /** The password of `admin` where this start made that user: show it once. Otherwise null. */
    readonly adminPassword: string | null,
    /** Change them at any time. */
    readonly lifetimes: Lifetimes,
    /** The knobs; set them at any time. */
    readonly faults: IdentityFaults,
  ) {
    this.issuer = parts.server.issuer;
  }

  /** Counts since the start, live. */
  get stats(): IdentityStats {
    return this.parts.stats;
  }

  /** Hears every event until the returned function is called. */
  on(listener: (event: IdentityEvent) => void): () => void {
    return this.parts.listeners.on(listener);
  }

  /**
   * The next event of this name that the predicate accepts. Ask before causing it.
   * @param limitMs rejects after this time (8 s), and when the identity closes
   */
  next<Name extends IdentityEvent["event"]>(
    name: Name,
    predicate?: (event: EventOf<IdentityEvent, Name>) => boolean,
    limitMs?: number,
  ): Promise<EventOf<IdentityEvent, Name>> {
    return this.parts.listeners.next(name, predicate, limitMs);
  }

  /** Adds a user; resolves when the file has it. Rejects when the user name or the address is taken. */
  async addUser(user: NewUser): Promise<{ id: string; username: string; password: string }> {
    checkOptions("addUser()", user, NEW_USER);
    const added = await this.parts.directory.addUser(user);
    await this.parts.directory.flush();
    return { id: added.user.id, username: added.user.username, password: added.password };
  }

  /** Adds a service account; `secret` where it has one. Rejects when its client id is taken. */
  async addServiceAccount(wanted: NewServiceAccount): Promise<{ clientId: string; secret?: string }> {
    checkOptions("addServiceAccount()", wanted, NEW_SERVICE_ACCOUNT);
    const { clientId, secret } = this.parts.directory.addServiceAccount(wanted);
    await this.parts.directory.flush();
    return secret === undefined ? { clientId } : { clientId, secret };
  }

  /** Replaces a user's password. */
  async setPassword(username: string, password: string): Promise<void> {
    await this.parts.directory.setPassword(username, password);
    await this.parts.directory.flush();
  }

  /** Bars a user or a service account: no new logins, and running ones are refused. */
  async disable(name: string): Promise<void> {
    this.parts.directory.disable(name);
    await this.parts.directory.flush();
  }

  /** The operator of an access token, for a service beside it; null: the token is no good. */
  operator(token: string): Promise<Operator | null> {
    return operatorOf(this.parts, token);
  }

  /** Lets codes, tokens and sessions get older, as if so many seconds had passed. */
  age(seconds: number): void {
    this.parts.logins.age(seconds);
  }

  /** Ends everything and writes the files. May be called more than once. */
  close(): Promise<void> {
    if (this.closing === null) this.closing = this.end();
    return this.closing;
  }

  /** For `await using identity = await startIdentity()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    const { lock, server, directory, logins, listeners } = this.parts;
    await server.close();
    listeners.close();
    try {
      await Promise.all([directory.flush(), logins.flush()]);
    } finally {
      await lock?.release();
    }
  }
}

/**
 * Starts a mock identity provider: OpenID Connect with PKCE (S256), the device grant, client credentials by
 * secret and by private_key_jwt, the password grant, token exchange, rotating refresh tokens, revocation,
 * introspection, userinfo, and `/me`. Access tokens are opaque, so that a revoked one ends at once.
 *
 * ```ts
 * const identity = await startIdentity({ users: [{ username: "ada", password: "right horse" }] });
 * // identity.issuer, identity.clientId ("motekey-cli"), redirects to http://127.0.0.1:<any>/callback
 * ```
 */
export async function startIdentity(options: IdentityOptions = {}): Promise<Identity> {
  checkOptions("", options, IDENTITY_OPTIONS);
  await needRealTicks();
  const { folder } = options;
  const lock =
    folder === undefined ? null : await FileLock.take(join(folder, "identity.json"), DIRECTORY_KIND);
  try {
    return await startWith(options, lock);
  } catch (failure) {
    await lock?.release();
    throw failure;
  }
}

async function startWith(options: IdentityOptions, lock: FileLock | null): Promise<Identity> {
  const { folder } = options;
  const directory = await Directory.open(folder && join(folder, "identity.json"));
  const logins = new Logins(folder && join(folder, "logins.json"));
  const adminPassword = await fill(directory, options);
  await Promise.all([directory.flush(), logins.flush()]);
  const listeners = new Listeners<IdentityEvent>("identity");
  const stats: IdentityStats = { tokens: {}, refused: {} };
  listeners.on((event) => {
    if (event.event === "token") countOne(stats.tokens, event.grant);
    else if (event.event === "refused") countOne(stats.refused, event.error);
  });
  if (options.log !== undefined) listeners.on(options.log);
  const faults = makeIdentityFaults(options.faults ?? {});
  const lifetimes = guarded("lifetimes", { ...DEFAULT_LIFETIMES, ...options.lifetimes }, LIFETIMES);
  const server = await IdentityServer.listen(options, faults);
  const provider = await makeProvider(server.issuer, { directory, logins, lifetimes });
  const tell = (event: IdentityEvent): void => listeners.emit(event);
  const audiences = options.audiences ?? [];
  await extend(provider, { directory, logins, lifetimes, faults, audiences, tell });
  server.serve(provider.callback());
  return new Identity(
    { lock, server, provider, directory, logins, listeners, stats },
    adminPassword,
    lifetimes,
    faults,
  );
}

/** What the options name and the folder does not know; and `admin`, whose password is printed. */
async function fill(directory: Directory, options: IdentityOptions): Promise<string | null> {
  for (const { name, teams } of options.organizations ?? []) directory.addOrganization(name, teams);
  for (const user of options.users ?? [])
    if (directory.userNamed(user.username) === undefined) await directory.addUser(user);
  for (const account of options.serviceAccounts ?? []) {
    const known = account.clientId !== undefined && directory.serviceAccount(account.clientId);
    if (!known) directory.addServiceAccount(account);
  }
  if (directory.userNamed(ADMIN) !== undefined) return null;
  const organization = directory.firstOrganization().name;
  const memberships = [{ organization, role: "admin" as const }];
  const { password } = await directory.addUser({ username: ADMIN, name: "Administrator", memberships });
  return password;
}

interface Extension {
  directory: Directory;
  logins: Logins;
  lifetimes: Lifetimes;
  faults: IdentityFaults;
  audiences: readonly string[];
  tell: (event: IdentityEvent) => void;
}

async function extend(provider: Provider, parts: Extension): Promise<void> {
  const { directory, logins, lifetimes, faults, audiences, tell } = parts;
  await registerPasswordGrant(provider, directory, tell);
  await registerExchangeGrant(provider, directory, audiences);
  tellEvents(provider, tell);
  const [key = {}] = directory.secrets.keys;
  provider.use(faultyAnswers(faults, key));
  provider.use(devicePace(provider, lifetimes));
  provider.use(scriptFree());
  provider.use(interactionPages({ provider, directory, logins, tell }));
  provider.use(meEndpoint({ provider, directory, logins, tell }));
}
