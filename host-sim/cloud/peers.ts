import type { MacSession } from "./mac-session.js";
import type { Soon } from "./soon.js";
import type { TokenBook } from "./tokens.js";
import type { Entity } from "./types.js";

/** Errors that a retry may not meet again: they are not stored. */
const PASSING_CODES: readonly number[] = [401, 429, 503];

/** A reply that was given, under its request. */
export interface StoredReply {
  /** Method and arguments: an id that comes with another request is no repetition. */
  request: string;
  outcome: string;
  /** 0: a result. */
  code: number;
}

/** Whether a reply is given again to whom repeats its request. */
export function isStored({ code }: StoredReply): boolean {
  return !PASSING_CODES.includes(code);
}

/** A request as its reply is stored under. */
export interface AskedOnce {
  id: number;
  /** Method and arguments. */
  request: string;
  /** Does carrying it out change anything? */
  changes: boolean;
}

/** A digest nonce that was handed out. */
export interface IssuedNonce {
  expiresAtMs: number;
  /** Highest `nc` taken. */
  count: number;
}

/** The sequence of a request was taken by another message meanwhile, or its session has ended: nothing was carried out. */
export class Replayed extends Error {}

/** What is remembered of a sender. */
export interface Peer {
  /** Its open session; null: there is none. */
  readonly macSession: MacSession | null;
  /**
   * Opens a session in place of any other: takes its counter, and the sequence of the message that opens it.
   * @returns false: the counter was taken before
   */
  open(session: MacSession, sequence: number): Soon<boolean>;
  /**
   * Takes a verified message's sequence, at the latest with what {@link once} keeps; false when it was seen, or is older
   * than one that was.
   */
  accept(session: MacSession, sequence: number): Soon<boolean>;
  /** The sequence of the next message to the device; null: another session was opened since. */
  nextSequence(session: MacSession): Soon<number | null>;
  /** A nonce that was not answered yet and lives longer than until then; else the new one, which is kept. */
  nonceFor(untilMs: number, fresh: string, expiresAtMs: number): Soon<string>;
  /** The nonce if it was handed out to this peer and is still kept. */
  nonce(nonce: string): Soon<IssuedNonce | undefined>;
  /** Takes a count of a nonce; false when it is not higher than the highest taken. */
  useNonce(nonce: string, count: number): Soon<boolean>;
  /**
   * Carries a request out, or gives the reply that this very request got before. What the work changes and its reply
   * are kept together or not at all, before this resolves. Rejects with {@link Replayed} where the request's sequence was
   * taken before that.
   */
  once(
    asked: AskedOnce,
    work: (tokens: TokenBook) => Promise<StoredReply>,
  ): Promise<{ reply: StoredReply; isRepeated: boolean }>;
}

/** The peers by id. */
export interface Peers {
  /** What is remembered of this entity. */
  of(entity: Entity): Peer;
  /** Ends the MAC session of an id: its connection is gone, or its key. */
  endMacSession(id: string): void;
}
