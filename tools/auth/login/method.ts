/** How to log in: decided from flags, variables and what is kept, before anything is asked. */
import { resolve } from "node:path";
import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import { askLine, askSecret, hasTerminal, needsTerminal, readPipedLine } from "../../cli/prompt.js";
import { isSameIssuer } from "../../cli/settings.js";
import { type System, variable } from "../../cli/system.js";
import { CLIENT_ID, type Client } from "../../oidc/client.js";
import type { Account } from "../../store/account.js";
import { clientOf } from "../renew.js";

/** The flags of `motekey auth login`, as commander hands them over. */
export interface LoginFlags {
  /** True without a value: asked for. */
  readonly username?: string | true;
  readonly password?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly secretFile?: string;
  readonly withToken?: boolean;
  readonly workloadTokenFile?: string;
  /** Undefined: as the machine is; true: --browser; false: --no-browser or --no-launch-browser. */
  readonly browser?: boolean;
  readonly launchBrowser?: boolean;
  readonly deviceCode?: boolean;
  readonly force?: boolean;
  readonly clear?: boolean;
  readonly insecureStorage?: boolean;
  readonly keepDefault?: boolean;
  readonly scopes?: string;
}

/** A way to log in, with what it needs. `isGiven`: somebody gave a secret now, which is to be tried. */
export type Method = { readonly isGiven: boolean } & (
  | {
      readonly kind: "browser";
      readonly client: Client;
      readonly launch: boolean;
      readonly device: "never" | "if-any" | "always";
    }
  | {
      readonly kind: "password";
      readonly client: Client;
      readonly username: string | null;
      readonly password: string | null;
    }
  | { readonly kind: "client"; readonly client: Client }
  | { readonly kind: "token"; readonly client: Client }
  /** `file`: where the platform puts its token. */
  | { readonly kind: "workload"; readonly client: Client; readonly file: string }
);

/** What serves where nothing else is named. All of it belongs to the issuer that will be asked. */
export interface Usual {
  /** The issuer that will be asked. */
  readonly issuer: string;
  /** The login that is there: its user name, its password and its client. */
  readonly account: Account | null;
  /** The team's client for people. */
  readonly clientId: string | null;
}

/** @throws Failure when flags exclude each other */
export function methodOf({ system, output }: Context, flags: LoginFlags, usual: Usual): Method {
  checkCombination(flags);
  const given = theirVariables(system, usual.issuer, output);
  const named = namedClient(system, flags, given);
  const client = named ?? { clientId: usual.clientId ?? CLIENT_ID };
  if (flags.withToken === true) return { kind: "token", client, isGiven: true };
  for (const name of ["password", "clientSecret"] as const) {
    if (flags[name] !== undefined)
      output.warn(`${FLAGS[name]} is seen by everybody on this machine; ${BETTER[name]}`);
  }
  if (flags.workloadTokenFile !== undefined)
    return {
      kind: "workload",
      client,
      file: resolve(system.directory, flags.workloadTokenFile),
      isGiven: true,
    };
  // A flag goes before what the environment holds.
  const isBrowser = flags.browser !== undefined || flags.launchBrowser === false || flags.deviceCode === true;
  const hasProof = [flags.username, flags.clientSecret, flags.secretFile].some((flag) => flag !== undefined);
  if (isBrowser && !hasProof) return browserMethod(system, flags, client);
  const user = flags.username ?? given("MOTEKEY_USERNAME");
  if (user !== undefined) {
    const password = flags.password ?? given("MOTEKEY_PASSWORD") ?? null;
    const username = user === true ? null : user;
    return { kind: "password", client, username, password, isGiven: username === null || password !== null };
  }
  if (flags.password !== undefined) throw usage("--password needs --username.", "Give --username NAME.");
  if (client.clientSecret !== undefined || client.keyFile !== undefined)
    return { kind: "client", client, isGiven: true };
  const { account } = usual;
  const isTheirs = named === null || named.clientId === account?.clientId;
  if (account?.method === "password" && account.kept.username !== undefined && isTheirs) {
    const { username, password = null } = account.kept;
    return {
      kind: "password",
      client: named ?? clientOf(system, account),
      username,
      password,
      isGiven: false,
    };
  }
  const file = account?.kept.workloadFile;
  if (account?.method === "workload" && file !== undefined && isTheirs && !isBrowser)
    return { kind: "workload", client: named ?? clientOf(system, account), file, isGiven: false };
  if (account?.method === "client" && named?.clientId === account.clientId && !isBrowser)
    return { kind: "client", client: clientOf(system, account), isGiven: false };
  return browserMethod(system, flags, client);
}

function browserMethod(system: System, flags: LoginFlags, client: Client): Method {
  const isRefused = flags.browser === false || flags.launchBrowser === false;
  const launch = !isRefused && (flags.browser === true || hasBrowser(system));
  const device = flags.deviceCode === true ? "always" : launch ? "never" : "if-any";
  return { kind: "browser", client, launch, device, isGiven: false };
}

/** Over SSH, or on a Linux without a display, a browser would open where nobody sees it, or not at all. */
export function hasBrowser({ env, platform }: System): boolean {
  if (env.BROWSER !== undefined && env.BROWSER !== "") return true;
  if (env.SSH_CONNECTION !== undefined || env.SSH_TTY !== undefined) return false;
  return platform !== "linux" || env.DISPLAY !== undefined || env.WAYLAND_DISPLAY !== undefined;
}

type Variable = (name: (typeof CREDENTIALS)[number]) => string | undefined;

const CREDENTIALS = [
  "MOTEKEY_USERNAME",
  "MOTEKEY_PASSWORD",
  "MOTEKEY_CLIENT_ID",
  "MOTEKEY_CLIENT_SECRET",
] as const;

/** Credentials in the environment belong to the issuer that stands there beside them. */
function theirVariables(system: System, issuer: string, output: Context["output"]): Variable {
  const theirs = variable(system, "MOTEKEY_ISSUER");
  if (theirs === undefined || isSameIssuer(theirs, issuer)) return (name) => variable(system, name);
  const unused = CREDENTIALS.filter((name) => variable(system, name) !== undefined);
  if (unused.length > 0)
    output.warn(
      `${unused.join(", ")}: for the issuer in MOTEKEY_ISSUER, and not used at ${printable(issuer, 200)}.`,
    );
  return () => undefined;
}

/** Null: nothing names one. */
function namedClient(system: System, flags: LoginFlags, given: Variable): Client | null {
  const clientId = flags.clientId ?? given("MOTEKEY_CLIENT_ID");
  const keyFile = flags.secretFile === undefined ? undefined : resolve(system.directory, flags.secretFile);
  const secret = flags.clientSecret ?? (clientId === undefined ? undefined : given("MOTEKEY_CLIENT_SECRET"));
  const clientSecret = keyFile === undefined ? secret : undefined;
  if (clientId !== undefined) return { clientId, clientSecret, keyFile };
  if (clientSecret === undefined && keyFile === undefined) return null;
  throw usage("A secret or a key proves a client: say which.", "Give --client-id, or set MOTEKEY_CLIENT_ID.");
}

const FLAGS = { password: "--password", clientSecret: "--client-secret" } as const;
const BETTER = {
  password: "pipe it in, or set MOTEKEY_PASSWORD.",
  clientSecret: "set MOTEKEY_CLIENT_SECRET, or use --secret-file.",
} as const;

function checkCombination(flags: LoginFlags): void {
  const exclude = (a: string | false, b: string | false) => {
    if (a !== false && b !== false) throw usage(`${a} and ${b} exclude each other.`, "Give one of them.");
  };
  const secret = flags.clientSecret !== undefined && "--client-secret";
  const key = flags.secretFile !== undefined && "--secret-file";
  const username = flags.username !== undefined && "--username";
  const device = flags.deviceCode === true && "--device-code";
  const browser = flags.browser === true && "--browser";
  const token = flags.withToken === true && "--with-token";
  const workload = flags.workloadTokenFile !== undefined && "--workload-token-file";
  exclude(secret, key);
  exclude(browser, device);
  for (const other of [secret, key, username]) {
    exclude(other, device);
    exclude(other, browser);
    exclude(other, token);
  }
  exclude(token, device);
  exclude(token, browser);
  for (const other of [username, token, device, browser]) exclude(workload, other);
}

/** The user's name, asked for where it was not given. */
export async function usernameOf(system: System, given: string | null): Promise<string> {
  if (given !== null) return given;
  if (!hasTerminal(system))
    throw needsTerminal("A user name is needed", "Give --username NAME, or set MOTEKEY_USERNAME.");
  const name = (await askLine(system, "Enter username: ")).trim();
  if (name === "") throw usage("The user name is empty.", "Type one, or give --username NAME.");
  return name;
}

/** The password: given, asked for without showing it, or the first line of what is piped in. */
export async function passwordOf(system: System, given: string | null): Promise<string> {
  if (given !== null) return given;
  if (hasTerminal(system)) return askSecret(system, "Enter password: ");
  const piped = system.stdin.isTTY === true ? "" : await readPipedLine(system);
  if (piped === "") throw needsTerminal("A password is needed", "Pipe it in, or set MOTEKEY_PASSWORD.");
  return piped;
}

/** A password that is piped in beside a user's name is given, though no flag says so. */
export async function withPiped(system: System, method: Method): Promise<Method> {
  if (method.kind !== "password" || method.username === null || method.password !== null) return method;
  if (system.stdin.isTTY === true) return method;
  const piped = await readPipedLine(system);
  return piped === "" ? method : { ...method, password: piped, isGiven: true };
}
