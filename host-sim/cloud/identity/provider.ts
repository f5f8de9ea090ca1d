import type { Configuration, default as Provider } from "oidc-provider";
import { CLI_CLIENT_ID, clientAdapter } from "./clients.js";
import { deviceAlarm, deviceCodePage, deviceConfirmPage, deviceDonePage } from "./device-pages.js";
import type { Directory } from "./directory.js";
import { DEVICE_PAGE, ENDPOINTS, INTERACTION_PAGES } from "./endpoints.js";
import type { Logins } from "./logins.js";
import { failurePage, signedOutPage, signOutPage } from "./pages.js";
import { CLAIMS, claimsOf, profileOf, SCOPES } from "./profile.js";
import type { Lifetimes } from "./types.js";

const DAY_SECONDS = 24 * 60 * 60;
/** The longest that a login lives, however often it is refreshed. */
const LOGIN_SECONDS = 14 * DAY_SECONDS;
/** How long the pages for signing in and consenting wait for a person. */
const PAGE_SECONDS = 10 * 60;

/** What oidc-provider is configured with. */
export interface ProviderParts {
  directory: Directory;
  logins: Logins;
  lifetimes: Lifetimes;
}

let library: Promise<typeof import("oidc-provider")> | undefined;

/** Loads oidc-provider when the first identity is started: who wants a cloud only need not wait for it. */
export function loadProvider(): Promise<typeof import("oidc-provider")> {
  library ??= loadQuietly();
  return library;
}

/** It runs on Node 20, and says on each start that it is not supported there: no news for our callers. */
async function loadQuietly(): Promise<typeof import("oidc-provider")> {
  const { warn } = console;
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).includes("oidc-provider WARNING: Unsupported runtime")) warn(...words);
  };
  try {
    return await import("oidc-provider");
  } finally {
    console.warn = warn;
  }
}

/** A provider for this issuer, without the grants and pages that are our own. */
export async function makeProvider(issuer: string, parts: ProviderParts): Promise<Provider> {
  const { default: OidcProvider } = await loadProvider();
  return new OidcProvider(issuer, { ...fixed(), ...ofParts(parts, issuer) });
}

function fixed(): Configuration {
  return {
    scopes: SCOPES,
    claims: CLAIMS,
    responseTypes: ["code"],
    pkce: { required: () => true },
    // To the second: tests wait for ends, and all run by one clock.
    clockTolerance: 0,
    // Names and organization are in the ID token too, so that a client can show them offline.
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    // Signing out in the browser does not end logins of the command line.
    expiresWithSession: async () => false,
    enabledJWA: {
      clientAuthSigningAlgValues: ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"],
    },
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
    routes: {
      authorization: ENDPOINTS.authorization_endpoint,
      token: ENDPOINTS.token_endpoint,
      device_authorization: ENDPOINTS.device_authorization_endpoint,
      revocation: ENDPOINTS.revocation_endpoint,
      introspection: ENDPOINTS.introspection_endpoint,
      userinfo: ENDPOINTS.userinfo_endpoint,
      end_session: ENDPOINTS.end_session_endpoint,
      pushed_authorization_request: ENDPOINTS.pushed_authorization_request_endpoint,
      jwks: ENDPOINTS.jwks_uri,
      code_verification: DEVICE_PAGE,
    },
    interactions: { url: (_ctx, interaction) => `${INTERACTION_PAGES}/${interaction.uid}` },
  };
}

function ofParts(parts: ProviderParts, issuer: string): Configuration {
  const { directory, logins, lifetimes } = parts;
  return {
    adapter: (model) =>
      model === "Client" ? clientAdapter(directory, logins.adapter(model)) : logins.adapter(model),
    jwks: { keys: directory.secrets.keys },
    cookies: { keys: directory.secrets.cookies },
    discovery: { me_endpoint: issuer + ENDPOINTS.me_endpoint },
    ttl: {
      AccessToken: () => lifetimes.accessToken,
      ClientCredentials: () => lifetimes.accessToken,
      RefreshToken: () => lifetimes.refreshToken,
      AuthorizationCode: () => lifetimes.authorizationCode,
      DeviceCode: () => lifetimes.deviceCode,
      IdToken: () => lifetimes.accessToken,
      Interaction: () => PAGE_SECONDS,
      Grant: () => LOGIN_SECONDS,
      Session: () => LOGIN_SECONDS,
    },
    findAccount: async (_ctx, id, token) => {
      const user = directory.user(id);
      if (user === undefined || user.disabled) return undefined;
      const profile = () => profileOf(directory, user, logins.organizationOf(token?.grantId));
      return { accountId: id, claims: async () => claimsOf(profile()) };
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, _form, _out, failure) =>
          deviceCodePage(ctx, "", failure && deviceAlarm(failure)),
        userCodeConfirmSource: deviceConfirmPage,
        successSource: deviceDonePage,
      },
      introspection: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) =>
          isOwn(directory, client, token) && !isBarred(directory, token),
      },
      resourceIndicators: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => isOwn(directory, client, token),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: signOutPage,
        postLogoutSuccessSource: signedOutPage,
      },
    },
    renderError: failurePage,
  };
}

/** Clients revoke their own tokens, and ask about their own; so does the command line with those of workloads. */
function isOwn(directory: Directory, { clientId }: { clientId: string }, token: object): boolean {
  if (!("clientId" in token) || typeof token.clientId !== "string") return false;
  const isWorkload = directory.serviceAccount(token.clientId)?.workload !== undefined;
  return token.clientId === clientId || (isWorkload && clientId === CLI_CLIENT_ID);
}

/** A token of a user who may not log in any more is not active (RFC 7662 section 2.2). */
function isBarred(directory: Directory, token: object): boolean {
  const id = "accountId" in token && typeof token.accountId === "string" ? token.accountId : null;
  return id !== null && directory.user(id)?.disabled === true;
}
