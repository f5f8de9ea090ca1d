import type { Mint } from "../../cloud/mint.js";
import { sha256 } from "../../cloud/secret.js";
import type { IssuedToken } from "../../cloud/tokens.js";
import type { TokenCheck, TokenOptions } from "../../cloud/types.js";
import type { DatabaseClock } from "./clock.js";
import { NOW_MS } from "./clock.js";
import type { Queries, Row } from "./database.js";
import type { Sealer } from "./sealer.js";

const NEWEST = `
  SELECT sealed, issued_at_ms, expires_at_ms FROM motekey.tokens
  WHERE sub = $1 AND host = $2 ORDER BY place DESC LIMIT 1`;

const HOSTS = "SELECT DISTINCT host FROM motekey.tokens WHERE sub = $1 AND expires_at_ms > $2 ORDER BY host";

const CHECK = `
  SELECT t.sub, t.issued_at_ms, t.expires_at_ms FROM motekey.tokens t JOIN motekey.devices d ON d.id = t.sub
  WHERE t.hash = $1 AND t.host = $2 AND NOT d.disabled AND t.expires_at_ms > ${NOW_MS}`;

/** A token, without its text. */
export interface FoundToken extends Row {
  sub: string;
  host: string;
  issued_at_ms: number;
  expires_at_ms: number;
}

/** What makes and opens tokens, whichever transaction they are kept in. */
export interface TokenMakers {
  mint: Mint;
  sealer: Sealer;
  clock: DatabaseClock;
  options: TokenOptions;
}

/** The tokens in the database, by hash; their texts are sealed. */
export class StoredTokens {
  constructor(
    private readonly queries: Queries,
    private readonly makers: TokenMakers,
  ) {}

  async find(sub: string, host: string): Promise<IssuedToken | undefined> {
    const { sealer, clock } = this.makers;
    const [newest] = await this.queries.query<FoundToken & { sealed: Uint8Array }>(NEWEST, [sub, host]);
    if (newest === undefined || newest.expires_at_ms <= clock.now()) return undefined;
    const text = sealer.open(tokenOf(sub, host), newest.sealed);
    return { text, sub, host, issuedAtMs: newest.issued_at_ms, expiresAtMs: newest.expires_at_ms };
  }

  async hosts(sub: string): Promise<string[]> {
    const rows = await this.queries.query<{ host: string }>(HOSTS, [sub, this.makers.clock.now()]);
    return rows.map(({ host }) => host);
  }

  async revoke(sub: string, host: string): Promise<boolean> {
    const ended = await this.queries.query(
      "DELETE FROM motekey.tokens WHERE sub = $1 AND host = $2 RETURNING 1",
      [sub, host],
    );
    return ended.length > 0;
  }

  async check(text: string, host: string): Promise<TokenCheck> {
    const [found] = await this.queries.query<FoundToken>(CHECK, [sha256(text), host]);
    if (found === undefined) return { active: false };
    const { sub, issued_at_ms: issuedAtMs, expires_at_ms: expiresAtMs } = found;
    return {
      active: true,
      sub,
      host,
      iat: Math.floor(issuedAtMs / 1000),
      exp: Math.floor(expiresAtMs / 1000),
    };
  }

  /** Revokes this token; false: it is not valid for this host. */
  async end(text: string): Promise<boolean> {
    const ended = await this.queries.query("DELETE FROM motekey.tokens WHERE hash = $1 RETURNING 1", [
      sha256(text),
    ]);
    return ended.length > 0;
  }

  /** Whose a token is, and which host it is for; undefined: it is not valid. */
  async whose(text: string): Promise<FoundToken | undefined> {
    const [found] = await this.queries.query<FoundToken>(
      `SELECT t.sub, t.host, t.issued_at_ms, t.expires_at_ms FROM motekey.tokens t
       JOIN motekey.devices d ON d.id = t.sub
       WHERE t.hash = $1 AND NOT d.disabled AND t.expires_at_ms > ${NOW_MS}`,
      [sha256(text)],
    );
    return found;
  }
}

/** What a sealed token is bound to. */
export function tokenOf(sub: string, host: string): string {
  return `token of ${sub} for ${host}`;
}
