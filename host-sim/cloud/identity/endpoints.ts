/** Where the identity answers, by the names of RFC 8414 section 2 and OpenID Connect Discovery 1.0. */
export const ENDPOINTS = {
  authorization_endpoint: "/authorize",
  token_endpoint: "/token",
  device_authorization_endpoint: "/device_authorization",
  revocation_endpoint: "/revoke",
  introspection_endpoint: "/introspect",
  userinfo_endpoint: "/userinfo",
  end_session_endpoint: "/logout",
  pushed_authorization_request_endpoint: "/par",
  jwks_uri: "/jwks",
  /** Not in a standard: who the bearer is, and in which organization. PUT `…/organization` changes the latter. */
  me_endpoint: "/me",
} as const;

/** Where people type the code of a device (RFC 8628 section 3.3). */
export const DEVICE_PAGE = "/device";

/** Our own pages for signing in and consenting are below it. */
export const INTERACTION_PAGES = "/interaction";
