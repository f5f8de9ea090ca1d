import {
  type AuthOptions,
  type Floor,
  type LimitOptions,
  LinkSecurity,
  type Ports,
  PROOFS,
  type Proof,
  type TokenFormat,
} from "../firmware/index.js";
import { type SealKey, type SealOptions, Strength } from "../firmware/seal.js";
import {
  FLAG,
  listOf,
  NAME,
  needed,
  numberFrom,
  OBJECT,
  oneOf,
  optionsOf,
  type Rule,
  type Shape,
  TEXT,
  whole,
} from "./cloud/options.js";
import { TIME } from "./cloud/time.js";
import { TLS_OPTIONS, type TlsOptions } from "./node/tls-link.js";
import type { VirtualTime } from "./time.js";
import { type CloudUrls, TRANSPORTS, type TransportName } from "./transports.js";

/** How a simulated device speaks TLS. */
export interface DeviceTls extends Omit<TlsOptions, "psk"> {
  /** TLS-PSK in place of certificates: identity = the device's id, key = its PSK's UTF-8 bytes. */
  readonly psk?: boolean;
}

/** What a simulated device seals its records with. */
export interface DeviceSeal {
  /** `obfuscated()` of `motekey/seal`, or 32 bytes that stand in for what a chip makes of its eFuses. */
  readonly key: SealKey;
  /** Default `seal`: a secret that lies there as it is is sealed. `refuse` takes it for none. */
  readonly onPlain?: NonNullable<SealOptions["onPlain"]>;
}

/** What `simulateDevice` takes. */
export interface DeviceOptions {
  /** What `startCloud` returned, or `mqtt://host:port` of the broker, `ws://host:port/path` of a WebSocket, `mqtts:` or `wss:` for TLS. */
  cloud: string | (CloudUrls & { readonly ca?: string | undefined });
  /**
   * Which core runs: that of Moddable and Node (`xs`), or Espruino's own as its board gets it, which has MQTT 3.1.1,
   * JSON and TLS that verifies nobody. Default `xs`.
   */
  core?: (typeof CORES)[number];
  /** Where else that cloud is reached, as further URLs: each failure leads on to the next. */
  alternatives?: readonly string[];
  /** `mg-rpc`: the cloud is a device of Mongoose OS or Shelly, whose id is `address`. */
  dialect?: "mg-rpc";
  /** Who answers; needed for a dialect. */
  address?: string;
  /** Default `mqtt`. */
  transport?: TransportName;
  id: string;
  psk: string;
  /**
   * First counter of the proofs `counter` and `mac`. Without `store` the default is `Date.now()`: it must rise from
   * run to run, and nobody connects more than once a millisecond for long.
   */
  counter?: number;
  /**
   * A directory that is this device's flash, made where it is missing: a later run goes on with its counter, asks
   * for the tokens that it had, and sends the cloud the revocations that are still pending. One device has it at a time: of
   * two in this process the later one waits, and its calls say STORE_FAILED and why; in another process it is refused.
   */
  store?: string;
  /** Seals what `store` keeps. */
  seal?: DeviceSeal;
  /** How long the device slept since the one before was closed, ms: its tokens serve from the store. */
  sleptMs?: number;
  /** Default: the strongest that the link allows: `link`, `password`, or without TLS `counter+mac`. */
  proof?: Proof;
  /** Allows proofs that show the PSK to anyone who reads the connection. */
  allowInsecure?: boolean;
  /** What frames are spelt in where the cloud takes it. Default `json`. */
  encoding?: "json" | "cbor";
  /** What tokens are where they are no JWTs: `cwt()`, with the key of their MAC or without. */
  tokenFormat?: TokenFormat;
  /** false: nothing is sent before the broker accepted the connection. */
  pipeline?: boolean;
  limits?: LimitOptions;
  /** For `mqtts:` and `wss:` only. Default: the trust anchor is the given cloud's own CA, else those that Node knows. */
  tls?: DeviceTls;
  /** The weakest proof and link that the credential allows. */
  floor?: Floor;
  /**
   * The cloud may give the device other keys, which it keeps in `store`, and goes on with in later runs: `psk` is its
   * first one. `device.rotation` says where that stands.
   */
  rotation?: boolean;
  /** The app's own messages on the same connection: `new Messages()` of `motekey/messages`. */
  messages?: NonNullable<AuthOptions["messages"]>;
  /** `virtualTime()`, the same as the cloud's: the device's timers run by its `advance` only. */
  time?: VirtualTime;
  /** Default: TCP or TLS, the monotonic clock and the random numbers of Node. */
  ports?: Ports;
}

const CORES = ["xs", "espruino"] as const;

const FLOOR: Shape<Floor> = {
  proof: oneOf(...PROOFS),
  link: whole(LinkSecurity.PLAIN, LinkSecurity.PSK_TLS),
  token: oneOf("sealed"),
};

const SEAL_KEY: Shape<SealKey> = {
  strength: needed(whole(Strength.OBFUSCATED, Strength.SEALED)),
  secret: needed(OBJECT),
};

const SEAL: Shape<DeviceSeal> = { key: needed(optionsOf(SEAL_KEY)), onPlain: oneOf("seal", "refuse") };

const TLS: Shape<DeviceTls> = { ...TLS_OPTIONS, psk: FLAG };

/** A running cloud, or any object that knows its URLs, or one of them: `endpointOf` looks into that. */
const CLOUD: Rule = {
  allowed: ["a cloud of startCloud()", "its URL"],
  accepts: (value) =>
    typeof value === "string" || typeof (value as Partial<CloudUrls> | null)?.mqttUrl === "string",
};

/** What is the firmware's too is looked into by `createAuth`. */
export const DEVICE_OPTIONS: Shape<DeviceOptions> = {
  cloud: needed(CLOUD),
  core: oneOf(...CORES),
  alternatives: listOf(NAME),
  dialect: oneOf("mg-rpc"),
  address: NAME,
  transport: oneOf(...TRANSPORTS),
  id: needed(NAME),
  psk: needed(TEXT),
  counter: whole(1),
  store: NAME,
  seal: optionsOf(SEAL),
  sleptMs: numberFrom(0),
  proof: oneOf(...PROOFS),
  allowInsecure: FLAG,
  encoding: oneOf("json", "cbor"),
  tokenFormat: OBJECT,
  pipeline: FLAG,
  limits: OBJECT,
  tls: optionsOf(TLS),
  floor: optionsOf(FLOOR),
  rotation: FLAG,
  messages: OBJECT,
  time: TIME,
  ports: OBJECT,
};
