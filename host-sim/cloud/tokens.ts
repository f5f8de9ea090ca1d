import type { Mint } from "./mint.js";
import { sha256 } from "./secret.js";
import type { Soon } from "./soon.js";
import type { TokenCheck, TokenOptions } from "./types.js";

/** Tokens of one caller and host that may be good at once: the newest and the graced ones before it. */
export const LIVE_TOKENS_MAX = 5;

/** Hosts that one caller may have good tokens for at once. */
export const HOSTS_MAX = 1_000;

/** How long a token lives, and how long it stays good behind the next one, where the options say nothing. */
export const TOKEN_LIFETIME_SECONDS = 3600;
export const TOKEN_GRACE_SECONDS = 120;

/** A token as the cloud keeps it. Times are unix ms of the cloud's own clock, without the clock fault. */
export interface IssuedToken {
  text: string;
  sub: string;
  host: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

/** Wall clock in ms, and the same clock as peers see it (the clock fault shifts it). */
export interface CloudClock {
  now: () => number;
  told: () => number;
}

/** Makes, finds, ends and checks the tokens of all callers. */
export interface TokenBook {
  /** May this caller have a token for one more host? What has ended does not count. */
  hasRoom(sub: string, host: string): Soon<boolean>;
  /** A new token; the one before it stays good for the grace time, at most to its own expiry. */
  generate(sub: string, host: string): Soon<IssuedToken>;
  /** The newest token if it is still good. */
  find(sub: string, host: string): Soon<IssuedToken | undefined>;
  /** The hosts that the caller has a good token for. */
  hosts(sub: string): Soon<string[]>;
  /** Ends all tokens of a caller for a host. */
  revoke(sub: string, host: string): Soon<unknown>;
  /** Does something when what was changed here is kept, and at no time where it is not. */
  whenKept(then: () => void): void;
  /** Is this a good token for this host, and whose (RFC 7662)? */
  check(text: string, host: string): Soon<TokenCheck>;
}

/** The mock's tokens, in memory. */
export class Tokens implements TokenBook {
  /** In the order of their issue, which is that of their ends: all live equally long. */
  private byHash = new Map<string, IssuedToken>();
  /** By caller, then host; the newest token is the last. */
  private byCaller = new Map<string, Map<string, IssuedToken[]>>();
  private lifetimeMs: number;
  private graceMs: number;
  constructor(
    { lifetimeSeconds = TOKEN_LIFETIME_SECONDS, graceSeconds = TOKEN_GRACE_SECONDS }: TokenOptions,
    private readonly clock: CloudClock,
    private readonly mint: Mint,
  ) {
    this.lifetimeMs = lifetimeSeconds * 1000;
    this.graceMs = graceSeconds * 1000;
  }

  generate(sub: string, host: string): IssuedToken {
    const issuedAtMs = this.clock.now();
    const expiresAtMs = issuedAtMs + this.lifetimeMs;
    const lifetimeSeconds = Math.floor(this.lifetimeMs / 1000);
    const text = this.mint.make({ sub, host, iat: Math.floor(this.clock.told() / 1000), lifetimeSeconds });
    const token = { text, sub, host, issuedAtMs, expiresAtMs };
    this.keep(token);
    return token;
  }

  /** How many tokens are kept, of all callers. */
  get kept(): number {
    return this.byHash.size;
  }

  find(sub: string, host: string): IssuedToken | undefined {
    const newest = this.byCaller.get(sub)?.get(host)?.at(-1);
    return newest !== undefined && newest.expiresAtMs > this.clock.now() ? newest : undefined;
  }

  hosts(sub: string): string[] {
    const mine = this.byCaller.get(sub);
    return mine === undefined ? [] : [...mine.keys()].filter((host) => this.find(sub, host) !== undefined);
  }

  revoke(sub: string, host: string): boolean {
    const mine = this.byCaller.get(sub);
    const tokens = mine?.get(host);
    if (mine === undefined || tokens === undefined) return false;
    for (const token of tokens) this.byHash.delete(hashOf(token.text));
    mine.delete(host);
    if (mine.size === 0) this.byCaller.delete(sub);
    return true;
  }

  /** Memory keeps at once. */
  whenKept(then: () => void): void {
    then();
  }

  /** Ends all tokens of a caller. */
  revokeAll(sub: string): void {
    for (const host of [...(this.byCaller.get(sub)?.keys() ?? [])]) this.revoke(sub, host);
  }

  check(text: string, host: string): TokenCheck {
    const token = this.byHash.get(hashOf(text));
    if (token === undefined || token.host !== host || token.expiresAtMs <= this.clock.now())
      return { active: false };
    const { sub, issuedAtMs, expiresAtMs } = token;
    return {
      active: true,
      sub,
      host,
      iat: Math.floor(issuedAtMs / 1000),
      exp: Math.floor(expiresAtMs / 1000),
    };
  }

  hasRoom(sub: string, host: string): boolean {
    this.dropEnded();
    const mine = this.byCaller.get(sub);
    return mine === undefined || mine.size < HOSTS_MAX || mine.has(host);
  }

  /** Ended tokens leave, also of hosts that nobody asks for again. */
  private dropEnded(): void {
    const now = this.clock.now();
    for (const [hash, { sub, host, issuedAtMs }] of this.byHash) {
      if (issuedAtMs + this.lifetimeMs > now) return;
      this.byHash.delete(hash);
      const mine = this.byCaller.get(sub);
      const left = mine?.get(host)?.filter((one) => one.expiresAtMs > now) ?? [];
      if (left.length > 0) mine?.set(host, left);
      else mine?.delete(host);
      if (mine?.size === 0) this.byCaller.delete(sub);
    }
  }

  private keep(token: IssuedToken): void {
    this.dropEnded();
    let mine = this.byCaller.get(token.sub);
    if (mine === undefined) {
      mine = new Map();
      this.byCaller.set(token.sub, mine);
    }
    const before = mine.get(token.host) ?? [];
    const now = this.clock.now();
    const previous = before.at(-1);
    if (previous !== undefined) previous.expiresAtMs = Math.min(previous.expiresAtMs, now + this.graceMs);
    const live = before.filter((one) => one.expiresAtMs > now).slice(1 - LIVE_TOKENS_MAX);
    for (const one of before) if (!live.includes(one)) this.byHash.delete(hashOf(one.text));
    live.push(token);
    mine.set(token.host, live);
    this.byHash.set(hashOf(token.text), token);
  }
}

/** Looked up by hash, so that the time of a lookup reveals nothing about the token. */
function hashOf(text: string): string {
  return sha256(text).toString("base64url");
}
