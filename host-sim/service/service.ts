import { readFile } from "node:fs/promises";
import { Broker } from "../cloud/broker.js";
import { DEFAULT_ADDRESS, DEFAULT_HOST, makeCore } from "../cloud/core.js";
import { DeviceService } from "../cloud/device-service.js";
import type { Door } from "../cloud/door.js";
import { Events } from "../cloud/events.js";
import { Health } from "../cloud/health.js";
import { CloudGatekeeper, Hook } from "../cloud/hook/index.js";
import { CONNECT_LIMIT_MS } from "../cloud/http-server.js";
import { UNTOUCHED } from "../cloud/interference.js";
import { checkOptions } from "../cloud/options.js";
import { RPC_PATH, type Rpc } from "../cloud/rpc.js";
import { newPsk } from "../cloud/secret.js";
import { CloudTls } from "../cloud/tls.js";
import type {
  CloudEvent,
  CloudEventName,
  CloudEventOf,
  CloudStats,
  Extensions,
  NewEntity,
  TokenCheck,
} from "../cloud/types.js";
import { WebSockets } from "../cloud/websocket.js";
import type { BrokerLine } from "./broker/line.js";
import { evictorOf, openLine, ownLogin } from "./broker/open.js";
import { Evictions } from "./evict/evictions.js";
import type { Evictor } from "./evict/evictor.js";
import { ServiceHttp } from "./http.js";
import { GuardedDoor } from "./limits/guarded-door.js";
import { SenderLimits } from "./limits/limits.js";
import { Metrics } from "./metrics.js";
import { OpenId } from "./openid/openid.js";
import { SERVICE_OPTIONS, type ServiceOptions, type ServiceTls } from "./service-options.js";
import { State } from "./state.js";
import { callSpans } from "./traces.js";

const DEFAULT_PORTS = { mqtt: 1883, http: 8180 };
const DRAIN_LIMIT_MS = 5_000;
/** For frames behind a broker: one may overtake, at another replica, the one that opens its session. */
const LOOKS = 5;
const EXTENSIONS: Extensions = { retryAfter: true, expiresIn: true, mac: true, cbor: true, seal: true };

interface ServiceParts {
  state: State;
  events: Events;
  rpc: Rpc;
  broker: Broker;
  http: ServiceHttp;
  webSockets: WebSockets;
  /** null: devices connect only here. */
  line: BrokerLine | null;
  limits: SenderLimits;
  evictor: Evictor | null;
  drainLimitMs: number;
}

/** A running replica of the auth service. */
export class Service {
  /** Where devices connect by MQTT. */
  readonly mqttUrl: string;
  /** Where frames are posted, tokens introspected, and keys published. */
  readonly httpUrl: string;
  /** MQTT inside a WebSocket. */
  readonly wsUrl: string;
  /** Frames inside a WebSocket. */
  readonly rpcUrl: string;
  private readonly evictions: Evictions;
  private closing: Promise<void> | null = null;

  /** Use `startService`. */
  constructor(private readonly parts: ServiceParts) {
    const { broker, http, state, events, evictor } = parts;
    this.mqttUrl = broker.url;
    this.httpUrl = http.url;
    this.wsUrl = `${http.url.replace(/^http/, "ws")}/mqtt`;
    this.rpcUrl = `${http.url.replace(/^http/, "ws")}${RPC_PATH}`;
    const { revocations } = state;
    this.evictions = new Evictions({ revocations, events, evictor, kick: (id) => this.kick(id) });
    events.on((event) => {
      if (event.event === "device-revoked") this.evictions.begin(event.id);
    });
  }

  /** Counts of this replica since its start, live. */
  get stats(): CloudStats {
    return this.parts.events.stats;
  }

  /** Calls back with every event of this replica until the returned function is called. */
  on(listener: (event: CloudEvent) => void): () => void {
    return this.parts.events.on(listener);
  }

  /** The next event of this name that the predicate accepts. Ask before causing it. */
  next<Name extends CloudEventName>(
    name: Name,
    predicate?: (event: CloudEventOf<Name>) => boolean,
    limitMs?: number,
  ): Promise<CloudEventOf<Name>> {
    return this.parts.events.next(name, predicate, limitMs);
  }

  /** Adds a device, user or backend, or gives the one of this id another key. Its counters stay. */
  async addDevice(device: NewEntity): Promise<{ id: string; psk: string }> {
    const { id, psk } = await this.parts.state.accounts.add(device);
    return { id, psk };
  }

  /** Replaces a PSK; the MAC session under the old one ends, on all replicas. */
  async setPsk(id: string, psk: string): Promise<void> {
    if (!(await this.parts.state.accounts.setPsk(id, psk))) throw unknown(id);
  }

  /** Makes a device's next key, which it fetches by itself; the present one stays valid until the device proves the next one. */
  async rotatePsk(id: string): Promise<void> {
    if (!(await this.parts.state.accounts.stage(id, newPsk()))) throw unknown(id);
  }

  /** Takes a device's next key back; the present one stays. */
  async cancelRotation(id: string): Promise<void> {
    if (!(await this.parts.state.accounts.stage(id, undefined))) throw unknown(id);
  }

  /**
   * Bars a device: its tokens are revoked when this resolves. Its connections end within two seconds, on every replica,
   * and at a broker that `broker.evict` names.
   */
  async disable(id: string): Promise<void> {
    if (!(await this.parts.state.accounts.disable(id))) throw unknown(id);
    this.evictions.begin(id);
  }

  /** Closes a device's connection to this replica; false when it has none here. */
  kick(id: string): boolean {
    const { broker, webSockets } = this.parts;
    return [broker.kick(id), webSockets.kick(id)].includes(true);
  }

  /** Revokes all of a device's tokens for a host. Resolves with whether there was any. */
  revokeToken(id: string, host: string): Promise<boolean> {
    return this.parts.state.tokens.revoke(id, host);
  }

  /** Whether this token is valid for this host now, and whose it is. */
  checkToken(token: string, host: string): Promise<TokenCheck> {
    return this.parts.state.tokens.check(token, host);
  }

  /** Makes the next signing key: it is published now, and signs in twenty minutes. Resolves with its name. */
  rotateSigningKey(): Promise<string> {
    return this.parts.state.keyring.rotate();
  }

  /**
   * Seals all keys by the first of `sealKeyFiles`. Then the others may be removed, an hour after the last token that
   * they sealed has ended. Resolves with how many devices' keys were sealed anew.
   */
  reseal(): Promise<number> {
    return this.parts.state.reseal();
  }

  /** Takes nothing new, answers the pending requests, and ends. May be called more than once. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /** For `await using service = await startService(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    const { state, events, rpc, broker, http, webSockets, line, limits, drainLimitMs } = this.parts;
    broker.stopListening();
    http.drain();
    limits.drain();
    this.evictions.close();
    const stopped = line?.stop().catch(() => {});
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, drainLimitMs);
    });
    const isIdle = async (): Promise<void> => {
      await stopped;
      await Promise.all([rpc.idle(), http.idle()]);
    };
    await Promise.race([isIdle(), late]);
    clearTimeout(timer);
    rpc.close();
    webSockets.kickAll();
    await Promise.all([broker.close(), http.close(), line?.close()]);
    webSockets.close();
    events.close();
    await state.close();
  }
}

/**
 * Starts a replica of the auth service. Rejects with an error that says what prevents it, and what to do.
 */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  checkOptions("", options, SERVICE_OPTIONS);
  const address = options.address ?? DEFAULT_ADDRESS;
  const tls = await startTls(options.tls);
  const openid = options.openid === undefined ? null : new OpenId(options.openid);
  const state = await State.open(options, address);
  try {
    return await startWith(options, address, state, tls, openid);
  } catch (failure) {
    await state.close().catch(() => {});
    throw failure;
  }
}

async function startWith(
  options: ServiceOptions,
  address: string,
  state: State,
  certificates: Certificates | null,
  openid: OpenId | null,
): Promise<Service> {
  const events = new Events();
  if (options.log !== undefined) events.on(options.log);
  const metrics = new Metrics(events);
  const { accounts, peers, recoveryBook, tokens, clock } = state;
  const interference = UNTOUCHED;
  const limits = new SenderLimits(options.limits ?? {}, (why) => metrics.heldUp(why));
  const { apiHost, proofs, recoveries, rpc } = makeCore({
    accounts,
    peers,
    recoveryBook,
    events,
    interference,
    terms: { extensions: EXTENSIONS },
    clock,
    address,
    checkToken: (token, host) => tokens.check(token, host),
    requireFrameProof: options.requireFrameProof,
    limits,
    watch: callSpans,
    ...(options.broker !== undefined && { looks: LOOKS }),
  });
  const host = options.host ?? DEFAULT_HOST;
  const connectLimitMs = CONNECT_LIMIT_MS;
  // No TLS-PSK: Node needs the key synchronously, and a database cannot answer so.
  const tls = certificates && (await CloudTls.start(certificates, host, () => undefined, events));
  const door = new GuardedDoor(accounts, proofs, recoveries, limits);
  const evictor = await evictorOf(options.broker);
  const hook = await openHook(options, host, door, events, tls);
  const operators = openid && { openid, devices: deviceService(state, events, openid) };
  const served = { state, rpc, metrics, limits, hook, operators, apiHost, tls, connectLimitMs };
  const http = await ServiceHttp.start(host, options.httpPort ?? DEFAULT_PORTS.http, served);
  let line: BrokerLine | null = null;
  try {
    if (options.broker !== undefined) {
      const health = new Health(events.stats);
      line = await openLine(options.broker, { isHooked: hook !== null, receiver: rpc, events, health });
      metrics.brokerIs(true);
    }
    const parts = { door, peers, events, interference, tls, receiver: rpc, connectLimitMs };
    const broker = await Broker.start(host, options.mqttPort ?? DEFAULT_PORTS.mqtt, {
      ...parts,
      mqttVersion: 5,
    });
    const webSockets = new WebSockets(http.server, { ...parts, broker });
    const drainLimitMs = options.drainLimitMs ?? DRAIN_LIMIT_MS;
    const running = { state, events, rpc, broker, http, webSockets, line, limits, evictor, drainLimitMs };
    return new Service(running);
  } catch (failure) {
    await Promise.all([http.close(), line?.close()]);
    throw failure;
  }
}

function deviceService({ devices: book, clock }: State, events: Events, { scope }: OpenId): DeviceService {
  return new DeviceService({ book, events, now: () => clock.now(), scope });
}

async function openHook(
  { hook, broker }: ServiceOptions,
  host: string,
  door: Door,
  events: Events,
  tls: CloudTls | null,
): Promise<Hook | null> {
  if (hook === undefined) return null;
  const { secretFile, certificate, vhost } = hook;
  const own = broker === undefined ? null : await ownLogin(broker);
  const secret = secretFile && (await readFile(secretFile, "utf8")).trimEnd();
  if (secret !== undefined && !/^[\w-]{16,}$/.test(secret))
    throw new Error(`${secretFile} must hold 16 or more of A-Z a-z 0-9 _ -`);
  const options = {
    ...(secret !== undefined && { secret }),
    ...(certificate !== undefined && { certificate }),
    ...(vhost !== undefined && { vhost }),
  };
  return new Hook(options, { gatekeeper: new CloudGatekeeper(door, events, own), events, host, tls });
}

interface Certificates {
  cert: string;
  key: string;
  clientCertificates?: "none" | "optional" | "required";
  ca?: string;
}

async function startTls(tls: ServiceTls | undefined): Promise<Certificates | null> {
  if (tls === undefined) return null;
  const { certFile, keyFile, caFile, clientCertificates } = tls;
  if (clientCertificates !== undefined && clientCertificates !== "none" && caFile === undefined)
    throw new Error("tls.clientCertificates needs tls.caFile: who issues them");
  const [cert, key, ca] = await Promise.all([
    readFile(certFile, "utf8"),
    readFile(keyFile, "utf8"),
    caFile === undefined ? undefined : readFile(caFile, "utf8"),
  ]);
  return {
    cert,
    key,
    ...(clientCertificates !== undefined && { clientCertificates }),
    ...(ca !== undefined && { ca }),
  };
}

function unknown(id: string): Error {
  return new Error(`No entity ${JSON.stringify(id)}; add it with addDevice first`);
}
