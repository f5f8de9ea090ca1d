/** One login as it is kept. */
import * as v from "valibot";
import { isSameIssuer } from "../cli/settings.js";
import type { Owner } from "./vault.js";

const text = v.string();
/** The last day that a Date can hold (ECMA-262, 21.4.1.1). */
export const TIME_MS_MAX = 8.64e15;
const time = v.pipe(v.number(), v.minValue(0), v.maxValue(TIME_MS_MAX));
const maybeText = v.nullable(v.string());

const OrganizationSchema = v.object({ id: text, guid: maybeText, name: text });

/** What a login leaves besides its tokens, so that the next one needs no questions. */
const KeptSchema = v.object({
  username: v.optional(text),
  password: v.optional(text),
  clientSecret: v.optional(text),
  /** The absolute path of a PEM file; the key itself is not copied. */
  keyFile: v.optional(text),
  /** The absolute path of the file in which a platform puts a workload's token; the token is read at each use. */
  workloadFile: v.optional(text),
});

const AudienceSchema = v.object({
  audience: text,
  accessToken: text,
  issuedAtMs: time,
  expiresAtMs: v.nullable(time),
});

/** The schema of {@link Account}. */
export const AccountSchema = v.object({
  team: text,
  name: text,
  type: v.picklist(["platform", "service"]),
  method: v.picklist(["browser", "device", "password", "client", "token", "workload"]),
  issuer: text,
  clientId: text,
  subject: maybeText,
  email: maybeText,
  organization: v.nullable(OrganizationSchema),
  scope: text,
  accessToken: maybeText,
  refreshToken: maybeText,
  issuedAtMs: time,
  expiresAtMs: v.nullable(time),
  refreshExpiresAtMs: v.nullable(time),
  /** The provider said that it takes these tokens no more. */
  ended: v.optional(v.boolean(), false),
  /** Refresh tokens that were rotated: a provider may have left them good (RFC 6749 section 6). */
  earlier: v.optional(v.array(text), []),
  /** Access tokens for other audiences, of the same login, until they are over. */
  audiences: v.optional(v.array(AudienceSchema), []),
  kept: KeptSchema,
});

/**
 * One login of one account in one team. `name` is what people call it: an e-mail address, a user name or, of a
 * service account, its client id. Without an `accessToken` only `kept` is left of it. Times are unix milliseconds;
 * null: not given by the provider.
 */
export type Account = v.InferOutput<typeof AccountSchema>;

/** An access token for another audience. */
export type AudienceToken = v.InferOutput<typeof AudienceSchema>;

/** An organization that an account acts for. */
export type Organization = v.InferOutput<typeof OrganizationSchema>;

/** What an account is known by: its issuer, the client and the subject there (OpenID Connect Core 1.0 section 2), in a team. */
export type AccountKey = Pick<Account, "team" | "issuer" | "clientId" | "subject" | "name">;

/** Names the account in its team. Where the provider sends no subject, the name stands for it. An issuer has no fragment. */
export function idOf({ issuer, clientId, subject, name }: AccountKey): string {
  const place = URL.canParse(issuer) ? new URL(issuer).href : issuer;
  return `${place}#${encodeURIComponent(clientId)}/${encodeURIComponent(subject ?? name)}`;
}

/** Is this the same login? */
export function isSame(a: AccountKey, b: AccountKey): boolean {
  return a.team === b.team && idOf(a) === idOf(b);
}

/**
 * What people call the account: its name, and where others of its team that are logged in share it, what differs: the
 * issuer, the client, or the subject.
 */
export function labelOf(account: Account, all: readonly Account[]): string {
  const namesakes = all.filter(
    (other) =>
      other.team === account.team &&
      other.name === account.name &&
      other.accessToken !== null &&
      !isSame(other, account),
  );
  const atIssuer = namesakes.filter(({ issuer }) => isSameIssuer(issuer, account.issuer));
  const atClient = atIssuer.filter(({ clientId }) => clientId === account.clientId);
  const parts = [account.name];
  if (atIssuer.length < namesakes.length) parts.push(account.issuer.replace(/^https?:\/\//, ""));
  if (atClient.length < atIssuer.length) parts.push(account.clientId);
  if (atClient.length > 0) parts.push(account.subject ?? "-");
  return parts.join("/");
}

/** A password or a client's secret is never kept where it can be read. */
export function readable({ password: _, clientSecret: _secret, ...kept }: Account["kept"]): Account["kept"] {
  return kept;
}

/** Seems an entry to be the account's? The first version's entries have a name only. */
export function isOf(owner: Owner, account: AccountKey): boolean {
  return (
    owner.team === account.team &&
    (owner.id === undefined ? owner.name === account.name : owner.id === idOf(account))
  );
}
