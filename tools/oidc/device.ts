/** The login on another machine: the device authorization grant (RFC 8628). */
import { setTimeout } from "node:timers/promises";
import * as oidc from "openid-client";
import { copyText } from "../cli/clipboard.js";
import { Failure, printable } from "../cli/failure.js";
import type { Output } from "../cli/output.js";
import { hasTerminal, withKeys } from "../cli/prompt.js";
import type { System } from "../cli/system.js";
import { waitFor, whichever } from "../cli/wait.js";
import { asking, isAway, oauthError } from "./failure.js";
import { GRANTS, knows, type Provider } from "./provider.js";
import { Unavailable } from "./requests.js";
import { type Tokens, tokensOf } from "./tokens.js";

/** RFC 8628 section 3.2: the interval where the provider names none; section 3.5: what `slow_down` adds. */
const INTERVAL_MS = 5_000;
const SLOW_DOWN_MS = 5_000;
/** A provider that is away for a while is asked at least this often again. */
const INTERVAL_MS_MAX = 60_000;
/** Two hundred years of waiting help nobody: longer than a timer can count. */
const LIFETIME_MS_MAX = 24 * 60 * 60 * 1000;

/** Has the provider a device grant? */
export function hasDeviceGrant(provider: Provider): boolean {
  const { device_authorization_endpoint } = provider.metadata;
  return device_authorization_endpoint !== undefined && knows(provider, GRANTS.device);
}

/** Prints an address and a code, and polls as slowly as the provider wants. */
export async function logInByDevice(
  provider: Provider,
  scope: string,
  system: System,
  output: Output,
): Promise<Tokens> {
  if (!hasDeviceGrant(provider)) {
    throw new Failure("not_supported", `${provider.issuer} has no device grant.`, "Use --no-browser.");
  }
  const { configuration } = provider;
  const device = await asking(provider, () => oidc.initiateDeviceAuthorization(configuration, { scope }));
  const { user_code, verification_uri, verification_uri_complete } = device;
  system.secrets.show(user_code);
  const address = printable(verification_uri_complete ?? verification_uri, 2000);
  const code = printable(user_code, 100);
  const how =
    verification_uri_complete === undefined ? `and enter the code ${code}` : `It shows the code ${code}.`;
  const canCopy = hasTerminal(system);
  const show = () =>
    output.request(
      `Please open this URL in your browser to authenticate:\n${address}\n${how}${canCopy ? "\nPress c to copy the code." : ""}\n\nWaiting for authentication...`,
    );
  const late = new Failure("login_timeout", "The code was not confirmed in time.", "Try again.");
  const limitMs = Math.min(device.expires_in * 1000, LIFETIME_MS_MAX);
  const poll = (ended: AbortSignal): Promise<Response> => {
    show();
    return polled(provider, device, output, ended);
  };
  const keys = { c: () => void copyCode(system, output, user_code) };
  const work = (ended: AbortSignal) =>
    canCopy ? withKeys(system, keys, (stopped) => poll(whichever(ended, stopped))) : poll(ended);
  const response = await waitFor(limitMs, late, work, system.interrupted);
  return tokensOf(response, system.now(), scope);
}

/** The code to the clipboard; what cannot be known of that is said. */
async function copyCode(system: System, output: Output, code: string): Promise<void> {
  const { by, detail } = await copyText(system, code);
  const failed = detail === "" ? "" : `${detail}. `;
  if (by === "program") output.note(`The code is in the clipboard (${detail}).`);
  else if (by === null) output.note(`The code is not copied: ${detail}.`);
  else
    output.note(
      `${failed}The code was sent to the terminal for its clipboard, which says nothing back (OSC 52): if something else is pasted, copy it by hand.`,
    );
}

type Response = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

/**
 * Asks until somebody confirmed the code or refused it (RFC 8628 section 3.5). A provider that does not answer is
 * asked again, each time after twice as long.
 */
async function polled(
  provider: Provider,
  device: oidc.DeviceAuthorizationResponse,
  output: Output,
  ended: AbortSignal,
): Promise<Response> {
  let intervalMs = device.interval === undefined ? INTERVAL_MS : device.interval * 1000;
  let pauseMs = intervalMs;
  for (;;) {
    await setTimeout(pauseMs, undefined, { signal: ended });
    const answer = await answered(provider, device.device_code);
    if (answer instanceof Failure) {
      const wantedMs = answer instanceof Unavailable ? (answer.retryAfterMs ?? 0) : 0;
      pauseMs = Math.min(Math.max(2 * pauseMs, wantedMs), INTERVAL_MS_MAX);
      output.note(`${answer.message} Asking again in ${Math.ceil(pauseMs / 1000)} s.`);
    } else if (typeof answer === "string") {
      if (answer === "slow_down") intervalMs += SLOW_DOWN_MS;
      pauseMs = intervalMs;
    } else return answer;
  }
}

/** One question's answer: the tokens, why there are none yet, or why the provider could not answer. */
async function answered(
  provider: Provider,
  device_code: string,
): Promise<Response | "authorization_pending" | "slow_down" | Failure> {
  try {
    return await asking(provider, async () => {
      try {
        return await oidc.genericGrantRequest(provider.configuration, GRANTS.device, { device_code });
      } catch (failure) {
        const error = oauthError(failure);
        if (error === "authorization_pending" || error === "slow_down") return error;
        throw failure;
      }
    });
  } catch (failure) {
    if (isAway(failure)) return failure;
    throw failure;
  }
}
