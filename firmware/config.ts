import { Addresses } from "./addresses.js";
import { readCredential, type StoredCredential } from "./credential.js";
import type { Scratch } from "./crypto/scratch.js";
import { DEFAULT_LIMITS, type LimitOptions, type Limits, limitsFrom } from "./limits.js";
import { type Group, Kind, type RowsOf } from "./options.js";
import { type Floor, floorGroup, judge, proofFor } from "./policy.js";
import {
  type Address,
  type Clock,
  type Entropy,
  type Link,
  LinkSecurity,
  type Ports,
  type Store,
} from "./ports.js";
import { whose } from "./proof/owner.js";
import { Strength } from "./proof/proof.js";
import { type Proof, type ProofPair, proofOf, strengthOf } from "./proof/proofs.js";
import { RECOVERY_PASSWORD_BYTES } from "./proof/recover.js";
import { refusalOf } from "./refusals.js";
import { Status } from "./status.js";
import { COUNTER_RECORD_BYTES, CounterBlock } from "./store/counter-block.js";
import { Keeper } from "./store/keeper.js";
import { OWNER_BYTES, RECORD_BYTES_MIN } from "./store/record.js";
import { bytesOf, NO_BYTES } from "./wire/bytes.js";

/** One of the cloud's addresses. */
export interface CloudPlace {
  readonly host: string;
  /** The first address's when absent. */
  readonly port?: number;
}

/** Where the cloud is and how to speak to it. */
export interface CloudOptions {
  readonly host: string;
  /** 1883 when absent. */
  readonly port?: number;
  /** More addresses of the same cloud: after a failure the next one is tried, after a stable connection the first. */
  readonly alternatives?: readonly CloudPlace[];
  /** The `src` of the cloud's answers; the device drops answers from anybody else. */
  readonly address?: string;
  /**
   * `mg-rpc`: frames as Mongoose OS and Shelly's second generation have them. Arguments are `params`, there is no
   * `v`, and requests go to `<address>/rpc`.
   */
  readonly dialect?: "mg-rpc";
  /** The digest's user name; the device id when absent. Shelly's devices accept only `admin`. */
  readonly user?: string;
  /** The topic of requests; `{id}` stands for the device id. */
  readonly requestTopic?: string;
  /** Whether SUBSCRIBE and requests leave together with CONNECT; false for brokers that object. */
  readonly pipeline?: boolean;
  /** false: the broker keeps our session, and the device repeats unacknowledged requests with DUP. */
  readonly cleanSession?: boolean;
}

/** What proves the device's identity. */
export interface Credential {
  /**
   * The pre-shared key as provisioned; its UTF-8 bytes are the key. The client owns these bytes, and wipes them on `close()`.
   * Absent where the link alone proves the device.
   */
  readonly psk?: string | Uint8Array;
  /**
   * The first unused counter, for the proofs `counter` and `mac`. Without a store it must rise over
   * reboots; with one it is optional, and the higher of the two wins.
   */
  readonly counter?: number;
  /** What the device must not fall below, whatever the options say. */
  readonly floor?: Floor;
}

/** `createAuth` throws it where the policy refuses the proof, or the store has no credential: the status says why. */
export interface PolicyError extends Error {
  readonly status: Status;
}

/** The options of `createAuth`, without the transport. */
export interface ConfigOptions {
  /**
   * Also the MQTT client id and user name: `[A-Za-z0-9_-]`, since brokers rewrite other characters in topics. Absent
   * where the store's credential names it.
   */
  readonly deviceId?: string;
  readonly cloud: CloudOptions;
  /** The store's when absent ({@link writeCredential}). */
  readonly credential?: Credential;
  /** When absent, the strongest that the link allows: `link`, `password` where it verifies the cloud, or `counter+mac`. */
  readonly proof?: Proof;
  /**
   * Lets a link that does not verify the server carry a proof that gives the PSK away (`password`, `key`), or one that
   * leaves the frames to whoever relays the connection (`counter`, `auth5` without `+mac`).
   */
  readonly allowInsecure?: boolean;
  readonly limits?: LimitOptions;
  /**
   * How long the device slept, ms: from `close()` of the client before to the making of this one, by a clock that
   * ran on meanwhile, rounded up. With it kept tokens serve without a question; absent, the cloud is asked first.
   */
  readonly sleptMs?: number;
}

interface Identity {
  readonly deviceId: string;
  readonly credential: Credential;
  /** The floor in the store's credential. It and the options' floor both apply. */
  readonly kept: Floor;
}

/** The documented cloud's address, which a device expects answers from unless an option says otherwise. */
const DEFAULT_CLOUD_ADDRESS = "//api.mongoose-iot.com";
const DEFAULT_CLOUD = bytesOf(DEFAULT_CLOUD_ADDRESS);
const DEFAULT_PORT = 1883;
const DEFAULT_REQUEST_TOPIC = "cloud/from/{id}/rpc";
/** The suffix of the id that asks for a device's counter. No device's id may end so. */
const RECOVERER_END = "-recover";
const SPREAD_BYTES = 16;
const NO_FLOOR: Floor = {};

const refuse = (message: string): never => {
  throw new Error(`motekey: ${message}`);
};

/** @construction */
const refuseWith = (what: string, status: Status): never => {
  const error = new Error(`motekey: ${what}. ${refusalOf(status)}`) as Error & { status: Status };
  error.status = status;
  throw error;
};

/** @construction */
const storedCredential = (store: Store | undefined): StoredCredential => {
  if (store === undefined) return refuse("credential is missing, and there is no store to read it from");
  const reading = readCredential(store);
  return reading.credential === null
    ? refuseWith("the credential cannot be read", reading.status)
    : reading.credential;
};

/**
 * A provisioned floor also applies to a credential of the options. A damaged or newer record may contain such
 * a floor; an unreadable store prevents no start, as with its other records.
 * @construction
 */
const keptFloor = (store: Store | undefined): Floor => {
  if (store === undefined) return NO_FLOOR;
  const reading = readCredential(store);
  const credential = reading.credential;
  if (reading.status === Status.CREDENTIAL_BROKEN)
    return refuseWith("the floor of the stored credential cannot be read", reading.status);
  if (credential === null) return NO_FLOOR;
  credential.psk.fill(0);
  return credential.floor;
};

/** Who the device is: from the options, else from the store. @construction */
const identityOf = (options: ConfigOptions, store: Store | undefined): Identity => {
  const deviceId = options.deviceId;
  if (options.credential !== undefined)
    return {
      deviceId: deviceId === undefined ? refuse("deviceId is missing") : deviceId,
      credential: options.credential,
      kept: keptFloor(store),
    };
  const credential = storedCredential(store);
  if (deviceId !== undefined && deviceId !== credential.deviceId)
    refuse(`deviceId ${deviceId} is not the stored credential's, ${credential.deviceId}`);
  return { deviceId: credential.deviceId, credential, kept: NO_FLOOR };
};

/** @construction */
const addressesOf = (cloud: CloudOptions): Address[] => {
  const port = cloud.port === undefined ? DEFAULT_PORT : cloud.port;
  const list: Address[] = [{ host: cloud.host, port }];
  const places = cloud.alternatives === undefined ? [] : cloud.alternatives;
  for (let i = 0; i < places.length; i++) {
    const place = places[i];
    list.push({ host: place.host, port: place.port === undefined ? port : place.port });
  }
  return list;
};

/** The rules for `credential`: a {@link StoredCredential} needs no check. @construction */
export const credentialGroup = (): Group => {
  const rows: RowsOf<Credential> & RowsOf<StoredCredential> = {
    deviceId: Kind.TEXT,
    psk: Kind.KEY,
    counter: Kind.COUNT,
    floor: floorGroup(),
    certificate: Kind.TEXT,
    key: Kind.TEXT,
  };
  return { rows };
};

/** The rules for `cloud`. @construction */
export const cloudGroup = (): Group => {
  const places: RowsOf<CloudPlace> = { host: Kind.NAME + Kind.NEEDED, port: Kind.PORT };
  const rows: RowsOf<CloudOptions> = {
    host: Kind.NAME + Kind.NEEDED,
    port: Kind.PORT,
    alternatives: { rows: places, isList: true },
    address: Kind.NAME,
    dialect: ["mg-rpc"],
    user: Kind.NAME,
    requestTopic: Kind.NAME,
    pipeline: Kind.FLAG,
    cleanSession: Kind.FLAG,
  };
  return { rows, isNeeded: true };
};

/** The rules for the ports. @construction */
export const portsGroup = (): Group => {
  const needed = Kind.FUNCTION + Kind.NEEDED;
  const link: RowsOf<Link> = { security: Kind.LINK, open: needed, write: needed, close: needed };
  const clock: RowsOf<Clock> = { now: needed, wakeAfter: needed, cancel: needed };
  const entropy: RowsOf<Entropy> = { fill: needed };
  const store: RowsOf<Store> = { read: needed, write: needed, sealing: Kind.TEXT, refused: Kind.WHOLE };
  const rows: RowsOf<Ports> = {
    link: { rows: link, isOpen: true, isNeeded: true },
    clock: { rows: clock, isOpen: true, isNeeded: true },
    entropy: { rows: entropy, isOpen: true, isNeeded: true },
    store: { rows: store, isOpen: true },
  };
  return { rows };
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

/** @construction */
const requestTopicOf = (template: string, id: string): Uint8Array => {
  const parts = template.split("{id}");
  return bytesOf(parts.length === 2 ? parts[0] + id + parts[1] : template);
};

/**
 * The principal that asks for the device's counter (the wire's B8), and may do nothing else.
 * Everything else is the device's. The password, in the key's place, is new for each connection.
 * @construction
 */
const recovererOf = (config: Config, id: string, topic: string): Config => {
  const recoverer = Object.create(config);
  recoverer.cleanSession = true;
  recoverer.proof = proofOf("password");
  // Its question depends on the answer before: it takes two more round trips, and sends nothing ahead.
  recoverer.pipeline = false;
  recoverer.filter = bytesOf(`${id}/rpc/#`);
  recoverer.deviceId = bytesOf(id);
  recoverer.psk = new Uint8Array(RECOVERY_PASSWORD_BYTES);
  recoverer.requestTopic = requestTopicOf(topic, id);
  return recoverer;
};

/** The owner of the records that a device with this key keeps: the first of the cloud's addresses counts. @construction */
export const ownerOf = (scratch: Scratch, psk: Uint8Array, deviceId: string, cloud: CloudOptions): number => {
  const port = cloud.port === undefined ? DEFAULT_PORT : cloud.port;
  const address = cloud.address === undefined ? DEFAULT_CLOUD_ADDRESS : cloud.address;
  return whose(scratch, psk, bytesOf(`${deviceId}\n${cloud.host}:${port}\n${address}`));
};

/** The options, checked, with all text as bytes. */
export class Config {
  readonly limits: Limits;
  readonly addresses: Addresses;
  readonly deviceId: Uint8Array;
  /** Empty where the link alone proves the device. It changes only while no connection is open. */
  psk: Uint8Array;
  /** What nobody else can predict: the PSK, or random bytes of this boot. */
  readonly jitterSecret: Uint8Array;
  readonly cloud: Uint8Array;
  readonly requestTopic: Uint8Array;
  readonly isMgRpc: boolean;
  /** Of the digest. */
  readonly user: Uint8Array;
  /** `<id>/rpc/#`, which also covers `<id>/rpc`. */
  readonly filter: Uint8Array;
  readonly proof: ProofPair;
  readonly pipeline: boolean;
  readonly cleanSession: boolean;
  readonly link: LinkSecurity;
  /** The PSK crosses a link that does not verify the server, and the app allowed it. */
  readonly isExposed: boolean;
  /** A floor forbids tokens in the clear. */
  readonly needsSeal: boolean;
  readonly counterBlock: CounterBlock;
  /** null: no proof uses a counter. */
  readonly recoverer: Config | null;
  /** null: nothing survives a reboot. */
  readonly keeper: Keeper | null;
  /** Whose the records in the store are: a digest of device, cloud and key, u32. */
  owner: number;
  /** Room for a host's record, or the counter's, during a call; empty without a store. */
  readonly recordBuffer: Uint8Array;
  /** How long the device slept before this boot, ms; −1: unknown. */
  readonly sleptMs: number;

  /**
   * @param hasExchange the transport can carry a challenge and response before it accepts us
   * @param options already checked by {@link checkGroup}
   * @construction
   * @throws Error that names the first conflicting options, and what to do
   */
  constructor(options: ConfigOptions, ports: Ports, hasExchange: boolean, scratch: Scratch) {
    const cloud = options.cloud;
    const limits = limitsFrom(options.limits === undefined ? DEFAULT_LIMITS : options.limits);
    const identity = identityOf(options, ports.store);
    const deviceId = identity.deviceId;
    const credential = identity.credential;
    const psk = credential.psk;
    const counter = credential.counter;
    const address = cloud.address === undefined ? DEFAULT_CLOUD_ADDRESS : cloud.address;
    this.isMgRpc = cloud.dialect === "mg-rpc";
    if (this.isMgRpc && cloud.address === undefined)
      refuse("cloud.dialect mg-rpc needs cloud.address: the id of the device that is spoken to");
    const defaultTopic = this.isMgRpc ? `${address}/rpc` : DEFAULT_REQUEST_TOPIC;
    const topic = cloud.requestTopic === undefined ? defaultTopic : cloud.requestTopic;
    const link = ports.link.security === undefined ? LinkSecurity.PLAIN : ports.link.security;
    const proof = proofOf(options.proof === undefined ? proofFor(link) : options.proof);

    this.limits = limits;
    this.filter = bytesOf(`${deviceId}/rpc/#`);
    this.deviceId = new Uint8Array(this.filter.buffer, this.filter.byteOffset, deviceId.length);
    if (
      !isPortableId(this.deviceId, 0, this.deviceId.length) ||
      deviceId.substr(deviceId.length - 8, 8) === RECOVERER_END
    )
      refuse(
        `deviceId ${deviceId} must be letters, digits, _ or -: brokers rewrite other characters; and must not end in -recover`,
      );
    if (this.deviceId.length > limits.idBytes)
      refuse(`deviceId is longer than limits.idBytes (${limits.idBytes})`);
    this.psk = psk === undefined ? NO_BYTES : typeof psk === "string" ? bytesOf(psk) : psk;
    if (this.psk.length === 0 && (proof.connect.needsKey === true || proof.frame.needsKey === true))
      refuse("credential.psk is empty: provision the device's key first");
    this.jitterSecret = this.psk.length > 0 ? this.psk : new Uint8Array(SPREAD_BYTES);
    if (this.psk.length === 0) ports.entropy.fill(this.jitterSecret, 0, SPREAD_BYTES);
    this.addresses = new Addresses(addressesOf(cloud));
    this.cloud = address === DEFAULT_CLOUD_ADDRESS ? DEFAULT_CLOUD : bytesOf(address);
    this.user = cloud.user === undefined ? this.deviceId : bytesOf(cloud.user);
    this.requestTopic = requestTopicOf(topic, deviceId);
    if (topic.indexOf("+") >= 0 || topic.indexOf("#") >= 0)
      refuse("cloud.requestTopic must not hold wildcards");

    this.proof = proof;
    this.link = link;
    this.isExposed = strengthOf(proof) === Strength.BEARER && link < LinkSecurity.VERIFIED_TLS;
    const floor = credential.floor === undefined ? NO_FLOOR : credential.floor;
    const isInsecure = options.allowInsecure === true;
    let verdict = judge(proof.name, link, hasExchange, isInsecure, floor);
    if (verdict === Status.OK) verdict = judge(proof.name, link, hasExchange, isInsecure, identity.kept);
    if (verdict !== Status.OK) refuseWith(`proof ${proof.name} is refused`, verdict);
    this.needsSeal = floor.token !== undefined || identity.kept.token !== undefined;
    this.pipeline = cloud.pipeline !== false;
    this.cleanSession = cloud.cleanSession !== false;
    const latest = counter === undefined ? 0 : counter - 1;
    const hasCounters = proof.connect.takesCounter === true || proof.frame.takesCounter === true;
    const keeper = ports.store === undefined ? null : new Keeper(ports.store);
    const recordBytes = Math.max(COUNTER_RECORD_BYTES, RECORD_BYTES_MIN + OWNER_BYTES + limits.hostBytes);
    this.keeper = keeper;
    this.owner = keeper === null ? 0 : ownerOf(scratch, this.psk, deviceId, cloud);
    this.recordBuffer = keeper === null ? NO_BYTES : new Uint8Array(recordBytes);
    this.counterBlock = new CounterBlock(latest, hasCounters ? keeper : null, this.recordBuffer);
    this.recoverer = hasCounters && !this.isMgRpc ? recovererOf(this, deviceId + RECOVERER_END, topic) : null;
    this.sleptMs = options.sleptMs === undefined ? -1 : options.sleptMs;
  }
}
