/** All logins of one file: read at leisure, changed under a lock. */
import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { Failure } from "../cli/failure.js";
import { Secrets } from "../cli/secrets.js";
import { isSameIssuer } from "../cli/settings.js";
import type { Keychain } from "../cli/system.js";
import { type Account, type AccountKey, AccountSchema, idOf, isOf, isSame, readable } from "./account.js";
import { type ReadFile, readPrivate, withLock, writePrivate } from "./file.js";
import { probeKeychain } from "./keychain.js";
import {
  type Entry,
  emptyState,
  entryIn,
  isOpenIn,
  migratedTeams,
  parsedState,
  type State,
  VERSION,
  written,
} from "./state.js";
import { KEY_BYTES, type Owner, seal, unseal } from "./vault.js";

/** Where secrets lie: sealed by a key in the keychain, or readable in the file. */
export type Storage = "keychain" | "file";

/** What the file held at one moment, its accounts opened. */
export interface Logins {
  readonly accounts: readonly Account[];
  /** Logins that are over here, and whose tokens the provider has not ended yet: for another try. */
  readonly ending: readonly Account[];
  /** The team of whoever names none. */
  readonly activeTeam: string | null;
  readonly teams: State["teams"];
  /** Where an account's secrets lie. */
  storageOf(account: AccountKey): Storage;
  /** A token that somebody wrote into the file by hand. */
  readonly authToken: string | null;
  /** Stands anything in a token's place by hand? */
  readonly hasAuthToken: boolean;
  /** Entries that hold nonsense; they stay in the file until a login takes their place, or they are removed. */
  readonly unreadable: readonly Unreadable[];
  /** What should be mended, for a warning; null: nothing. */
  readonly warning: string | null;
}

/** An entry that cannot be read, whose it seems to be, and why. */
export interface Unreadable {
  readonly owner: Owner;
  readonly why: string;
  readonly list: "accounts" | "ending";
  readonly entry: unknown;
}

/** Changes made to the store while its lock is held; written when all of them are made. */
export interface Change extends Logins {
  /**
   * Adds an account, or replaces it.
   * @param storage where its secrets lie from now on; where not given they stay where they are
   */
  put(account: Account, storage?: Storage): void;
  /** No other account becomes the default in its place. */
  remove(account: AccountKey): void;
  /** Keeps the tokens of a login that is over here until they have ended; never where they could be read. */
  putEnding(account: Account): void;
  removeEnding(account: Account): void;
  removeUnreadable(unreadable: Unreadable): void;
  /** Removes what stands in the place of a token by hand. */
  removeAuthToken(): void;
  /** The account of its team, and its team the active one; or, `unlessThere`, where there is no other. */
  makeDefault(account: AccountKey, unlessThere?: boolean): void;
  /** Keeps the client id that is there where none is given, at the same issuer. */
  setTeam(name: string, team: { readonly issuer: string; readonly client_id?: string }): void;
}

/** The file and the keychain that opens it. */
export class Store {
  private key: Uint8Array | null = null;

  constructor(
    readonly path: string,
    private readonly keychain: Keychain,
    private readonly secrets = new Secrets(),
  ) {}

  /**
   * Checks that a login can be kept, before anybody logs in.
   * @throws Failure when there is no keychain that keeps, or the file cannot be written
   */
  async prepare(storage: Storage): Promise<void> {
    await withLock(this.path, async () => {
      await this.load();
      if (storage === "keychain") await probeKeychain(this.keychain);
    });
  }

  /** Whose logins the file has. Nothing is unsealed: it needs no keychain. */
  async owners(): Promise<StoredOwner[]> {
    const { state } = await this.load();
    return [...state.accounts, ...state.ending].map((content) => {
      const entry = entryIn(content);
      if ("why" in entry) return { team: entry.owner.team, name: entry.owner.name, account: null };
      const { team, name } = entry;
      return { team, name, account: "open" in entry ? { ...entry.open, team, name } : null };
    });
  }

  /**
   * Erases every login and the key, though nothing can be unsealed. Teams and what people wrote by hand stay.
   * @returns why the key is still in the keychain; null: it is not
   */
  clear(): Promise<Failure | null> {
    return withLock(this.path, async () => {
      const { state } = await this.load();
      const { key, storage: _, active_team: _team, ...rest } = state;
      const teams = Object.entries(state.teams).map(([name, { account: _account, ...team }]) => [name, team]);
      await this.save({
        ...rest,
        version: VERSION,
        teams: Object.fromEntries(teams),
        accounts: [],
        ending: [],
      });
      this.key = null;
      return key === undefined ? null : this.withoutKey(key);
    });
  }

  private async withoutKey(name: string): Promise<Failure | null> {
    try {
      await this.keychain.delete(name);
      return null;
    } catch (failure) {
      if (failure instanceof Failure) return failure;
      throw failure;
    }
  }

  /** What is kept now. Takes no lock: the file is replaced whole. */
  async read(): Promise<Logins> {
    const { state, file } = await this.load();
    return this.opened(state, file);
  }

  /** Runs `work` under the lock and writes what it changed, also when it fails afterwards. */
  change<T>(work: (change: Change) => Promise<T> | T): Promise<T> {
    return withLock(this.path, async () => {
      const { state, file } = await this.load();
      const draft = new Draft(await this.opened(state, file));
      try {
        return await work(draft);
      } finally {
        if (draft.isChanged) await this.save(await this.closed(state, draft));
      }
    });
  }

  private async load(): Promise<{ state: State; file: ReadFile | null }> {
    const file = await readPrivate(this.path);
    const state = file === null ? emptyState() : parsedState(this.path, file.text);
    return { state, file };
  }

  private save(state: State): Promise<void> {
    return writePrivate(this.path, written(state));
  }

  private async opened(state: State, file: ReadFile | null): Promise<Logins> {
    const { auth_token } = state;
    const authToken = typeof auth_token === "string" && auth_token.trim() !== "" ? auth_token.trim() : null;
    this.secrets.keep(authToken);
    const [accounts, broken] = await this.openAll(state, "accounts");
    const [ending, brokenEnding] = await this.openAll(state, "ending");
    return {
      accounts,
      ending,
      unreadable: [...broken, ...brokenEnding],
      activeTeam: state.active_team ?? null,
      teams: state.version === VERSION ? state.teams : migratedTeams(state.teams, accounts),
      storageOf: (account) => (isOpenIn(state, account) ? "file" : "keychain"),
      authToken,
      hasAuthToken: auth_token !== undefined,
      warning: this.exposure(state, file),
    };
  }

  /** What motekey wrote readable for its owner must still be so; of what people wrote they are warned. */
  private exposure(state: State, file: ReadFile | null): string | null {
    if (file === null || !file.readableByOthers) return null;
    const what = `Others can read ${this.path} (mode ${file.mode}).`;
    if (state.accounts.some((entry) => "open" in Object(entry))) {
      throw new Failure(
        "storage_unsafe",
        what,
        `Run chmod 600 ${this.path}, then log in again with --force.`,
      );
    }
    return state.auth_token === undefined ? null : `${what} Run chmod 600 ${this.path}.`;
  }

  private async openAll(
    state: State,
    list: Unreadable["list"],
  ): Promise<[accounts: Account[], unreadable: Unreadable[]]> {
    const accounts: Account[] = [];
    const unreadable: Unreadable[] = [];
    for (const content of state[list]) {
      const entry = entryIn(content);
      const opened = "why" in entry ? entry : await this.open(entry, list, state);
      if ("why" in opened) unreadable.push({ ...opened, list, entry: content });
      else accounts.push(opened);
    }
    for (const { name, team, email, subject, kept, accessToken, refreshToken, ...more } of accounts) {
      this.secrets.keep(accessToken, refreshToken, ...more.earlier, kept.password, kept.clientSecret);
      this.secrets.keep(...more.audiences.map((one) => one.accessToken));
      this.secrets.show(name, team, email, subject, kept.username);
    }
    return [accounts, unreadable];
  }

  private async open(
    entry: Entry,
    list: Unreadable["list"],
    state: State,
  ): Promise<Account | Pick<Unreadable, "owner" | "why">> {
    if ("open" in entry) return { ...entry.open, team: entry.team, name: entry.name };
    const { team, name, id } = entry;
    const owner = { team, name, id: list === "ending" ? endingId(id) : id };
    const text = unseal(await this.haveKey(state), owner, entry.sealed);
    if (text === null) return { owner: entry, why: "it was changed, or sealed with another key" };
    const account = v.safeParse(AccountSchema, JSON.parse(text));
    if (account.success) return account.output;
    return { owner: entry, why: `it is wrong at ${v.getDotPath(account.issues[0]) ?? "its top"}` };
  }

  private async closed(state: State, draft: Draft): Promise<State> {
    const isOpen = (account: Account) => draft.storageOf(account) === "file";
    const isAnySealed = draft.ending.length > 0 || !draft.accounts.every(isOpen);
    const key = isAnySealed ? await this.needKey(state) : null;
    const accounts = draft.accounts.map((account): Entry => {
      const owner = { team: account.team, name: account.name, id: idOf(account) };
      return key === null || isOpen(account)
        ? { ...owner, open: { ...account, kept: readable(account.kept) } }
        : { ...owner, sealed: seal(key, owner, JSON.stringify(account)) };
    });
    const ending = draft.ending.flatMap((account) => {
      const owner = { team: account.team, name: account.name, id: idOf(account) };
      const text = JSON.stringify(account);
      return key === null
        ? []
        : [{ ...owner, sealed: seal(key, { ...owner, id: endingId(owner.id) }, text) }];
    });
    // The first versions' files were readable as a whole, or not at all.
    const { active_team: _, storage: _storage, auth_token, ...rest } = state;
    const active = draft.activeTeam === null ? {} : { active_team: draft.activeTeam };
    const byHand = draft.hasAuthToken ? { auth_token } : {};
    const left = (name: Unreadable["list"]) =>
      draft.unreadable.filter(({ list }) => list === name).map(({ entry }) => entry);
    return {
      ...rest,
      version: VERSION,
      ...active,
      ...byHand,
      teams: draft.teams,
      accounts: [...accounts, ...left("accounts")],
      ending: [...ending, ...left("ending")],
    };
  }

  /** The key that is there. */
  private async haveKey(state: State): Promise<Uint8Array> {
    this.key ??= state.key === undefined ? null : await this.keychain.get(state.key);
    if (this.key !== null && this.key.length === KEY_BYTES) {
      this.secrets.keepBytes(this.key);
      return this.key;
    }
    throw new Failure(
      "key_missing",
      `The ${this.keychain.name} no longer has the key that opens ${this.path}.`,
      "Run 'motekey auth logout --all --clear', which works without it, then log in again.",
    );
  }

  /** The key, made on first use. The lock is held: no other process makes one too. */
  private async needKey(state: State): Promise<Uint8Array> {
    if (state.key !== undefined) return this.haveKey(state);
    const name = `store-${randomBytes(8).toString("hex")}`;
    const key = randomBytes(KEY_BYTES);
    this.secrets.keepBytes(key);
    await this.keychain.set(name, key);
    state.key = name;
    this.key = key;
    return key;
  }
}

/** What is over cannot be made a login again by moving its entry. */
const endingId = (id = ""): string => `ending ${id}`;

/** An account, as the file names it. */
export interface StoredOwner {
  readonly team: string;
  readonly name: string;
  /** Null: it is sealed. */
  readonly account: Account | null;
}

const placeOf = (account: AccountKey): string => JSON.stringify([account.team, idOf(account)]);

class Draft implements Change {
  isChanged = false;
  accounts: readonly Account[];
  ending: readonly Account[];
  activeTeam: string | null;
  teams: State["teams"];
  unreadable: readonly Unreadable[];
  authToken: string | null;
  hasAuthToken: boolean;
  readonly warning: string | null;
  /** What this change moves, by team and account. */
  private readonly moved = new Map<string, Storage>();

  constructor(private readonly logins: Logins) {
    this.accounts = logins.accounts;
    this.ending = logins.ending;
    this.activeTeam = logins.activeTeam;
    this.teams = logins.teams;
    this.unreadable = logins.unreadable;
    this.authToken = logins.authToken;
    this.hasAuthToken = logins.hasAuthToken;
    this.warning = logins.warning;
  }

  storageOf(account: AccountKey): Storage {
    return this.moved.get(placeOf(account)) ?? this.logins.storageOf(account);
  }

  put(account: Account, storage?: Storage): void {
    if (storage !== undefined) this.moved.set(placeOf(account), storage);
    const index = this.accounts.findIndex((known) => isSame(known, account));
    this.accounts = index === -1 ? [...this.accounts, account] : this.accounts.with(index, account);
    this.unreadable = this.unreadable.filter(({ owner, list }) => list === "ending" || !isOf(owner, account));
    this.isChanged = true;
  }

  remove(key: AccountKey): void {
    this.accounts = this.accounts.filter((account) => !isSame(account, key));
    this.isChanged = true;
    if (this.teams[key.team]?.account !== idOf(key)) return;
    const { account: _, ...rest } = this.teams[key.team] ?? {};
    this.teams = { ...this.teams, [key.team]: rest };
  }

  putEnding(account: Account): void {
    if (this.storageOf(account) === "file") return;
    this.ending = [...this.ending, account];
    this.isChanged = true;
  }

  removeEnding({ accessToken, refreshToken }: Account): void {
    this.ending = this.ending.filter(
      (known) => known.accessToken !== accessToken || known.refreshToken !== refreshToken,
    );
    this.isChanged = true;
  }

  removeUnreadable({ entry }: Unreadable): void {
    const text = JSON.stringify(entry);
    this.unreadable = this.unreadable.filter((known) => JSON.stringify(known.entry) !== text);
    this.isChanged = true;
  }

  removeAuthToken(): void {
    this.authToken = null;
    this.hasAuthToken = false;
    this.isChanged = true;
  }

  makeDefault(key: AccountKey, unlessThere = false): void {
    const isThere = (team: string | null) =>
      unlessThere &&
      this.accounts.some((known) => known.team === team && this.teams[team]?.account === idOf(known));
    const isActive = isThere(this.activeTeam);
    if (!isThere(key.team)) this.patchTeam(key.team, { account: idOf(key) });
    if (!isActive) this.activeTeam = key.team;
    this.isChanged = true;
  }

  setTeam(name: string, team: { readonly issuer: string; readonly client_id?: string }): void {
    const { client_id: _, ...rest } = this.teams[name] ?? {};
    const isMoved = rest.issuer !== undefined && !isSameIssuer(rest.issuer, team.issuer);
    if (isMoved) this.teams = { ...this.teams, [name]: rest };
    this.patchTeam(name, team);
  }

  private patchTeam(name: string, patch: State["teams"][string]): void {
    this.teams = { ...this.teams, [name]: { ...this.teams[name], ...patch } };
    this.isChanged = true;
  }
}
