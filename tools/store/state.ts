/** The file's content: what motekey writes, and what people may write there by hand. */
import * as v from "valibot";
import { Failure } from "../cli/failure.js";
import { type Account, type AccountKey, AccountSchema, idOf } from "./account.js";
import type { Owner } from "./vault.js";

/** What this motekey writes. It reads the first version too: see store. */
export const VERSION = 2;

const name = v.string();

const TeamSchema = v.looseObject({
  issuer: v.optional(v.string()),
  client_id: v.optional(v.string()),
  /** The team's default account, by its id; by its name in the first version. */
  account: v.optional(v.string()),
});

/** The first version's entries have no id: an account was known by its name. */
const id = v.optional(v.string());
const SealedSchema = v.object({ team: name, name, id, sealed: v.string() });
const OpenSchema = v.object({ team: name, name, id, open: AccountSchema });

const OwnerSchema = v.fallback(
  v.object({ team: v.fallback(name, "?"), name: v.fallback(name, "?"), id: v.fallback(id, undefined) }),
  { team: "?", name: "?", id: undefined },
);

const StateSchema = v.looseObject({
  /** What has none was written by the first version, or by hand. */
  version: v.optional(v.picklist([1, VERSION]), 1),
  /** Of the first versions: `file` where all tokens are readable here. Each entry says it by itself now. */
  storage: v.optional(v.picklist(["keychain", "file"])),
  /** The keychain's entry that holds the key of the sealed accounts. */
  key: v.optional(v.string()),
  active_team: v.optional(name),
  teams: v.optional(v.record(name, TeamSchema), {}),
  /** Each is looked at alone (see {@link entryIn}): one that holds nonsense keeps nobody else out. */
  accounts: v.optional(v.array(v.unknown()), []),
  /** Logins that are over here, and whose tokens the provider has not ended yet. */
  ending: v.optional(v.array(v.unknown()), []),
  /** An access token that somebody wrote here, or what should be one; motekey never writes it. */
  auth_token: v.optional(v.unknown()),
});

/** The file's content. Fields that motekey does not know are kept. */
export type State = v.InferOutput<typeof StateSchema>;

/** One account in the file: sealed, or open where there is no keychain. */
export type Entry = v.InferOutput<typeof SealedSchema> | v.InferOutput<typeof OpenSchema>;

/** An entry of `accounts` or `ending`; or why it is none, and whose it seems to be. */
export function entryIn(content: unknown): Entry | { readonly why: string; readonly owner: Owner } {
  const result = v.safeParse(v.union([SealedSchema, OpenSchema]), content);
  if (result.success) return result.output;
  const owner = v.parse(OwnerSchema, content);
  const open = v.safeParse(OpenSchema, content);
  const place = open.success ? null : v.getDotPath(open.issues[0]);
  return { why: `it is wrong at ${place ?? "its top"}`, owner };
}

/** Two spaces in, as people edit it. */
export const written = (state: State): string => `${JSON.stringify(state, null, 2)}\n`;

/** A file that is not there. */
export const emptyState = (): State => v.parse(StateSchema, {});

/**
 * @throws Failure that names the place, never what stands there
 */
export function parsedState(path: string, text: string): State {
  const content = fromJson(path, text);
  if (Array.isArray(content)) throw broken(path, "it is a list");
  const { version } = (content ?? {}) as { version?: unknown };
  if (typeof version === "number" && version > VERSION) {
    throw new Failure(
      "storage_broken",
      `${path} was written by a later motekey (version ${version} of the file).`,
      "Update this one, or name another file with MOTEKEY_CONFIG_PATH.",
    );
  }
  const result = v.safeParse(StateSchema, content);
  if (result.success) return result.output;
  throw broken(path, `it is wrong at ${v.getDotPath(result.issues[0]) ?? "its top"}`);
}

function fromJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw broken(path, "it is not JSON");
  }
}

function broken(path: string, why: string): Failure {
  return new Failure(
    "storage_broken",
    `${path} does not hold what motekey writes: ${why}.`,
    "Mend it, or move it away and log in again.",
  );
}

/** The first version knew a team's default account by its name. */
export function migratedTeams(teams: State["teams"], accounts: readonly Account[]): State["teams"] {
  const migrated = Object.entries(teams).map(([team, { account: name, ...rest }]) => {
    const account = accounts.find((known) => known.team === team && known.name === name);
    return [team, account === undefined ? rest : { ...rest, account: idOf(account) }] as const;
  });
  return Object.fromEntries(migrated);
}

/** Can the account's secrets be read in the file? */
export function isOpenIn({ accounts }: State, account: AccountKey): boolean {
  return accounts
    .map(entryIn)
    .some((entry) => "open" in entry && entry.team === account.team && idOf(entry.open) === idOf(account));
}
