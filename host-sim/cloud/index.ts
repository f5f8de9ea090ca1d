export type { CertificateAuthority, CertificateRequest, KeyPair, KeyType } from "./certificates.js";
export { type Cloud, startCloud } from "./cloud.js";
export type {
  ErrorFault,
  Extensions,
  FaultOptions,
  Faults,
  MalformedFault,
  OutgoingReply,
  StruckRequest,
  Trigger,
} from "./faults.js";
export { type CloudFolderOptions, type CloudInFolder, startCloudIn } from "./folder.js";
export type { HealthAnswer } from "./health.js";
export * from "./identity/index.js";
export type {
  BrokerTls,
  CloudEvent,
  CloudEventName,
  CloudEventOf,
  CloudOptions,
  CloudStats,
  CloudTlsOptions,
  CommandPolicy,
  ConnectProof,
  FrameProof,
  HookOptions,
  NewEntity,
  Role,
  TokenCheck,
  TokenOptions,
} from "./types.js";
