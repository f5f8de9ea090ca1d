import type { MacSession } from "../../cloud/mac-session.js";
import {
  type AskedOnce,
  type IssuedNonce,
  isStored,
  type Peer,
  type Peers,
  type StoredReply,
} from "../../cloud/peers.js";
import { sha256 } from "../../cloud/secret.js";
import type { TokenBook } from "../../cloud/tokens.js";
import type { Entity } from "../../cloud/types.js";
import type { StoredEntity } from "./accounts.js";
import type { Database, Row } from "./database.js";
import { StoredTokens, type TokenMakers } from "./tokens.js";

/** Digest nonces of one peer that may be good at once. */
const NONCES_MAX = 4;

/** Nobody takes a counter twice: the row is changed by one of all who try, and the session is that one's. */
const OPEN = `
  WITH taken AS (
    UPDATE motekey.devices SET mac_counter = $2 WHERE id = $1 AND mac_counter < $2 AND NOT disabled RETURNING id
  )
  INSERT INTO motekey.mac_sessions (device, counter, nonce, received, sent, seals, is_next)
  SELECT id, $2, $3, $4, -1, $5, $6 FROM taken
  ON CONFLICT (device) DO UPDATE
    SET counter = excluded.counter, nonce = excluded.nonce, received = excluded.received, sent = -1,
        seals = excluded.seals, is_next = excluded.is_next
  RETURNING device`;

const ACCEPT = `
  UPDATE motekey.mac_sessions SET received = $4
  WHERE device = $1 AND counter = $2 AND nonce = $3 AND received < $4 RETURNING device`;

const NEXT = `
  UPDATE motekey.mac_sessions SET sent = sent + 1
  WHERE device = $1 AND counter = $2 AND nonce = $3 RETURNING sent`;

/** Changing requests of one sender are carried out one after the other, on whichever replica. */
const BEGIN_ONCE = `
  SELECT d.disabled, r.request, r.sealed, r.code
  FROM motekey.devices d LEFT JOIN motekey.replies r ON r.device = d.id AND r.request_id = $2
  WHERE d.id = $1 FOR NO KEY UPDATE OF d`;

const STORED = "SELECT request, sealed, code FROM motekey.replies WHERE device = $1 AND request_id = $2";

/** An id that comes with another request is no repetition: its reply replaces that of the earlier one. */
const STORE = `
  INSERT INTO motekey.replies AS r (device, request_id, request, sealed, code) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (device, request_id) DO UPDATE
    SET request = excluded.request, sealed = excluded.sealed, code = excluded.code, at = now()
    WHERE r.request <> excluded.request
  RETURNING 1`;

const NONCE_UNUSED =
  "SELECT nonce FROM motekey.nonces WHERE device = $1 AND count = 0 AND ends_at_ms > $2 LIMIT 1";

const NONCE_ADD = `
  WITH old AS (
    DELETE FROM motekey.nonces WHERE device = $1 AND nonce IN (
      SELECT nonce FROM motekey.nonces WHERE device = $1 ORDER BY ends_at_ms DESC OFFSET ${NONCES_MAX - 1}
    )
  )
  INSERT INTO motekey.nonces (device, nonce, ends_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;

interface ReplyRow extends Row {
  request: Uint8Array | null;
  sealed: Uint8Array | null;
  code: number;
}

type Done = { reply: StoredReply; isRepeated: boolean };

/** Another replica stored the reply to this very request first: what was done here is undone. */
class Outrun extends Error {}

/** What the database remembers of a sender. */
class StoredPeer implements Peer {
  readonly macSession: MacSession | null;
  private readonly id: string;

  constructor(
    private readonly entity: StoredEntity,
    private readonly database: Database,
    private readonly makers: TokenMakers,
  ) {
    this.id = entity.id;
    this.macSession = entity.macSession;
  }

  async open({ opening, psk }: MacSession, sequence: number): Promise<boolean> {
    const isNext = psk === this.entity.nextPsk;
    const values = [this.id, opening.counter, opening.nonce, sequence, opening.seals, isNext];
    return (await this.database.query(OPEN, values)).length === 1;
  }

  async accept({ opening }: MacSession, sequence: number): Promise<boolean> {
    const values = [this.id, opening.counter, opening.nonce, sequence];
    return (await this.database.query(ACCEPT, values)).length === 1;
  }

  async nextSequence({ opening }: MacSession): Promise<number | null> {
    const values = [this.id, opening.counter, opening.nonce];
    const [row] = await this.database.query<{ sent: number }>(NEXT, values);
    return row?.sent ?? null;
  }

  async nonceFor(untilMs: number, fresh: string, expiresAtMs: number): Promise<string> {
    const [unused] = await this.database.query<{ nonce: string }>(NONCE_UNUSED, [this.id, untilMs]);
    if (unused !== undefined) return unused.nonce;
    await this.database.query(NONCE_ADD, [this.id, fresh, expiresAtMs]);
    return fresh;
  }

  async nonce(nonce: string): Promise<IssuedNonce | undefined> {
    const [row] = await this.database.query<{ ends_at_ms: number; count: number }>(
      "SELECT ends_at_ms, count FROM motekey.nonces WHERE device = $1 AND nonce = $2",
      [this.id, nonce],
    );
    return row && { expiresAtMs: row.ends_at_ms, count: row.count };
  }

  async useNonce(nonce: string, count: number): Promise<boolean> {
    const taken = await this.database.query(
      "UPDATE motekey.nonces SET count = $3 WHERE device = $1 AND nonce = $2 AND count < $3 RETURNING 1",
      [this.id, nonce, count],
    );
    return taken.length === 1;
  }

  async once(asked: AskedOnce, work: (tokens: TokenBook) => Promise<StoredReply>): Promise<Done> {
    const { database, makers } = this;
    if (!asked.changes) return { reply: await work(new StoredTokens(database, makers)), isRepeated: false };
    try {
      return await this.change(asked, work);
    } catch (failure) {
      if (!(failure instanceof Outrun)) throw failure;
      const [row] = await database.query<ReplyRow>(STORED, [this.id, asked.id]);
      const stored = this.replyIn(row, asked);
      if (stored === null) throw failure;
      return { reply: stored, isRepeated: true };
    }
  }

  /** The token and the reply that tells it are committed together, before anybody is told. */
  private change(asked: AskedOnce, work: (tokens: TokenBook) => Promise<StoredReply>): Promise<Done> {
    const { id, request } = asked;
    return this.database.transaction(async (queries) => {
      const [row] = await queries.query<ReplyRow & { disabled: boolean }>(BEGIN_ONCE, [this.id, id]);
      const stored = this.replyIn(row, asked);
      if (stored !== null) return { reply: stored, isRepeated: true };
      if (row === undefined || row.disabled) return { reply: BARRED, isRepeated: false };
      const reply = await work(new StoredTokens(queries, this.makers));
      if (!isStored(reply)) return { reply, isRepeated: false };
      const sealed = this.makers.sealer.seal(replyOf(this.id, id), reply.outcome);
      const kept = await queries.query(STORE, [this.id, id, sha256(request), sealed, reply.code]);
      if (kept.length === 0) throw new Outrun();
      return { reply, isRepeated: false };
    });
  }

  private replyIn(row: ReplyRow | undefined, { id, request }: AskedOnce): StoredReply | null {
    if (row === undefined || row.request === null || row.sealed === null) return null;
    if (!sha256(request).equals(row.request)) return null;
    const outcome = this.makers.sealer.open(replyOf(this.id, id), row.sealed);
    return { request, outcome, code: row.code };
  }
}

/** It was barred while its request was on its way. */
const BARRED: StoredReply = {
  request: "",
  outcome: `,"error":${JSON.stringify({ code: 403, message: "This id is disabled; ask its owner" })}`,
  code: 403,
};

/** The peers in the database: nothing of them stays here. */
export class StoredPeers implements Peers {
  constructor(
    private readonly database: Database,
    private readonly makers: TokenMakers,
  ) {}

  of(entity: Entity): Peer {
    return new StoredPeer(entity as StoredEntity, this.database, this.makers);
  }

  /** A session outlives its connection here: the next one of its device takes its place. */
  endMacSession(): void {}
}

/** What a sealed reply is bound to. */
function replyOf(device: string, id: number): string {
  return `reply to ${id} of ${device}`;
}
