/** What commands fail with: a code for programs, and for people what happened and what to do next. */

/** Exit statuses of every command; `auth exec` hands on its child's instead. */
export const Exit = {
  DONE: 0,
  FAILED: 1,
  USAGE: 2,
  AUTHENTICATION_NEEDED: 4,
  INTERRUPTED: 130,
} as const;

/** The error codes that `--json` shows, and the exit status of each. They never change their meaning. */
export const FAILURES = {
  /** A flag, an argument or a combination of them that cannot be. */
  usage: Exit.USAGE,
  /** A question would have to be asked, and there is no terminal. */
  needs_terminal: Exit.USAGE,
  /** Nothing says which identity provider to ask. */
  issuer_missing: Exit.USAGE,
  /** There is no login for what was asked. */
  not_authenticated: Exit.AUTHENTICATION_NEEDED,
  /** The login is over: the access token has ended and cannot be refreshed. */
  token_expired: Exit.AUTHENTICATION_NEEDED,
  /** The provider refuses the token although its time is not over. */
  invalid_token: Exit.AUTHENTICATION_NEEDED,
  /** User name, password, client id, secret or key are wrong. */
  invalid_credentials: Exit.FAILED,
  /** The person at the browser said no, or the provider did. */
  login_denied: Exit.FAILED,
  /** Nobody finished the login in the browser in time. */
  login_timeout: Exit.FAILED,
  /** The provider's answer is not what an honest one would be: state, nonce, issuer, audience or signature. */
  unsafe_response: Exit.FAILED,
  /** The provider lacks what is needed for this. */
  not_supported: Exit.FAILED,
  /** The provider does not answer. */
  issuer_unreachable: Exit.FAILED,
  /** The provider answers, but not as an OpenID provider does. */
  issuer_invalid: Exit.FAILED,
  /** The provider refused a request in a way that has no code of its own. */
  issuer_refused: Exit.FAILED,
  team_unknown: Exit.FAILED,
  account_unknown: Exit.FAILED,
  organization_unknown: Exit.FAILED,
  /** No system keychain answers here. */
  keychain_absent: Exit.FAILED,
  /** There is a keychain, and it is locked. */
  keychain_locked: Exit.FAILED,
  /** The keychain did not answer in time. */
  keychain_silent: Exit.FAILED,
  /** The keychain no longer has the key that opens the file. */
  key_missing: Exit.FAILED,
  /** The file cannot be read or written. */
  storage_denied: Exit.FAILED,
  /** The file is not as a keeper of secrets must be: a link, another's, or open to others. */
  storage_unsafe: Exit.FAILED,
  /** The file does not hold what motekey writes. */
  storage_broken: Exit.FAILED,
  /** Another process has held the lock for too long. */
  storage_busy: Exit.FAILED,
  /** The program that `auth exec` was to run cannot be started. */
  command_failed: Exit.FAILED,
  /** Ctrl-C. */
  interrupted: Exit.INTERRUPTED,
  /** Anything else that failed. */
  failed: Exit.FAILED,
} as const satisfies Record<string, number>;

/** One of {@link FAILURES}. */
export type FailureCode = keyof typeof FAILURES;

/** A failure that people are told of without a stack trace. */
export class Failure extends Error {
  /**
   * @param code for programs
   * @param message what happened: whole sentences
   * @param next the next step: whole sentences, may be empty
   */
  constructor(
    readonly code: FailureCode,
    message: string,
    readonly next = "",
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The status that the process ends with. */
  get exit(): number {
    return FAILURES[this.code];
  }
}

/** `Not authenticated.`, with the next step. */
export const notAuthenticated = (): Failure =>
  new Failure("not_authenticated", "Not authenticated.", "Run 'motekey auth login'.");

/** A mistake in the command line. */
export const usage = (message: string, next = ""): Failure => new Failure("usage", message, next);

/** The text without control characters: what a server says must not drive the terminal. */
export function printable(text: string, lengthMax = 500): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ").slice(0, lengthMax);
}

/** The system's code of a failure, such as `ENOENT`, or the empty string. */
export function systemCode(failure: unknown): string {
  const { code } = (failure ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** What keeps from a file, a port or a program, in words where the system's code is a usual one. */
export function systemReason(failure: unknown): string {
  const code = systemCode(failure);
  return REASONS[code] ?? (code || String(failure));
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "the port is taken",
  EADDRNOTAVAIL: "this machine has no such address",
  EEXIST: "a part of its path is not a folder",
  EISDIR: "it is a folder",
  ENOENT: "there is no such file",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is not a folder",
  ENOTFOUND: "nobody knows the host's name",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
};
