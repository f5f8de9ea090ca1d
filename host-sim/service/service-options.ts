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
  type Rule,
  type Shape,
  TEXT,
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

/** A broker of the site's, which devices connect to: all replicas share the requests that come by it. */
export interface ServiceBroker {
  /**
   * `amqp:` or `amqps:` RabbitMQ, `nats:` or `tls:` NATS, `mqtt:` or `mqtts:` a broker with shared subscriptions
   * (mosquitto, EMQX), with user, host and port: `amqps://cloud@broker.example.com`.
   */
  url: string;
  /** Holds the password of that user. */
  passwordFile?: string;
  /** Who issued the broker's certificate. */
  caFile?: string;
  /** The replica's own certificate and key, where it logs in by them. */
  certFile?: string;
  keyFile?: string;
  /** The broker lets `cloud/from/<id>/…` be written by the user `<id>` alone: frames need no proof of their own. */
  topicsBound?: boolean;
  /** Replicas of one name share the requests. Default `motekey`. */
  group?: string;
  evict?: ServiceEvict;
}

/** How to end barred devices' connections at the broker; without it the broker's own rules apply. */
export interface ServiceEvict {
  /**
   * RabbitMQ's management, `https://admin@broker.example.com:15671`, or mosquitto with dynamic security,
   * `mqtts://admin@broker.example.com`; with a user that may do it.
   */
  url?: string;
  /** Holds the password of that user. */
  passwordFile?: string;
  /** NATS on this machine: the file of its users, one in each line, that its configuration includes. */
  usersFile?: string;
  /** NATS' `pid_file`: this process reads its files again at a signal. */
  pidFile?: string;
}

/** Brokers ask who may log in, and who may use a topic: RabbitMQ and EMQX, over HTTP, below `/hook/`. */
export interface ServiceHook {
  /** Holds what a broker shows: 16 or more of A-Z a-z 0-9 _ -. Required where other machines can ask. */
  secretFile?: string;
  /** The common name of the broker's certificate, with `tls.clientCertificates` "required". */
  certificate?: string;
  /** RabbitMQ's virtual host that devices are on. Default "/". */
  vhost?: string;
}

/** Which values of the roles' claim make somebody what. Who has none of them may do nothing. */
export interface ServiceRoles {
  admin?: string[];
  developer?: string[];
  viewer?: string[];
  /** Asks about tokens, and ends them, as an app's server does. */
  backend?: string[];
}

/** Operators and backends come with access tokens of an OpenID provider: JWTs (RFC 9068) for this service. */
export interface ServiceOpenId {
  /** As the provider's discovery has it: `https://login.example.com`. */
  issuer: string;
  /** What tokens name as their audience: this service, never a client of the provider. */
  audience: string;
  /** Where the provider's keys are. Default: as its discovery says. */
  jwksUrl?: string;
  roles: ServiceRoles;
  /** The claim that has them, or the way to it: `realm_access.roles`. Default `roles`. */
  rolesClaim?: string;
  /** Other claims that a token must have, each with this very value. */
  claims?: Readonly<Record<string, string>>;
  /** The claim that operators are called by in a device's history. Default `sub`. */
  nameClaim?: string;
  /** The scope that changes need; empty: the role is enough. Default `devices:provision`. */
  writeScope?: string;
  /** How long keys serve that cannot be read anew, s, behind the ten minutes that they are good. Default 3,600. */
  staleSeconds?: number;
}

/** Limits for senders, at each replica; 0: no limit. */
export interface ServiceLimits {
  /** Connections and HTTP requests from one address (of IPv6, from one /64) in a second. Default 1,000. */
  addressPerSecond?: number;
  /** Requests of one device or user in a second. Default 100. */
  devicePerSecond?: number;
  /** How late a wrong key is answered at most, ms. Default 4,000. */
  wrongKeyMs?: number;
}

/** How tokens are made. */
export interface ServiceTokens {
  /** Default `jwt`. */
  format?: "jwt" | "opaque" | "cwt-sign1";
  /** Default `ES256`. */
  algorithm?: "ES256" | "EdDSA";
  /** Default 3600. */
  lifetimeSeconds?: number;
  /** How long the previous token stays valid after a new one is generated. Default 120. */
  graceSeconds?: number;
}

/** Options of `startService`, and what the configuration file of `motekey cloud serve` holds. */
export interface ServiceOptions {
  /** Default: the folder `motekey-service` in the working directory. */
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
  broker?: ServiceBroker;
  hook?: ServiceHook;
  openid?: ServiceOpenId;
  /** Its name, the issuer of tokens and `src` of replies. Default `//api.mongoose-iot.com`. */
  address?: string;
  tokens?: ServiceTokens;
  limits?: ServiceLimits;
  /** Every frame needs a proof of its own. Default: where its connection does not vouch for it. */
  requireFrameProof?: boolean;
  /** How long a request may wait for the database until it is answered 503, ms. Default 450. */
  databaseLimitMs?: number;
  /** How long SIGTERM waits for pending requests, ms. Default 5,000. */
  drainLimitMs?: number;
  /** The database was restored from a backup: revokes what was issued or accepted since. For one start. */
  restored?: boolean;
  /** Called with each event; no event carries a secret. */
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

/** It stands in names of queues and filters. */
const GROUP: Rule = {
  allowed: ["1 to 64 of A-Z a-z 0-9 _ -"],
  shows: "all",
  accepts: (value) => typeof value === "string" && /^[\w-]{1,64}$/.test(value),
};

const EVICT: Shape<ServiceEvict> = { url: TEXT, passwordFile: NAME, usersFile: NAME, pidFile: NAME };

const BROKER: Shape<ServiceBroker> = {
  url: needed(TEXT),
  passwordFile: NAME,
  caFile: NAME,
  certFile: NAME,
  keyFile: NAME,
  topicsBound: FLAG,
  group: GROUP,
  evict: optionsOf(EVICT),
};

const HOOK: Shape<ServiceHook> = { secretFile: NAME, certificate: NAME, vhost: NAME };

const ROLES: Shape<ServiceRoles> = {
  admin: listOf(NAME),
  developer: listOf(NAME),
  viewer: listOf(NAME),
  backend: listOf(NAME),
};

const CLAIMS: Rule = {
  allowed: ["an object of texts"],
  accepts: (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string"),
};

const OPENID: Shape<ServiceOpenId> = {
  issuer: needed(NAME),
  audience: needed(NAME),
  jwksUrl: NAME,
  roles: needed(optionsOf(ROLES)),
  rolesClaim: NAME,
  claims: CLAIMS,
  nameClaim: NAME,
  writeScope: TEXT,
  staleSeconds: whole(0, 604_800),
};

const TOKENS: Shape<ServiceTokens> = {
  format: oneOf("jwt", "opaque", "cwt-sign1"),
  algorithm: oneOf("ES256", "EdDSA"),
  lifetimeSeconds: whole(1, 31_536_000),
  graceSeconds: whole(0, 86_400),
};

const LIMITS: Shape<ServiceLimits> = {
  addressPerSecond: whole(0, 1_000_000),
  devicePerSecond: whole(0, 1_000_000),
  wrongKeyMs: whole(0, 5_000),
};

/** The names and values of the service's options. */
export const SERVICE_OPTIONS: Shape<ServiceOptions> = {
  database: optionsOf(DATABASE),
  sealKeyFiles: listOf(NAME),
  host: NAME,
  mqttPort: PORT,
  httpPort: PORT,
  tls: optionsOf(TLS),
  broker: optionsOf(BROKER),
  hook: optionsOf(HOOK),
  openid: optionsOf(OPENID),
  address: NAME,
  tokens: optionsOf(TOKENS),
  limits: optionsOf(LIMITS),
  requireFrameProof: FLAG,
  databaseLimitMs: numberFrom(1),
  drainLimitMs: numberFrom(0),
  restored: FLAG,
  log: FUNCTION,
};
