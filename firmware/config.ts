import { CounterBlock } from "./keep/counter-block.js";
import { DEFAULT_LIMITS, type LimitOptions, type Limits, limitsFrom } from "./limits.js";
import type { Address, Store } from "./ports.js";
import { bytesOf } from "./wire/bytes.js";

/** How a device proves who it is: to the broker in CONNECT, and to the cloud in each frame. The first is the default. */
export const PROOFS = [
  "counter+mac",
  "counter",
  "mac",
  "password",
  "password+mac",
  "password+key",
  "password+digest",
  "key",
  "digest",
] as const;

/** One of {@link PROOFS}. */
export type Proof = (typeof PROOFS)[number];

/** What stands in CONNECT. */
export enum ConnectProof {
  NONE,
  /** A password that is good once: a counter and its MAC. */
  COUNTER,
  /** The PSK as password: whoever reads the link has it. */
  PASSWORD,
}

/** What stands in each frame. */
export enum FrameProof {
  NONE,
  /** A MAC over the frame, both ways. */
  MAC,
  /** The PSK in a member `key`: whoever reads the link has it. */
  KEY,
  /** mg-rpc's challenge and response. */
  DIGEST,
}

/** Where the cloud is and how it is spoken to. */
export interface CloudOptions {
  readonly host: string;
  /** 1883 when absent. */
  readonly port?: number;
  /** The `src` of the cloud's answers; answers from anybody else are dropped. */
  readonly address?: string;
  /** Where requests are published; `{id}` stands for the device id. */
  readonly requestTopic?: string;
  /** Whether SUBSCRIBE and requests leave together with CONNECT; false for brokers that object. */
  readonly pipeline?: boolean;
  /** false: the broker keeps our session, and unacknowledged requests are published again with DUP. */
  readonly cleanSession?: boolean;
}

/** What proves the device's identity. */
export interface Credential {
  /** The pre-shared key as provisioned; its UTF-8 bytes are the key. Bytes are taken over and wiped on `close()`. */
  readonly psk: string | Uint8Array;
  /**
   * The first counter that was never used, for the proofs `counter` and `mac`. Without a store it must rise over
   * reboots; with one the higher of the two wins, and it may be left out.
   */
  readonly counter?: number;
}

/** What `createAuth` needs to know, but for the transport. */
export interface ConfigOptions {
  /** Also the MQTT client id and user name: `[A-Za-z0-9_-]`, since brokers rewrite other characters in topics. */
  readonly deviceId: string;
  readonly cloud: CloudOptions;
  readonly credential: Credential;
  /** `counter+mac` when absent. */
  readonly proof?: Proof;
  /** Lets a proof that gives the PSK away (`password`, `key`) use a link that does not verify the server. */
  readonly allowInsecure?: boolean;
  readonly limits?: LimitOptions;
}

/** The documented cloud's address, which a device expects answers from unless told otherwise. */
const DEFAULT_CLOUD_ADDRESS = "//api.mongoose-iot.com";
const DEFAULT_CLOUD = bytesOf(DEFAULT_CLOUD_ADDRESS);
const DEFAULT_PORT = 1883;
const DEFAULT_REQUEST_TOPIC = "cloud/from/{id}/rpc";
/** Counters are 53-bit; the last ones are left so that counting never reaches the end. */
const COUNTER_END = 9_007_199_254_000_000;

const refuse = (message: string): never => {
  throw new Error(`motekey: ${message}`);
};

/** Whether `bytes[from..to)` is a portable id: one topic segment of letters, digits, `_` and `-`. */
export const isPortableId = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) {
    const c = bytes[i];
    const isLetter = (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
    if (!isLetter && !(c >= 48 && c <= 57) && c !== 45 && c !== 95) return false;
  }
  return to > from;
};

const connectProofOf = (proof: Proof): ConnectProof => {
  if (proof.indexOf("counter") === 0) return ConnectProof.COUNTER;
  return proof.indexOf("password") === 0 ? ConnectProof.PASSWORD : ConnectProof.NONE;
};

const frameProofOf = (proof: Proof): FrameProof => {
  if (proof.indexOf("mac") >= 0) return FrameProof.MAC;
  if (proof.indexOf("key") >= 0) return FrameProof.KEY;
  return proof.indexOf("digest") >= 0 ? FrameProof.DIGEST : FrameProof.NONE;
};

/** The options, checked, with all text as bytes. */
export class Config {
  readonly limits: Limits;
  readonly address: Address;
  readonly deviceId: Uint8Array;
  readonly psk: Uint8Array;
  readonly cloud: Uint8Array;
  readonly requestTopic: Uint8Array;
  /** `<id>/rpc/#`, which also covers `<id>/rpc`. */
  readonly filter: Uint8Array;
  readonly proof: Proof;
  readonly connectProof: ConnectProof;
  readonly frameProof: FrameProof;
  readonly pipeline: boolean;
  readonly cleanSession: boolean;
  /** The PSK crosses a link that does not verify the server, and the app agreed to it. */
  readonly isExposed: boolean;
  readonly counterBlock: CounterBlock;

  /**
   * @param store where counters are kept, if the proof has any
   * @throws Error that names the first option which cannot be right, and what to do
   */
  constructor(options: ConfigOptions, store?: Store) {
    const cloud = options.cloud;
    const limits = limitsFrom(options.limits === undefined ? DEFAULT_LIMITS : options.limits);
    const psk = options.credential.psk;
    const counter = options.credential.counter;
    const address = cloud.address === undefined ? DEFAULT_CLOUD_ADDRESS : cloud.address;
    const topic = cloud.requestTopic === undefined ? DEFAULT_REQUEST_TOPIC : cloud.requestTopic;
    const topicParts = topic.split("{id}");
    const proof: Proof = options.proof === undefined ? PROOFS[0] : options.proof;

    this.limits = limits;
    this.deviceId = bytesOf(options.deviceId);
    if (!isPortableId(this.deviceId, 0, this.deviceId.length)) {
      refuse(
        `deviceId ${options.deviceId} must be letters, digits, _ or -: brokers rewrite other characters`,
      );
    }
    if (this.deviceId.length > limits.idBytes)
      refuse(`deviceId is longer than limits.idBytes (${limits.idBytes})`);
    this.psk = typeof psk === "string" ? bytesOf(psk) : psk;
    if (this.psk.length === 0) refuse("credential.psk is empty: provision the device's key first");
    this.address = { host: cloud.host, port: cloud.port === undefined ? DEFAULT_PORT : cloud.port };
    if (!(this.address.port >= 1 && this.address.port <= 65_535))
      refuse("cloud.port must lie between 1 and 65535");
    this.cloud = address === DEFAULT_CLOUD_ADDRESS ? DEFAULT_CLOUD : bytesOf(address);
    this.requestTopic = bytesOf(
      topicParts.length === 2 ? topicParts[0] + options.deviceId + topicParts[1] : topic,
    );
    if (topic.indexOf("+") >= 0 || topic.indexOf("#") >= 0)
      refuse("cloud.requestTopic must not hold wildcards");
    this.filter = bytesOf(`${options.deviceId}/rpc/#`);

    if (PROOFS.indexOf(proof) < 0) refuse(`proof ${proof} is not known; use one of ${PROOFS.join(", ")}`);
    this.proof = proof;
    this.connectProof = connectProofOf(proof);
    this.frameProof = frameProofOf(proof);
    this.isExposed = this.connectProof === ConnectProof.PASSWORD || this.frameProof === FrameProof.KEY;
    if (this.isExposed && options.allowInsecure !== true) {
      refuse(
        `proof ${proof} gives the key to whoever reads a plain connection; use counter+mac, or set allowInsecure to accept that`,
      );
    }
    this.pipeline = cloud.pipeline !== false;
    this.cleanSession = cloud.cleanSession !== false;
    const latest = counter === undefined ? 0 : counter - 1;
    if (!(latest >= 0 && latest < COUNTER_END) || Math.floor(latest) !== latest) {
      refuse("credential.counter must be a whole number from 1 on");
    }
    const hasCounters = this.connectProof === ConnectProof.COUNTER || this.frameProof === FrameProof.MAC;
    this.counterBlock = new CounterBlock(latest, hasCounters && store !== undefined ? store : null);
  }
}
