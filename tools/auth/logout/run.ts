import type { Context } from "../../cli/act.js";
import { Exit, Failure, type FailureCode, notAuthenticated, usage } from "../../cli/failure.js";
import { askYes, hasTerminal, needsTerminal } from "../../cli/prompt.js";
import { isSameIssuer } from "../../cli/settings.js";
import { type Account, isSame, labelOf } from "../../store/account.js";
import type { Change, Logins, Store, Unreadable } from "../../store/store.js";
import {
  accountsNamed,
  ambiguous,
  BY_HAND,
  defaultAccount,
  defaultOf,
  environmentToken,
  isDefault,
  loggedInHint,
  openStore,
  REMOVE_BY_HAND,
  readLogins,
} from "../current.js";
import { type Ended, endAside, endAtProvider, leftInWords, putAside } from "../end.js";
import { endOfToken, isoTime } from "../told.js";

/** The flags of `motekey auth logout`. */
export interface LogoutFlags {
  readonly all?: boolean;
  readonly clear?: boolean;
  readonly force?: boolean;
}

/** What became of one account; see the command's help. */
export interface LoggedOut {
  readonly account: string;
  readonly team: string | null;
  readonly result: "revoked" | "already" | "local-only" | "failed";
  /** Why it is not `revoked`, and what stays good; null: all has ended. */
  readonly detail: string | null;
  /** The end of an access token that stays good; null: none does, or its end is not known. */
  readonly good_until: string | null;
}

/** Ends logins. Resolves to 1 when one of them is still here. */
export async function logout(context: Context, flags: LogoutFlags, names: string[]): Promise<number> {
  if (flags.all === true && names.length > 0)
    throw usage("--all and names of accounts exclude each other.", "Give --all, or the names.");
  const store = openStore(context);
  const isWhole = flags.all === true && flags.clear === true && context.settings.team === null;
  const logins = await readLogins(store, context).catch((failure) => {
    if (isWhole && isSealedFor(failure)) return failure;
    throw failure;
  });
  if (logins instanceof Failure) return clearSealed(context, flags, store, logins);
  const { accounts, missing, unreadable, byHand } = chosen(context, flags, names, logins);
  const earlier = earlierOf(context, flags, accounts, logins);
  const isAny = accounts.length + unreadable.length + (byHand ? 1 : 0) > 0;
  if (isAny && !(await isConfirmed(context, flags))) return Exit.FAILED;
  const results: LoggedOut[] = [...missing];
  for (const account of accounts) results.push(await endLogin(context, store, account, flags.clear === true));
  for (const aside of earlier) results.push(await endEarlier(context, store, aside, flags.clear === true));
  for (const one of unreadable) results.push(await forgetUnreadable(store, one));
  if (byHand) results.push(await removeByHand(store, logins));
  const left = await store.read();
  if (isWhole && left.accounts.length + left.ending.length + left.unreadable.length === 0)
    warnOfKey(context, await store.clear());
  tell(context, results, flags, left);
  const isLeft = results.some(({ result }) => result === "failed") || missing.some(isUnknown);
  return isLeft ? Exit.FAILED : Exit.DONE;
}

const UNKNOWN = "no such account is known";
const isUnknown = ({ detail }: LoggedOut): boolean => detail === UNKNOWN;

/** Removes the token that somebody wrote into the file. Who made it may go on using it. */
async function removeByHand(store: Store, { authToken }: Logins): Promise<LoggedOut> {
  const told = { account: BY_HAND, team: null, good_until: null };
  try {
    await store.change((change) => change.removeAuthToken());
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    const how = `Remove the line "auth_token" from ${store.path}.`;
    return { ...told, result: "failed", detail: `${failure.message.replace(/\.?$/, ".")} ${how}` };
  }
  if (authToken === null) return { ...told, result: "local-only", detail: "it was no token" };
  const good_until = isoTime(endOfToken(authToken));
  return {
    ...told,
    result: "local-only",
    detail: "it was made elsewhere, and stays good there",
    good_until,
  };
}

/** Forgets what cannot be read: its tokens are not known. */
async function forgetUnreadable(store: Store, one: Unreadable): Promise<LoggedOut> {
  const told = { account: one.owner.name, team: one.owner.team, good_until: null };
  try {
    await store.change((change) => change.removeUnreadable(one));
    return { ...told, result: "local-only", detail: `its tokens could not be read: ${one.why}` };
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return { ...told, result: "failed", detail: `${failure.message} ${failure.next}`.trim() };
  }
}

async function isConfirmed({ system, output }: Context, { force }: LogoutFlags): Promise<boolean> {
  if (force === true) return true;
  if (!hasTerminal(system)) throw needsTerminal("Logging out asks first", "Give --force.");
  const isYes = await askYes(system, "Are you sure you want to logout?");
  if (!isYes) output.note("Nothing was changed.");
  return isYes;
}

/** Does it keep the file's logins from being opened, and nothing else? */
function isSealedFor(failure: unknown): failure is Failure {
  const codes: readonly FailureCode[] = [
    "key_missing",
    "keychain_absent",
    "keychain_locked",
    "keychain_silent",
    "storage_broken",
  ];
  return failure instanceof Failure && codes.includes(failure.code);
}

/** A keychain that lost its key can be left: all is erased, and what stays good at the provider is said. */
async function clearSealed(
  context: Context,
  flags: LogoutFlags,
  store: Store,
  failure: Failure,
): Promise<number> {
  const { output } = context;
  const owners = await store.owners();
  if (!(await isConfirmed(context, flags))) return Exit.FAILED;
  const sealed = `it could not be unsealed, so it is not ended at the provider: its tokens stay good until their end`;
  const results: LoggedOut[] = [];
  for (const { account, ...told } of owners) {
    const who = { account: told.name, team: told.team };
    if (account === null) results.push({ ...who, result: "local-only", detail: sealed, good_until: null });
    else results.push(toldOf(who, await endAtProvider(context, account)));
  }
  output.note(failure.message);
  warnOfKey(context, await store.clear());
  tell(context, results, flags, await readLogins(store, context));
  return Exit.DONE;
}

function warnOfKey({ output, system }: Context, failure: Failure | null): void {
  if (failure === null) return;
  output.warn(`The key stays in the ${system.keychain.name}, and opens nothing any more: ${failure.message}`);
}

interface Chosen {
  readonly accounts: readonly Account[];
  readonly missing: readonly LoggedOut[];
  readonly unreadable: readonly Unreadable[];
  /** The token that somebody wrote into the file. */
  readonly byHand: boolean;
}

function chosen(context: Context, flags: LogoutFlags, names: readonly string[], logins: Logins): Chosen {
  const { team, issuer } = context.settings;
  const { hasAuthToken } = logins;
  const isHere = (of: { readonly team: string }) => team === null || of.team === team.value;
  const isThere = (account: Account) => account.accessToken !== null || flags.clear === true;
  if (flags.all === true) {
    const isAt = (account: Account) =>
      issuer?.from !== "--issuer" || isSameIssuer(account.issuer, issuer.value);
    const accounts = logins.accounts.filter(
      (account) => isHere(account) && isAt(account) && isThere(account),
    );
    const unreadable = logins.unreadable.filter(({ owner }) => isHere(owner));
    return { accounts, missing: [], unreadable, byHand: hasAuthToken && team === null };
  }
  if (names.length === 0) {
    const account =
      defaultAccount(context, logins) ?? (flags.clear === true ? onlyKept(context, logins) : null);
    if (account === null && !hasAuthToken) throw notAuthenticated(loggedInHint(context, logins));
    const accounts = account === null ? [] : [account];
    return { accounts, missing: [], unreadable: [], byHand: hasAuthToken };
  }
  const accounts: Account[] = [];
  const missing: LoggedOut[] = [];
  const unreadable: Unreadable[] = [];
  for (const name of new Set(names)) {
    const named = accountsNamed(name, context, logins);
    const found = named.filter(isThere);
    if (found.length > 1) throw ambiguous(name, found, logins);
    accounts.push(...found);
    const broken = logins.unreadable.filter(({ owner }) => owner.name === name && isHere(owner));
    unreadable.push(...broken);
    if (found.length + broken.length > 0 || (name === BY_HAND && hasAuthToken)) continue;
    const detail = named.length === 0 ? UNKNOWN : "was not logged in";
    missing.push({ account: name, team: team?.value ?? null, result: "already", detail, good_until: null });
  }
  return { accounts, missing, unreadable, byHand: hasAuthToken && names.includes(BY_HAND) };
}

/** Logins that are over here, and could not be ended at the provider. */
function earlierOf(
  { settings: { team } }: Context,
  { all }: LogoutFlags,
  accounts: readonly Account[],
  { ending }: Logins,
): readonly Account[] {
  const isHere = (aside: Account) => team === null || aside.team === team.value;
  return ending.filter((aside) =>
    all === true ? isHere(aside) : accounts.some((account) => isSame(account, aside)),
  );
}

/** What a login without a token left in the team: its user name and password. */
function onlyKept({ settings }: Context, logins: Logins): Account | null {
  const team = settings.team?.value ?? logins.activeTeam;
  return team === null ? null : defaultOf(team, logins);
}

/**
 * Ends one login at the provider and here.
 * @param clear also erases the kept user name and password, and what the provider could not end
 */
export async function endLogin(
  context: Context,
  store: Store,
  account: Account,
  clear: boolean,
): Promise<LoggedOut> {
  let told = { account: account.name, team: account.team };
  const already = (detail: string): LoggedOut => ({ ...told, result: "already", detail, good_until: null });
  try {
    const aside = await store.change((change) => {
      told = { ...told, account: labelOf(account, change.accounts) };
      const current = change.accounts.find((known) => isSame(known, account));
      if (current === undefined) return already("was logged out meanwhile");
      erase(change, current, clear);
      return putAside(change, current, null) ?? already("was not logged in");
    });
    return "result" in aside ? aside : toldOf(told, await endAside(context, store, aside, clear));
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return {
      ...told,
      result: "failed",
      detail: `${failure.message} ${failure.next}`.trim(),
      good_until: null,
    };
  }
}

/** Tries again to end what an earlier logout, or a login that replaced another, could not. */
async function endEarlier(
  context: Context,
  store: Store,
  aside: Account,
  clear: boolean,
): Promise<LoggedOut> {
  const told = { account: aside.name, team: aside.team };
  const ended = toldOf(told, await endAside(context, store, aside, clear));
  return { ...ended, detail: ["an earlier login", ended.detail].filter(Boolean).join(": ") };
}

function toldOf(told: Pick<LoggedOut, "account" | "team">, ended: Ended): LoggedOut {
  const words = [ended.failure, leftInWords(ended)].filter((text) => text !== null);
  return {
    ...told,
    result: ended.failure === null ? "revoked" : "local-only",
    detail: words.length === 0 ? null : words.join("; "),
    good_until: isoTime(ended.left?.untilMs ?? null),
  };
}

function erase(change: Change, account: Account, clear: boolean): void {
  const { username, password } = account.kept;
  if (clear || username === undefined || password === undefined) {
    change.remove(account);
    return;
  }
  const nothing = {
    accessToken: null,
    refreshToken: null,
    earlier: [],
    audiences: [],
    expiresAtMs: null,
    refreshExpiresAtMs: null,
    ended: false,
  };
  // The client's own proof too: without it the password is refused at the next login.
  change.put({ ...account, ...nothing });
}

const SENTENCES: Readonly<Record<LoggedOut["result"], string>> = {
  revoked: "Successfully logged out",
  already: "Was not logged in",
  "local-only": "Logged out here only",
  failed: "Still logged in",
};

/** What is still good at a provider, and how to try again. */
function notEnded(ending: readonly Account[]): string {
  const issuers = [...new Set(ending.map(({ issuer }) => issuer))].join(", ");
  return `${ending.length === 1 ? "One login is" : `${ending.length} logins are`} over here, and not ended at ${issuers} yet: 'motekey auth logout --all' tries again, and with --clear forgets.`;
}

function tell(context: Context, results: readonly LoggedOut[], flags: LogoutFlags, left: Logins): void {
  const { output } = context;
  const isOne = results.length === 1 && results[0]?.result === "revoked";
  const { red, green } = output.colours;
  const lines = results.map((one) => {
    const { account, result, detail } = one;
    if (isUnknown(one)) return `${red("✗")} ${account}: No such account is known`;
    if (result === "already") return `- ${account}: ${SENTENCES.already}`;
    const mark = result === "failed" ? red("✗") : green("✓");
    const who = isOne ? "" : `${account}: `;
    return `${mark} ${who}${SENTENCES[result]}${detail === null ? "" : `: ${detail}`}`;
  });
  output.answer(
    results.map((result) => ({ ...result })),
    lines.join("\n") || "No account was logged in.",
  );
  const others = left.accounts
    .filter(({ accessToken }) => accessToken !== null)
    .map((account) => labelOf(account, left.accounts));
  const isUsual = left.accounts.some((account) => account.accessToken !== null && isDefault(account, left));
  if (others.length > 0 && !isUsual)
    output.note("No account is the default now: 'motekey auth switch --account NAME' chooses one.");
  if (others.length > 0 && flags.all !== true)
    output.note(`Still logged in: ${others.join(", ")} (--all logs all out).`);
  if (left.ending.length > 0) output.note(notEnded(left.ending));
  const kept = left.accounts.filter(
    (account) => account.accessToken === null && account.kept.password !== undefined,
  );
  const hasSecret = kept.some((account) => account.kept.clientSecret !== undefined);
  if (kept.length > 0 && flags.clear !== true)
    output.note(
      `The user name and password stay kept${hasSecret ? ", and the client's secret" : ""}; --clear erases them.`,
    );
  if (environmentToken(context) !== null)
    output.warn("MOTEKEY_AUTH_TOKEN is still set, and is used by all commands.");
  if (left.authToken !== null) {
    const { value } = context.settings.config;
    output.warn(`auth_token stays in ${value}, and is used by all commands; ${REMOVE_BY_HAND}`);
  }
}
