import { sha256 } from "../../cloud/secret.js";
import {
  type IssuedToken,
  TOKEN_GRACE_SECONDS,
  TOKEN_LIFETIME_SECONDS,
  type TokenBook,
} from "../../cloud/tokens.js";
import type { TokenCheck } from "../../cloud/types.js";
import { type StoredTokens, type TokenMakers, tokenOf } from "./tokens.js";

/** A change that takes effect with the reply that announces it. */
export type TokenChange =
  | { kind: "revoke"; host: string }
  | {
      kind: "generate";
      host: string;
      hash: Buffer;
      sealed: Buffer;
      issuedAtMs: number;
      gracedAtMs: number;
      expiresAtMs: number;
    };

/** A call's view of tokens: it reads at once, and plans its changes for one statement. */
export class PlannedTokens implements TokenBook {
  /** null: nothing changes. */
  change: TokenChange | null = null;
  private readonly followers: (() => void)[] = [];

  /** @param isFull the database said that there is no room for another host */
  constructor(
    private readonly stored: StoredTokens,
    private readonly makers: TokenMakers,
    private readonly isFull: boolean,
  ) {}

  /** Assumed here; where that is wrong nothing takes effect, and the call runs again with the truth. */
  hasRoom(): boolean {
    return !this.isFull;
  }

  generate(sub: string, host: string): IssuedToken {
    const { mint, sealer, clock, options } = this.makers;
    const { lifetimeSeconds = TOKEN_LIFETIME_SECONDS, graceSeconds = TOKEN_GRACE_SECONDS } = options;
    const issuedAtMs = clock.now();
    const expiresAtMs = issuedAtMs + lifetimeSeconds * 1000;
    const text = mint.make({ sub, host, iat: Math.floor(issuedAtMs / 1000), lifetimeSeconds });
    const sealed = sealer.seal(tokenOf(sub, host), text);
    const gracedAtMs = issuedAtMs + graceSeconds * 1000;
    this.change = { kind: "generate", host, hash: sha256(text), sealed, issuedAtMs, gracedAtMs, expiresAtMs };
    return { text, sub, host, issuedAtMs, expiresAtMs };
  }

  revoke(_sub: string, host: string): void {
    this.change = { kind: "revoke", host };
  }

  whenKept(then: () => void): void {
    this.followers.push(then);
  }

  /** The change is committed. */
  kept(): void {
    for (const follower of this.followers) follower();
  }

  find(sub: string, host: string): Promise<IssuedToken | undefined> {
    return this.stored.find(sub, host);
  }

  hosts(sub: string): Promise<string[]> {
    return this.stored.hosts(sub);
  }

  check(text: string, host: string): Promise<TokenCheck> {
    return this.stored.check(text, host);
  }
}
