import type { MacSession } from "./mac-session.js";
import {
  type AskedOnce,
  type IssuedNonce,
  isStored,
  type Peer,
  type Peers,
  type StoredReply,
} from "./peers.js";
import type { Registry } from "./registry.js";
import type { TokenBook } from "./tokens.js";
import type { Entity } from "./types.js";

/** Replies kept per peer for requests that come again. */
const STORED_REPLIES_MAX = 16;
/** Digest nonces of one peer that may be good at once. */
const NONCES_MAX = 4;

/** What the mock remembers of a sender until it restarts. */
class MemoryPeer implements Peer {
  macSession: MacSession | null = null;
  /** Sequences of the session. */
  private received = -1;
  private sent = -1;
  private replies: Map<number, StoredReply> | null = null;
  private nonces: Map<string, IssuedNonce> | null = null;

  constructor(
    private readonly id: string,
    private readonly registry: Registry,
    private readonly tokens: TokenBook,
  ) {}

  open(session: MacSession, sequence: number): boolean {
    const { registry } = this;
    if (!registry.raiseCounter(registry.need(this.id), "mac", session.opening.counter)) return false;
    session.kept = registry.kept;
    this.macSession = session;
    this.received = sequence;
    this.sent = -1;
    return true;
  }

  accept(_session: MacSession, sequence: number): boolean {
    if (sequence <= this.received) return false;
    this.received = sequence;
    return true;
  }

  nextSequence(session: MacSession): number | null {
    return session === this.macSession ? ++this.sent : null;
  }

  nonceFor(untilMs: number, fresh: string, expiresAtMs: number): string {
    for (const [nonce, issued] of this.nonces ?? []) {
      if (issued.count === 0 && issued.expiresAtMs > untilMs) return nonce;
    }
    this.nonces ??= new Map();
    keepNewest(this.nonces, fresh, { expiresAtMs, count: 0 }, NONCES_MAX);
    return fresh;
  }

  nonce(nonce: string): IssuedNonce | undefined {
    return this.nonces?.get(nonce);
  }

  useNonce(nonce: string, count: number): boolean {
    const issued = this.nonces?.get(nonce);
    if (issued === undefined || count <= issued.count) return false;
    issued.count = count;
    return true;
  }

  async once(
    { id, request }: AskedOnce,
    work: (tokens: TokenBook) => Promise<StoredReply>,
  ): Promise<{ reply: StoredReply; isRepeated: boolean }> {
    const stored = this.replies?.get(id);
    if (stored?.request === request) return { reply: stored, isRepeated: true };
    const reply = await work(this.tokens);
    this.replies ??= new Map();
    if (isStored(reply)) keepNewest(this.replies, id, reply, STORED_REPLIES_MAX);
    return { reply, isRepeated: false };
  }
}

/** The mock's peers by id. Only ids of the registry get one, so that their number is bounded. */
export class MemoryPeers implements Peers {
  private peers = new Map<string, MemoryPeer>();

  constructor(
    private readonly registry: Registry,
    private readonly tokens: TokenBook,
  ) {}

  of({ id }: Entity): Peer {
    let peer = this.peers.get(id);
    if (peer === undefined) {
      peer = new MemoryPeer(id, this.registry, this.tokens);
      this.peers.set(id, peer);
    }
    return peer;
  }

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
