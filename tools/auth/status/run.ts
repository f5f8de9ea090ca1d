import type { Context } from "../../cli/act.js";
import { Exit, Failure } from "../../cli/failure.js";
import type { Json } from "../../cli/output.js";
import type { Setting } from "../../cli/settings.js";
import type { Logins, Store } from "../../store/store.js";
import { askAbout } from "../ask.js";
import { type Credential, chosenTeam, findCredential, openStore } from "../current.js";
import { endOfToken, isoTime, plainTime } from "../told.js";

/** The flags of `motekey auth status`. */
export interface StatusFlags {
  readonly explain?: boolean;
}

/** What is found out. */
interface Status {
  readonly tokenValid: boolean;
  readonly email: string | null;
  readonly name: string | null;
  readonly expiresAtMs: number | null;
  readonly issuer: string | null;
  /** Who judged the token; null: there is none. */
  readonly checked: "provider" | "clock" | null;
  /** Why it is not valid, or could not be asked about. */
  readonly reason: Failure | null;
}

/** Says whether the login is good. Resolves to 0 or 1. */
export async function status(context: Context, { explain }: StatusFlags): Promise<number> {
  const { output } = context;
  const store = openStore(context);
  const credential = await findCredential(context, store);
  const logins = credential?.source === "MOTEKEY_AUTH_TOKEN" ? null : await store.read();
  const found = credential === null ? NOTHING : await judged(context, store, credential);
  const settings = explain === true ? settingsOf(context, logins, credential, found) : null;
  output.answer(
    jsonOf(context, credential, logins, found, settings),
    textOf(context, credential, logins, found, settings),
  );
  if (found.tokenValid && found.reason !== null) output.note(`Not asked: ${found.reason.message}`);
  return found.tokenValid ? Exit.DONE : Exit.FAILED;
}

const NOTHING: Status = {
  tokenValid: false,
  email: null,
  name: null,
  expiresAtMs: null,
  issuer: null,
  checked: null,
  reason: null,
};

/** Failures after which the token's end is all that is known. */
const UNASKED = new Set(["issuer_unreachable", "issuer_missing", "issuer_invalid"]);

async function judged(context: Context, store: Store, credential: Credential): Promise<Status> {
  const before = ofCredential(credential);
  try {
    const { person, provider, account } = await askAbout(context, store, credential);
    const now =
      account === null || credential.source !== "login" ? before : ofCredential({ ...credential, account });
    return {
      ...now,
      email: person?.email ?? now.email,
      name: person?.email ?? person?.username ?? now.name,
      issuer: provider.issuer,
      tokenValid: true,
      checked: person === null ? "clock" : "provider",
      reason: null,
    };
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    const isOverNow = before.expiresAtMs !== null && before.expiresAtMs <= context.system.now();
    const isUnasked = UNASKED.has(failure.code);
    return {
      ...before,
      tokenValid: isUnasked && !isOverNow,
      checked: isUnasked ? "clock" : "provider",
      reason: failure,
    };
  }
}

function ofCredential(credential: Credential): Status {
  if (credential.source !== "login") return { ...NOTHING, expiresAtMs: endOfToken(credential.token) };
  const { email, name, expiresAtMs, issuer } = credential.account;
  return { ...NOTHING, email, name, expiresAtMs, issuer };
}

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
    authenticated: found.tokenValid,
    email: found.email,
    expires_at: isoTime(found.expiresAtMs),
    token_valid: found.tokenValid,
    account: credential?.source === "login" ? credential.label : null,
    team: account?.team ?? context.settings.team?.value ?? null,
    issuer: found.issuer,
    source: credential?.source ?? null,
    storage: account === null ? null : storageOf(logins),
    checked: found.checked,
    settings,
  };
}

const storageOf = (logins: Logins | null): string =>
  logins?.storage === "file" ? "insecure file" : "keychain";

function textOf(
  { output, system, settings: { config } }: Context,
  credential: Credential | null,
  logins: Logins | null,
  found: Status,
  settings: Settings | null,
): string {
  const { green, red, yellow } = output.colours;
  const lines: string[] = [];
  if (found.tokenValid) {
    lines.push(`${green("✓")} Authenticated as ${found.name ?? "the holder of the token"}`);
    lines.push(`Token expires: ${plainTime(found.expiresAtMs)}`);
  } else if (credential === null) {
    lines.push(`${red("✗")} Not authenticated`, "Run 'motekey auth login' to authenticate");
  } else {
    lines.push(`${red("✗")} ${found.reason?.message ?? "Not authenticated"}`, found.reason?.next ?? "");
  }
  if (credential?.source === "login") {
    const { team } = credential.account;
    const place =
      logins?.storage === "file"
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
