import { KeyObject, randomBytes, randomUUID, type webcrypto } from "node:crypto";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { type CwtClaims, macCwt, signCwt } from "./cwt.js";
import { sha256 } from "./secret.js";
import type { TokenCheck, TokenOptions } from "./types.js";

/** Tokens of one caller and host that may be good at once: the newest and the graced ones before it. */
const LIVE_TOKENS_MAX = 5;

/** Hosts that one caller may have good tokens for at once. */
export const HOSTS_MAX = 1_000;

/** A token as the cloud keeps it. Times are unix ms of the cloud's own clock, without the clock fault. */
export interface IssuedToken {
  text: string;
  sub: string;
  host: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

/** Wall clock in ms, and the same clock as peers are told it (the clock fault shifts it). */
export interface CloudClock {
  now: () => number;
  told: () => number;
}

/** Makes, finds, ends and checks the tokens of all callers. */
export class Tokens {
  /** In the order of their issue, which is that of their ends: all live equally long. */
  private byHash = new Map<string, IssuedToken>();
  /** By caller, then host; the newest token is the last. */
  private byCaller = new Map<string, Map<string, IssuedToken[]>>();
  private lifetimeMs: number;
  private graceMs: number;
  private macKey: Uint8Array;

  private constructor(
    private options: TokenOptions,
    private issuer: string,
    private clock: CloudClock,
    private key: webcrypto.CryptoKey,
    /** What `/.well-known/jwks.json` serves (RFC 7517). */
    readonly jwks: { keys: JWK[] },
  ) {
    this.lifetimeMs = (options.lifetimeSeconds ?? 3600) * 1000;
    this.macKey = Buffer.from(options.macKey ?? randomBytes(32));
    this.graceMs = (options.graceSeconds ?? 120) * 1000;
  }

  /** With a new key pair. */
  static async start(options: TokenOptions, issuer: string, clock: CloudClock): Promise<Tokens> {
    const alg = options.algorithm ?? "ES256";
    const { privateKey, publicKey } = await generateKeyPair(alg);
    const jwk = {
      ...(await exportJWK(publicKey)),
      kid: randomBytes(6).toString("base64url"),
      alg,
      use: "sig",
    };
    return new Tokens(options, issuer, clock, privateKey, { keys: [jwk] });
  }

  /** A new token; the one before it stays good for the grace time, at most to its own expiry. */
  async generate(sub: string, host: string): Promise<IssuedToken> {
    const issuedAtMs = this.clock.now();
    const expiresAtMs = issuedAtMs + this.lifetimeMs;
    const text = await this.textOf(sub, host);
    const token = { text, sub, host, issuedAtMs, expiresAtMs };
    this.keep(token);
    return token;
  }

  /** How many tokens are kept, of all callers. */
  get kept(): number {
    return this.byHash.size;
  }

  /** The newest token if it is still good. */
  find(sub: string, host: string): IssuedToken | undefined {
    const newest = this.byCaller.get(sub)?.get(host)?.at(-1);
    return newest !== undefined && newest.expiresAtMs > this.clock.now() ? newest : undefined;
  }

  /** The hosts that the caller has a good token for. */
  hosts(sub: string): string[] {
    const mine = this.byCaller.get(sub);
    return mine === undefined ? [] : [...mine.keys()].filter((host) => this.find(sub, host) !== undefined);
  }

  /** Ends all tokens of a caller for a host. Was there any? */
  revoke(sub: string, host: string): boolean {
    const mine = this.byCaller.get(sub);
    const tokens = mine?.get(host);
    if (mine === undefined || tokens === undefined) return false;
    for (const token of tokens) this.byHash.delete(hashOf(token.text));
    mine.delete(host);
    if (mine.size === 0) this.byCaller.delete(sub);
    return true;
  }

  /** Ends all tokens of a caller. */
  revokeAll(sub: string): void {
    for (const host of [...(this.byCaller.get(sub)?.keys() ?? [])]) this.revoke(sub, host);
  }

  /** Is this a good token for this host, and whose (RFC 7662)? */
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

  private async textOf(sub: string, host: string): Promise<string> {
    const { format } = this.options;
    if (format === "opaque") return randomBytes(32).toString("base64url");
    if (format === "cwt-mac0") return macCwt(this.claims(sub, host), this.macKey).toString("base64url");
    if (format !== "cwt-sign1") return this.sign(sub, host);
    const key = KeyObject.from(this.key);
    const [algorithm, kid] = [this.options.algorithm ?? "ES256", this.jwks.keys[0]?.kid ?? ""];
    return signCwt(this.claims(sub, host), key, algorithm, kid).toString("base64url");
  }

  private claims(sub: string, host: string): CwtClaims {
    const iat = Math.floor(this.clock.told() / 1000);
    const exi = Math.floor(this.lifetimeMs / 1000);
    return { iss: this.issuer, sub, aud: host, iat, exp: iat + exi, exi, cti: randomBytes(16) };
  }

  private sign(sub: string, host: string): Promise<string> {
    const iat = Math.floor(this.clock.told() / 1000);
    const alg = this.options.algorithm ?? "ES256";
    return new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg, kid: this.jwks.keys[0]?.kid ?? "", typ: "JWT" })
      .setIssuer(this.issuer)
      .setSubject(sub)
      .setAudience(host)
      .setIssuedAt(iat)
      .setExpirationTime(iat + Math.floor(this.lifetimeMs / 1000))
      .sign(this.key);
  }

  /** May this caller have a token for one more host? What has ended does not count. */
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

/** Looked up by hash, so that the time of a lookup tells nothing of the token. */
function hashOf(text: string): string {
  return sha256(text).toString("base64url");
}
