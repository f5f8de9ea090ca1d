/** Whose token it is: by motekey's own `/me` where the provider has one, else by user info and the ID token. */
import * as oidc from "openid-client";
import * as v from "valibot";
import { Failure, printable } from "../cli/failure.js";
import { asking, isPlainNo, refusedToken } from "./failure.js";
import type { Provider } from "./provider.js";

const said = v.fallback(
  v.nullable(
    v.pipe(
      v.string(),
      v.transform((text) => printable(text, 200)),
    ),
  ),
  null,
);
const named = v.pipe(
  v.string(),
  v.transform((text) => printable(text, 200)),
);
const TeamSchema = v.object({ guid: named, name: named });
const id = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform((value) => printable(String(value), 200)),
);
const OrganizationSchema = v.object({ id, guid: v.fallback(v.nullable(named), null), name: named });

const PersonSchema = v.object({
  id,
  type: v.fallback(v.picklist(["user", "service"]), "user"),
  username: said,
  email: said,
  name: said,
  organization: v.fallback(v.nullable(OrganizationSchema), null),
  role: said,
  organizations: v.fallback(
    v.array(
      v.object({ ...OrganizationSchema.entries, role: said, teams: v.fallback(v.array(TeamSchema), []) }),
    ),
    [],
  ),
  created_at: said,
});

/** Whose token it is. What the provider does not say is null, or an empty list. */
export type Person = v.InferOutput<typeof PersonSchema> & {
  /** True where the provider names organizations and teams, so that an unknown one can be named. */
  readonly hasTeams: boolean;
};

/** An organization of a person. */
export type PersonsOrganization = Person["organizations"][number];

/**
 * Asks the provider.
 * @returns null where it has neither `/me` nor user info for this token
 * @throws the library's error when the token is refused (see `isRefusedToken`)
 */
export async function askPerson(provider: Provider, accessToken: string): Promise<Person | null> {
  const me = meEndpoint(provider);
  if (me !== null) return personOf(provider, await getMe(provider, me, accessToken), true);
  if (provider.metadata.userinfo_endpoint === undefined) return null;
  try {
    const info = await oidc.fetchUserInfo(provider.configuration, accessToken, oidc.skipSubjectCheck);
    return personOf(provider, ofClaims(info), false);
  } catch (failure) {
    // Without the challenge that RFC 6750 section 3 wants, it is a refusal all the same.
    throw isPlainNo(failure) ? refusedToken({ cause: failure }) : failure;
  }
}

/** The person of verified claims, for providers without user info. */
export function personOfClaims(provider: Provider, claims: object): Person {
  return personOf(provider, ofClaims(claims as Record<string, unknown>), false);
}

/** Makes a login act for an organization from now on. */
export async function chooseOrganization(
  provider: Provider,
  accessToken: string,
  organization: PersonsOrganization,
): Promise<void> {
  const me = meEndpoint(provider);
  if (me === null) {
    throw new Failure("not_supported", `${provider.issuer} has no organizations to choose from.`);
  }
  const url = new URL(`${me.href}/organization`);
  const body = JSON.stringify({ organization: organization.guid ?? organization.id });
  const headers = new Headers({ "content-type": "application/json" });
  await asking(provider, async () => {
    const response = await oidc.fetchProtectedResource(
      provider.configuration,
      accessToken,
      url,
      "PUT",
      body,
      headers,
    );
    if (response.ok) return;
    throw new Failure(
      "organization_unknown",
      `${provider.issuer} refuses the organization '${organization.name}' (HTTP ${response.status}).`,
      "See 'motekey auth whoami'.",
    );
  });
}

/** Named in discovery, and on the issuer's own origin: a token goes nowhere else. */
function meEndpoint({ issuer, metadata }: Provider): URL | null {
  const me = metadata.me_endpoint;
  if (typeof me !== "string" || !URL.canParse(me)) return null;
  const url = new URL(me);
  return url.origin === new URL(issuer).origin ? url : null;
}

async function getMe(provider: Provider, url: URL, accessToken: string): Promise<unknown> {
  const response = await oidc.fetchProtectedResource(provider.configuration, accessToken, url, "GET");
  if (response.ok) return response.json();
  if (response.status === 401) throw refusedToken();
  throw new Failure("issuer_invalid", `${url.href} answers with HTTP ${response.status}.`, "Check --issuer.");
}

/** Claims of OpenID Connect Core 1.0 section 5.1. */
function ofClaims(claims: Record<string, unknown>): object {
  return { ...claims, id: claims.sub, username: claims.preferred_username };
}

function personOf(provider: Provider, content: unknown, hasTeams: boolean): Person {
  const result = v.safeParse(PersonSchema, content);
  if (result.success) return { ...result.output, hasTeams };
  throw new Failure(
    "issuer_invalid",
    `What ${provider.issuer} says about the account has no id.`,
    "Check --issuer.",
  );
}
