import type { Context } from "../../cli/act.js";
import { Failure, usage } from "../../cli/failure.js";
import { readPipedLine } from "../../cli/prompt.js";
import { logInByBrowser } from "../../oidc/browser.js";
import { hasDeviceGrant, logInByDevice } from "../../oidc/device.js";
import { endTokens, logInAsClient, logInByPassword } from "../../oidc/grants.js";
import { findProvider, type Provider, scopesOf } from "../../oidc/provider.js";
import type { Tokens } from "../../oidc/tokens.js";
import { type Account, isSame } from "../../store/account.js";
import type { Logins, Store } from "../../store/store.js";
import { chosenTeam, environmentToken, isDefault, issuerOf, openStore, readLogins } from "../current.js";
import { endLogin } from "../logout/run.js";
import { freshAccount } from "../renew.js";
import { endOfToken, isoTime } from "../told.js";
import { accountOf } from "./account.js";
import { type LoginFlags, type Method, methodOf, passwordOf, usernameOf } from "./method.js";

/** Logs in, unless the login that is there is still good. */
export async function login(context: Context, flags: LoginFlags): Promise<void> {
  const { output } = context;
  const store = openStore(context);
  let logins = await readLogins(store, context);
  const team = chosenTeam(context, logins)?.value ?? null;
  const clientId = team === null ? undefined : logins.teams[team]?.client_id;
  const usual = { account: teamsAccount(context, logins), clientId: clientId ?? null };
  const method = methodOf(context, flags, usual);
  const issuer = issuerOf(context, logins, team).value;
  await store.prepare(flags.insecureStorage === true);
  const known = knownAccount(context, logins, method, issuer);
  if (flags.clear === true && known !== null) {
    await endLogin(context, store, known, true);
    logins = await readLogins(store, context);
  }
  const isNew = flags.force === true || flags.clear === true;
  const account =
    (isNew || known === null || !hasScopes(known, flags.scopes)
      ? null
      : await stillGood(context, store, known)) ?? (await logIn(context, flags, store, method, issuer, team));
  if (environmentToken(context) !== null)
    output.warn("MOTEKEY_AUTH_TOKEN is set, and goes before this login.");
  tell(context, account, method, await store.read());
}

/** The team's default account, also when only its user name and password are left. */
function teamsAccount(context: Context, logins: Logins): Account | null {
  const team = chosenTeam(context, logins)?.value;
  const name = team === undefined ? undefined : logins.teams[team]?.account;
  return logins.accounts.find((account) => account.team === team && account.name === name) ?? null;
}

/** The kept login that this one would be again; null: there is none. */
function knownAccount(context: Context, logins: Logins, method: Method, issuer: string): Account | null {
  const team = chosenTeam(context, logins)?.value;
  const isKnown = (account: Account): boolean => {
    if (account.team !== team || account.issuer !== issuer) return false;
    if (account.clientId !== method.client.clientId) return false;
    if (method.kind === "client") return account.method === "client";
    if (method.kind !== "password") return method.kind === "browser" && account.type === "platform";
    return [account.name, account.kept.username].includes(method.username ?? undefined);
  };
  const byDefault = teamsAccount(context, logins);
  if (byDefault !== null && isKnown(byDefault)) return byDefault;
  return method.kind === "browser" ? null : (logins.accounts.find(isKnown) ?? null);
}

/** Are these the scopes that somebody wants? */
function hasScopes({ scope }: Account, wanted: string | undefined): boolean {
  const sorted = (scopes: string) => scopes.split(" ").sort().join(" ");
  return wanted === undefined || sorted(wanted) === sorted(scope);
}

/** The account with a fresh token; null when its login is over. */
async function stillGood(context: Context, store: Store, account: Account): Promise<Account | null> {
  if (account.accessToken === null) return null;
  try {
    return await freshAccount(context, store, account);
  } catch (failure) {
    if (failure instanceof Failure && failure.code === "token_expired") return null;
    throw failure;
  }
}

async function logIn(
  context: Context,
  flags: LoginFlags,
  store: Store,
  method: Method,
  issuer: string,
  team: string | null,
): Promise<Account> {
  const provider = await findProvider(issuer, method.client, context.system);
  const { tokens, username, password } = await grantOf(context, flags, method, provider).catch(
    async (failure) => {
      // Granted, and refused here: what is not kept must not stay good.
      const granted = provider.requests.takeGrant();
      if (granted !== null) await endTokens(provider, granted).catch(() => undefined);
      throw failure;
    },
  );
  const account = await accountOf(context, provider, method, tokens, team).catch(async (failure) => {
    // What is not kept must not stay good.
    if (method.kind !== "token") await endTokens(provider, tokens).catch(() => undefined);
    throw failure;
  });
  const kept = { ...account.kept, ...(username === null || password === null ? {} : { username, password }) };
  const whole = { ...account, kept };
  await store.change((change) => {
    change.put(whole);
    // A service account's client is no client for people.
    const { clientSecret, keyFile } = method.client;
    const isPublic = method.kind !== "token" && clientSecret === undefined && keyFile === undefined;
    change.setTeam(whole.team, { issuer, ...(isPublic && { client_id: provider.clientId }) });
  });
  return whole;
}

interface Granted {
  readonly tokens: Tokens;
  readonly username: string | null;
  readonly password: string | null;
}

async function grantOf(
  context: Context,
  flags: LoginFlags,
  method: Method,
  provider: Provider,
): Promise<Granted> {
  const { system, output } = context;
  const scope = scopesOf(provider, flags.scopes);
  const anonymous = { username: null, password: null };
  switch (method.kind) {
    case "browser": {
      const isDevice = method.device === "always" || (method.device === "if-any" && hasDeviceGrant(provider));
      if (isDevice) return { tokens: await logInByDevice(provider, scope, system, output), ...anonymous };
      const how = { scope, launch: method.launch, force: flags.force === true };
      return { tokens: await logInByBrowser(provider, how, system, output), ...anonymous };
    }
    case "password": {
      const username = await usernameOf(system, method.username);
      const password = await passwordOf(system, method.password);
      return {
        tokens: await logInByPassword(provider, { username, password }, scope, system.now),
        username,
        password,
      };
    }
    case "client":
      return { tokens: await logInAsClient(provider, flags.scopes, system.now), ...anonymous };
    case "token":
      return { tokens: await pipedToken(context), ...anonymous };
  }
}

async function pipedToken({ system }: Context): Promise<Tokens> {
  if (system.stdin.isTTY === true)
    throw usage("--with-token reads a token that is piped in.", "motekey auth login --with-token < FILE");
  const accessToken = await readPipedLine(system);
  if (accessToken === "") throw usage("Nothing was piped in.", "motekey auth login --with-token < FILE");
  const expiresAtMs = endOfToken(accessToken);
  const issuedAtMs = system.now();
  return {
    accessToken,
    refreshToken: null,
    issuedAtMs,
    expiresAtMs,
    refreshExpiresAtMs: null,
    scope: "",
    claims: null,
  };
}

function tell({ output }: Context, account: Account, method: Method, logins: Logins): void {
  const sentence =
    method.kind === "password"
      ? `Logged in as user: ${account.kept.username ?? method.username ?? account.name}.`
      : `${output.colours.green("✓")} Successfully authenticated as ${account.name}`;
  output.answer(
    {
      account: account.name,
      team: account.team,
      type: account.type,
      email: account.email,
      organization: account.organization?.name ?? null,
      issuer: account.issuer,
      expires_at: isoTime(account.expiresAtMs),
      storage: logins.storage === "file" ? "insecure file" : "keychain",
      default: isDefault(account, logins),
    },
    sentence,
  );
  const usual = logins.accounts.find((known) => isDefault(known, logins));
  if (usual !== undefined && !isSame(usual, account)) {
    output.note(
      `The default account stays ${usual.name} (team ${usual.team}); 'motekey auth switch' changes it.`,
    );
  }
}
