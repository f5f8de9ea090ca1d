import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { IdentityEvent } from "./types.js";

/** The endpoints whose refusals are reported, as oidc-provider names their events. */
const REFUSING = {
  "grant.error": "token",
  "authorization.error": "authorization",
  "device_authorization.error": "device_authorization",
  "revocation.error": "revocation",
  "introspection.error": "introspection",
  "userinfo.error": "userinfo",
} as const;

const REVOKED = {
  "access_token.destroyed": "access_token",
  "refresh_token.destroyed": "refresh_token",
  "client_credentials.destroyed": "client_credentials",
} as const;

/** Reports oidc-provider's events as ours. */
export function tellEvents(provider: Provider, tell: (event: IdentityEvent) => void): void {
  const on = provider.on.bind(provider) as (name: string, listener: (...words: never[]) => void) => void;

  on("grant.success", (ctx: KoaContextWithOIDC) => {
    const { entities } = ctx.oidc;
    const account = entities.AccessToken?.accountId ?? entities.ClientCredentials?.clientId ?? "";
    tell({ event: "token", grant: grantOf(ctx), client: clientOf(ctx), account });
  });

  for (const [name, endpoint] of Object.entries(REFUSING)) {
    on(name, (ctx: KoaContextWithOIDC, failure: Error & { error?: string; error_detail?: string }) => {
      const { message, error = message, error_detail: reason = message } = failure;
      tell({ event: "refused", endpoint, grant: grantOf(ctx), client: clientOf(ctx), error, reason });
    });
  }

  for (const [name, token] of Object.entries(REVOKED)) {
    // Tokens are destroyed on other ways too: when a used one comes again.
    on(name, ({ clientId }: { clientId?: string }) => {
      if (contextOf(provider)?.oidc.route === "revocation")
        tell({ event: "revoked", client: clientId ?? "", token });
    });
  }

  on("grant.revoked", (ctx: KoaContextWithOIDC) => {
    const { entities } = ctx.oidc;
    const token = entities.RefreshToken ?? entities.AccessToken ?? entities.AuthorizationCode;
    tell({ event: "ended", client: clientOf(ctx), account: token?.accountId ?? "" });
  });

  on("server_error", (ctx: KoaContextWithOIDC, failure: Error) => {
    tell({ event: "failed", path: ctx.path, reason: failure.stack ?? failure.message });
  });
  on("error", (failure: Error) => tell({ event: "failed", path: "", reason: failure.stack ?? "" }));
}

function contextOf(provider: Provider): KoaContextWithOIDC | undefined {
  return (provider.constructor as typeof Provider).ctx;
}

function grantOf(ctx: KoaContextWithOIDC): string {
  return String(ctx.oidc.params?.grant_type ?? "");
}

function clientOf(ctx: KoaContextWithOIDC): string {
  return ctx.oidc.entities.Client?.clientId ?? String(ctx.oidc.params?.client_id ?? "");
}
