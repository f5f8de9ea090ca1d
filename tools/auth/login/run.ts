import type { Context } from "../../cli/act.js";
import { Failure, printable, usage } from "../../cli/failure.js";
import { claimsOf } from "../../cli/jwt.js";
import { hasTerminal, readPipedLine } from "../../cli/prompt.js";
import { isSameIssuer, isTeamNamed } from "../../cli/settings.js";
import { logInByBrowser } from "../../oidc/browser.js";
import { hasDeviceGrant, logInByDevice } from "../../oidc/device.js";
import { isAway } from "../../oidc/failure.js";
import { endTokens, logInAsClient, logInAsWorkload, logInByPassword } from "../../oidc/grants.js";
import { findProvider, type Provider, scopesOf } from "../../oidc/provider.js";
import type { Tokens } from "../../oidc/tokens.js";
import { type Account, isSame, labelOf } from "../../store/account.js";
import type { Logins, Storage, Store } from "../../store/store.js";
import { madeBy } from "../ask.js";
import { checked } from "../check.js";
import {
  chosenTeam,
  defaultOf,
  environmentToken,
  isDefault,
  issuerOf,
  isTeamDefault,
  openStore,
  REMOVE_BY_HAND,
  readLogins,
  warnOfOverride,
} from "../current.js";
import { endAside, leftInWords, putAside } from "../end.js";
import { endLogin } from "../logout/run.js";
import { freshAccount, isOver } from "../renew.js";
import { endOfToken, isoTime } from "../told.js";
import { readWorkloadToken } from "../workload.js";
import { accountOf } from "./account.js";
import {
  type LoginFlags,
  type Method,
  methodOf,
  passwordOf,
  type Usual,
  usernameOf,
  withPiped,
} from "./method.js";

/** Logs in, unless the login that is there is still good. */
export async function login(context: Context, flags: LoginFlags): Promise<void> {
  const { output, system } = context;
  const store = openStore(context);
  let logins = await readLogins(store, context);
  const issuer = issuerOf(context, logins, chosenTeam(context, logins)?.value ?? null).value;
  const target = { issuer, team: teamAt(context, logins, issuer) };
  const method = await withPiped(system, methodOf(context, flags, usualAt(target, logins)));
  await store.prepare(storageFor(flags));
  const known = knownAccount(target, logins, method);
  const wasOpen = known !== null && logins.storageOf(known) === "file";
  if (flags.clear === true && known !== null) {
    await endLogin(context, store, known, true);
    logins = await readLogins(store, context);
  }
  const isNew = flags.force === true || flags.clear === true || method.isGiven;
  const account =
    (isNew || known === null || !hasScopes(known, flags.scopes)
      ? null
      : await stillGood(context, store, known)) ?? (await logIn(context, flags, store, method, target));
  if (environmentToken(context) !== null)
    output.warn("MOTEKEY_AUTH_TOKEN is set, and goes before this login.");
  if (logins.authToken !== null)
    output.warn(`auth_token in ${store.path} goes before this login; ${REMOVE_BY_HAND}`);
  await keepAs(store, account, storageFor(flags));
  const usual = defaultIn(logins);
  let now = await store.read();
  if (!isDefault(account, now)) {
    await store.change((change) => change.makeDefault(account, flags.keepDefault === true));
    now = await store.read();
  }
  const current = now.accounts.find((kept) => isSame(kept, account)) ?? account;
  tell(context, current, method, usual, now);
  if (isDefault(current, now)) warnOfOverride(context, current, now);
  // Printed for people; programs have `storage`, and a warning about what others can read.
  const isOpen = now.storageOf(current) === "file";
  if (system.stderr.isTTY === true || isOpen || wasOpen)
    output.note(keptWhere(context, current, now, wasOpen));
}

const storageFor = ({ insecureStorage }: LoginFlags): Storage =>
  insecureStorage === true ? "file" : "keychain";

/** --insecure-storage is for the logins that name it: what is kept lies where this one wants it. */
async function keepAs(store: Store, account: Account, storage: Storage): Promise<void> {
  if ((await store.read()).storageOf(account) === storage) return;
  await store.change((change) => {
    const current = change.accounts.find((known) => isSame(known, account));
    if (current !== undefined) change.put(current, storage);
  });
}

/** What is kept of a login, and who can read it. */
function keptWhere(
  { system, settings }: Context,
  account: Account,
  logins: Logins,
  wasOpen: boolean,
): string {
  const path = settings.config.value;
  if (logins.storageOf(account) === "file")
    return `Kept in ${path}, readable for whoever can read your files: the tokens; no password and no secret.`;
  const { password, clientSecret } = account.kept;
  const more = `${password === undefined ? "" : " and the password"}${clientSecret === undefined ? "" : " and the client's secret"}`;
  const before = wasOpen ? " It could be read there before." : "";
  return `Kept in ${path}, sealed by a key in the ${system.keychain.name}: the tokens${more}.${before}`;
}

/** Where a login goes. */
interface Target {
  readonly issuer: string;
  /** Null: the provider's first. */
  readonly team: string | null;
}

/** The team that was named. The active one stands in for it at its own provider only. */
function teamAt({ settings }: Context, { activeTeam, teams }: Logins, issuer: string): string | null {
  if (settings.team !== null || activeTeam === null) return settings.team?.value ?? null;
  return isSameIssuer(teams[activeTeam]?.issuer ?? issuer, issuer) ? activeTeam : null;
}

/** What is kept belongs to one issuer, and serves at no other. */
function usualAt({ issuer, team }: Target, logins: Logins): Usual {
  const account = logins.accounts.find(
    (known) => isTeamDefault(known, logins) && isAt(known, { issuer, team }),
  );
  const setting = team === null ? undefined : logins.teams[team];
  const isTheirs = setting !== undefined && isSameIssuer(setting.issuer ?? issuer, issuer);
  return { issuer, account: account ?? null, clientId: (isTheirs ? setting.client_id : undefined) ?? null };
}

const isAt = (account: Account, { issuer, team }: Target): boolean =>
  isSameIssuer(account.issuer, issuer) && (team === null || account.team === team);

/** The kept login that this one would be again; null: there is none. */
function knownAccount(target: Target, logins: Logins, method: Method): Account | null {
  const known = logins.accounts.filter((account) => {
    if (!isAt(account, target) || account.clientId !== method.client.clientId) return false;
    if (method.kind === "client") return account.method === "client";
    if (method.kind === "workload")
      return account.method === "workload" && account.kept.workloadFile === method.file;
    if (method.kind !== "password") return method.kind === "browser" && account.type === "platform";
    return [account.name, account.kept.username].includes(method.username ?? undefined);
  });
  const usual = known.find((account) => isTeamDefault(account, logins));
  return usual ?? (method.kind === "browser" ? null : (known[0] ?? null));
}

/** Are these the scopes that somebody wants? */
function hasScopes({ scope }: Account, wanted: string | undefined): boolean {
  const sorted = (scopes: string) => scopes.split(" ").sort().join(" ");
  return wanted === undefined || sorted(wanted) === sorted(scope);
}

/** The account with a fresh token that its provider takes; null when its login is over. */
async function stillGood(context: Context, store: Store, account: Account): Promise<Account | null> {
  if (account.accessToken === null || account.ended) return null;
  const verdict = await checked(context, store, { source: "login", account, label: account.name });
  if (verdict.isGood === false) return null;
  if (verdict.isGood === true) return verdict.account;
  // Nobody could be asked: what is over by the clock is over.
  if (verdict.failure !== null && isOver(verdict.account ?? account, context.system.now()))
    throw verdict.failure;
  context.output.note(`Not checked: ${verdict.failure?.message ?? ""}`);
  return verdict.account ?? account;
}

async function logIn(
  context: Context,
  flags: LoginFlags,
  store: Store,
  method: Method,
  { issuer, team }: Target,
  isAgain = false,
): Promise<Account> {
  const provider = await findProvider(issuer, method.client, context.system);
  const { tokens, username, password, workload } = await grantOf(
    context,
    flags,
    store,
    method,
    provider,
  ).catch(async (failure) => {
    // Granted, and refused here: what is not kept must not stay good.
    const granted = provider.requests.takeGrant();
    if (granted !== null) await endTokens(provider, granted).catch(() => undefined);
    throw failure;
  });
  const account = await accountOf(context, provider, method, tokens, team, workload).catch(
    async (failure) => {
      // What is not kept must not stay good.
      if (method.kind !== "token") await endTokens(provider, tokens).catch(() => undefined);
      throw failure;
    },
  );
  const kept = { ...account.kept, ...(username === null || password === null ? {} : { username, password }) };
  const whole = { ...account, kept };
  const replaced = await store.change((change) => {
    const known = change.accounts.find((other) => isSame(other, whole));
    change.put(whole, storageFor(flags));
    // A service account's client is no client for people.
    const { clientSecret, keyFile } = method.client;
    const isProgram = method.kind === "token" || method.kind === "workload";
    const isPublic = !isProgram && clientSecret === undefined && keyFile === undefined;
    const setting = { issuer: provider.issuer, ...(isPublic && { client_id: provider.clientId }) };
    const before = change.teams[whole.team]?.issuer;
    const isTheirs = before === undefined || isSameIssuer(before, provider.issuer);
    if (isTheirs || isAskedFor(context, whole.team)) change.setTeam(whole.team, setting);
    else context.output.note(staysAt(whole.team, before, provider.issuer));
    return known === undefined ? null : putAside(change, known, whole);
  });
  if (replaced === null) return whole;
  await endReplaced(context, store, replaced);
  if (method.kind !== "browser" || isAgain) return whole;
  const alive = await stillAlive(context, store, whole);
  if (alive !== null) return alive;
  context.output.note(
    "The provider ended this login together with the one before it: please log in once more.",
  );
  return logIn(context, { ...flags, force: false }, store, method, { issuer, team: whole.team }, true);
}

/** Ends the tokens of a login that another took the place of, or says that it could not. */
async function endReplaced(context: Context, store: Store, replaced: Account): Promise<void> {
  const ended = await endAside(context, store, replaced);
  const left = leftInWords(ended);
  if (ended.failure !== null) {
    const logins = await store.read();
    const next = logins.storageOf(replaced) === "file" ? "" : " 'motekey auth logout' tries again.";
    context.output.note(
      `The login before this one is not ended at the provider: ${ended.failure.replace(/\.$/, "")}.${next}`,
    );
  } else if (left !== null) context.output.note(`Of the login before this one ${left}.`);
}

/**
 * The login, where it is good after the one before it was ended: providers that give one grant to all logins of a
 * browser end them all.
 */
async function stillAlive(context: Context, store: Store, account: Account): Promise<Account | null> {
  if (account.refreshToken === null) return account;
  try {
    return await freshAccount(context, store, account, { asked: true });
  } catch (failure) {
    if (isAway(failure)) return account;
    if (failure instanceof Failure && failure.code === "login_ended") return null;
    throw failure;
  }
}

/** A team goes to another provider only where somebody named both. */
function isAskedFor({ settings }: Context, team: string): boolean {
  return settings.issuer !== null && isTeamNamed(settings) && settings.team?.value === team;
}

const staysAt = (team: string, before: string, issuer: string): string =>
  `Team '${team}' stays at ${printable(before, 200)}; to move it: motekey auth login --team '${team}' --issuer ${issuer}.`;

interface Granted {
  readonly tokens: Tokens;
  readonly username: string | null;
  readonly password: string | null;
  /** Whom a workload's own token names. */
  readonly workload: string | null;
}

async function grantOf(
  context: Context,
  flags: LoginFlags,
  store: Store,
  method: Method,
  provider: Provider,
): Promise<Granted> {
  const { system, output } = context;
  const scope = scopesOf(provider, flags.scopes);
  const anonymous = { username: null, password: null, workload: null };
  switch (method.kind) {
    case "browser": {
      const isDevice = method.device === "always" || (method.device === "if-any" && hasDeviceGrant(provider));
      if (isDevice) return { tokens: await logInByDevice(provider, scope, system, output), ...anonymous };
      const how = { scope, launch: method.launch, force: flags.force === true };
      return { tokens: await logInByBrowser(provider, how, system, output), ...anonymous };
    }
    case "password": {
      const username = await usernameOf(system, method.username);
      const isKept = method.password !== null && !method.isGiven;
      const known = isKept ? method.password : await passwordOf(system, method.password);
      const asked = async (password: string): Promise<Granted> => ({
        tokens: await logInByPassword(provider, { username, password }, scope, system.now),
        username,
        password,
        workload: null,
      });
      return asked(known ?? "").catch(async (failure) => {
        if (!isKept || !(failure instanceof Failure) || failure.code !== "invalid_credentials") throw failure;
        await forgetPassword(store, provider, username);
        if (!hasTerminal(system)) throw refusedPassword(username, failure);
        output.note(`The password that was kept for ${username} is refused.`);
        return asked(await passwordOf(system, null));
      });
    }
    case "client":
      return { tokens: await logInAsClient(provider, flags.scopes, system.now), ...anonymous };
    case "workload": {
      const token = await readWorkloadToken(system, method.file);
      const { sub } = claimsOf(token);
      const workload = typeof sub === "string" ? sub : null;
      const tokens = await logInAsWorkload(provider, token, flags.scopes, system.now);
      return { ...anonymous, tokens, workload };
    }
    case "token":
      return { tokens: await pipedToken(context, provider.issuer), ...anonymous };
  }
}

/** A password that was refused is not tried again: some providers lock a user out after a few. */
async function forgetPassword(store: Store, provider: Provider, username: string): Promise<void> {
  await store.change((change) => {
    for (const account of change.accounts) {
      const isTheirs = account.clientId === provider.clientId && account.kept.username === username;
      if (!isTheirs || !isSameIssuer(account.issuer, provider.issuer)) continue;
      const { password: _, ...kept } = account.kept;
      change.put({ ...account, kept });
    }
  });
}

const refusedPassword = (username: string, cause: Failure): Failure =>
  new Failure(
    "invalid_credentials",
    `The provider refuses the password that was kept for ${username}; it is forgotten.`,
    `Pipe the new one into 'motekey auth login --username ${username}'.`,
    { cause },
  );

async function pipedToken({ system }: Context, issuer: string): Promise<Tokens> {
  if (system.stdin.isTTY === true)
    throw usage("--with-token reads a token that is piped in.", "motekey auth login --with-token < FILE");
  const accessToken = await readPipedLine(system);
  if (accessToken === "") throw usage("Nothing was piped in.", "motekey auth login --with-token < FILE");
  madeBy(issuer, accessToken);
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

/** The account of whoever names nothing, also when it is logged out. */
const defaultIn = (logins: Logins): Account | null =>
  logins.activeTeam === null ? null : defaultOf(logins.activeTeam, logins);

/** @param before the default account before this login */
function tell(
  { output }: Context,
  account: Account,
  method: Method,
  before: Account | null,
  logins: Logins,
): void {
  const label = labelOf(account, logins.accounts);
  const sentence =
    method.kind === "password"
      ? `Logged in as user: ${account.kept.username ?? method.username ?? account.name}.`
      : `${output.colours.green("✓")} Successfully authenticated as ${label}`;
  output.answer(
    {
      account: label,
      team: account.team,
      type: account.type,
      email: account.email,
      organization: account.organization?.name ?? null,
      issuer: account.issuer,
      expires_at: isoTime(account.expiresAtMs),
      storage: logins.storageOf(account) === "file" ? "insecure file" : "keychain",
      default: isDefault(account, logins),
    },
    sentence,
  );
  const named = (known: Account) => `${labelOf(known, logins.accounts)} (team ${known.team})`;
  const usual = defaultIn(logins);
  if (usual !== null && !isSame(usual, account)) {
    output.note(`The default account stays ${named(usual)}; 'motekey auth switch' changes it.`);
  } else if (before !== null && !isSame(before, account)) {
    output.note(`The default account is now ${named(account)}; it was ${named(before)}.`);
  } else if (before === null && logins.accounts.length > 1) {
    output.note(`The default account is now ${named(account)}.`);
  }
}
