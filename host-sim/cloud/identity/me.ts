import type Provider from "oidc-provider";
import { readBody } from "../body.js";
import { type Bearer, bearerOf } from "./bearer.js";
import type { Context, Middleware } from "./context.js";
import type { Directory } from "./directory.js";
import { ENDPOINTS } from "./endpoints.js";
import type { Logins } from "./logins.js";
import { profileOf } from "./profile.js";
import type { IdentityEvent } from "./types.js";

const PATH = ENDPOINTS.me_endpoint;
const ORGANIZATION_PATH = `${PATH}/organization`;
const BEARER = /^Bearer +([\x21-\x7e]+)$/i;
const BODY_BYTES_MAX = 4096;

/** What `/me` works with. */
export interface MeParts {
  provider: Provider;
  directory: Directory;
  logins: Logins;
  tell: (event: IdentityEvent) => void;
}

/**
 * `GET /me`: who the bearer is (`Profile`). `PUT /me/organization` with `{"organization": "<id, guid or name>"}`
 * moves this login to another of the user's organizations, and answers the same.
 */
export function meEndpoint(parts: MeParts): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== PATH && ctx.path !== ORGANIZATION_PATH) return next();
    ctx.set("cache-control", "no-store");
    const method = ctx.path === PATH ? "GET" : "PUT";
    if (ctx.method !== method) {
      ctx.set("allow", method);
      return refuse(ctx, 405, "invalid_request", `Use ${method}`);
    }
    const text = BEARER.exec(ctx.get("authorization"))?.[1];
    const bearer = text === undefined ? null : await bearerOf(parts, text);
    if (bearer === null) {
      ctx.set("www-authenticate", 'Bearer error="invalid_token"');
      return refuse(ctx, 401, "invalid_token", "The access token is missing, unknown, expired or revoked");
    }
    if (ctx.path === ORGANIZATION_PATH && !(await switchOrganization(parts, ctx, bearer))) return;
    const { holder, grantId } = bearer;
    ctx.body = profileOf(parts.directory, holder, parts.logins.organizationOf(grantId));
  };
}

async function switchOrganization(
  { directory, logins, tell }: MeParts,
  ctx: Context,
  { holder, grantId }: Bearer,
): Promise<boolean> {
  if ("clientId" in holder || grantId === undefined) {
    refuse(ctx, 403, "access_denied", "A service account belongs to one organization");
    return false;
  }
  const wanted = wantedIn((await readBody(ctx.req, BODY_BYTES_MAX))?.toString("utf8") ?? "");
  if (wanted === null) {
    refuse(ctx, 400, "invalid_request", 'The body must be {"organization": "<id, guid or name>"}');
    return false;
  }
  const { organizations } = profileOf(directory, holder, undefined);
  const chosen = organizations.find(({ id, guid, name }) => [String(id), guid, name].includes(wanted));
  if (chosen === undefined) {
    const names = organizations.map(({ name }) => name).join(", ");
    refuse(ctx, 404, "unknown_organization", `You are no member of '${wanted}'; yours are: ${names}`);
    return false;
  }
  logins.choose(grantId, chosen.guid);
  tell({ event: "switched", account: holder.id, organization: chosen.name });
  return true;
}

function wantedIn(text: string): string | null {
  try {
    const { organization } = JSON.parse(text) as { organization?: unknown };
    return typeof organization === "string" || typeof organization === "number" ? String(organization) : null;
  } catch {
    return null;
  }
}

function refuse(ctx: Context, status: number, error: string, description: string): void {
  ctx.status = status;
  ctx.body = { error, error_description: description };
}
