/** Whose login a command works with. */
import type { Context } from "../cli/act.js";
import { Failure, notAuthenticated, printable, usage } from "../cli/failure.js";
import { checkedIssuer, isSameIssuer, type Setting } from "../cli/settings.js";
import { variable } from "../cli/system.js";
import { type Account, idOf, labelOf } from "../store/account.js";
import { type Logins, Store, type Unreadable } from "../store/store.js";

/** A token that was handed to this process, or a login that is kept. */
export type Credential =
  | { readonly source: "MOTEKEY_AUTH_TOKEN" | "auth_token"; readonly token: string }
  | {
      readonly source: "login";
      readonly account: Account;
      /** Its name, as `auth list` shows it. */
      readonly label: string;
    };

/** The file of this run, opened. */
export function openStore({ settings, system }: Context): Store {
  return new Store(settings.config.value, system.keychain, system.secrets);
}

/** What the store holds; a warning about the file is passed on. */
export async function readLogins(store: Store, { output }: Context): Promise<Logins> {
  const logins = await store.read();
  if (logins.warning !== null) output.warn(logins.warning);
  for (const one of logins.unreadable) output.warn(`${unreadableIn(store.path, one)} ${replaceIt(one)}`);
  if (logins.hasAuthToken && logins.authToken === null)
    output.warn(`auth_token in ${store.path} is no token, and is ignored. ${REMOVE_BY_HAND}`);
  return logins;
}

/** The name by which `auth logout` knows the token that somebody wrote into the file. */
export const BY_HAND = "auth_token";
/** How to be rid of it. */
export const REMOVE_BY_HAND = `'motekey auth logout ${BY_HAND}' removes it.`;

/** What is in the way of an entry, in words. */
function unreadableIn(path: string, { owner, why }: Unreadable): string {
  return `The login of ${printable(owner.name, 100)} (team ${printable(owner.team, 100)}) in ${path} cannot be read: ${why}.`;
}

const replaceIt = ({ owner }: Unreadable): string =>
  `'motekey auth login' replaces it, 'motekey auth logout ${printable(owner.name, 100)}' forgets it.`;

/** Where a token that was handed in is refused, another login does not help: the next step names where it stands. */
export function advised<T>(failure: T, { source }: Credential): T | Failure {
  if (source === "login" || !(failure instanceof Failure) || failure.code !== "invalid_token") return failure;
  const next =
    source === "auth_token"
      ? `It stands as auth_token in the configuration file, and goes before every login: ${REMOVE_BY_HAND}`
      : `${source} goes before every login: set another token, or unset it.`;
  return new Failure(failure.code, failure.message, next, { cause: failure });
}

/** The token from the environment, which is used and never kept. */
export function environmentToken({ system }: Context): string | null {
  return variable(system, "MOTEKEY_AUTH_TOKEN")?.trim() ?? null;
}

/**
 * The account that was named, else the environment's token before the file's, that before the logins; null where there
 * is none of them.
 * @throws Failure where the account that was named is not logged in
 */
export async function findCredential(context: Context, store: Store): Promise<Credential | null> {
  if (context.settings.account !== null)
    return namedCredential(context.settings.account.value, context, store);
  const given = environmentToken(context);
  if (given !== null) return { source: "MOTEKEY_AUTH_TOKEN", token: given };
  const logins = await readLogins(store, context);
  if (logins.authToken !== null) return { source: "auth_token", token: logins.authToken };
  const account = defaultAccount(context, logins);
  if (account === null) return null;
  return { source: "login", account, label: labelOf(account, logins.accounts) };
}

async function namedCredential(name: string, context: Context, store: Store): Promise<Credential> {
  const logins = await readLogins(store, context);
  const account = oneAccountNamed(name, context, logins);
  const label = labelOf(account, logins.accounts);
  if (account.accessToken !== null) return { source: "login", account, label };
  throw new Failure(
    "not_authenticated",
    `${label} is not logged in.`,
    `Run 'motekey auth login --team ${account.team}'.`,
  );
}

/** @throws Failure where there is none */
export async function needCredential(context: Context, store: Store): Promise<Credential> {
  const credential = await findCredential(context, store);
  if (credential !== null) return credential;
  throw notAuthenticated(loggedInHint(context, await store.read()));
}

/** What to do where the default account is not logged in, and others are: nobody else is logged in unasked. */
export function loggedInHint({ settings }: Context, { accounts }: Logins): string | undefined {
  const there = accounts.filter(
    ({ accessToken, team }) =>
      accessToken !== null && (settings.team === null || team === settings.team.value),
  );
  const [first] = there;
  if (first === undefined) return undefined;
  const label = labelOf(first, accounts);
  const who = there.map((account) => labelOf(account, accounts)).join(", ");
  return `Logged in, and not the default: ${who}. Run 'motekey auth switch --team ${first.team} --account ${label}' to use ${there.length === 1 ? "it" : "the first"}.`;
}

/** The account's access token. */
export function tokenOf({ accessToken }: Account): string {
  if (accessToken !== null) return accessToken;
  throw notAuthenticated();
}

/** The team that was named, else the active one. */
export function chosenTeam({ settings }: Context, logins: Logins): Setting | null {
  if (settings.team !== null) return settings.team;
  return logins.activeTeam === null ? null : { value: logins.activeTeam, from: "active account" };
}

/**
 * The default account of the chosen team, at the issuer that was named if any was; null where nobody is logged in.
 * @throws Failure where others are logged in, but nobody at that issuer, or the account cannot be read
 */
export function defaultAccount(context: Context, logins: Logins): Account | null {
  const team = chosenTeam(context, logins);
  const usual = team === null ? null : defaultOf(team.value, logins);
  const { issuer } = context.settings;
  if (usual !== null && (issuer === null || isSameIssuer(usual.issuer, issuer.value)))
    return usual.accessToken === null ? null : usual;
  const there = issuer === null ? null : accountAt(issuer, context, logins);
  if (there !== null) return there;
  if (usual !== null || team === null) return null;
  const unreadable = logins.unreadable.find(
    ({ owner, list }) => list === "accounts" && owner.team === team.value,
  );
  if (unreadable !== undefined) {
    const what = unreadableIn(context.settings.config.value, unreadable);
    throw new Failure("storage_broken", what, replaceIt(unreadable));
  }
  if (context.settings.team !== null && !Object.hasOwn(logins.teams, team.value)) {
    throw unknownTeam(team, Object.keys(logins.teams));
  }
  return null;
}

/** Who is logged in at an issuer: the team's default before others. */
function accountAt(issuer: Setting, { settings }: Context, logins: Logins): Account | null {
  const there = logins.accounts.filter(
    ({ team, accessToken }) =>
      accessToken !== null && (settings.team === null || team === settings.team.value),
  );
  const found = there.filter((account) => isSameIssuer(account.issuer, issuer.value));
  const usual = found.filter((account) => isTeamDefault(account, logins));
  const [account, ...others] = usual.length > 0 ? usual : found;
  if (account !== undefined && others.length === 0) return account;
  if (account !== undefined) {
    const labels = [account, ...others].map((one) => `${labelOf(one, logins.accounts)} (team ${one.team})`);
    throw usage(
      `Several accounts of ${issuer.value} are logged in: ${labels.join(", ")}.`,
      "Say which: --team NAME.",
    );
  }
  if (there.length === 0) return null;
  const known = there.map((one) => `${labelOf(one, logins.accounts)} at ${printable(one.issuer, 200)}`);
  throw new Failure(
    "not_authenticated",
    `Nobody is logged in at ${issuer.value} (${issuer.from}); logged in: ${known.join(", ")}.`,
    `Run 'motekey auth login --issuer ${issuer.value}', or leave ${issuer.from} out.`,
  );
}

/** The account of whoever names the team only, also when no more than a user name and a password is left of it. */
export function defaultOf(team: string, logins: Logins): Account | null {
  return logins.accounts.find((known) => known.team === team && isTeamDefault(known, logins)) ?? null;
}

/** Is it the account of whoever names its team only? */
export function isTeamDefault(account: Account, { teams }: Logins): boolean {
  return teams[account.team]?.account === idOf(account);
}

/** Is it the account of whoever names nothing? */
export function isDefault(account: Account, logins: Logins): boolean {
  return logins.activeTeam === account.team && isTeamDefault(account, logins);
}

/** Says what goes before the default account from now on: `auth switch` and `auth login` cannot change it. */
export function warnOfOverride({ system, output }: Context, account: Account, { accounts }: Logins): void {
  const label = labelOf(account, accounts);
  const issuer = variable(system, "MOTEKEY_ISSUER");
  const team = variable(system, "MOTEKEY_TEAM");
  const before = (name: string, value: string) =>
    output.warn(
      `${name} is set to ${printable(value, 200)}, and goes before this default: give --account ${label}, or unset it.`,
    );
  if (issuer !== undefined && !isSameIssuer(issuer, account.issuer)) before("MOTEKEY_ISSUER", issuer);
  if (team !== undefined && team !== account.team) before("MOTEKEY_TEAM", team);
}

/** Says where the team's name came from, as often nobody typed it. @param known the teams there are */
export function unknownTeam(team: Setting, known: readonly string[]): Failure {
  const others = known.length === 0 ? "" : ` Known are ${known.join(", ")}.`;
  if (team.from === "active account") {
    return new Failure(
      "team_unknown",
      `The active team '${team.value}', which was kept from an earlier login as no team is named now, is not known.${others}`,
      "Name the team: motekey auth login --team NAME.",
    );
  }
  if (!["--team", "MOTEKEY_TEAM"].includes(team.from)) {
    return new Failure(
      "team_unknown",
      `Team '${team.value}', which ${team.from} names, is not known.${others}`,
      "Change that file, or name another team with --team NAME.",
    );
  }
  return new Failure(
    "team_unknown",
    `Team '${team.value}' is not known.${others}`,
    "Check --team and MOTEKEY_TEAM, or log in to it: motekey auth login --team NAME --issuer URL.",
  );
}

/**
 * The provider to ask: what was named, else the team's.
 * @throws Failure where nothing names one
 */
export function issuerOf({ settings }: Context, logins: Logins, team: string | null): Setting {
  if (settings.issuer !== null) return settings.issuer;
  const issuer = team === null ? undefined : logins.teams[team]?.issuer;
  if (issuer !== undefined)
    return { value: checkedIssuer(issuer, "the team's setting"), from: `team ${team}` };
  if (settings.team !== null && Object.keys(logins.teams).length > 0) {
    throw unknownTeam(settings.team, Object.keys(logins.teams));
  }
  throw new Failure(
    "issuer_missing",
    "Nothing names the identity provider.",
    "Give --issuer URL, or set MOTEKEY_ISSUER. 'motekey cloud start' starts one on this machine.",
  );
}

/** The kept accounts of a name: an account's own with or without what distinguishes it from others, or its user name. */
export function accountsNamed(name: string, { settings }: Context, logins: Logins): Account[] {
  const here = (account: Account) => settings.team === null || account.team === settings.team.value;
  const found = logins.accounts.filter(
    (account) =>
      here(account) &&
      [account.name, account.kept.username, labelOf(account, logins.accounts)].includes(name),
  );
  const active = found.filter(({ team }) => team === logins.activeTeam);
  return active.length > 0 ? active : found;
}

/** The one account of a name: of many, the account that is logged in. */
export function oneAccountNamed(name: string, context: Context, logins: Logins): Account {
  const named = accountsNamed(name, context, logins);
  const there = named.filter(({ accessToken }) => accessToken !== null);
  const found = there.length > 0 ? there : named;
  if (found.length > 1) throw ambiguous(name, found, logins);
  if (found[0] !== undefined) return found[0];
  const known = logins.accounts.map((account) => labelOf(account, logins.accounts)).join(", ");
  const next = known === "" ? "Run 'motekey auth login'." : `Choose from ${known}.`;
  throw new Failure("account_unknown", `No account '${name}' is logged in.`, next);
}

/** A name of several accounts. */
export function ambiguous(name: string, found: readonly Account[], logins: Logins): Failure {
  const isInTeams = new Set(found.map(({ team }) => team)).size > 1;
  if (isInTeams) return usage(`'${name}' is in more than one team.`, "Say which: --team NAME.");
  const labels = found.map((account) => labelOf(account, logins.accounts)).join(" or ");
  return usage(`'${name}' is more than one account.`, `Say which: ${labels}.`);
}
