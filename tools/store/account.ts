/** One login as it is kept. */
import * as v from "valibot";

const text = v.string();
const maybeText = v.nullable(v.string());

const OrganizationSchema = v.object({ id: text, guid: maybeText, name: text });

/** What a login leaves besides its tokens, so that the next one needs no questions. */
const KeptSchema = v.object({
  username: v.optional(text),
  password: v.optional(text),
  clientSecret: v.optional(text),
  /** The absolute path of a PEM file; the key itself is not copied. */
  keyFile: v.optional(text),
});

/** The schema of {@link Account}. */
export const AccountSchema = v.object({
  team: text,
  name: text,
  type: v.picklist(["platform", "service"]),
  method: v.picklist(["browser", "device", "password", "client", "token"]),
  issuer: text,
  clientId: text,
  subject: maybeText,
  email: maybeText,
  organization: v.nullable(OrganizationSchema),
  scope: text,
  accessToken: maybeText,
  refreshToken: maybeText,
  issuedAtMs: v.number(),
  expiresAtMs: v.nullable(v.number()),
  refreshExpiresAtMs: v.nullable(v.number()),
  kept: KeptSchema,
});

/**
 * One login of one account in one team. `name` is what people call it: an e-mail address, a user name or, of a
 * service account, its client id. Without an `accessToken` only `kept` is left of it. Times are unix milliseconds;
 * null: not told by the provider.
 */
export type Account = v.InferOutput<typeof AccountSchema>;

/** An organization that an account acts for. */
export type Organization = v.InferOutput<typeof OrganizationSchema>;

/** What names an account. */
export interface AccountKey {
  readonly team: string;
  readonly name: string;
}

/** Is this the same login? Names are compared as they are. */
export function isSame(a: AccountKey, b: AccountKey): boolean {
  return a.team === b.team && a.name === b.name;
}
