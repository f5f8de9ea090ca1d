export type { CertificateAuthority, CertificateRequest, KeyPair, KeyType } from "./certificates.js";
export type { Cloud } from "./cloud.js";
export type { CloudOptions } from "./cloud-options.js";
export { readDevices } from "./devices-file.js";
export type {
  ErrorFault,
  FaultOptions,
  Faults,
  MalformedFault,
  OutgoingReply,
  Trigger,
} from "./faults.js";
export { type CloudFolderOptions, type CloudInFolder, startCloudIn } from "./folder.js";
export type { HealthAnswer } from "./health.js";
export * from "./identity/index.js";
export type { StruckRequest } from "./interference.js";
export { DEVICES_SCOPE, type MemberRole } from "./operator.js";
export { startCloud } from "./start-cloud.js";
export type {
  BrokerTls,
  CloudEvent,
  CloudEventName,
  CloudEventOf,
  CloudStats,
  CloudTlsOptions,
  CommandPolicy,
  ConnectProof,
  Extensions,
  FrameProof,
  HookOptions,
  NewEntity,
  Role,
  TokenCheck,
  TokenOptions,
} from "./types.js";
