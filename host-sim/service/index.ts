/** The auth service for production. */
export { type Service, startService } from "./service.js";
export type { DatabaseOptions, ServiceOptions, ServiceTls, ServiceTokens } from "./service-options.js";
