import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Mint } from "../cloud/mint.js";
import { tlsFailure } from "../cloud/tls-failure.js";
import { TOKEN_LIFETIME_SECONDS } from "../cloud/tokens.js";
import type { ServiceOptions } from "./service-options.js";
import { StoredAccounts } from "./store/accounts.js";
import { DatabaseClock, NOW_MS } from "./store/clock.js";
import { Database, type Engine } from "./store/database.js";
import { StoredDevices } from "./store/devices.js";
import { Keyring } from "./store/keyring.js";
import { migrate } from "./store/migrations.js";
import { StoredPeers } from "./store/peers.js";
import { EmbeddedEngine } from "./store/pglite.js";
import { PostgresEngine } from "./store/postgres.js";
import { StoredRecoveryBook } from "./store/recoveries.js";
import { Revocations } from "./store/revocations.js";
import { newSealKey, Sealer } from "./store/sealer.js";
import { StoredTokens } from "./store/tokens.js";

const DEFAULT_FOLDER = "motekey-service";
const DATABASE_LIMIT_MS = 450;
const OWNER_ONLY = 0o600;
const SWEEP_MS = 60_000;
/** A device repeats a request for seconds; a reply is kept for an hour. */
const SWEEPS: readonly string[] = [
  `DELETE FROM motekey.tokens WHERE expires_at_ms < ${NOW_MS} - 60000`,
  "DELETE FROM motekey.replies WHERE at < now() - interval '1 hour'",
  `DELETE FROM motekey.nonces WHERE ends_at_ms < ${NOW_MS}`,
  "DELETE FROM motekey.recoveries WHERE at < now() - interval '1 day'",
];

/** All of the service's state, in one database. */
export class State {
  readonly accounts: StoredAccounts;
  /** For operators. */
  readonly devices: StoredDevices;
  readonly peers: StoredPeers;
  readonly recoveryBook: StoredRecoveryBook;
  readonly tokens: StoredTokens;
  readonly revocations: Revocations;
  private readonly sweeper: NodeJS.Timeout;

  private constructor(
    readonly database: Database,
    readonly clock: DatabaseClock,
    readonly keyring: Keyring,
    sealer: Sealer,
    options: ServiceOptions,
    address: string,
  ) {
    const tokens = options.tokens ?? {};
    const mint = new Mint(tokens, address, () => keyring.signing);
    const makers = { mint, sealer, clock, options: tokens };
    this.accounts = new StoredAccounts(database, sealer, clock);
    this.devices = new StoredDevices(database, sealer);
    this.tokens = new StoredTokens(database, makers);
    this.peers = new StoredPeers(database, this.tokens, makers);
    this.recoveryBook = new StoredRecoveryBook(database);
    this.revocations = new Revocations(database);
    this.sweeper = setInterval(() => this.sweep().catch(() => {}), SWEEP_MS).unref();
  }

  /** Opens the database, brings its schema to this version, and reads the keys. */
  static async open(options: ServiceOptions, address: string): Promise<State> {
    const { engine, sealer } = await openEngine(options);
    try {
      await migrate(engine);
      const database = new Database(engine, options.databaseLimitMs ?? DATABASE_LIMIT_MS);
      const clock = new DatabaseClock();
      const [row] = await engine.query<{ now_ms: number }>(`SELECT ${NOW_MS} AS now_ms`);
      clock.set(row?.now_ms ?? Date.now());
      const { algorithm, lifetimeSeconds = TOKEN_LIFETIME_SECONDS } = options.tokens ?? {};
      const keyring = await Keyring.open(database, sealer, clock, {
        ...(algorithm !== undefined && { algorithm }),
        lifetimeSeconds,
      });
      const state = new State(database, clock, keyring, sealer, options, address);
      if (options.restored === true) await state.accounts.beginEpoch();
      return state;
    } catch (failure) {
      await engine.close().catch(() => {});
      throw withReason(failure as Error);
    }
  }

  /** Checks the database by a write, since a read-only one looks healthy. Rejects where it fails. */
  async prove(): Promise<void> {
    await this.database.query("UPDATE motekey.readiness SET at = clock_timestamp() WHERE id = 1");
  }

  /** Seals again, by the present seal key, the keys that an older one sealed. Resolves with how many devices' keys. */
  async reseal(): Promise<number> {
    await this.keyring.reseal();
    return this.accounts.reseal();
  }

  /** Removes what has ended. */
  async sweep(): Promise<void> {
    for (const sql of SWEEPS) await this.database.query(sql);
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    this.keyring.close();
    await this.database.close();
  }
}

/** The system's words for a failed handshake name no setting. */
function withReason(failure: Error): Error {
  const reason = tlsFailure((failure as NodeJS.ErrnoException).code);
  if (reason === null) return failure;
  const settings = "sslrootcert, sslcert and sslkey in database.url";
  return new Error(`Cannot connect to the database: ${reason} (${settings})`, { cause: failure });
}

/** The database engine that the options name, and its sealer. */
async function openEngine(options: ServiceOptions): Promise<{ engine: Engine; sealer: Sealer }> {
  const { database: { folder, url, passwordFile, connections } = {}, sealKeyFiles = [] } = options;
  if (folder !== undefined && url !== undefined)
    throw new Error("database.folder and database.url exclude each other; give one of them");
  if (url !== undefined) {
    if (sealKeyFiles.length === 0)
      throw new Error(
        "A database outside needs sealKeyFiles: without them its keys would lie in it readable",
      );
    const sealer = await Sealer.ofFiles(sealKeyFiles);
    const place = {
      url,
      ...(passwordFile !== undefined && { passwordFile }),
      ...(connections !== undefined && { connections }),
    };
    return { engine: await PostgresEngine.open(place), sealer };
  }
  const place = folder ?? DEFAULT_FOLDER;
  const given = sealKeyFiles.length === 0 ? null : await Sealer.ofFiles(sealKeyFiles);
  const engine = await EmbeddedEngine.open(place);
  try {
    return { engine, sealer: given ?? (await ownSealer(join(place, "seal.key"))) };
  } catch (failure) {
    await engine.close();
    throw failure;
  }
}

/** The key beside a database in a folder, made where there is none. */
async function ownSealer(file: string): Promise<Sealer> {
  const isThere = await readFile(file).then(
    () => true,
    () => false,
  );
  if (!isThere) await writeFile(file, `${newSealKey()}\n`, { mode: OWNER_ONLY, flag: "wx" });
  return Sealer.ofFiles([file]);
}
