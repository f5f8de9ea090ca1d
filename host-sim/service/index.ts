/** The auth service for production. */
export { checkService, type Finding } from "./check.js";
export { readConfiguration, VARIABLE_PREFIX } from "./config.js";
export { type Service, startService } from "./service.js";
export type {
  DatabaseOptions,
  ServiceBroker,
  ServiceEvict,
  ServiceHook,
  ServiceLimits,
  ServiceOpenId,
  ServiceOptions,
  ServiceRoles,
  ServiceTls,
  ServiceTokens,
} from "./service-options.js";
export { newSealKey } from "./store/sealer.js";
export { exportEntities, importEntities } from "./transfer.js";
