import { HOSTS_MAX, LIVE_TOKENS_MAX } from "../../cloud/tokens.js";
import type { Batch } from "./batch.js";
import type { Database, Row } from "./database.js";
import type { TokenChange } from "./planned-tokens.js";

/** One round trip for all that an answer changes, and one commit: migration 4 has the function. */
export const ANSWER = `SELECT * FROM motekey.answer($1::json, ${HOSTS_MAX}, ${LIVE_TOKENS_MAX})`;

/** The session of a message. */
export interface SessionStep {
  counter: number;
  nonce: Buffer;
  /** The message's sequence, which must be unused; null: opening the session used it. */
  received: number | null;
}

/** A reply, kept in case its request is repeated. */
export interface KeptReply {
  requestId: number;
  /** SHA-256 of method and arguments. */
  request: Buffer;
  sealed: Buffer;
  code: number;
}

/** What one answer changes; `changes` and `reply` are null for a request that changes nothing. */
export interface AnswerSteps {
  device: string;
  session: SessionStep | null;
  reply: KeptReply | null;
  change: TokenChange | null;
}

/**
 * `done`; `repeated`: this reply was given before, and nothing changed; `replayed`: the message's sequence is used,
 * or there is another session; `barred`: the sender may do nothing; `full`: no token for one more host.
 */
export type Answered = {
  outcome: "done" | "repeated" | "replayed" | "barred" | "full";
  /** The sequence of the reply; null: there is no session. */
  sent: number | null;
  sealed: Buffer | null;
  code: number | null;
};

interface AnswerRow extends Row {
  place: number;
  outcome: Answered["outcome"];
  sent: number | null;
  sealed: Uint8Array | null;
  code: number | null;
}

/** Applies the changes of answers: each one whole, or not at all. */
export class Answers {
  private readonly batch: Batch<AnswerSteps, Answered>;

  constructor(private readonly database: Database) {
    this.batch = database.batch((steps) => this.ask(steps));
  }

  /** Resolves after the commit. */
  put(steps: AnswerSteps): Promise<Answered> {
    return this.batch.put(steps);
  }

  private async ask(all: readonly AnswerSteps[]): Promise<Answered[]> {
    // In one order on every replica, so that no two wait for each other.
    const order = [...all.keys()].sort((left, right) => compare(all[left], all[right]));
    const asked = order.map((at) => wireOf(at, all[at] as AnswerSteps));
    const answers: Answered[] = [];
    for (const { place, outcome, sent, sealed, code } of await this.database.patient<AnswerRow>(ANSWER, [
      JSON.stringify(asked),
    ]))
      answers[place] = { outcome, sent, sealed: sealed === null ? null : Buffer.from(sealed), code };
    return answers;
  }
}

function compare(left: AnswerSteps | undefined, right: AnswerSteps | undefined): number {
  const [one, other] = [left?.device ?? "", right?.device ?? ""];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** As the function reads it: bytes in base64. */
function wireOf(place: number, { device, session, reply, change }: AnswerSteps): object {
  const isToken = change?.kind === "generate";
  return {
    place,
    device,
    ...(session !== null && {
      counter: session.counter,
      nonce: session.nonce.toString("base64"),
      received: session.received,
    }),
    ...(reply !== null && {
      request_id: reply.requestId,
      request: reply.request.toString("base64"),
      reply: reply.sealed.toString("base64"),
      code: reply.code,
    }),
    ...(change !== null && { kind: change.kind, host: change.host }),
    ...(isToken && {
      hash: change.hash.toString("base64"),
      token: change.sealed.toString("base64"),
      issued_ms: change.issuedAtMs,
      graced_ms: change.gracedAtMs,
      expires_ms: change.expiresAtMs,
    }),
  };
}
