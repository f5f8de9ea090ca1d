export type { Operator } from "./bearer.js";
export { CLI_CLIENT_ID } from "./clients.js";
export type { EndpointName, IdentityFaultOptions, IdentityFaults } from "./faults.js";
export { type Identity, startIdentity } from "./identity.js";
export { DEVICES_SCOPE, type OrganizationProfile, type Profile } from "./profile.js";
export type {
  IdentityEvent,
  IdentityOptions,
  IdentityStats,
  Lifetimes,
  MemberRole,
  NewMembership,
  NewServiceAccount,
  NewUser,
  Team,
  Workload,
} from "./types.js";
