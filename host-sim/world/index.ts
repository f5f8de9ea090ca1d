/** The simulated world: devices that run the firmware's own sources over years of faults, in virtual time. */
export { type CellResult, type Plan, runCell, type Watch } from "./cell.js";
export { CHECKS, type Check, type Violation } from "./checks.js";
export { type Comeback, comebacks } from "./comeback.js";
export type { Core, MakeClient } from "./device.js";
export {
  FAULT_KINDS,
  type Fault,
  type FaultKind,
  KINDS,
  LEVELS,
  type Level,
  ORDINARY,
  type Rates,
} from "./faults.js";
export { type Failure, type FleetResult, hashOf, runFleet } from "./fleet.js";
export { type Herd, herdOf } from "./herd.js";
export { type Kept, keptText, readKept } from "./kept.js";
export { MEDIA, type MediumName } from "./media.js";
export type { WorldApp, WorldDevice, WorldMessage, WorldTokenCheck } from "./own/device.js";
export { WorldError } from "./own/failure.js";
export { type WorldOptions, type WorldSummary, world } from "./own/world.js";
export { type Draw, drawPlan } from "./plan.js";
export { PROFILE_NAMES, PROFILES, type Profile, type ProfileName } from "./profiles.js";
export { type Difference, isTrace, type Replayed, recordCell, replayTrace } from "./replay.js";
export { readScenario, type Scenario } from "./scenario.js";
export { type Shrunk, shrink } from "./shrink.js";
export { Tally } from "./tally.js";
export { type FaultClass, TOLD_APART, type Waits, waitsIn } from "./waits.js";
export { runWorld, type WorldResult } from "./workers.js";
