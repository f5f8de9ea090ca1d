import type { Context } from "../../cli/act.js";
import { Exit, Failure, notAuthenticated, usage } from "../../cli/failure.js";
import { askYes, hasTerminal, needsTerminal } from "../../cli/prompt.js";
import type { System } from "../../cli/system.js";
import { endTokens } from "../../oidc/grants.js";
import { findProvider } from "../../oidc/provider.js";
import { type Account, isSame } from "../../store/account.js";
import type { Change, Logins, Store } from "../../store/store.js";
import { accountsNamed, defaultAccount, environmentToken, openStore, readLogins } from "../current.js";
import { clientOf } from "../renew.js";

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
  /** Why it is not `revoked`; null: it is. */
  readonly detail: string | null;
}

/** Ends logins. Resolves to 1 when one of them is still here. */
export async function logout(context: Context, flags: LogoutFlags, names: string[]): Promise<number> {
  const { system, output } = context;
  if (flags.all === true && names.length > 0)
    throw usage("--all and names of accounts exclude each other.", "Give --all, or the names.");
  const store = openStore(context);
  const logins = await readLogins(store, context);
  const { accounts, missing } = chosen(context, flags, names, logins);
  if (accounts.length > 0 && flags.force !== true) {
    if (!hasTerminal(system)) throw needsTerminal("Logging out asks first", "Give --force.");
    if (!(await askYes(system, "Are you sure you want to logout?"))) {
      output.note("Nothing was changed.");
      return Exit.FAILED;
    }
  }
  const results: LoggedOut[] = missing;
  for (const account of accounts) results.push(await endLogin(context, store, account, flags.clear === true));
  tell(context, results, flags, await readLogins(store, context));
  return results.some(({ result }) => result === "failed") ? Exit.FAILED : Exit.DONE;
}

interface Chosen {
  readonly accounts: readonly Account[];
  readonly missing: LoggedOut[];
}

function chosen(context: Context, flags: LogoutFlags, names: readonly string[], logins: Logins): Chosen {
  const { team } = context.settings;
  const isThere = (account: Account) => account.accessToken !== null || flags.clear === true;
  if (flags.all === true) {
    const here = logins.accounts.filter((account) => team === null || account.team === team.value);
    return { accounts: here.filter(isThere), missing: [] };
  }
  if (names.length === 0) {
    const account =
      defaultAccount(context, logins) ?? (flags.clear === true ? onlyKept(context, logins) : null);
    if (account === null) throw notAuthenticated();
    return { accounts: [account], missing: [] };
  }
  const accounts: Account[] = [];
  const missing: LoggedOut[] = [];
  for (const name of new Set(names)) {
    const found = accountsNamed(name, context, logins).filter(isThere);
    if (found.length > 1) throw usage(`'${name}' is in more than one team.`, "Say which: --team NAME.");
    accounts.push(...found);
    if (found.length === 0)
      missing.push({
        account: name,
        team: team?.value ?? null,
        result: "already",
        detail: "was not logged in",
      });
  }
  return { accounts, missing };
}

/** What a login without a token left in the team: its user name and password. */
function onlyKept({ settings }: Context, logins: Logins): Account | null {
  const team = settings.team?.value ?? logins.activeTeam;
  const name = team === null ? undefined : logins.teams[team]?.account;
  return logins.accounts.find((account) => account.team === team && account.name === name) ?? null;
}

/**
 * Ends one login at the provider and here.
 * @param clear also erases the kept user name and password
 */
export async function endLogin(
  { system }: Context,
  store: Store,
  account: Account,
  clear: boolean,
): Promise<LoggedOut> {
  const told = { account: account.name, team: account.team };
  try {
    return await store.change(async (change) => {
      const current = change.accounts.find((known) => isSame(known, account));
      if (current === undefined) return { ...told, result: "already", detail: "was logged out meanwhile" };
      const failure = await revokeAll(system, current);
      erase(change, current, clear);
      if (failure === null) return { ...told, result: "revoked", detail: null };
      return { ...told, result: current.accessToken === null ? "already" : "local-only", detail: failure };
    });
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    return { ...told, result: "failed", detail: `${failure.message} ${failure.next}`.trim() };
  }
}

function erase(change: Change, account: Account, clear: boolean): void {
  const { username, password } = account.kept;
  if (clear || username === undefined || password === undefined) {
    change.remove(account);
    return;
  }
  const nothing = { accessToken: null, refreshToken: null, expiresAtMs: null, refreshExpiresAtMs: null };
  change.put({ ...account, ...nothing, kept: { username, password } });
}

/** Null: all tokens of the login have ended; else why not. */
async function revokeAll(system: System, account: Account): Promise<string | null> {
  if (account.accessToken === null && account.refreshToken === null) return "was not logged in";
  try {
    const provider = await findProvider(account.issuer, clientOf(system, account), system);
    return (await endTokens(provider, account)) ? null : `${provider.issuer} ends no tokens on request`;
  } catch (failure) {
    if (failure instanceof Failure) return failure.message;
    throw failure;
  }
}

const SENTENCES: Readonly<Record<LoggedOut["result"], string>> = {
  revoked: "Successfully logged out",
  already: "Was not logged in",
  "local-only": "Logged out here only",
  failed: "Still logged in",
};

function tell(context: Context, results: readonly LoggedOut[], flags: LogoutFlags, left: Logins): void {
  const { output } = context;
  const isOne = results.length === 1 && results[0]?.result === "revoked";
  const lines = results.map(({ account, result, detail }) => {
    const mark = result === "failed" ? output.colours.red("✗") : output.colours.green("✓");
    const who = isOne ? "" : `${account}: `;
    return `${mark} ${who}${SENTENCES[result]}${detail === null || result === "already" ? "" : `: ${detail}`}`;
  });
  output.answer(
    results.map((result) => ({ ...result })),
    lines.join("\n") || "No account was logged in.",
  );
  const others = left.accounts.filter(({ accessToken }) => accessToken !== null).map(({ name }) => name);
  if (others.length > 0 && flags.all !== true)
    output.note(`Still logged in: ${others.join(", ")} (--all logs all out).`);
  const isKept = left.accounts.some(
    ({ accessToken, kept }) => accessToken === null && kept.password !== undefined,
  );
  if (isKept && flags.clear !== true)
    output.note("The user name and password stay kept; --clear erases them.");
  if (environmentToken(context) !== null)
    output.warn("MOTEKEY_AUTH_TOKEN is still set, and is used by all commands.");
}
