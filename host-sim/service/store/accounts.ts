import type { Accounts } from "../../cloud/accounts.js";
import { MacSession } from "../../cloud/mac-session.js";
import { entityOf, isPortableId } from "../../cloud/new-entity.js";
import type { CounterPurpose, Deed, Entity, NewEntity } from "../../cloud/types.js";
import type { Batch } from "./batch.js";
import { type DatabaseClock, NOW_MS } from "./clock.js";
import type { Database, Queries } from "./database.js";
import { type DeviceRow, openEntity, pskOf } from "./device-row.js";
import type { Sealer } from "./sealer.js";

/** Added to a restored database's counters: more than a service accepts between two backups. */
const EPOCH = 2 ** 32;
const RESEAL_AT_ONCE = 500;

/** The data for a decision about somebody, read for all who come at once. */
export const FIND = `
  SELECT d.id, d.role, d.psk, d.next_psk, d.owner, d.cert_fingerprint, d.connect_counter, d.mac_counter, d.disabled,
    s.counter AS session_counter, s.nonce AS session_nonce, s.received AS session_received, s.seals AS session_seals, s.is_next AS session_is_next,
    ${NOW_MS} AS now_ms
  FROM motekey.devices d LEFT JOIN motekey.mac_sessions s ON s.device = d.id
  WHERE d.id = ANY($1)`;

/** Ends the removed key's sessions; the other key keeps its own. */
const PROMOTE = `
  WITH taken AS (
    UPDATE motekey.devices SET psk = next_psk, next_psk = NULL
    WHERE id = $1 AND next_psk = $2 AND NOT disabled RETURNING id
  ), ended AS (
    DELETE FROM motekey.mac_sessions WHERE device IN (SELECT id FROM taken) AND NOT is_next
  ), kept AS (
    UPDATE motekey.mac_sessions SET is_next = false WHERE device IN (SELECT id FROM taken) AND is_next
  ), noted AS (
    INSERT INTO motekey.audit (did, device, operator) SELECT $3, id, $4 FROM taken
  )
  SELECT id FROM taken`;

const TAKE: Readonly<Record<CounterPurpose, string>> = {
  connect: takeOf("connect_counter"),
  mac: takeOf("mac_counter"),
};

interface Found extends DeviceRow {
  session_counter: number | null;
  session_nonce: Uint8Array | null;
  session_received: number | null;
  session_seals: boolean | null;
  session_is_next: boolean | null;
  now_ms: number;
}

/** An entity as the database had it at the time of the query, with its open session. */
export interface StoredEntity extends Entity {
  macSession: MacSession | null;
  /** As it lies in the database, where it has one. */
  sealedNextPsk: Uint8Array | null;
  /** The highest sequence that came under the session. */
  received: number;
}

/** Devices, users and backends in the database: each decision reads them anew. */
export class StoredAccounts implements Accounts {
  private readonly finds: Batch<string, Found | undefined>;

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly clock: DatabaseClock,
  ) {
    this.finds = database.batch((ids) => this.findAll(ids));
  }

  async find(id: string): Promise<StoredEntity | undefined> {
    if (!isPortableId(id)) return undefined;
    const found = await this.finds.put(id);
    if (found === undefined) return undefined;
    const entity = openEntity(found, this.sealer);
    const { session_counter: counter, session_nonce: nonce } = found;
    const sessionPsk = found.session_is_next === true ? entity.nextPsk : entity.psk;
    return {
      ...entity,
      sealedNextPsk: found.next_psk,
      macSession:
        counter === null || nonce === null || sessionPsk === undefined
          ? null
          : new MacSession(sessionPsk, {
              counter,
              nonce: Buffer.from(nonce),
              seals: found.session_seals === true,
            }),
      received: found.session_received ?? -1,
    };
  }

  /** Each as it is now, in one query. */
  private async findAll(ids: readonly string[]): Promise<(Found | undefined)[]> {
    const rows = await this.database.patient<Found>(FIND, [[...new Set(ids)]]);
    const [first] = rows;
    if (first !== undefined) this.clock.set(first.now_ms);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  }

  async takeCounter({ id }: Entity, purpose: CounterPurpose, counter: number): Promise<boolean> {
    return (await this.database.query(TAKE[purpose], [id, counter])).length === 1;
  }

  async promote(entity: Entity, { did, by }: Deed): Promise<boolean> {
    const { id, sealedNextPsk } = entity as StoredEntity;
    return (await this.database.query(PROMOTE, [id, sealedNextPsk, did, by])).length === 1;
  }

  /** Gives a device a next key, or (undefined) takes it back. False: nobody has this id. */
  async stage(id: string, nextPsk: string | undefined): Promise<boolean> {
    const sealed = nextPsk === undefined ? null : this.sealer.seal(pskOf(id), nextPsk);
    return this.change(id, sealed === null ? "rotation-cancelled" : "rotation-begun", async (queries) => {
      await queries.query("UPDATE motekey.devices SET next_psk = $2 WHERE id = $1", [id, sealed]);
      await queries.query("DELETE FROM motekey.mac_sessions WHERE device = $1 AND is_next", [id]);
    });
  }

  /**
   * Adds an entity, or changes the one of this id: it gets the new key, its tokens and its session end, and its counters
   * stay, as a recorded proof must never become good again.
   */
  async add(wanted: NewEntity): Promise<Entity> {
    const entity = entityOf(wanted);
    const { id, role, psk, owner, certFingerprint, counters } = entity;
    const values = [id, role, this.sealer.seal(pskOf(id), psk), owner ?? null, certFingerprint ?? null];
    await this.database.longTransaction(async (queries) => {
      await queries.query(
        `INSERT INTO motekey.devices (id, role, psk, owner, cert_fingerprint, connect_counter, mac_counter)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (id) DO UPDATE SET role = excluded.role, psk = excluded.psk, next_psk = NULL,
           owner = excluded.owner, cert_fingerprint = excluded.cert_fingerprint, disabled = false,
           connect_counter = greatest(devices.connect_counter, excluded.connect_counter),
           mac_counter = greatest(devices.mac_counter, excluded.mac_counter)`,
        [...values, counters.connect],
      );
      await endAll(queries, id);
      await note(queries, "added", id);
    });
    return entity;
  }

  /** Replaces a PSK; the session under the old one ends. False: nobody has this id. */
  async setPsk(id: string, psk: string): Promise<boolean> {
    return this.change(id, "key-changed", async (queries) => {
      await queries.query("UPDATE motekey.devices SET psk = $2, next_psk = NULL WHERE id = $1", [
        id,
        this.sealer.seal(pskOf(id), psk),
      ]);
      await queries.query("DELETE FROM motekey.mac_sessions WHERE device = $1", [id]);
    });
  }

  /** Bars an entity and ends all its tokens. False: nobody has this id. */
  async disable(id: string): Promise<boolean> {
    return this.change(id, "disabled", async (queries) => {
      await queries.query("UPDATE motekey.devices SET disabled = true, next_psk = NULL WHERE id = $1", [id]);
      await endAll(queries, id);
    });
  }

  /**
   * The database was restored from a backup: nothing issued or accepted since may stay valid, so all counters are
   * raised, and all sessions, replies and tokens end.
   */
  async beginEpoch(): Promise<void> {
    await this.database.longTransaction(async (queries) => {
      await queries.query(
        `UPDATE motekey.devices SET connect_counter = connect_counter + $1, mac_counter = mac_counter + $1`,
        [EPOCH],
      );
      await queries.run(
        "DELETE FROM motekey.mac_sessions; DELETE FROM motekey.nonces; DELETE FROM motekey.replies; DELETE FROM motekey.tokens; DELETE FROM motekey.recoveries",
      );
      await note(queries, "restored", "");
    });
  }

  /** Seals by the present key what an older one sealed. Resolves with how many keys. */
  async reseal(): Promise<number> {
    for (let count = 0; ; ) {
      const { prefix } = this.sealer;
      const rows = await this.database.query<{ id: string; psk: Uint8Array; next_psk: Uint8Array | null }>(
        `SELECT id, psk, next_psk FROM motekey.devices
         WHERE substring(psk FROM 1 FOR $1) <> $2 OR substring(next_psk FROM 1 FOR $1) <> $2 LIMIT $3`,
        [prefix.length, prefix, RESEAL_AT_ONCE],
      );
      for (const { id, psk, next_psk: nextPsk } of rows) {
        const anew = (sealed: Uint8Array) => this.sealer.seal(pskOf(id), this.sealer.open(pskOf(id), sealed));
        // Unless it changed since.
        await this.database.query(
          `UPDATE motekey.devices SET psk = $3, next_psk = $5
           WHERE id = $1 AND psk = $2 AND next_psk IS NOT DISTINCT FROM $4`,
          [id, psk, anew(psk), nextPsk, nextPsk === null ? null : anew(nextPsk)],
        );
      }
      count += rows.length;
      if (rows.length < RESEAL_AT_ONCE) return count;
    }
  }

  /** Everybody, with their keys, in the order of their ids. */
  async *all(): AsyncGenerator<Entity> {
    for (let after = ""; ; ) {
      const rows = await this.database.query<Found>(
        `SELECT *, NULL AS session_counter FROM motekey.devices WHERE id > $1 ORDER BY id LIMIT $2`,
        [after, RESEAL_AT_ONCE],
      );
      for (const row of rows) {
        after = row.id;
        yield openEntity(row, this.sealer);
      }
      if (rows.length < RESEAL_AT_ONCE) return;
    }
  }

  /** Takes over entities with their counters, as {@link all} returned them; known ones keep the higher counter. */
  async takeOver(entities: readonly Entity[]): Promise<void> {
    await this.database.longTransaction(async (queries) => {
      // In the order in which answers lock rows.
      const sorted = [...entities].sort((left, right) => (left.id < right.id ? -1 : 1));
      for (const { id, role, psk, nextPsk, owner, certFingerprint, counters, disabled } of sorted) {
        await queries.query(
          `INSERT INTO motekey.devices
             (id, role, psk, owner, cert_fingerprint, connect_counter, mac_counter, disabled, next_psk)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (id) DO UPDATE SET role = excluded.role, psk = excluded.psk,
             next_psk = excluded.next_psk, owner = excluded.owner, cert_fingerprint = excluded.cert_fingerprint, disabled = excluded.disabled,
             connect_counter = greatest(devices.connect_counter, excluded.connect_counter),
             mac_counter = greatest(devices.mac_counter, excluded.mac_counter)`,
          [
            ...[id, role, this.sealer.seal(pskOf(id), psk), owner ?? null, certFingerprint ?? null],
            ...[counters.connect, counters.mac, disabled],
            nextPsk === undefined ? null : this.sealer.seal(pskOf(id), nextPsk),
          ],
        );
        await note(queries, "imported", id);
      }
    });
  }

  private change(id: string, did: string, work: (queries: Queries) => Promise<void>): Promise<boolean> {
    return this.database.longTransaction(async (queries) => {
      const known = await queries.query("SELECT 1 FROM motekey.devices WHERE id = $1 FOR UPDATE", [id]);
      if (known.length === 0) return false;
      await work(queries);
      await note(queries, did, id);
      return true;
    });
  }
}

function takeOf(column: string): string {
  return `UPDATE motekey.devices SET ${column} = $2 WHERE id = $1 AND ${column} < $2 AND NOT disabled RETURNING id`;
}

/** Ends the tokens, sessions and stored replies of somebody. */
export async function endAll(queries: Queries, id: string): Promise<void> {
  await queries.query("DELETE FROM motekey.tokens WHERE sub = $1", [id]);
  await queries.query("DELETE FROM motekey.mac_sessions WHERE device = $1", [id]);
  await queries.query("DELETE FROM motekey.replies WHERE device = $1", [id]);
}

async function note(queries: Queries, did: string, device: string): Promise<void> {
  await queries.query("INSERT INTO motekey.audit (did, device) VALUES ($1, $2)", [did, device]);
}
