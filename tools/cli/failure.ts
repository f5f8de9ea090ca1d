/** What commands fail with: a code for programs, and for people what happened and what to do next. */

/** Exit statuses of every command; `auth exec` hands on its child's instead. */
export const Exit = {
  DONE: 0,
  FAILED: 1,
  USAGE: 2,
  AUTHENTICATION_NEEDED: 4,
  INTERRUPTED: 130,
} as const;

/** The error codes that `--json` shows, with the exit status and the meaning of each, which never change. */
export const FAILURES = {
  usage: { exit: Exit.USAGE, meaning: "a flag, an argument or a combination of them that cannot be" },
  needs_terminal: {
    exit: Exit.USAGE,
    meaning: "a question would have to be asked, and there is no terminal",
  },
  issuer_missing: { exit: Exit.USAGE, meaning: "nothing says which identity provider to ask" },
  not_authenticated: { exit: Exit.AUTHENTICATION_NEEDED, meaning: "there is no login for what was asked" },
  token_expired: {
    exit: Exit.AUTHENTICATION_NEEDED,
    meaning: "the login is over: the access token has ended and cannot be refreshed",
  },
  login_ended: {
    exit: Exit.AUTHENTICATION_NEEDED,
    meaning: "the provider ended the login: it takes its tokens no more",
  },
  invalid_token: {
    exit: Exit.AUTHENTICATION_NEEDED,
    meaning: "the provider refuses the token although its time is not over",
  },
  invalid_credentials: {
    exit: Exit.FAILED,
    meaning: "user name, password, client id, secret or key are wrong",
  },
  login_denied: { exit: Exit.FAILED, meaning: "the person at the browser said no, or the provider did" },
  login_timeout: { exit: Exit.FAILED, meaning: "nobody finished the login in the browser in time" },
  unsafe_response: {
    exit: Exit.FAILED,
    meaning:
      "the provider's answer is not what an honest one would be: state, nonce, issuer, audience or signature",
  },
  not_supported: { exit: Exit.FAILED, meaning: "the provider lacks what is needed for this" },
  issuer_unreachable: { exit: Exit.FAILED, meaning: "the provider does not answer" },
  issuer_unavailable: {
    exit: Exit.FAILED,
    meaning: "the provider answers that it cannot work now: HTTP 429, or 500 and above",
  },
  clock_wrong: { exit: Exit.FAILED, meaning: "this machine's clock and the provider's differ too much" },
  issuer_invalid: { exit: Exit.FAILED, meaning: "the provider answers, but not as an OpenID provider does" },
  issuer_refused: {
    exit: Exit.FAILED,
    meaning: "the provider refused a request in a way that has no code of its own",
  },
  team_unknown: { exit: Exit.FAILED, meaning: "no login, or the provider, knows the team" },
  account_unknown: { exit: Exit.FAILED, meaning: "no such account is logged in" },
  organization_unknown: { exit: Exit.FAILED, meaning: "the account is in no such organization" },
  keychain_absent: { exit: Exit.FAILED, meaning: "no system keychain answers here" },
  keyring_missing: {
    exit: Exit.FAILED,
    meaning: "there is a keychain, and no keyring in it to keep anything in",
  },
  keychain_locked: { exit: Exit.FAILED, meaning: "there is a keychain, and it is locked" },
  keychain_silent: { exit: Exit.FAILED, meaning: "the keychain did not answer in time" },
  key_missing: { exit: Exit.FAILED, meaning: "the keychain no longer has the key that opens the file" },
  storage_denied: { exit: Exit.FAILED, meaning: "the file cannot be read or written" },
  storage_unsafe: {
    exit: Exit.FAILED,
    meaning: "the file is not as a keeper of secrets must be: a link, another's, or open to others",
  },
  storage_broken: { exit: Exit.FAILED, meaning: "the file does not hold what motekey writes" },
  storage_busy: { exit: Exit.FAILED, meaning: "another process has held the lock for too long" },
  cloud_unreachable: { exit: Exit.FAILED, meaning: "the cloud of the devices does not answer" },
  cloud_invalid: {
    exit: Exit.FAILED,
    meaning: "something answers there, and not as a cloud of devices does",
  },
  not_allowed: { exit: Exit.FAILED, meaning: "the login's role or scopes do not allow it" },
  device_unknown: { exit: Exit.FAILED, meaning: "the cloud knows no such device" },
  device_exists: { exit: Exit.FAILED, meaning: "the id is another device's, or was revoked" },
  log_broken: { exit: Exit.FAILED, meaning: "an audit log is not as it was written, from a line on" },
  batch_other: {
    exit: Exit.FAILED,
    meaning: "the folder holds another batch: of another file, key or image than was given",
  },
  partition_damaged: {
    exit: Exit.FAILED,
    meaning: "a partition, an image or a file of keys holds bytes that are not as they were written",
  },
  partition_unfit: {
    exit: Exit.FAILED,
    meaning: "a partition or an image cannot take what it is to hold, or is not what the device expects",
  },
  port_unavailable: {
    exit: Exit.FAILED,
    meaning: "a serial port is not there, is in use by another program, or may not be opened by this user",
  },
  device_silent: {
    exit: Exit.FAILED,
    meaning: "the device at the port does not answer, or has stopped answering",
  },
  device_unfit: {
    exit: Exit.FAILED,
    meaning:
      "the chip is another one than was named or another device already, or its secure boot, flash encryption or secure download mode stands in the way",
  },
  device_unverified: {
    exit: Exit.FAILED,
    meaning: "what was read back from the device is not what was written to it",
  },
  wifi_failed: { exit: Exit.FAILED, meaning: "the device could not join the Wi-Fi network" },
  command_failed: { exit: Exit.FAILED, meaning: "the program that `auth exec` was to run cannot be started" },
  interrupted: { exit: Exit.INTERRUPTED, meaning: "Ctrl-C" },
  failed: { exit: Exit.FAILED, meaning: "anything else that failed" },
} as const satisfies Record<string, { readonly exit: number; readonly meaning: string }>;

/** One of {@link FAILURES}. */
export type FailureCode = keyof typeof FAILURES;

/** A failure that people see without a stack trace. */
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
    return FAILURES[this.code].exit;
  }
}

/** `Not authenticated.`, with the next step. */
export const notAuthenticated = (next = "Run 'motekey auth login'."): Failure =>
  new Failure("not_authenticated", "Not authenticated.", next);

/** A mistake in the command line. */
export const usage = (message: string, next: string): Failure => new Failure("usage", message, next);

/** The text without control characters: what a server says must not drive the terminal. A cut shows as `…`. */
export function printable(text: string, lengthMax = 500): string {
  const plain = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ");
  return plain.length > lengthMax ? `${plain.slice(0, lengthMax - 1)}…` : plain;
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

/** Why a program cannot be started. */
export const startReason = (failure: unknown): string =>
  systemCode(failure) === "ENOENT" ? "there is no such program" : systemReason(failure);

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
