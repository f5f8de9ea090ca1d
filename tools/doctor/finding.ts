/** What doctor finds: each cause with a code that never changes its meaning, and the numbers and names that show it. */
import { Failure, printable } from "../cli/failure.js";

/** `note`: it keeps nobody from working, but may be the reason for what else is seen. */
export type Level = "ok" | "note" | "problem";

/** Numbers and names, never a secret. */
export type Evidence = Readonly<Record<string, string | number | boolean | null>>;

/** What was looked at. */
export type Check =
  | "store"
  | "keychain"
  | "terminal"
  | "port"
  | "proxy"
  | "authority"
  | "issuer"
  | "clock"
  | "login"
  | "cloud"
  | "device"
  | "status"
  | "record";

/** One thing that was looked at, and how it is. */
export interface Finding {
  readonly check: Check;
  readonly level: Level;
  /** `ok`, or one of the codes that the command's page lists. */
  readonly reason: string;
  /** What is so: a whole sentence. */
  readonly message: string;
  readonly evidence: Evidence;
  /** The next step: one sentence; null where there is none to take. */
  readonly next: string | null;
}

/** Why a host's port does not serve; after `issuer_` and `cloud_`. */
export const OBSTACLES = {
  host_unknown: "no address is known for the host's name",
  refused: "the host answers, and nothing listens on the port",
  timeout: "nothing answers in time",
  unreachable: "the network does not lead there, or the connection broke",
  tls_name: "the certificate is for another name",
  tls_ca: "nobody whom this machine trusts vouches for the certificate",
  tls_expired: "the certificate has expired",
  tls_not_yet_valid: "the certificate is not valid yet",
  tls_failed: "the port does not speak TLS as it should",
} as const satisfies Record<string, string>;

/** One of {@link OBSTACLES}. */
export type Obstacle = keyof typeof OBSTACLES;

/** The codes of doctor's own; those of the store, the keychain and the login are error codes of all commands. */
export const REASONS = {
  storage_insecure: "tokens are readable in the file, as was asked for",
  storage_exposed: "others can read a token that somebody wrote into the file",
  no_session_bus: "there is no D-Bus session, over which Linux reaches its keychain",
  no_terminal: "nothing can be asked, as input is no terminal",
  no_browser: "no browser would open here",
  port_taken: "another program listens on the port",
  port_denied: "the system does not let this user listen on the port",
  proxy_set: "a proxy is set: the provider is reached through it, the cloud is not",
  authority_unread: "the file of further authorities cannot be read, or holds none",
  issuer_http: "the provider answers with an HTTP error",
  issuer_not_openid: "what answers is no OpenID provider",
  issuer_mismatch: "the provider calls itself by another name",
  issuer_without_pkce: "the provider does not know PKCE with S256",
  clock_behind: "this machine's clock is behind the provider's",
  clock_ahead: "this machine's clock is ahead of the provider's",
} as const satisfies Record<string, string>;

type Reason = keyof typeof REASONS;

/** Nothing is wrong here. */
export function fine(check: Check, message: string, evidence: Evidence = {}): Finding {
  return { check, level: "ok", reason: "ok", message, evidence, next: null };
}

/** Something that may surprise. */
export function note(
  check: Check,
  reason: Reason | "issuer_missing" | "not_authenticated",
  message: string,
  next: string,
  evidence: Evidence = {},
): Finding {
  return { check, level: "note", reason, message, evidence, next };
}

/** Something that keeps people or devices out. */
export function problem(
  check: Check,
  reason: Reason | `issuer_${Obstacle}` | `cloud_${Obstacle}` | `device_${string}`,
  message: string,
  next: string,
  evidence: Evidence = {},
): Finding {
  return { check, level: "problem", reason, message, evidence, next };
}

/** A failure of a command's own as a finding. What is no {@link Failure} goes on. */
export function ofFailure(check: Check, failure: unknown, evidence: Evidence = {}): Finding {
  if (!(failure instanceof Failure)) throw failure;
  const { code, message, next } = failure;
  return {
    check,
    level: "problem",
    reason: code,
    message: printable(message),
    evidence,
    next: next === "" ? null : next,
  };
}
