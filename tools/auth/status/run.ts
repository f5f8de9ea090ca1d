import type { Context } from "../../cli/act.js";
import { Exit, Failure } from "../../cli/failure.js";
import type { Json } from "../../cli/output.js";
import type { Setting } from "../../cli/settings.js";
import type { Means } from "../../oidc/check.js";
import type { Account } from "../../store/account.js";
import type { Logins, Store } from "../../store/store.js";
import { checked } from "../check.js";
import { type Credential, chosenTeam, findCredential, loggedInHint, openStore } from "../current.js";
import { endedLogin } from "../renew.js";
import { endOfToken, isoTime, plainTime } from "../told.js";
import type { StatusReason } from "./reasons.js";

/** The flags of `motekey auth status`. */
export interface StatusFlags {
  readonly explain?: boolean;
  readonly offline?: boolean;
}

/** What is found out. */
interface Status {
  readonly reason: StatusReason;
  readonly email: string | null;
  readonly name: string | null;
  readonly expiresAtMs: number | null;
  readonly issuer: string | null;
  /** How the token was checked; null: it was not. */
  readonly checked: Means | "clock" | null;
  /** Why it is not valid, or could not be asked about. */
  readonly failure: Failure | null;
}

/** Says whether the login is good. Resolves to 0 or 1. */
export async function status(context: Context, { explain, offline }: StatusFlags): Promise<number> {
  const { output } = context;
  const store = openStore(context);
  const { credential, missing } = await used(context, store);
  const logins = credential?.source === "MOTEKEY_AUTH_TOKEN" ? null : await store.read();
  const found =
    credential === null
      ? { ...NOTHING, failure: missing }
      : await foundOut(context, store, credential, offline === true);
  const settings = explain === true ? settingsOf(context, logins, credential, found) : null;
  output.answer(
    jsonOf(context, credential, logins, found, settings),
    textOf(context, credential, logins, found, settings),
  );
  return isValid(found) ? Exit.DONE : Exit.FAILED;
}

/** What is in use; or, where nobody is logged in at the issuer that was named, who is elsewhere. */
async function used(
  context: Context,
  store: Store,
): Promise<{ readonly credential: Credential | null; readonly missing: Failure | null }> {
  try {
    return { credential: await findCredential(context, store), missing: null };
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.code !== "not_authenticated") throw failure;
    return { credential: null, missing: failure };
  }
}

const isValid = ({ reason }: Status): boolean => reason === "valid" || reason === "valid_by_clock";

const NOTHING: Status = {
  reason: "not_authenticated",
  email: null,
  name: null,
  expiresAtMs: null,
  issuer: null,
  checked: null,
  failure: null,
};

async function foundOut(
  context: Context,
  store: Store,
  credential: Credential,
  offline: boolean,
): Promise<Status> {
  if (offline) return byClock(credential, context.system.now());
  const before = ofCredential(credential);
  const { isGood, confirmed, issuer, account, failure } = await checked(context, store, credential);
  const now = account === null ? before : ofAccount(account);
  if (isGood !== true) {
    const isNo = isGood === false && failure !== null;
    return { ...now, issuer, reason: isNo ? (failure.code as StatusReason) : "not_checked", failure };
  }
  const person = confirmed?.person ?? null;
  return {
    ...now,
    email: person?.email ?? now.email,
    name: person?.email ?? person?.username ?? now.name,
    issuer,
    reason: "valid",
    checked: confirmed?.by ?? null,
  };
}

/** What is known without asking anybody. A token without an end that can be read says nothing. */
function byClock(credential: Credential, nowMs: number): Status {
  const known = ofCredential(credential);
  const { expiresAtMs } = known;
  if (credential.source === "login" && credential.account.ended)
    return { ...known, reason: "login_ended", failure: endedLogin(credential.account, "it said so before") };
  if (expiresAtMs === null && credential.source !== "login") {
    const failure = new Failure("not_supported", "The token's end cannot be read.", "Ask without --offline.");
    return { ...known, reason: "not_checked", failure };
  }
  if (expiresAtMs === null || expiresAtMs > nowMs)
    return { ...known, reason: "valid_by_clock", checked: "clock" };
  const failure = new Failure("token_expired", "The access token is over.", "Ask without --offline.");
  return { ...known, reason: "token_expired", checked: "clock", failure };
}

function ofCredential(credential: Credential): Status {
  if (credential.source !== "login") return { ...NOTHING, expiresAtMs: endOfToken(credential.token) };
  return ofAccount(credential.account);
}

const ofAccount = ({ email, name, expiresAtMs, issuer }: Account): Status => ({
  ...NOTHING,
  email,
  name,
  expiresAtMs,
  issuer,
});

type Settings = Readonly<Record<string, Setting | null>>;

function settingsOf(
  context: Context,
  logins: Logins | null,
  credential: Credential | null,
  found: Status,
): Settings {
  const { settings } = context;
  const team = logins === null ? settings.team : chosenTeam(context, logins);
  const kept = found.issuer === null ? null : { value: found.issuer, from: "login" };
  return {
    config: settings.config,
    team,
    issuer: credential?.source === "login" ? kept : settings.issuer,
    token: credential === null ? null : { value: "(hidden)", from: credential.source },
  };
}

function jsonOf(
  context: Context,
  credential: Credential | null,
  logins: Logins | null,
  found: Status,
  settings: Settings | null,
): Json {
  const account = credential?.source === "login" ? credential.account : null;
  return {
    authenticated: isValid(found),
    email: found.email,
    expires_at: isoTime(found.expiresAtMs),
    token_valid: isValid(found),
    account: credential?.source === "login" ? credential.label : null,
    team: account?.team ?? context.settings.team?.value ?? null,
    issuer: found.issuer,
    source: credential?.source ?? null,
    storage: account === null ? null : storageOf(account, logins),
    checked: found.checked,
    reason: found.reason,
    detail: found.failure === null ? null : `${found.failure.message} ${found.failure.next}`.trim(),
    settings,
  };
}

const storageOf = (account: Account, logins: Logins | null): string =>
  logins?.storageOf(account) === "file" ? "insecure file" : "keychain";

function textOf(
  context: Context,
  credential: Credential | null,
  logins: Logins | null,
  found: Status,
  settings: Settings | null,
): string {
  const { output, system } = context;
  const { config } = context.settings;
  const { green, red, yellow } = output.colours;
  const lines: string[] = [];
  const { failure } = found;
  if (isValid(found)) {
    lines.push(`${green("✓")} Authenticated as ${found.name ?? "the holder of the token"}`);
    lines.push(`Token expires: ${plainTime(found.expiresAtMs)}`);
    lines.push(
      `Checked: ${found.checked === "clock" ? "by this machine's clock only" : `${found.checked} at ${found.issuer}`}`,
    );
  } else if (credential === null && failure === null) {
    const hint = logins === null ? undefined : loggedInHint(context, logins);
    lines.push(`${red("✗")} Not authenticated`, hint ?? "Run 'motekey auth login' to authenticate");
  } else if (found.reason === "not_checked") {
    lines.push(`${red("✗")} Not checked: ${failure?.message ?? ""}`, failure?.next ?? "");
    if (credential?.source === "login")
      lines.push("'motekey auth status --offline' trusts this machine's clock.");
  } else {
    lines.push(`${red("✗")} ${failure?.message ?? "Not authenticated"}`, failure?.next ?? "");
  }
  if (credential?.source === "login") {
    const { team } = credential.account;
    const place =
      logins?.storageOf(credential.account) === "file"
        ? yellow(`${config.value}, readable for you (insecure)`)
        : `${config.value}, sealed by a key in the ${system.keychain.name}`;
    lines.push(`Team: ${team}`, `Stored in: ${place}`);
  } else if (credential !== null) {
    lines.push(`Token from: ${credential.source}`);
  }
  for (const [name, setting] of Object.entries(settings ?? {})) {
    lines.push(`  ${name}: ${setting === null ? "not set" : `${setting.value} (${setting.from})`}`);
  }
  return lines.filter((line) => line !== "").join("\n");
}
