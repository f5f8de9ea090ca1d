export { FleetCloud } from "./cloud.js";
export { type FleetOptions, type FleetProgress, type FleetReport, runFleet } from "./fleet.js";
export { FLEET_LIMITS } from "./limits.js";
export type { Credential, FleetCloudOptions } from "./provisioning.js";
