/** What is kept of a login: whose it is, in which team and organization. */
import type { Context } from "../../cli/act.js";
import { Failure } from "../../cli/failure.js";
import { claimsOf } from "../../cli/jwt.js";
import { confirm } from "../../oidc/check.js";
import { asking, isAway, isRefusedToken } from "../../oidc/failure.js";
import { askPerson, chooseOrganization, type Person, personOfClaims } from "../../oidc/person.js";
import type { Provider } from "../../oidc/provider.js";
import type { Tokens } from "../../oidc/tokens.js";
import type { Account } from "../../store/account.js";
import { unknownTeam } from "../current.js";
import type { Method } from "./method.js";

/** The team of logins at providers that name no team, when nobody names one. */
const DEFAULT_TEAM = "default";

/**
 * @param team null: the first that the provider names
 * @param workload the subject of the token that proved a workload, where the provider does not say whose it is
 * @throws Failure when the provider names the account's teams, and this one is none of them
 */
export async function accountOf(
  context: Context,
  provider: Provider,
  method: Method,
  tokens: Tokens,
  team: string | null,
  workload: string | null = null,
): Promise<Account> {
  const person = await personOf(context, provider, method, tokens);
  const { clientId } = method.client;
  const isService = isProgram(method) || person?.type === "service";
  const subject = person?.id ?? (method.kind === "workload" ? workload : null);
  const place = await placeOf(context, provider, tokens, person, team);
  return {
    team: place.team,
    name: nameOf(method, person, isService, subject),
    type: isService ? "service" : "platform",
    method: method.kind,
    issuer: provider.issuer,
    clientId,
    subject,
    email: person?.email ?? null,
    organization: place.organization,
    scope: tokens.scope,
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    issuedAtMs: tokens.issuedAtMs,
    expiresAtMs: tokens.expiresAtMs,
    refreshExpiresAtMs: tokens.refreshExpiresAtMs,
    ended: false,
    earlier: [],
    audiences: [],
    kept: keptOf(method),
  };
}

async function personOf(
  { system }: Context,
  provider: Provider,
  method: Method,
  tokens: Tokens,
): Promise<Person | null> {
  const { accessToken } = tokens;
  const claimed = tokens.claims === null ? null : personOfClaims(provider, tokens.claims);
  try {
    return (await asking(provider, () => askPerson(provider, accessToken))) ?? claimed;
  } catch (failure) {
    // A program is no user: whatever user info makes of its token.
    if (isProgram(method) && failure instanceof Failure && !isAway(failure)) return null;
    if (!isRefusedToken(failure)) throw failure;
    // A token for another audience is refused there: the ID token says whose it is.
    if (claimed !== null) return claimed;
    const question = { token: accessToken, isOurs: false, canRenew: false, nowMs: system.now() };
    const confirmed = await asking(provider, () => confirm(provider, question));
    if (confirmed === null) throw failure;
    return confirmed.person ?? personOfClaims(provider, claimsOf(accessToken));
  }
}

interface Place {
  readonly team: string;
  readonly organization: Account["organization"];
}

/** Finds the team among the account's, and makes the login act for the team's organization. */
async function placeOf(
  { settings }: Context,
  provider: Provider,
  tokens: Tokens,
  person: Person | null,
  team: string | null,
): Promise<Place> {
  const current = person?.organization ?? null;
  const organizations = person?.organizations ?? [];
  if (person?.hasTeams !== true) return { team: team ?? DEFAULT_TEAM, organization: current };
  const here = organizations.find(({ id }) => id === current?.id);
  if (team === null) return { team: here?.teams[0]?.name ?? DEFAULT_TEAM, organization: current };
  const has = (organization: typeof here) =>
    organization?.teams.some(({ name, guid }) => name === team || guid === team) === true;
  if (has(here)) return { team, organization: current };
  const other = organizations.find(has);
  if (other === undefined) {
    const known = organizations.flatMap(({ teams }) => teams.map(({ name }) => name));
    throw unknownTeam(settings.team ?? { value: team, from: "active account" }, known);
  }
  await chooseOrganization(provider, tokens.accessToken, other);
  return { team, organization: { id: other.id, guid: other.guid, name: other.name } };
}

const isProgram = ({ kind }: Method): boolean => kind === "client" || kind === "workload";

/** A service account is its client; a workload is whom the provider takes it for. */
function nameOf(method: Method, person: Person | null, isService: boolean, subject: string | null): string {
  const { clientId } = method.client;
  if (method.kind === "workload") return subject ?? clientId;
  return isService ? clientId : (person?.email ?? person?.username ?? person?.id ?? clientId);
}

/** What renews the login, or makes the next one, without questions. */
function keptOf(method: Method): Account["kept"] {
  const { clientSecret, keyFile } = method.client;
  return {
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(method.kind === "workload" ? { workloadFile: method.file } : {}),
  };
}
