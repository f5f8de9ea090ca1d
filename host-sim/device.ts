import { cbor } from "../firmware/cbor.js";
import {
  type AuthClient,
  type AuthOptions,
  type CloudPlace,
  type Credentials,
  createAuth,
  type Floor,
  type Host,
  type LimitOptions,
  type Link,
  mqtt,
  type OnToken,
  type Ports,
  PROOFS,
  type Proof,
  State,
  Status,
  sentenceOf,
  type Token,
  type TokenFormat,
} from "../firmware/index.js";
import {
  checkOptions,
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
import { leanClient } from "./espruino/client.js";
import { nativesOf } from "./espruino/natives.js";
import { NodeLink } from "./node/link.js";
import { nodePorts } from "./node/ports.js";
import { FileStore } from "./node/store.js";
import { TLS_OPTIONS, TlsLink, type TlsOptions, type TlsReport } from "./node/tls-link.js";
import type { VirtualTime } from "./time.js";
import { type CloudUrls, endpointOf, TRANSPORTS, type TransportName } from "./transports.js";

const NEXT_LIMIT_MS = 8_000;
/** A device that never reached its cloud, and is refused, ends its calls after this: test runners wait 2 s. */
const UNREACHED_MS = 1_000;
const RESULT_BYTES_MAX = 16_384;
const UNREACHED: readonly string[] = ["UNREACHABLE", "HOST_UNKNOWN"] satisfies StatusName[];

/** The names of the firmware's statuses, such as `TIMEOUT`. */
export type StatusName = keyof typeof Status;

/** The names of the firmware's states, such as `READY`. */
export type StateName = keyof typeof State;

/** How a simulated device speaks TLS. */
export interface DeviceTls extends Omit<TlsOptions, "psk"> {
  /** TLS-PSK in place of certificates: identity = the device's id, key = its PSK's UTF-8 bytes. */
  readonly psk?: boolean;
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
   * for the tokens that it had, and tells the cloud of revocations that it still owes. One device has it at a time: of
   * two in this process the later one waits, and its calls say STORE_FAILED and why; in another process it is refused.
   */
  store?: string;
  /** How long the device slept since the one before was closed, ms: its tokens serve from the store. */
  sleptMs?: number;
  /** Default: the strongest that the link allows: `link`, `password`, or without TLS `counter+mac`. */
  proof?: Proof;
  /** Accepts proofs that give the PSK to whoever reads the connection. */
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
  /** The app's own messages on the same connection: `new Messages()` of `motekey/messages`. */
  messages?: NonNullable<AuthOptions["messages"]>;
  /** `virtualTime()`, the same as the cloud's: the device's timers run by its `advance` only. */
  time?: VirtualTime;
  /** Default: TCP or TLS, the monotonic clock and the random numbers of Node. */
  ports?: Ports;
}

const CORES = ["xs", "espruino"] as const;

const TLS: Shape<DeviceTls> = { ...TLS_OPTIONS, psk: FLAG };

/** A running cloud, or any object that knows its URLs, or one of them: `endpointOf` looks into that. */
const CLOUD: Rule = {
  allowed: ["a cloud of startCloud()", "its URL"],
  accepts: (value) =>
    typeof value === "string" || typeof (value as Partial<CloudUrls> | null)?.mqttUrl === "string",
};

/** What is the firmware's too is looked into by `createAuth`. */
const DEVICE_OPTIONS: Shape<DeviceOptions> = {
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
  sleptMs: numberFrom(0),
  proof: oneOf(...PROOFS),
  allowInsecure: FLAG,
  encoding: oneOf("json", "cbor"),
  tokenFormat: OBJECT,
  pipeline: FLAG,
  limits: OBJECT,
  tls: optionsOf(TLS),
  floor: OBJECT,
  messages: OBJECT,
  time: TIME,
  ports: OBJECT,
};

/** A token as a simulated device has it: text, since tests look at it. */
export interface DeviceToken {
  readonly token: string;
  /** Counts the host's tokens on this device; `rejected` asks for it. */
  readonly generation: number;
  readonly expiresInMs: number;
}

/** Why a call on a simulated device did not succeed. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";

  /**
   * @param status as the firmware names it, e.g. `TIMEOUT`
   * @param cause what the platform knows of it beside that; none: undefined
   */
  constructor(
    what: string,
    readonly status: StatusName,
    cause?: string,
  ) {
    super(`${what}: ${status}. ${sentenceOf(Status[status])}${cause === undefined ? "" : ` (${cause})`}`);
  }
}

/** What the platform knows of a failure beside its status. */
type CauseOf = (status: StatusName) => string | undefined;

/** What a backend says that somebody has shown: at least one of both. */
export type DeviceCredentials = Credentials;

/** The calls of one device as promises: each ends once, at the latest when the device gives up. */
class Calls {
  private readonly refusals = new Set<(status: Status) => void>();

  /** @param causeOf what the platform knows of a failure beside its status */
  constructor(private readonly causeOf: CauseOf) {}

  /**
   * @param start returns a status at once, and where that is OK `end` follows
   * @param read of the status and the result; called in the firmware's callback
   */
  run<Result>(
    what: string,
    start: (end: (status: Status, read: () => Result) => void) => Status,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const refuse = (status: Status): void => {
        this.refusals.delete(refuse);
        reject(new DeviceError(what, nameOf(status), this.causeOf(nameOf(status))));
      };
      this.refusals.add(refuse);
      const status = start((ended, read) => {
        if (ended !== Status.OK) return refuse(ended);
        this.refusals.delete(refuse);
        resolve(read());
      });
      if (status !== Status.OK) refuse(status);
    });
  }

  /** Ends all that wait. */
  refuse(status: Status): void {
    for (const refuse of [...this.refusals]) refuse(status);
  }
}

/** One app's tokens on a simulated device; promises reject with {@link DeviceError}. */
export class DeviceHost {
  /** Use `device.host(name)`. */
  constructor(
    readonly name: string,
    private readonly host: Host,
    private readonly calls: Calls,
  ) {}

  /** The token, from memory while it is good, else from the cloud. */
  getToken(): Promise<DeviceToken> {
    return this.token("getToken", (onToken) => this.host.getToken(onToken));
  }

  /** A new token. */
  generateToken(): Promise<DeviceToken> {
    return this.token("generateToken", (onToken) => this.host.generateToken(onToken));
  }

  /** Resolves when the cloud has ended all tokens of this host. */
  async revokeToken(): Promise<void> {
    await this.call("revokeToken", (onToken) => this.host.revokeToken(onToken), ignore);
  }

  /** The app's server refused the token of this generation; ask for another where this says OK. */
  rejected(generation: number): StatusName {
    return nameOf(this.host.rejected(generation));
  }

  private token(method: string, start: (onToken: OnToken) => Status): Promise<DeviceToken> {
    return this.call(method, start, (token) => {
      if (token === null) throw new Error("motekey: status OK without a token");
      return {
        token: Buffer.from(token.bytes.subarray(0, token.length)).toString(),
        generation: token.generation,
        expiresInMs: token.remainingMs,
      };
    });
  }

  /** @param read called in the callback: the token's bytes are the firmware's again afterwards */
  private call<Result>(
    method: string,
    start: (onToken: OnToken) => Status,
    read: (token: Token | null) => Result,
  ): Promise<Result> {
    return this.calls.run(`${method} for ${this.name}`, (end) =>
      start((status, token) => end(status, () => read(token))),
    );
  }
}

/** A device that runs the firmware in this process. */
export class SimulatedDevice {
  readonly id: string;
  /** The firmware's own client, for what has no promise here. Its `onState` is in use. */
  readonly auth: AuthClient;
  private readonly link: Link;
  private readonly store: FileStore | undefined;
  private readonly calls = new Calls((status) => this.causeOf(status));
  private readonly hosts = new Map<string, DeviceHost>();
  private readonly listeners = new Set<(state: State) => void>();

  /** Use `simulateDevice`. */
  constructor(id: string, auth: AuthClient, link: Link, store: FileStore | undefined) {
    this.id = id;
    this.auth = auth;
    this.link = link;
    this.store = store;
    auth.onState = (state) => {
      for (const listener of [...this.listeners]) listener(state);
    };
    this.watchStart();
  }

  /** Where the device stands. */
  get state(): StateName {
    return State[this.auth.state] as StateName;
  }

  /** What the latest TLS handshake agreed on; null without TLS, and before the first. */
  get tls(): TlsReport | null {
    return this.link instanceof TlsLink ? this.link.report : null;
  }

  /** The handle of an app's host, the same for the same name. */
  host(name: string): DeviceHost {
    const known = this.hosts.get(name);
    if (known !== undefined) return known;
    const host = new DeviceHost(name, this.auth.host(name), this.calls);
    this.hosts.set(name, host);
    return host;
  }

  /** The hosts that the cloud keeps tokens of this device for. */
  listTokens(): Promise<string[]> {
    const names: string[] = [];
    return this.calls.run("listTokens", (end) =>
      this.auth.listTokens(
        (bytes, from, to) => names.push(Buffer.from(bytes.subarray(from, to)).toString("utf8")),
        (status) => end(status, () => names),
      ),
    );
  }

  /** Whether `id` is who these credentials say. For backends; others are rejected with FORBIDDEN. */
  authenticate(id: string, credentials: DeviceCredentials): Promise<boolean> {
    return this.verdict(`authenticate ${id}`, (onDone) => this.auth.authenticate(id, credentials, onDone));
  }

  /** Whether `src` may send `command` to `dst`. For backends; others are rejected with FORBIDDEN. */
  authorizeCommand(src: string, dst: string, command: string): Promise<boolean> {
    return this.verdict(`authorizeCommand ${command}`, (onDone) =>
      this.auth.authorizeCommand(src, dst, command, onDone),
    );
  }

  /**
   * Calls any method of the cloud, or of the device that is spoken to in the dialect mg-rpc. One at a time.
   * @param args an object that JSON can hold
   * @param bytesMax longest result, bytes of JSON
   * @returns the result; undefined where the peer gave none
   */
  call(method: string, args: object = {}, bytesMax: number = RESULT_BYTES_MAX): Promise<unknown> {
    const out = new Uint8Array(bytesMax);
    return this.calls.run(method, (end) =>
      this.auth.call(method, Buffer.from(JSON.stringify(args)), out, (status, length) =>
        end(status, () =>
          length === 0 ? undefined : JSON.parse(Buffer.from(out.subarray(0, length)).toString()),
        ),
      ),
    );
  }

  /** Resolves when the device is READY, at once if it is. */
  async ready(limitMs: number = NEXT_LIMIT_MS): Promise<void> {
    if (this.state !== "READY") await this.next("READY", limitMs);
  }

  /**
   * Resolves when the device enters this state the next time.
   * @param limitMs rejects after this time (8 s) with what keeps the device from its work
   */
  next(state: StateName, limitMs: number = NEXT_LIMIT_MS): Promise<void> {
    const wanted = new Promise<void>((resolve, reject) => {
      if (this.auth.state === State.CLOSED) {
        reject(new DeviceError(`${this.id} waited to be ${state}`, "CLOSED"));
        return;
      }
      const timer = setTimeout(() => {
        const { name } = this.auth.explain();
        const what = `${this.id} was not ${state} within ${limitMs} ms`;
        end(new DeviceError(what, name as StatusName, this.causeOf(name as StatusName)));
      }, limitMs);
      const listener = (entered: State): void => {
        if (entered === State[state]) end();
        else if (entered === State.CLOSED) end(new DeviceError(`${this.id} waited to be ${state}`, "CLOSED"));
      };
      const end = (failure?: Error): void => {
        clearTimeout(timer);
        this.listeners.delete(listener);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      this.listeners.add(listener);
    });
    // Who asked and looks away has chosen not to know: no unhandled rejection.
    wanted.catch(ignore);
    return wanted;
  }

  /** Ends every call with CLOSED, leaves the broker and wipes the secrets. May be called more than once. */
  close(): void {
    if (this.auth.state !== State.CLOSED) this.auth.close();
    this.store?.close();
  }

  /** For `using device = simulateDevice(…)`. */
  [Symbol.dispose](): void {
    this.close();
  }

  private verdict(what: string, start: (onDone: (status: Status) => void) => Status): Promise<boolean> {
    return this.calls.run(what, (end) =>
      start((status) => {
        if (status === Status.NOT_ALLOWED) end(Status.OK, () => false);
        else end(status, () => true);
      }),
    );
  }

  /** A cloud that is not there is said soon: a test that waits to the firmware's deadline was ended by its runner. */
  private watchStart(): void {
    let timer: NodeJS.Timeout | undefined;
    const listener = (state: State): void => {
      const isOver = state === State.READY || state === State.CLOSED;
      if (isOver) {
        clearTimeout(timer);
        this.listeners.delete(listener);
      } else if (
        state === State.WAITING &&
        timer === undefined &&
        UNREACHED.includes(this.auth.explain().name)
      )
        timer = setTimeout(() => {
          this.listeners.delete(listener);
          const { name } = this.auth.explain();
          if (UNREACHED.includes(name)) this.calls.refuse(Status[name as StatusName]);
        }, UNREACHED_MS).unref();
    };
    this.listeners.add(listener);
  }

  private readonly causeOf: CauseOf = (status) =>
    status === "STORE_FAILED" ? this.store?.failure : undefined;
}

/**
 * Starts a simulated device, which connects by itself and stays connected until it is closed.
 * @throws Error that names the first option which cannot be right, and what to do
 */
export function simulateDevice(options: DeviceOptions): SimulatedDevice {
  checkOptions("", options, DEVICE_OPTIONS);
  const { core, id, psk, cloud, proof, allowInsecure, pipeline, limits, store, sleptMs, dialect, address } =
    options;
  const counter = options.counter ?? (store === undefined ? newCounter() : 1);
  const { host, port, isSecure, transport } = endpointOf(cloud, options.transport);
  const alternatives = (options.alternatives ?? []).map((url) => placeOf(url, isSecure, options.transport));
  const made = options.ports ?? nodePorts(isSecure ? secureLink(options) : plainLink(options));
  const ports = options.time?.ports(made) ?? made;
  const kept = store === undefined ? undefined : new FileStore(store, true);
  try {
    const own: Ports = kept === undefined ? ports : { ...ports, store: kept };
    const given: AuthOptions = {
      deviceId: id,
      cloud: {
        host,
        port,
        alternatives,
        pipeline: pipeline ?? true,
        ...(dialect === undefined ? {} : { dialect }),
        ...(address === undefined ? {} : { address }),
      },
      credential: { psk, counter, ...(options.floor === undefined ? {} : { floor: options.floor }) },
      ...(options.messages === undefined ? {} : { messages: options.messages }),
      ...(transport === mqtt ? {} : { transport }),
      ...(proof === undefined ? {} : { proof }),
      allowInsecure: allowInsecure ?? false,
      limits: limits ?? {},
      ...(sleptMs === undefined ? {} : { sleptMs }),
      ...(options.tokenFormat === undefined ? {} : { tokenFormat: options.tokenFormat }),
      ...(options.encoding === "cbor" ? { encoding: cbor } : {}),
    };
    const auth = core === "espruino" ? leanClient(given, nativesOf(own), isSecure) : createAuth(given, own);
    return new SimulatedDevice(id, auth, made.link, kept);
  } catch (failure) {
    kept?.close();
    throw failure;
  }
}

let lastCounter = 0;

/** Rises from run to run, and from device to device of one millisecond. */
function newCounter(): number {
  lastCounter = Math.max(lastCounter + 1, Date.now());
  return lastCounter;
}

/** Another place of the same cloud: one link leads to all of them, with TLS or without. */
function placeOf(url: string, isSecure: boolean, name?: TransportName): CloudPlace {
  const { host, port, isSecure: isAlike } = endpointOf(url, name);
  if (isAlike !== isSecure) throw new Error("motekey: all places of a cloud must speak TLS, or none");
  return { host, port };
}

function plainLink({ tls }: DeviceOptions): Link {
  if (tls !== undefined)
    throw new Error("motekey: tls is for a cloud at mqtts://host:port or wss://host:port");
  return new NodeLink();
}

function secureLink({ core, id, psk: key, cloud, tls }: DeviceOptions): Link {
  const { psk, ...options } = tls ?? {};
  if (core === "espruino") return unverifiedLink(tls ?? {});
  if (psk === true) return new TlsLink({ ...options, psk: { identity: id, key: Buffer.from(key, "utf8") } });
  const own = typeof cloud === "string" ? undefined : cloud.ca;
  return new TlsLink(own === undefined ? options : { ca: own, ...options });
}

/** What proves the device is all that Espruino's TLS takes; a CA it loads and does not look at. */
function unverifiedLink({ cert, key, ca: _ignored, ...others }: DeviceTls): Link {
  const [name] = Object.keys(others);
  if (name !== undefined) throw new Error(`motekey: tls.${name} is nothing that Espruino's TLS has`);
  return new TlsLink({
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: false,
  });
}

function nameOf(status: Status): StatusName {
  return Status[status] as StatusName;
}

function ignore(): void {}
