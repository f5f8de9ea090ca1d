import type Provider from "oidc-provider";

/** What stands before oidc-provider's own routes: it is a Koa app. */
export type Middleware = Parameters<Provider["use"]>[0];

/** One request and its response, as a middleware gets them. */
export type Context = Parameters<Middleware>[0];
