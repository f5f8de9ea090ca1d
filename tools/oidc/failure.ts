/** The library's errors as failures that say what happened, with the provider's own words kept. */
import * as oidc from "openid-client";
import { Failure, type FailureCode, printable, systemCode } from "../cli/failure.js";
import type { Requests } from "./requests.js";

type Told = readonly [code: FailureCode, message: string, next: string];

const INVALID_CLIENT: Told = [
  "invalid_credentials",
  "The provider refuses the client.",
  "Check --client-id, and its secret or key.",
];

/** OAuth's error codes (RFC 6749 section 5.2, RFC 8628 section 3.5, RFC 6749 section 4.1.2.1). */
const CODES: Readonly<Record<string, Told>> = {
  invalid_grant: ["invalid_credentials", "The provider refuses the login.", "Log in again with --force."],
  invalid_client: INVALID_CLIENT,
  unauthorized_client: [
    "not_supported",
    "This client may not log in this way.",
    "Check --client-id, or log in another way.",
  ],
  unsupported_grant_type: [
    "not_supported",
    "The provider does not know this way to log in.",
    "Log in another way.",
  ],
  access_denied: ["login_denied", "The login was denied.", "Try again, and allow it."],
  expired_token: ["login_timeout", "The code was not confirmed in time.", "Try again."],
  invalid_target: [
    "issuer_refused",
    "The provider gives no token for that audience.",
    "Check --audience, and what this client may ask for.",
  ],
  invalid_scope: ["issuer_refused", "The provider refuses the scopes.", "Check --scopes."],
};

/** What an honest provider's answer would not be. */
const UNSAFE = new Set([
  "OAUTH_INVALID_RESPONSE",
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
  "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED",
  "OAUTH_KEY_SELECTION_FAILED",
]);

/** What fetch says of a header's value (RFC 9110 section 5.5), quoting it, before anything is sent. */
const UNSENDABLE = /invalid header value|invalid authorization header/i;

/** The OAuth error code of an answer, such as `invalid_grant`, or the empty string. */
export function oauthError(failure: unknown): string {
  const isAnswer =
    failure instanceof oidc.ResponseBodyError || failure instanceof oidc.AuthorizationResponseError;
  return isAnswer ? failure.error : "";
}

/** The code and the words of an OAuth error, or the empty string. */
export function wordsOf(failure: unknown): string {
  const { error_description } = failure as oidc.ResponseBodyError;
  return words(oauthError(failure), error_description);
}

const words = (...parts: readonly (string | undefined)[]): string =>
  printable(parts.filter(Boolean).join(": "), 300);

/** Did the provider refuse without a word of OAuth's: 400, 401 or 403, as Glewlwyd does at a wrong password? */
export function isPlainNo(failure: unknown): boolean {
  return (
    oauthError(failure) === "" && !isRefusedToken(failure) && [400, 401, 403].includes(statusOf(failure))
  );
}

/** The HTTP status of an answer that the library found wrong; 0: it was another failure. */
function statusOf(failure: unknown): number {
  let cause = failure;
  while (cause instanceof Error && !(cause instanceof Failure)) cause = cause.cause;
  return cause instanceof Response ? cause.status : 0;
}

/** Did the provider refuse the access token (RFC 6750 section 3.1)? */
export function isRefusedToken(failure: unknown): boolean {
  if (failure instanceof Failure) return failure.code === "invalid_token";
  return isChallenge(failure) && failure.cause.some(({ scheme }) => scheme === "bearer");
}

/** The provider takes the access token no more. */
export function refusedToken(options?: ErrorOptions): Failure {
  return new Failure(
    "invalid_token",
    "The provider refuses the token.",
    "Run 'motekey auth login'.",
    options,
  );
}

/** A 401: of the access token, or of the client's own proof (RFC 6749 section 5.2). */
function isChallenge(failure: unknown): failure is oidc.WWWAuthenticateChallengeError {
  return failure instanceof oidc.WWWAuthenticateChallengeError && failure.status === 401;
}

/** Can the provider not be asked now? */
export function isAway(failure: unknown): failure is Failure {
  return failure instanceof Failure && AWAY.includes(failure.code);
}

const AWAY: readonly FailureCode[] = ["issuer_unreachable", "issuer_unavailable"];

/** Who is talked to. */
export interface Peer {
  readonly issuer: string;
  readonly requests: Requests;
}

/** Runs a conversation with a provider; what fails in it is reported as a {@link Failure}. */
export async function asking<T>(peer: Peer, talk: () => Promise<T>): Promise<T> {
  try {
    return await talk();
  } catch (failure) {
    throw ownFailure(failure) ?? toldFailure(peer, failure);
  }
}

/** A failure of ours that the library handed on, or put into one of its own. */
function ownFailure(failure: unknown): Failure | null {
  let cause = failure;
  while (cause instanceof Error && !(cause instanceof Failure)) cause = cause.cause;
  return cause instanceof Failure ? cause : null;
}

/** Beyond this, a date that fails is the clock's fault; the header has whole seconds, and takes a moment to come. */
const CLOCK_TOLERANCE_MS = 30_000;

/** Null where the clocks agree, or the provider sends no time. */
function wrongClock({ issuer, requests: { clock } }: Peer, cause: ErrorOptions): Failure | null {
  if (clock === null) return null;
  const offMs = clock.oursMs - clock.theirsMs;
  if (Math.abs(offMs) <= CLOCK_TOLERANCE_MS) return null;
  return new Failure(
    "clock_wrong",
    `This machine's clock is ${Math.round(Math.abs(offMs) / 1000)} s ${offMs < 0 ? "behind" : "ahead of"} the clock of ${issuer}, so its dates cannot be checked.`,
    "Set the clock (timedatectl set-ntp true), then try again. If the provider's clock is wrong, tell the people who run it.",
    cause,
  );
}

function toldFailure(peer: Peer, failure: unknown): Failure {
  const { issuer } = peer;
  const cause = { cause: failure };
  const error = oauthError(failure);
  if (error !== "") {
    const known = CODES[error] ?? ["issuer_refused", "The provider refuses this.", ""];
    return told(known, wordsOf(failure), cause);
  }
  if (isChallenge(failure) && !isRefusedToken(failure)) {
    const { error, error_description } = failure.cause[0]?.parameters ?? {};
    return told(INVALID_CLIENT, words(error, error_description), cause);
  }
  if (isRefusedToken(failure)) return refusedToken(cause);
  const { code, message } = (failure ?? {}) as { code?: string; message?: string };
  const clock = code === "OAUTH_JWT_TIMESTAMP_CHECK_FAILED" ? wrongClock(peer, cause) : null;
  if (clock !== null) return clock;
  if (code !== undefined && UNSAFE.has(code)) {
    const what = printable(reasonOf(failure), 300);
    return new Failure(
      "unsafe_response",
      `The answer of ${issuer} is not to be trusted: ${what}.`,
      "Log in again; if this stays, ask whoever runs the provider.",
      cause,
    );
  }
  if (isPlainNo(failure)) {
    return new Failure(
      "issuer_refused",
      `${issuer} refuses this and does not say why (HTTP ${statusOf(failure)}).`,
      "Check --client-id, its secret or key, and --scopes.",
      cause,
    );
  }
  if (code?.startsWith("OAUTH_") === true) {
    const what = printable(reasonOf(failure), 300);
    return new Failure(
      "issuer_invalid",
      `${issuer} does not answer as an OpenID provider does: ${what}.`,
      "Check --issuer.",
      cause,
    );
  }
  if (failure instanceof TypeError && UNSENDABLE.test(`${message} ${networkReason(failure)}`)) {
    return new Failure(
      "invalid_token",
      "The token has a character that no HTTP header can hold.",
      "Check what was copied, or run 'motekey auth login --force'.",
      cause,
    );
  }
  if (failure instanceof TypeError && message === "fetch failed") {
    return unreachable(issuer, networkReason(failure), failure);
  }
  throw failure;
}

/** Our sentence, with the provider's own words in brackets. */
function told([code, message, next]: Told, said: string, cause: ErrorOptions): Failure {
  return new Failure(code, said === "" ? message : `${message.slice(0, -1)} (${said}).`, next, cause);
}

/** No answer, and why. */
function unreachable(issuer: string, why: string, cause: unknown): Failure {
  return new Failure(
    "issuer_unreachable",
    `${issuer} cannot be reached: ${printable(why, 200)}.`,
    "Check --issuer, the network, and whether a proxy is needed.",
    { cause },
  );
}

/** The system's words for why a fetch failed, with its code. */
export function networkReason(failure: unknown): string {
  let cause: unknown = failure;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  if (cause instanceof AggregateError && cause.errors.length > 0) cause = cause.errors[0];
  const code = systemCode(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  return code === "" || message.includes(code) ? message : `${message} (${code})`;
}

/** The library's words: the innermost say most. */
function reasonOf(failure: unknown): string {
  let cause = failure;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause instanceof Error ? cause.message.replace(/^"response" /, "") : String(cause);
}
