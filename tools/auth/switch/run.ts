import type { Context } from "../../cli/act.js";
import { Failure, notAuthenticated } from "../../cli/failure.js";
import { hasTerminal, interrupted, needsTerminal } from "../../cli/prompt.js";
import { chooseOrganization, type Person, type PersonsOrganization } from "../../oidc/person.js";
import { type Account, labelOf } from "../../store/account.js";
import type { Logins, Store } from "../../store/store.js";
import { askAbout } from "../ask.js";
import {
  defaultAccount,
  environmentToken,
  oneAccountNamed,
  openStore,
  readLogins,
  tokenOf,
  warnOfOverride,
} from "../current.js";

/** The flags of `motekey auth switch`; `--team` is every command's. */
export interface SwitchFlags {
  readonly account?: string;
  readonly org?: string;
}

/** Chooses the default account and its organization. */
export async function switchAccount(context: Context, flags: SwitchFlags): Promise<void> {
  const store = openStore(context);
  const logins = await readLogins(store, context);
  const chosen = await chooseAccount(context, flags, logins);
  const account = await withOrganization(context, store, chosen, flags.org);
  await store.change((change) => change.makeDefault(account));
  const { team, type, organization } = account;
  const label = labelOf(account, logins.accounts);
  const acting = organization === null ? "" : `, organization ${organization.name}`;
  context.output.answer(
    { account: label, team, type, organization: organization?.name ?? null },
    `${context.output.colours.green("✓")} Default account: ${label} (team ${team}${acting})`,
  );
  warnOfOverride(context, account, logins);
  if (environmentToken(context) !== null)
    context.output.warn("MOTEKEY_AUTH_TOKEN is set, and goes before every account.");
}

async function chooseAccount(context: Context, flags: SwitchFlags, logins: Logins): Promise<Account> {
  const { settings, system } = context;
  if (flags.account !== undefined) return oneAccountNamed(flags.account, context, logins);
  const there = logins.accounts.filter(
    ({ team, accessToken }) =>
      accessToken !== null && (settings.team === null || team === settings.team.value),
  );
  const current = defaultAccount(context, logins);
  if (there.length === 0) throw notAuthenticated();
  // A flag that says enough asks no more.
  if (flags.org !== undefined || (settings.team?.from === "--team" && current !== null))
    return current ?? (there[0] as Account);
  if (there.length === 1) return there[0] as Account;
  if (!hasTerminal(system)) throw needsTerminal("Several accounts are logged in", "Give --account NAME.");
  const label = (account: Account) => `${labelOf(account, logins.accounts)} (team ${account.team})`;
  return select(context, "Which account?", there, label, current);
}

async function withOrganization(
  context: Context,
  store: Store,
  chosen: Account,
  wanted: string | undefined,
): Promise<Account> {
  if (chosen.type === "service") {
    if (wanted !== undefined)
      context.output.note("A service account has no organization to choose; --org is skipped.");
    return chosen;
  }
  if (wanted === undefined && !hasTerminal(context.system)) return chosen;
  const { provider, person, account } = await askAbout(context, store, {
    source: "login",
    account: chosen,
    label: chosen.name,
  });
  const organizations = person?.organizations ?? [];
  const organization = await chooseFrom(context, organizations, wanted, person, provider.issuer);
  if (organization === null || account === null) return account ?? chosen;
  await chooseOrganization(provider, tokenOf(account), organization);
  const { id, guid, name } = organization;
  // Tokens for other audiences speak for the organization before.
  const audiences = account.audiences.map((one) => ({ ...one, issuedAtMs: 0 }));
  const next = { ...account, organization: { id, guid, name }, audiences };
  await store.change((change) => change.put(next));
  return next;
}

async function chooseFrom(
  context: Context,
  organizations: readonly PersonsOrganization[],
  wanted: string | undefined,
  person: Person | null,
  issuer: string,
): Promise<PersonsOrganization | null> {
  if (wanted === undefined) {
    if (organizations.length < 2) return null;
    const current = organizations.find(({ id }) => id === person?.organization?.id) ?? null;
    return select(
      context,
      "Which organization?",
      organizations,
      ({ id, name }) => `${name} (${id})`,
      current,
    );
  }
  const found = organizations.find(({ id, guid, name }) => [id, guid, name].includes(wanted));
  if (found !== undefined) return found;
  const known = organizations.map(({ name }) => name).join(", ");
  throw new Failure(
    "organization_unknown",
    `No organization '${wanted}' is known.`,
    known === "" ? `${issuer} names no organizations.` : `Choose from ${known}.`,
  );
}

/** A list to choose from, on the terminal; what is typed searches it. */
async function select<T>(
  { system }: Context,
  message: string,
  items: readonly T[],
  label: (item: T) => string,
  current: T | null,
): Promise<T> {
  const { autocomplete, isCancel } = await import("@clack/prompts");
  const options = items.map((item, value) => ({ value, label: label(item) }));
  const initialValue = Math.max(items.indexOf(current as T), 0);
  const index = await autocomplete({
    message,
    options,
    initialValue,
    maxItems: 10,
    input: system.stdin as NodeJS.ReadStream,
    output: system.stderr as unknown as NodeJS.WriteStream,
  });
  if (isCancel(index)) throw interrupted();
  return items[index as number] as T;
}
