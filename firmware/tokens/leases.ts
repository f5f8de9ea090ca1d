import type { Config } from "../config.js";
import { HmacKey } from "../crypto/hmac.js";
import { unitInterval } from "../crypto/jitter.js";
import type { Scratch } from "../crypto/scratch.js";
import type { TokenFormat, TokenReader } from "../session/features.js";
import { Status } from "../status.js";
import type { FrameReader } from "../wire/frame/frame.js";
import type { Host } from "./host.js";
import { readJwtLifetime } from "./jwt.js";
import type { Slot } from "./slot.js";

/** How long tokens live, and when each is refreshed: at a moment of its own on each device. */
export class Leases {
  private readonly config: Config;
  private readonly scratch: Scratch;
  /** @internal */
  readonly jitterKey: HmacKey;
  private readonly tokens: TokenReader | null;

  constructor(config: Config, format: TokenFormat | null, scratch: Scratch) {
    this.tokens = format === null ? null : format.reader(config.limits.tokenBytes, scratch);
    this.config = config;
    this.scratch = scratch;
    this.jitterKey = new HmacKey();
    this.jitterKey.set(scratch.hash, config.jitterSecret, config.jitterSecret.length);
  }

  /** Looks at the staged token. OK, or why it is not to be used. */
  inspect(frame: FrameReader): Status {
    return this.tokens === null ? Status.OK : this.tokens.read(frame.staging, frame.tokenLength);
  }

  /** How long the staged token, inspected, lives by its own claims, else by `tokenMaxAgeMs`, ms. */
  assumedMs(frame: FrameReader): number {
    const lifetimeS =
      this.tokens !== null
        ? this.tokens.lifetimeS
        : readJwtLifetime(frame.json, frame.staging, frame.tokenLength, this.scratch.key.digest);
    return lifetimeS >= 0 ? lifetimeS * 1000 : this.config.limits.tokenMaxAgeMs;
  }

  /** The host has a new token in its slot, asked for at `sentAtMs`. */
  begin(host: Host, slot: Slot, sentAtMs: number, lifetimeMs: number): void {
    host.generation++;
    slot.lease.begin(sentAtMs, lifetimeMs, this.config.limits.callDeadlineMs);
  }

  /**
   * Whether the host's token is to be replaced now. Its own moment is computed when the earliest of all devices has
   * come: whoever waits for a token does not wait for that hash too.
   */
  isDue(host: Host, slot: Slot, nowMs: number): boolean {
    const lease = slot.lease;
    if (nowMs < lease.refreshAtMs) return false;
    if (lease.isSpread) return true;
    const share = unitInterval(this.scratch.hash, this.jitterKey, host.bytes, host.length, host.generation);
    lease.spread(share, this.config.limits.callDeadlineMs);
    return nowMs >= lease.refreshAtMs;
  }

  wipe(): void {
    this.jitterKey.wipe();
    if (this.tokens !== null) this.tokens.wipe();
  }
}
