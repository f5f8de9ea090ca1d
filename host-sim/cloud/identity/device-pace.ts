import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";
import { GRANTS } from "./clients.js";
import type { Middleware } from "./context.js";
import type { Lifetimes } from "./types.js";

/** By how much each poll that comes too soon lengthens the interval (RFC 8628 section 3.5). */
const SLOW_DOWN_SECONDS = 5;

/** A poll that left on time may arrive a little early after one that was held up. */
const LEEWAY_MS = 100;

interface Pace {
  polledAtMs: number;
  intervalMs: number;
}

/** What oidc-provider lacks of RFC 8628: the interval, and `slow_down` (section 3.5). */
export function devicePace(provider: Provider, lifetimes: Lifetimes): Middleware {
  const paces = new Map<string, Pace>();
  provider.on("device_authorization.success", (_ctx, body: Record<string, unknown>) => {
    body.interval = lifetimes.deviceInterval;
  });

  /** Does this poll come too soon? */
  function tooSoon(deviceCode: string): boolean {
    const nowMs = performance.now();
    const pace = paces.get(deviceCode);
    if (pace === undefined) {
      paces.set(deviceCode, { polledAtMs: nowMs, intervalMs: lifetimes.deviceInterval * 1000 });
      return false;
    }
    const soon = nowMs - pace.polledAtMs < pace.intervalMs - LEEWAY_MS;
    if (soon) pace.intervalMs += SLOW_DOWN_SECONDS * 1000;
    pace.polledAtMs = nowMs;
    return soon;
  }

  return async (ctx, next) => {
    await next();
    const { oidc } = ctx as Partial<KoaContextWithOIDC>;
    if (oidc?.params?.grant_type !== GRANTS.device) return;
    const deviceCode = String(oidc.params.device_code);
    const body = ctx.body as { error?: string };
    if (body.error !== "authorization_pending") paces.delete(deviceCode);
    else if (tooSoon(deviceCode))
      ctx.body = { error: "slow_down", error_description: "poll less often: 5 seconds more than before" };
  };
}
