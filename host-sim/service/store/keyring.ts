import type { JsonWebKey } from "node:crypto";
import { newSigningKey, publicJwk, type SigningKey, signingKeyOf } from "../../cloud/mint.js";
import type { DatabaseClock } from "./clock.js";
import type { Database, Queries, Row } from "./database.js";
import type { Sealer } from "./sealer.js";

/** How long verifiers may cache the public keys, s. */
export const JWKS_AGE_SECONDS = 600;
/** A new key is published this long before it signs: longer than any cache of the set without it. */
const OVERLAP_MS = 2 * JWKS_AGE_SECONDS * 1000;
const REFRESH_MS = 60_000;

interface KeyRow extends Row {
  kid: string;
  algorithm: SigningKey["algorithm"];
  sealed: Uint8Array;
  signs_from_ms: number;
}

interface KeptKey {
  key: SigningKey;
  signsFromMs: number;
}

/** The signing keys of tokens, shared by all replicas; old and new overlap. */
export class Keyring {
  /** The oldest first. */
  private keys: readonly KeptKey[] = [];
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly clock: DatabaseClock,
    private readonly algorithm: SigningKey["algorithm"],
    private readonly lifetimeMs: number,
  ) {
    // A replica that cannot ask goes on with the keys that it has: they stay published until their last token ends.
    this.timer = setInterval(() => this.refresh().catch(() => {}), REFRESH_MS).unref();
  }

  /** Reads the keys; the first replica of all makes one. @param lifetimeSeconds of the longest token */
  static async open(
    database: Database,
    sealer: Sealer,
    clock: DatabaseClock,
    {
      algorithm = "ES256",
      lifetimeSeconds,
    }: { algorithm?: SigningKey["algorithm"]; lifetimeSeconds: number },
  ): Promise<Keyring> {
    const keyring = new Keyring(database, sealer, clock, algorithm, lifetimeSeconds * 1000);
    await database.longTransaction(async (queries) => {
      await queries.run("LOCK TABLE motekey.signing_keys IN EXCLUSIVE MODE");
      const known = await queries.query("SELECT 1 FROM motekey.signing_keys LIMIT 1");
      if (known.length === 0) await keyring.add(queries, 0);
    });
    await keyring.refresh();
    return keyring;
  }

  /** The key that signs now. */
  get signing(): SigningKey {
    const now = this.clock.now();
    const newest = this.keys.filter(({ signsFromMs }) => signsFromMs <= now).at(-1) ?? this.keys[0];
    if (newest === undefined) throw new Error("There is no key to sign with");
    return newest.key;
  }

  /** The public keys (RFC 7517): of the key that signs, of the next one, and of those whose tokens still live. */
  get jwks(): { keys: JsonWebKey[] } {
    const now = this.clock.now();
    const shown = this.keys.filter((_, at) => {
      const next = this.keys[at + 1];
      return next === undefined || next.signsFromMs + this.lifetimeMs > now;
    });
    return { keys: shown.map(({ key }) => publicJwk(key)) };
  }

  /** Makes the next key: published at once, it signs once every cache has it. Resolves with its name. */
  async rotate(): Promise<string> {
    const kid = await this.database.transaction((queries) =>
      this.add(queries, this.clock.now() + OVERLAP_MS),
    );
    await this.refresh();
    return kid;
  }

  /** Seals by the present key what an older one sealed. */
  async reseal(): Promise<void> {
    const rows = await this.database.query<KeyRow>("SELECT kid, sealed FROM motekey.signing_keys");
    for (const { kid, sealed } of rows) {
      if (this.sealer.isCurrent(sealed)) continue;
      const anew = this.sealer.seal(keyOf(kid), this.sealer.open(keyOf(kid), sealed));
      await this.database.query("UPDATE motekey.signing_keys SET sealed = $2 WHERE kid = $1", [kid, anew]);
    }
  }

  /** Reads the keys again. */
  async refresh(): Promise<void> {
    const rows = await this.database.query<KeyRow>(
      "SELECT kid, algorithm, sealed, signs_from_ms FROM motekey.signing_keys ORDER BY signs_from_ms",
    );
    this.keys = rows.map(({ kid, algorithm, sealed, signs_from_ms: signsFromMs }) => ({
      key: signingKeyOf(kid, algorithm, this.sealer.open(keyOf(kid), sealed)),
      signsFromMs,
    }));
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async add(queries: Queries, signsFromMs: number): Promise<string> {
    const { kid, algorithm, key } = newSigningKey(this.algorithm);
    const sealed = this.sealer.seal(keyOf(kid), JSON.stringify(key.export({ format: "jwk" })));
    await queries.query(
      "INSERT INTO motekey.signing_keys (kid, algorithm, sealed, signs_from_ms) VALUES ($1, $2, $3, $4)",
      [kid, algorithm, sealed, signsFromMs],
    );
    return kid;
  }
}

/** What a sealed signing key is bound to. */
function keyOf(kid: string): string {
  return `signing key ${kid}`;
}
