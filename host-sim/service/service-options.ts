import {
  FLAG,
  FUNCTION,
  listOf,
  NAME,
  needed,
  numberFrom,
  oneOf,
  optionsOf,
  PORT,
  type Shape,
  whole,
} from "../cloud/options.js";
import type { CloudEvent } from "../cloud/types.js";

/** Where the state is: PostgreSQL in this process and a folder, or PostgreSQL outside. */
export interface DatabaseOptions {
  /** A folder for one replica on one machine; made where it is missing. */
  folder?: string;
  /** `postgresql://user@host:5432/database`, for any number of replicas. */
  url?: string;
  /** Holds the password of that user; read for each connection. */
  passwordFile?: string;
  /** Most connections of this replica. Default 16. */
  connections?: number;
}

/** How the service speaks TLS: files in PEM, read at the start. */
export interface ServiceTls {
  certFile: string;
  keyFile: string;
  /** Whether a client shows a certificate, whose common name is its id. Default "none". */
  clientCertificates?: "none" | "optional" | "required";
  /** Who issues clients' certificates. */
  caFile?: string;
}

/** How tokens are made. */
export interface ServiceTokens {
  /** Default `jwt`. */
  format?: "jwt" | "opaque" | "cwt-sign1";
  /** Default `ES256`. */
  algorithm?: "ES256" | "EdDSA";
  /** Default 3600. */
  lifetimeSeconds?: number;
  /** How long the token before a newly generated one stays good. Default 120. */
  graceSeconds?: number;
}

/** Options of `startService`, and what the configuration file of `motekey cloud serve` holds. */
export interface ServiceOptions {
  /** Default: the folder `motekey-service` where it is started. */
  database?: DatabaseOptions;
  /**
   * The keys that seal credentials and tokens in the database, one in each file: 32 random bytes as base64url. The first
   * one seals, all of them open. Default, beside a database in a folder: `seal.key` in it, made at the first start.
   */
  sealKeyFiles?: string[];
  /** Address that it listens on. Default 127.0.0.1. */
  host?: string;
  /** MQTT port; 0: any free one. Default 1883. */
  mqttPort?: number;
  /** HTTP port (frames by POST and in WebSockets, MQTT in WebSockets, JWKS, introspection); 0: any free one. Default 8180. */
  httpPort?: number;
  tls?: ServiceTls;
  /** Its name, the issuer of tokens and `src` of replies. Default `//api.mongoose-iot.com`. */
  address?: string;
  tokens?: ServiceTokens;
  /** Every frame needs a proof of its own. Default: where its connection does not vouch for it. */
  requireFrameProof?: boolean;
  /** How long a request may wait for the database until it is answered 503, ms. Default 450. */
  databaseLimitMs?: number;
  /** How long SIGTERM waits for what is under way, ms. Default 5,000. */
  drainLimitMs?: number;
  /** The database was put back from a backup: nothing that was given or accepted since is good. For one start. */
  restored?: boolean;
  /** Hears what happens; no event carries a secret. */
  log?: (event: CloudEvent) => void;
}

const DATABASE: Shape<DatabaseOptions> = {
  folder: NAME,
  url: NAME,
  passwordFile: NAME,
  connections: whole(2, 1_000),
};

const TLS: Shape<ServiceTls> = {
  certFile: needed(NAME),
  keyFile: needed(NAME),
  clientCertificates: oneOf("none", "optional", "required"),
  caFile: NAME,
};

const TOKENS: Shape<ServiceTokens> = {
  format: oneOf("jwt", "opaque", "cwt-sign1"),
  algorithm: oneOf("ES256", "EdDSA"),
  lifetimeSeconds: whole(1, 31_536_000),
  graceSeconds: whole(0, 86_400),
};

/** The names and values of the service's options. */
export const SERVICE_OPTIONS: Shape<ServiceOptions> = {
  database: optionsOf(DATABASE),
  sealKeyFiles: listOf(NAME),
  host: NAME,
  mqttPort: PORT,
  httpPort: PORT,
  tls: optionsOf(TLS),
  address: NAME,
  tokens: optionsOf(TOKENS),
  requireFrameProof: FLAG,
  databaseLimitMs: numberFrom(1),
  drainLimitMs: numberFrom(0),
  restored: FLAG,
  log: FUNCTION,
};
