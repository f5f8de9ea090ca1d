import type { MacSession } from "../../cloud/mac-session.js";
import {
  type AskedOnce,
  type IssuedNonce,
  isStored,
  type Peer,
  type Peers,
  Replayed,
  type StoredReply,
} from "../../cloud/peers.js";
import { sha256 } from "../../cloud/secret.js";
import type { TokenBook } from "../../cloud/tokens.js";
import type { Entity } from "../../cloud/types.js";
import type { StoredEntity } from "./accounts.js";
import { type Answered, Answers, type KeptReply, type SessionStep } from "./answers.js";
import type { Database } from "./database.js";
import { WINDOW } from "./migrations.js";
import { PlannedTokens, type TokenChange } from "./planned-tokens.js";
import type { StoredTokens, TokenMakers } from "./tokens.js";

/** Digest nonces of one peer that may be valid at once. */
const NONCES_MAX = 4;

/** Nobody uses a counter twice: of all who try, one changes the row, and has the session. */
const OPEN = `
  WITH taken AS (
    UPDATE motekey.devices SET mac_counter = $2 WHERE id = $1 AND mac_counter < $2 AND NOT disabled RETURNING id
  )
  INSERT INTO motekey.mac_sessions (device, counter, nonce, received, seen, sent, seals, is_next)
  SELECT id, $2, $3, $4, 0, -1, $5, $6 FROM taken
  ON CONFLICT (device) DO UPDATE
    SET counter = excluded.counter, nonce = excluded.nonce, received = excluded.received, seen = 0, sent = -1,
        seals = excluded.seals, is_next = excluded.is_next
  RETURNING device`;

const NEXT = `
  UPDATE motekey.mac_sessions SET sent = sent + 1
  WHERE device = $1 AND counter = $2 AND nonce = $3 RETURNING sent`;

const NONCE_UNUSED =
  "SELECT nonce FROM motekey.nonces WHERE device = $1 AND count = 0 AND ends_at_ms > $2 LIMIT 1";

const NONCE_ADD = `
  WITH old AS (
    DELETE FROM motekey.nonces WHERE device = $1 AND nonce IN (
      SELECT nonce FROM motekey.nonces WHERE device = $1 ORDER BY ends_at_ms DESC OFFSET ${NONCES_MAX - 1}
    )
  )
  INSERT INTO motekey.nonces (device, nonce, ends_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;

type Done = { reply: StoredReply; isRepeated: boolean };

/** What peers need. */
interface PeerParts {
  database: Database;
  answers: Answers;
  tokens: StoredTokens;
  makers: TokenMakers;
}

/** The database's state of a sender, for one of its messages. */
class StoredPeer implements Peer {
  readonly macSession: MacSession | null;
  private readonly id: string;
  /** The highest sequence that came under the session when this message did. */
  private readonly received: number;
  /** What this message does to its session: applied with the changes of its answer. */
  private step: SessionStep | null = null;
  /** The sequence that its answer has. */
  private sent: number | null = null;

  constructor(
    private readonly entity: StoredEntity,
    private readonly parts: PeerParts,
  ) {
    this.id = entity.id;
    this.macSession = entity.macSession;
    this.received = entity.received;
  }

  async open({ opening, psk }: MacSession, sequence: number): Promise<boolean> {
    const { counter, nonce } = opening;
    const values = [this.id, counter, nonce, sequence, opening.seals, psk === this.entity.nextPsk];
    if ((await this.parts.database.query(OPEN, values)).length !== 1) return false;
    this.step = { counter, nonce, received: null };
    return true;
  }

  /** Checked here (frames at several replicas overtake each other, within the window), and used up in {@link once}: of two that come at once one takes effect. */
  accept({ opening: { counter, nonce } }: MacSession, sequence: number): boolean {
    if (sequence === this.received || this.received - sequence > WINDOW) return false;
    this.step = { counter, nonce, received: sequence };
    return true;
  }

  async nextSequence({ opening }: MacSession): Promise<number | null> {
    const reserved = this.sent;
    this.sent = null;
    if (reserved !== null) return reserved;
    const values = [this.id, opening.counter, opening.nonce];
    const [row] = await this.parts.database.query<{ sent: number }>(NEXT, values);
    return row?.sent ?? null;
  }

  async nonceFor(untilMs: number, fresh: string, expiresAtMs: number): Promise<string> {
    const [unused] = await this.parts.database.query<{ nonce: string }>(NONCE_UNUSED, [this.id, untilMs]);
    if (unused !== undefined) return unused.nonce;
    await this.parts.database.query(NONCE_ADD, [this.id, fresh, expiresAtMs]);
    return fresh;
  }

  async nonce(nonce: string): Promise<IssuedNonce | undefined> {
    const [row] = await this.parts.database.query<{ ends_at_ms: number; count: number }>(
      "SELECT ends_at_ms, count FROM motekey.nonces WHERE device = $1 AND nonce = $2",
      [this.id, nonce],
    );
    return row && { expiresAtMs: row.ends_at_ms, count: row.count };
  }

  async useNonce(nonce: string, count: number): Promise<boolean> {
    const taken = await this.parts.database.query(
      "UPDATE motekey.nonces SET count = $3 WHERE device = $1 AND nonce = $2 AND count < $3 RETURNING 1",
      [this.id, nonce, count],
    );
    return taken.length === 1;
  }

  /** One commit holds the token and the reply that carries it, before the answer is sent. */
  async once(asked: AskedOnce, work: (tokens: TokenBook) => Promise<StoredReply>): Promise<Done> {
    const { tokens, makers } = this.parts;
    const planned = new PlannedTokens(tokens, makers, false);
    if (!asked.changes) {
      // First the sequence: a repeated message has no effect.
      await this.keep(null, null);
      return { reply: await work(planned), isRepeated: false };
    }
    const reply = await work(planned);
    const { outcome, sealed, code } = await this.keep(this.kept(asked, reply), planned.change);
    if (outcome === "repeated" && sealed !== null && code !== null) {
      const text = makers.sealer.open(replyOf(this.id, asked.id), sealed);
      return { reply: { request: asked.request, outcome: text, code }, isRepeated: true };
    }
    if (outcome === "barred") return { reply: BARRED, isRepeated: false };
    if (outcome === "full")
      return { reply: await work(new PlannedTokens(tokens, makers, true)), isRepeated: false };
    planned.kept();
    return { reply, isRepeated: false };
  }

  /** null: this reply is never repeated. */
  private kept({ id, request }: AskedOnce, reply: StoredReply): KeptReply | null {
    if (!isStored(reply)) return null;
    const sealed = this.parts.makers.sealer.seal(replyOf(this.id, id), reply.outcome);
    return { requestId: id, request: sha256(request), sealed, code: reply.code };
  }

  /** Commits what an answer changes, and takes the sequence of its request. */
  private async keep(reply: KeptReply | null, change: TokenChange | null): Promise<Answered> {
    const { step } = this;
    if (reply === null && step === null) return NOTHING_CHANGED;
    const answered = await this.parts.answers.put({
      device: this.id,
      session: step,
      reply,
      change: reply === null ? null : change,
    });
    if (answered.outcome === "replayed") throw new Replayed();
    this.sent = answered.sent;
    return answered;
  }
}

const NOTHING_CHANGED: Answered = { outcome: "done", sent: null, sealed: null, code: null };

/** It was barred while its request was pending. */
const BARRED: StoredReply = {
  request: "",
  outcome: `,"error":${JSON.stringify({ code: 403, message: "This id is disabled; ask its owner" })}`,
  code: 403,
};

/** The peers in the database: this process keeps none of their state. */
export class StoredPeers implements Peers {
  private readonly parts: PeerParts;

  constructor(database: Database, tokens: StoredTokens, makers: TokenMakers) {
    this.parts = { database, answers: new Answers(database), tokens, makers };
  }

  of(entity: Entity): Peer {
    return new StoredPeer(entity as StoredEntity, this.parts);
  }

  /** A session outlives its connection here: the next one of its device takes its place. */
  endMacSession(): void {}
}

/** What a sealed reply is bound to. */
function replyOf(device: string, id: number): string {
  return `reply to ${id} of ${device}`;
}
