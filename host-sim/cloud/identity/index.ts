export { CLI_CLIENT_ID } from "./clients.js";
export type { EndpointName, IdentityFaultOptions, IdentityFaults } from "./faults.js";
export { type Identity, startIdentity } from "./identity.js";
export type { OrganizationProfile, Profile } from "./profile.js";
export type {
  IdentityEvent,
  IdentityOptions,
  IdentityStats,
  Lifetimes,
  NewMembership,
  NewServiceAccount,
  NewUser,
  Team,
  Workload,
} from "./types.js";
