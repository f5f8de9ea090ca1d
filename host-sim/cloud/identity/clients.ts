import type { Adapter, AdapterPayload } from "oidc-provider";
import type { Directory } from "./directory.js";
import type { ServiceAccount } from "./types.js";

/** The client id of the command line. */
export const CLI_CLIENT_ID = "motekey-cli";

/** The grants that are no part of OAuth 2's core, by their `grant_type`. */
export const GRANTS = {
  device: "urn:ietf:params:oauth:grant-type:device_code",
  exchange: "urn:ietf:params:oauth:grant-type:token-exchange",
} as const;

/** A public native client (RFC 8252): loopback redirects, with any port. */
const CLI_CLIENT: AdapterPayload = {
  client_id: CLI_CLIENT_ID,
  client_name: "motekey CLI",
  application_type: "native",
  token_endpoint_auth_method: "none",
  redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback"],
  response_types: ["code"],
  response_modes: ["query"],
  grant_types: ["authorization_code", "refresh_token", "password", GRANTS.device, GRANTS.exchange],
};

/** What oidc-provider finds its clients with: the command line, and each service account. */
export function clientAdapter(directory: Directory, others: Adapter): Adapter {
  return {
    ...others,
    find: async (id) => {
      if (id === CLI_CLIENT_ID) return CLI_CLIENT;
      const account = directory.serviceAccount(id);
      return account === undefined || account.disabled ? undefined : serviceClient(account);
    },
  };
}

/** A service account may also log a user in by password: together they are what a platform's tooling asks for. */
function serviceClient(account: ServiceAccount): AdapterPayload {
  const { clientId, name, secret, publicKey } = account;
  const client: AdapterPayload = {
    client_id: clientId,
    client_name: name,
    redirect_uris: [],
    response_types: [],
    grant_types: ["client_credentials", "password", "refresh_token", GRANTS.exchange],
  };
  if (publicKey !== undefined)
    return { ...client, token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [{ ...publicKey }] } };
  if (secret !== undefined)
    return { ...client, token_endpoint_auth_method: "client_secret_basic", client_secret: secret };
  // Only tokens of its workload prove this one: the client itself can ask for nothing.
  return { ...client, token_endpoint_auth_method: "none", grant_types: [] };
}
