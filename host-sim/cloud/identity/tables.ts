/** The names and values of the identity's options. */
import {
  FUNCTION,
  listOf,
  NAME,
  needed,
  numberFrom,
  oneOf,
  optionsOf,
  PORT,
  type Shape,
  TEXT,
} from "../options.js";
import { IDENTITY_FAULTS } from "./faults.js";
import type {
  IdentityOptions,
  Lifetimes,
  NewMembership,
  NewServiceAccount,
  NewUser,
  Workload,
} from "./types.js";

const MEMBERSHIP: Shape<NewMembership> = {
  organization: needed(NAME),
  role: oneOf("admin", "developer", "viewer"),
  teams: listOf(NAME),
};

const WORKLOAD: Shape<Workload> = { issuer: needed(NAME), subject: needed(NAME), audience: NAME };

/** What `addUser` takes. */
export const NEW_USER: Shape<NewUser> = {
  username: needed(NAME),
  password: NAME,
  email: NAME,
  name: NAME,
  id: NAME,
  memberships: listOf(optionsOf(MEMBERSHIP)),
};

/** What `addServiceAccount` takes. */
export const NEW_SERVICE_ACCOUNT: Shape<NewServiceAccount> = {
  clientId: NAME,
  name: NAME,
  secret: NAME,
  publicKey: NAME,
  workload: optionsOf(WORKLOAD),
  memberships: listOf(optionsOf(MEMBERSHIP)),
};

const SECONDS = numberFrom(0);

/** Of the option `lifetimes`, and of what may be set at run time. */
export const LIFETIMES: Shape<Lifetimes> = {
  accessToken: SECONDS,
  refreshToken: SECONDS,
  authorizationCode: SECONDS,
  deviceCode: SECONDS,
  deviceInterval: SECONDS,
};

const ORGANIZATION: Shape<NonNullable<IdentityOptions["organizations"]>[number]> = {
  name: needed(NAME),
  teams: listOf(NAME),
};

const TLS: Shape<NonNullable<IdentityOptions["tls"]>> = { key: needed(TEXT), cert: needed(TEXT) };

/** What `startIdentity` takes. */
export const IDENTITY_OPTIONS: Shape<IdentityOptions> = {
  port: PORT,
  host: NAME,
  tls: optionsOf(TLS),
  folder: NAME,
  connectLimitMs: numberFrom(1),
  organizations: listOf(optionsOf(ORGANIZATION)),
  users: listOf(optionsOf(NEW_USER)),
  serviceAccounts: listOf(optionsOf(NEW_SERVICE_ACCOUNT)),
  audiences: listOf(NAME),
  lifetimes: optionsOf(LIFETIMES),
  faults: optionsOf(IDENTITY_FAULTS),
  log: FUNCTION,
};
