import { cbor } from "../firmware/cbor.js";
import type { Explanation } from "../firmware/explain.js";
import {
  type AuthClient,
  type AuthOptions,
  type CloudPlace,
  createAuth,
  type Link,
  mqtt,
  type Ports,
  State,
  Status,
} from "../firmware/index.js";
import { Rotation } from "../firmware/rotation.js";
import { SealedStore } from "../firmware/seal.js";
import { checkOptions } from "./cloud/options.js";
import {
  Calls,
  type CauseOf,
  type DeviceCredentials,
  DeviceError,
  DeviceHost,
  type StatusName,
} from "./device-calls.js";
import { DEVICE_OPTIONS, type DeviceOptions, type DeviceTls } from "./device-options.js";
import { leanClient } from "./espruino/client.js";
import { nativesOf } from "./espruino/natives.js";
import { explain } from "./explain.js";
import { NodeLink } from "./node/link.js";
import { nodePorts } from "./node/ports.js";
import { provision } from "./node/provision.js";
import { FileStore } from "./node/store.js";
import { TlsLink, type TlsReport } from "./node/tls-link.js";
import { endpointOf, type TransportName } from "./transports.js";

export {
  type DeviceCredentials,
  DeviceError,
  type DeviceHost,
  type DeviceToken,
  type StatusName,
} from "./device-calls.js";
export type { DeviceOptions, DeviceSeal, DeviceTls } from "./device-options.js";

const NEXT_LIMIT_MS = 8_000;
/** A device that never reached its cloud, and is refused, ends its calls after this for each address: test runners wait 2 s. */
const UNREACHED_MS = 1_000;
const RESULT_BYTES_MAX = 16_384;
const UNREACHED: readonly string[] = ["UNREACHABLE", "HOST_UNKNOWN"] satisfies StatusName[];

/** The names of the firmware's states, such as `READY`. */
export type StateName = keyof typeof State;

/** A device that runs the firmware in this process. */
export class SimulatedDevice {
  readonly id: string;
  /** The firmware's own client, for what has no promise here. Its `onState` is in use. */
  readonly auth: AuthClient;
  /** How often the cloud gave it another key in this run, and where the next one stands; null without `rotation`. */
  readonly rotation: Rotation | null;
  private readonly link: Link;
  private readonly store: FileStore | undefined;
  private readonly calls = new Calls((status) => this.causeOf(status));
  private readonly hosts = new Map<string, DeviceHost>();
  private readonly listeners = new Set<(state: State) => void>();

  /** Use `simulateDevice`. */
  constructor(
    id: string,
    auth: AuthClient,
    link: Link,
    store: FileStore | undefined,
    rotation: Rotation | null,
    addresses: number,
  ) {
    this.id = id;
    this.auth = auth;
    this.rotation = rotation;
    this.link = link;
    this.store = store;
    auth.onState = (state) => {
      for (const listener of [...this.listeners]) listener(state);
    };
    this.watchStart(UNREACHED_MS * addresses);
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

  /**
   * What keeps the device from its work, with evidence and the next step.
   * @param wallTimeS the device's wall clock, unix seconds: it is compared with the cloud's
   */
  explain(wallTimeS?: number): Explanation {
    return explain(this.auth, wallTimeS);
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
        const { name } = this.explain();
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
  private watchStart(limitMs: number): void {
    let timer: NodeJS.Timeout | undefined;
    const listener = (state: State): void => {
      const isOver = state === State.READY || state === State.CLOSED;
      if (isOver) {
        clearTimeout(timer);
        this.listeners.delete(listener);
      } else if (state === State.WAITING && timer === undefined && UNREACHED.includes(this.explain().name))
        timer = setTimeout(() => {
          this.listeners.delete(listener);
          const { name } = this.explain();
          if (UNREACHED.includes(name)) this.calls.refuse(Status[name as StatusName]);
        }, limitMs).unref();
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
  const rotation = options.rotation === true ? new Rotation() : null;
  const counter = options.counter ?? (store === undefined ? newCounter() : 1);
  const { host, port, isSecure, transport } = endpointOf(cloud, options.transport);
  const alternatives = (options.alternatives ?? []).map((url) => placeOf(url, isSecure, options.transport));
  const made = options.ports ?? nodePorts(isSecure ? secureLink(options) : plainLink(options));
  const ports = options.time?.ports(made) ?? made;
  const kept = store === undefined ? undefined : new FileStore(store, true);
  try {
    const own = withStore(ports, kept, options);
    if (rotation !== null) provision(own.store, options);
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
      ...(rotation !== null
        ? { rotation }
        : {
            credential: { psk, counter, ...(options.floor === undefined ? {} : { floor: options.floor }) },
          }),
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
    return new SimulatedDevice(id, auth, made.link, kept, rotation, 1 + alternatives.length);
  } catch (failure) {
    kept?.close();
    throw failure;
  }
}

/** The ports with what the device keeps, sealed where it is to be. */
function withStore(ports: Ports, kept: FileStore | undefined, { core, seal }: DeviceOptions): Ports {
  const store = kept ?? ports.store;
  if (seal === undefined) return store === undefined ? ports : { ...ports, store };
  if (store === undefined) throw new Error("motekey: seal is for what a store keeps: give store too");
  if (core === "espruino")
    throw new Error("motekey: the core for Espruino seals by a file of its own: leave out seal");
  return { ...ports, store: new SealedStore(store, { ...seal, entropy: ports.entropy }) };
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

function ignore(): void {}
