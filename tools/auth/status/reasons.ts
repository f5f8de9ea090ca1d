/** Why a login is good, or is not. */

/** The reasons that `--json` shows, which never change their meaning. */
export const STATUS_REASONS = {
  valid: "the provider takes the token",
  valid_by_clock: "with --offline: the token's time is not over by this machine's clock",
  not_checked: "the provider could not be asked, or has no way to check this token",
  not_authenticated: "there is no login",
  token_expired: "the login is over, and cannot be refreshed",
  login_ended: "the provider takes the login no more",
  invalid_token: "the provider refuses a token that was handed in",
} as const satisfies Record<string, string>;

/** One of {@link STATUS_REASONS}. */
export type StatusReason = keyof typeof STATUS_REASONS;
