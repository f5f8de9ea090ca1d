/** The names and values of the cloud's options. */

import type { CloudOptions } from "./cloud-options.js";
import { EXTENSIONS_OPTION, FAULTS } from "./faults.js";
import { IDENTITY_OPTIONS } from "./identity/tables.js";
import { COUNTER_MAX } from "./new-entity.js";
import {
  BYTES,
  either,
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
} from "./options.js";
import { TIME } from "./time.js";
import type { BrokerTls, CloudTlsOptions, HookOptions, NewEntity, TokenOptions } from "./types.js";

const TEXTS = either(TEXT, listOf(TEXT));
const TLS_VERSION = oneOf("TLSv1.2", "TLSv1.3");

const TOKENS: Shape<TokenOptions> = {
  format: oneOf("jwt", "opaque", "cwt-mac0", "cwt-sign1"),
  algorithm: oneOf("ES256", "EdDSA"),
  macKey: either(NAME, BYTES),
  lifetimeSeconds: numberFrom(0),
  graceSeconds: numberFrom(0),
};

/** Of the option `tls`, and of `changeTls`. */
export const CLOUD_TLS: Shape<CloudTlsOptions> = {
  cert: TEXT,
  key: TEXT,
  clientCertificates: oneOf("none", "optional", "required"),
  ca: TEXTS,
  crl: TEXTS,
  psk: FLAG,
  minVersion: TLS_VERSION,
  maxVersion: TLS_VERSION,
};

const BROKER_TLS: Shape<BrokerTls> = { ca: TEXTS, cert: TEXT, key: TEXT, psk: NAME };

/** It stands in the URLs that RabbitMQ asks by. */
const HOOK_SECRET: Rule = {
  allowed: ["16 or more of A-Z a-z 0-9 _ -"],
  accepts: (value) => typeof value === "string" && /^[\w-]{16,}$/.test(value),
};

const HOOK: Shape<HookOptions> = { secret: HOOK_SECRET, certificate: NAME, vhost: NAME };

/** What `addDevice` takes; which ids may be is the registry's to say. */
export const NEW_ENTITY: Shape<NewEntity> = {
  id: needed(TEXT),
  psk: TEXT,
  role: oneOf("device", "user", "backend"),
  owner: NAME,
  certFingerprint: NAME,
  counter: whole(0, COUNTER_MAX),
};

/** What `startCloud` takes. */
export const CLOUD_OPTIONS: Shape<CloudOptions> = {
  port: PORT,
  host: NAME,
  httpPort: PORT,
  tls: either(FLAG, optionsOf(CLOUD_TLS)),
  broker: NAME,
  brokerTls: optionsOf(BROKER_TLS),
  topicsBound: FLAG,
  hook: either(FLAG, optionsOf(HOOK)),
  address: NAME,
  tokens: optionsOf(TOKENS),
  registryFile: NAME,
  restored: FLAG,
  anonymous: FLAG,
  mqttVersion: oneOf(4, 5),
  connectLimitMs: numberFrom(1),
  requireFrameProof: FLAG,
  nonceLifetimeSeconds: numberFrom(0),
  policy: FUNCTION,
  identity: either(FLAG, optionsOf(IDENTITY_OPTIONS)),
  extensions: EXTENSIONS_OPTION,
  faults: optionsOf(FAULTS),
  time: TIME,
  now: FUNCTION,
  log: FUNCTION,
};
