import type { JWK } from "jose";
import type { MemberRole } from "../operator.js";
import type { IdentityFaultOptions } from "./faults.js";

/** A team within an organization. */
export interface Team {
  guid: string;
  name: string;
}

/** An organization; it is asked for by its id, its guid or its name. */
export interface Organization {
  id: number;
  guid: string;
  name: string;
  teams: Team[];
}

/** Who somebody is in one organization: its guid, the role there, and the guids of teams. */
export interface Membership {
  organization: string;
  role: MemberRole;
  teams: string[];
}

/** A person. The first membership is the organization that a login begins in. */
export interface User {
  /** The account id, `sub` in tokens: `usr_…`. */
  id: string;
  username: string;
  email: string;
  name: string;
  /** scrypt, see `password.ts`. */
  password: string;
  /** ISO 8601. */
  createdAt: string;
  memberships: Membership[];
  disabled: boolean;
}

/**
 * A program's account: a client of its own, proved by a secret, by its private key (RFC 7523), or by a token
 * of the platform that it runs on (RFC 8693).
 */
export interface ServiceAccount {
  clientId: string;
  name: string;
  createdAt: string;
  memberships: Membership[];
  disabled: boolean;
  secret?: string;
  publicKey?: JWK;
  workload?: Workload;
}

/** Whose tokens prove a service account: those of a build platform, for one workload. */
export interface Workload {
  /** `iss` of the token; its keys are found by discovery. */
  issuer: string;
  /** `sub` of the token, whole. */
  subject: string;
  /** `aud` of the token. Default: our issuer. */
  audience?: string;
}

/** A place in an organization, by names; what is not there yet is made. */
export interface NewMembership {
  organization: string;
  /** Default "developer". */
  role?: MemberRole;
  /** Default: the organization's first team. */
  teams?: string[];
}

/** What `addUser` takes. */
export interface NewUser {
  username: string;
  /** Default: a random one. */
  password?: string;
  /** Default `<username>@example.com`. */
  email?: string;
  /** Default: the user name. */
  name?: string;
  /** Default `usr_` and ten random digits. */
  id?: string;
  /** Default: developer in the first organization. */
  memberships?: NewMembership[];
}

/** What `addServiceAccount` takes. Without `publicKey` and `workload` it gets a secret. */
export interface NewServiceAccount {
  /** Default `svc_` and 32 random hexadecimal digits. */
  clientId?: string;
  name?: string;
  secret?: string;
  /** PEM (SPKI) of an RSA, P-256, P-384 or Ed25519 key. */
  publicKey?: string;
  workload?: Workload;
  memberships?: NewMembership[];
}

/** How long things live, in seconds. May be changed at run time, for what is issued from then on. */
export interface Lifetimes {
  /** Default 30 min. */
  accessToken: number;
  /** Default 6 h from its issue, so 6 h after the last refresh; a login ends after 14 days in any case. */
  refreshToken: number;
  /** Default 60 s. */
  authorizationCode: number;
  /** Default 10 min. */
  deviceCode: number;
  /** Least time between two polls for a device code. Default 5 s (RFC 8628 section 3.2). */
  deviceInterval: number;
}

/** The identity's events, for tests and logs. No event carries a secret: no password, code or token. */
export type IdentityEvent =
  | { event: "login"; username: string; ok: boolean; by: "page" | "password" }
  | { event: "consent"; account: string; client: string; organization: string; ok: boolean }
  /** A token response. `grant` is its `grant_type`; `account` is a user's id, or of a service account its client id. */
  | { event: "token"; grant: string; client: string; account: string }
  /** An OAuth error (RFC 6749 section 5.2): the endpoint, the code that the client gets, and the reason behind it. */
  | { event: "refused"; endpoint: string; grant: string; client: string; error: string; reason: string }
  /** A token was revoked by its client (RFC 7009). */
  | { event: "revoked"; client: string; token: string }
  /** All tokens of a login have ended: by revocation, or because a used code or refresh token came again. */
  | { event: "ended"; client: string; account: string }
  /** An organization was chosen for a login. */
  | { event: "switched"; account: string; organization: string }
  /** A mistake of ours, answered with 500. */
  | { event: "failed"; path: string; reason: string };

/** Counts since the start, live: token responses by grant type, refusals by error code. */
export interface IdentityStats {
  tokens: Record<string, number>;
  refused: Record<string, number>;
}

/** Options of `startIdentity`. All have defaults. */
export interface IdentityOptions {
  /** HTTP port, 0: any free one. */
  port?: number;
  /** Address to listen on, and the issuer's host. Default 127.0.0.1: this is no production server. */
  host?: string;
  /** PEM; with it the issuer is https. */
  tls?: { key: string; cert: string };
  /**
   * Users, clients and keys are kept here in `identity.json`, logins in `logins.json` (mode 0600, written
   * atomically). Default: nothing is kept.
   */
  folder?: string;
  /** Added at the start, unless the folder knows them. */
  organizations?: { name: string; teams?: string[] }[];
  users?: NewUser[];
  serviceAccounts?: NewServiceAccount[];
  /** APIs that token exchange gives access tokens for, by the names that `audience` has (RFC 8693). Default: none. */
  audiences?: string[];
  lifetimes?: Partial<Lifetimes>;
  /** A request that is not whole by then is answered 408, a TLS handshake is closed. Default 10,000. */
  connectLimitMs?: number;
  faults?: IdentityFaultOptions;
  log?: (event: IdentityEvent) => void;
}
