import type { AccountClaims } from "oidc-provider";
import { DEVICES_SCOPE, type MemberRole } from "../operator.js";
import type { Directory } from "./directory.js";
import type { Organization, ServiceAccount, Team, User } from "./types.js";

/** An organization as members see it. */
export interface OrganizationProfile {
  id: number;
  guid: string;
  name: string;
  role: MemberRole;
  teams: Team[];
}

/** What `/me` answers. Who has no organization has null there. */
export interface Profile {
  /** The account id; of a service account its client id. */
  id: string;
  type: "user" | "service";
  username: string;
  /** null for a service account. */
  email: string | null;
  name: string;
  /** The organization of this login, and the role and teams there. */
  organization: { id: number; guid: string; name: string } | null;
  role: MemberRole | null;
  teams: Team[];
  organizations: OrganizationProfile[];
  /** ISO 8601. */
  created_at: string;
}

/**
 * Who somebody is.
 * @param chosen guid of the organization of this login; otherwise it is the first
 */
export function profileOf(
  directory: Directory,
  holder: User | ServiceAccount,
  chosen: string | undefined,
): Profile {
  const organizations = organizationsOf(directory, holder);
  const current = organizations.find(({ guid }) => guid === chosen) ?? organizations[0];
  const person =
    "clientId" in holder
      ? { id: holder.clientId, type: "service" as const, username: holder.clientId, email: null }
      : { id: holder.id, type: "user" as const, username: holder.username, email: holder.email };
  return {
    ...person,
    name: holder.name,
    organization: current === undefined ? null : { id: current.id, guid: current.guid, name: current.name },
    role: current?.role ?? null,
    teams: current?.teams ?? [],
    organizations,
    created_at: holder.createdAt,
  };
}

/** The claims of each scope, for discovery and for what goes into ID tokens and userinfo. */
export const CLAIMS = {
  openid: ["sub"],
  profile: ["name", "preferred_username"],
  email: ["email", "email_verified"],
  organization: ["organization", "role", "teams", "organizations"],
};

/** The scopes that there are. Without `offline_access` a login has a refresh token too: all our clients need one. */
export const SCOPES = [...Object.keys(CLAIMS), "offline_access", DEVICES_SCOPE];

/** A profile as claims (OpenID Connect Core 1.0 section 5.1). */
export function claimsOf(profile: Profile): AccountClaims {
  const { id, username, email, name, organization, role, teams, organizations } = profile;
  return {
    sub: id,
    name,
    preferred_username: username,
    email,
    email_verified: true,
    organization,
    role,
    teams,
    organizations,
  };
}

function organizationsOf(directory: Directory, holder: User | ServiceAccount): OrganizationProfile[] {
  const found: OrganizationProfile[] = [];
  for (const { organization: guid, role, teams } of holder.memberships) {
    const organization: Organization | undefined = directory.organization(guid);
    if (organization === undefined) continue;
    const { id, name } = organization;
    const members = organization.teams.filter((team) => teams.includes(team.guid));
    found.push({ id, guid, name, role, teams: members });
  }
  return found;
}
