/** The login on another machine: the device authorization grant (RFC 8628). */
import * as oidc from "openid-client";
import { Failure, printable } from "../cli/failure.js";
import type { Output } from "../cli/output.js";
import type { System } from "../cli/system.js";
import { asking } from "./failure.js";
import { GRANTS, knows, type Provider } from "./provider.js";
import { type Tokens, tokensOf } from "./tokens.js";
import { waitFor } from "./wait.js";

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
  const { configuration, issuer } = provider;
  const device = await asking(issuer, () => oidc.initiateDeviceAuthorization(configuration, { scope }));
  const { user_code, verification_uri, verification_uri_complete } = device;
  const address = printable(verification_uri_complete ?? verification_uri, 2000);
  const code = printable(user_code, 100);
  const how =
    verification_uri_complete === undefined ? `and enter the code ${code}` : `It shows the code ${code}.`;
  output.request(
    `Please open this URL in your browser to authenticate:\n${address}\n${how}\n\nWaiting for authentication...`,
  );
  const late = new Failure("login_timeout", "The code was not confirmed in time.", "Try again.");
  return waitFor(system, device.expires_in * 1000, late, async (signal) => {
    const response = await asking(issuer, () =>
      oidc.pollDeviceAuthorizationGrant(configuration, device, undefined, { signal }),
    );
    return tokensOf(response, system.now(), scope);
  });
}
