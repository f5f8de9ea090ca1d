/** A cloud and devices in Node, for the CI of those who build on motekey. */
export * from "./cloud/index.js";
export {
  type DeviceCredentials,
  DeviceError,
  type DeviceHost,
  type DeviceOptions,
  type DeviceSeal,
  type DeviceTls,
  type DeviceToken,
  type SimulatedDevice,
  type StateName,
  type StatusName,
  simulateDevice,
} from "./device.js";
export { NodeLink } from "./node/link.js";
export { nodePorts } from "./node/ports.js";
export { FileStore } from "./node/store.js";
export { TlsLink, type TlsOptions, type TlsPsk, type TlsReport } from "./node/tls-link.js";
export { type VirtualTime, virtualTime } from "./time.js";
export { TRANSPORTS, type TransportName } from "./transports.js";
export {
  type Comeback,
  type Core as SimulatedCore,
  comebacks,
  type Difference as TraceDifference,
  drawPlan,
  type Failure as WorldFailure,
  herdOf,
  isTrace,
  type Kept,
  keptText,
  LEVELS,
  type Level,
  type Plan,
  type ProfileName,
  type Replayed,
  readKept,
  readScenario,
  recordCell,
  replayTrace,
  runCell,
  runWorld,
  type Scenario as WorldScenario,
  shrink,
  type Tally as WorldTally,
  type Violation,
  type WorldApp,
  type WorldDevice,
  WorldError,
  type WorldMessage,
  type WorldOptions,
  type WorldResult,
  type WorldSummary,
  type WorldTokenCheck,
  world,
} from "./world/index.js";
