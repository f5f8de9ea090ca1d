import type { Credentials, KeyRotation, OnState, State } from "./auth.js";
import { Config, type ConfigOptions, cloudGroup, credentialGroup, portsGroup } from "./config.js";
import type { Counters } from "./counters.js";
import { Scratch } from "./crypto/scratch.js";
import { Driver } from "./driver.js";
import { checkGroup, type Group, Kind, type RowsOf } from "./options.js";
import type { Ports } from "./ports.js";
import { PROOFS } from "./proof/proofs.js";
import type { OnDone, OnProvisionalHost, OnResult } from "./rpc/calls.js";
import type { Encoding } from "./rpc/frames.js";
import type { TokenFormat } from "./session/features.js";
import { Status } from "./status.js";
import type { Host } from "./tokens/host.js";
import type { AppTraffic } from "./transport/app.js";
import type { Transport } from "./transport/channel.js";
import { mqtt } from "./transport/mqtt.js";
import type { Text } from "./wire/bytes.js";

export { type Credentials, type OnState, State } from "./auth.js";
export type { CloudOptions, CloudPlace, Credential, PolicyError } from "./config.js";
export type { Counters } from "./counters.js";
export {
  type CredentialFields,
  type CredentialReading,
  readCredential,
  type StoredCredential,
  writeCredential,
} from "./credential.js";
export { Scratch } from "./crypto/scratch.js";
export { DEFAULT_LIMITS, type LimitOptions, type Limits, limitsFrom } from "./limits.js";
export type { Floor } from "./policy.js";
export {
  type Address,
  type Clock,
  type Entropy,
  type Link,
  type LinkEvents,
  LinkSecurity,
  type Ports,
  type Store,
  type Waker,
} from "./ports.js";
export { PROOFS, type Proof } from "./proof/proofs.js";
export type { OnDone, OnProvisionalHost, OnResult } from "./rpc/calls.js";
export type { Encoding } from "./rpc/frames.js";
export type { TokenFormat } from "./session/features.js";
export { Status } from "./status.js";
export type { Host } from "./tokens/host.js";
export type { OnToken, Token } from "./tokens/token.js";
export type { Transport } from "./transport/channel.js";
export { mqtt } from "./transport/mqtt.js";
export type { Text } from "./wire/bytes.js";

const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** The options of {@link createAuth}. */
export interface AuthOptions extends ConfigOptions {
  /** How frames travel over the link; {@link mqtt} when absent. */
  readonly transport?: Transport;
  /** The encoding of frames where the cloud takes it, such as `cbor` of `motekey/cbor`; else JSON. */
  readonly encoding?: Encoding;
  /** The format of tokens that are not JWTs, such as `cwt()` of `motekey/cbor`. */
  readonly tokenFormat?: TokenFormat;
  /** The app's own messages on the same connection: `new Messages()` of `motekey/messages`. */
  readonly messages?: AppTraffic;
  /** Lets the cloud change the device's key over the air: `new Rotation()` of `motekey/rotation`. */
  readonly rotation?: KeyRotation;
}

/** The table of all options. @construction */
const optionsGroup = (): Group => {
  const rows: RowsOf<AuthOptions> = {
    deviceId: Kind.NAME,
    cloud: cloudGroup(),
    credential: credentialGroup(),
    proof: PROOFS,
    allowInsecure: Kind.FLAG,
    limits: { rows: {}, isOpen: true },
    sleptMs: Kind.AMOUNT,
    transport: {
      rows: { channel: Kind.FUNCTION },
      from: "mqtt, mqtt5 of motekey/mqtt5, or one of motekey/websocket",
    },
    encoding: { rows: { writer: Kind.FUNCTION }, from: "cbor of motekey/cbor" },
    tokenFormat: { rows: { reader: Kind.FUNCTION }, from: "cwt() of motekey/cbor" },
    messages: { rows: { deliver: Kind.FUNCTION }, from: "new Messages() of motekey/messages" },
    rotation: { rows: { refused: Kind.FUNCTION }, from: "new Rotation() of motekey/rotation" },
  };
  return { rows };
};

/** A device's client of the Auth service. It calls every callback once, after the turn, and at the latest in `close()`. */
export class AuthClient {
  /** @internal What `motekey/explain` reads. */
  readonly config: Config;
  /** @internal */
  readonly driver: Driver;
  /** @internal */
  readonly transport: Transport;
  /** Frames may be in another encoding than JSON. */
  private readonly isEncoded: boolean;

  /** Made by {@link createAuth}. */
  constructor(options: AuthOptions, ports: Ports, scratch: Scratch) {
    checkGroup("", options, optionsGroup());
    checkGroup("ports", ports, portsGroup());
    const transport = options.transport === undefined ? mqtt : options.transport;
    const encoding = options.encoding === undefined ? null : options.encoding;
    const tokenFormat = options.tokenFormat === undefined ? null : options.tokenFormat;
    this.config = new Config(options, ports, transport.hasExchange, scratch);
    const messages = options.messages === undefined ? null : options.messages;
    if (messages !== null && !transport.hasTopics)
      throw new Error(`motekey: the transport ${transport.name} has no topics for messages; use MQTT`);
    const rotation = options.rotation === undefined ? null : options.rotation;
    if (rotation !== null) rotation.open(options, this.config, ports, scratch);
    const features = { transport, encoding, tokenFormat, messages, rotation };
    this.transport = transport;
    this.driver = new Driver(this.config, features, ports, scratch);
    this.isEncoded = encoding !== null;
    this.driver.start();
  }

  get state(): State {
    return this.driver.auth.state;
  }

  /** Counts of what was dropped, repeated or refused so far. */
  get counters(): Counters {
    return this.driver.auth.counters;
  }

  /** Called on each change of {@link state}; null: nothing is called. */
  set onState(onState: OnState | null) {
    this.driver.auth.onState = onState;
  }

  /**
   * The handle of an app's host; the same for the same name. Make it once and keep it.
   * @construction
   * @throws Error when the name is empty or too long, or `limits.hosts` are in use
   */
  host(name: string): Host {
    return this.driver.auth.tokens.hosts.claim(name);
  }

  /**
   * The hosts that the cloud keeps tokens of ours for, one by one, any number; final only with OK.
   * @returns OK: `onDone` is called once; BUSY or CLOSED: never
   */
  listTokens(onHost: OnProvisionalHost, onDone: OnDone): Status {
    return this.driver.auth.listTokens(onHost, onDone);
  }

  /**
   * Whether `id` is who the credentials say. For backends; others end with FORBIDDEN.
   * @param onDone OK: yes; NOT_ALLOWED: no
   * @returns OK: `onDone` is called once; BUSY or CLOSED: never
   */
  authenticate(id: Text, credentials: Credentials, onDone: OnDone): Status {
    return this.driver.auth.authenticate(id, credentials, onDone);
  }

  /**
   * Whether `src` may send `command` to `dst`. For backends; others end with FORBIDDEN.
   * @param onDone OK: yes; NOT_ALLOWED: no
   * @returns OK: `onDone` is called once; BUSY or CLOSED: never
   */
  authorizeCommand(src: Text, dst: Text, command: Text, onDone: OnDone): Status {
    return this.driver.auth.authorizeCommand(src, dst, command, onDone);
  }

  /**
   * Calls any method of the cloud, or of a device, in the dialect mg-rpc (`Switch.Set`). One such
   * call can be pending at a time, in JSON frames.
   * @param args a JSON object, UTF-8; leave them unchanged until the end, and `out` too
   * @param out takes the result's JSON; a longer one ends with TOO_LONG, and `length` says how long it is
   * @param onResult OK: `out[0..length)` is the result, empty where the peer sent none
   * @returns OK: `onResult` is called once; BUSY or CLOSED: never; BAD_ARGUMENTS: `args` are no object, or
   * frames may be CBOR
   */
  call(method: Text, args: Uint8Array, out: Uint8Array, onResult: OnResult): Status {
    const isObject = args[0] === OPENING_BRACE && args[args.length - 1] === CLOSING_BRACE;
    if (!isObject || this.isEncoded) return Status.BAD_ARGUMENTS;
    return this.driver.auth.call(method, args, out, onResult);
  }

  /** Ends the connection and makes none until {@link resume}. Tokens in memory still serve. */
  suspend(): void {
    this.driver.suspend();
  }

  /** Connects again. */
  resume(): void {
    this.driver.start();
  }

  /**
   * Ends every call with CLOSED before it returns, leaves the broker, puts the tokens into the store where there is
   * one, and wipes every secret from memory.
   */
  close(): void {
    this.driver.close();
  }
}

/**
 * Makes a device's client, which connects at the next turn and stays connected.
 * @construction
 * @param scratch pass one where many clients share a thread
 * @throws Error that names the first wrong option, and what to do
 */
export const createAuth = (options: AuthOptions, ports: Ports, scratch?: Scratch): AuthClient =>
  new AuthClient(options, ports, scratch === undefined ? new Scratch() : scratch);
