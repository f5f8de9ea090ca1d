import type { MacSession } from "./mac-session.js";

/** Replies kept per peer for requests that come again. */
const STORED_REPLIES_MAX = 16;
/** Digest nonces of one peer that may be good at once. */
const NONCES_MAX = 4;

/** A reply that was given, under its request. */
export interface StoredReply {
  /** Method and arguments: an id that comes with another request is no repetition. */
  request: string;
  outcome: string;
  code: number;
}

/** A digest nonce that was handed out. */
export interface IssuedNonce {
  expiresAtMs: number;
  /** Highest `nc` taken. */
  count: number;
}

/** What the cloud remembers of a sender until it restarts. */
export class Peer {
  macSession: MacSession | null = null;
  /** The work under way: requests of one sender are carried out in the order in which they came. */
  work: Promise<void> | null = null;
  private replies: Map<number, StoredReply> | null = null;
  private nonces: Map<string, IssuedNonce> | null = null;

  /** The reply that this very request got before. */
  storedReply(id: number, request: string): StoredReply | undefined {
    const stored = this.replies?.get(id);
    return stored?.request === request ? stored : undefined;
  }

  /** Keeps a reply; the oldest one leaves when there are too many. */
  storeReply(id: number, reply: StoredReply): void {
    if (this.replies === null) this.replies = new Map();
    keepNewest(this.replies, id, reply, STORED_REPLIES_MAX);
  }

  /** Keeps a nonce that is handed out now. */
  addNonce(nonce: string, expiresAtMs: number): void {
    if (this.nonces === null) this.nonces = new Map();
    keepNewest(this.nonces, nonce, { expiresAtMs, count: 0 }, NONCES_MAX);
  }

  /** A nonce that was not answered yet and lives longer than until then. */
  unusedNonce(untilMs: number): string | undefined {
    for (const [nonce, { count, expiresAtMs }] of this.nonces ?? []) {
      if (count === 0 && expiresAtMs > untilMs) return nonce;
    }
    return undefined;
  }

  /** The nonce if it was handed out to this peer and is still kept. */
  nonce(nonce: string): IssuedNonce | undefined {
    return this.nonces?.get(nonce);
  }
}

/** The peers by id. Only ids of the registry get one, so that their number is bounded. */
export class Peers {
  private peers = new Map<string, Peer>();

  /** The peer of an id, made when it is new. */
  of(id: string): Peer {
    let peer = this.peers.get(id);
    if (peer === undefined) {
      peer = new Peer();
      this.peers.set(id, peer);
    }
    return peer;
  }

  /** Ends the MAC session of an id: its connection is gone, or its key. */
  endMacSession(id: string): void {
    const peer = this.peers.get(id);
    if (peer !== undefined) peer.macSession = null;
  }

  /** Forgets everything, as a restart does. */
  clear(): void {
    for (const peer of this.peers.values()) peer.macSession = null;
    this.peers.clear();
  }
}

function keepNewest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
