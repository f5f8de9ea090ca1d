import { Attachment } from "./attach.js";
import { AuthService, ownersPolicy } from "./auth-service.js";
import { Broker } from "./broker.js";
import { brokerAddress } from "./broker-address.js";
import type { CertificateAuthority, KeyPair, KeyType } from "./certificates.js";
import type { Channel } from "./channel.js";
import type { CloudOptions } from "./cloud-options.js";
import { DeviceService } from "./device-service.js";
import type { Door } from "./door.js";
import type { Encoding } from "./encoding.js";
import { Events } from "./events.js";
import { FaultInterference } from "./fault-interference.js";
import { type Faults, makeFaults } from "./faults.js";
import { Health, type HealthAnswer } from "./health.js";
import { CloudGatekeeper, Hook, type OwnLogin } from "./hook/index.js";
import { Http } from "./http.js";
import { CONNECT_LIMIT_MS } from "./http-server.js";
import { type Identity, startIdentity } from "./identity/index.js";
import { MemoryPeers } from "./memory-peers.js";
import { Mint, newSigningKey, publicJwk } from "./mint.js";
import { OpenDoor } from "./open-door.js";
import { checkOptions } from "./options.js";
import { Proofs } from "./proofs.js";
import { needRealTicks } from "./real-ticks.js";
import { Recoveries } from "./recoveries.js";
import { Registry } from "./registry.js";
import { RPC_PATH, Rpc } from "./rpc.js";
import { CLOUD_OPTIONS, CLOUD_TLS, NEW_ENTITY } from "./tables.js";
import { realTime } from "./time.js";
import { CloudTls } from "./tls.js";
import { type CloudClock, Tokens } from "./tokens.js";
import type {
  CloudEvent,
  CloudEventName,
  CloudEventOf,
  CloudStats,
  CloudTlsOptions,
  NewEntity,
  TokenCheck,
} from "./types.js";
import { WebSockets } from "./websocket.js";

const DEFAULT_ADDRESS = "//api.mongoose-iot.com";
const WS_PATH = "/mqtt";
const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_NONCE_LIFETIME_SECONDS = 60;

interface CloudParts {
  registry: Registry;
  tokens: Tokens;
  peers: MemoryPeers;
  events: Events;
  health: Health;
  rpc: Rpc;
  channel: Channel;
  http: Http;
  webSockets: WebSockets;
  identity: Identity | null;
  tls: CloudTls | null;
  apiHost: string;
}

/** A running mock cloud. */
export class Cloud {
  /** Where devices connect. */
  readonly mqttUrl: string;
  /** Where JWKS and POST of frames are served. */
  readonly httpUrl: string;
  /** MQTT inside a WebSocket, at this path or any other; none where the cloud is attached to another broker. */
  readonly wsUrl: string;
  /** Frames inside a WebSocket. */
  readonly rpcUrl: string;
  /** The MQTT port. */
  readonly port: number;
  /** The identity provider for operators; null where the options ask for none. */
  readonly identity: Identity | null;
  private closing: Promise<void> | null = null;

  /** Use `startCloud`. */
  constructor(
    private parts: CloudParts,
    /** The knobs; set them at any time. */
    readonly faults: Faults,
  ) {
    this.mqttUrl = parts.channel.url;
    this.port = parts.channel.port;
    this.httpUrl = parts.http.url;
    this.wsUrl = `${parts.http.url.replace(/^http/, "ws")}${WS_PATH}`;
    this.rpcUrl = `${parts.http.url.replace(/^http/, "ws")}${RPC_PATH}`;
    this.identity = parts.identity;
  }

  /** Counts since the start, live. */
  get stats(): CloudStats {
    return this.parts.events.stats;
  }

  /** Whether all is well, as `GET /health` tells it. */
  get health(): HealthAnswer {
    return this.parts.health.answer;
  }

  /** The CA of the cloud's own making: the trust anchor of its devices, who issues and revokes. */
  get authority(): CertificateAuthority {
    const authority = this.parts.tls?.authority ?? null;
    if (authority === null) {
      throw new Error(
        "This cloud made no CA; start it with tls: true, or with tls options without cert and psk",
      );
    }
    return authority;
  }

  /** The trust anchor of the cloud's own making, PEM; undefined where there is none. */
  get ca(): string | undefined {
    return this.parts.tls?.authority?.cert;
  }

  /** A certificate that proves a device, for `tls: { clientCertificates }`. */
  issueCertificate(id: string, keyType?: KeyType): Promise<KeyPair> {
    return this.authority.issue({ name: id, ...(keyType === undefined ? {} : { keyType }) });
  }

  /** Takes a device's certificate back, for all handshakes from now on; an open connection stays. */
  async revokeCertificate(cert: string): Promise<void> {
    this.authority.revoke(cert);
    this.changeTls({ crl: await this.authority.crl() });
  }

  /** Puts other certificates, CAs or lists in place, for all handshakes from now on. */
  changeTls(options: Pick<CloudTlsOptions, "cert" | "key" | "ca" | "crl">): void {
    const { cert, key, ca, crl } = CLOUD_TLS;
    checkOptions("changeTls()", options, { cert, key, ca, crl });
    if (this.parts.tls === null) throw new Error("This cloud speaks no TLS; start it with tls: true");
    this.parts.tls.change(options);
  }

  /** Hears every event until the returned function is called. */
  on(listener: (event: CloudEvent) => void): () => void {
    return this.parts.events.on(listener);
  }

  /**
   * The next event of this name that the predicate accepts. Ask before causing it.
   * @param limitMs rejects after this time (8 s), and when the cloud closes
   */
  next<Name extends CloudEventName>(
    name: Name,
    predicate?: (event: CloudEventOf<Name>) => boolean,
    limitMs?: number,
  ): Promise<CloudEventOf<Name>> {
    return this.parts.events.next(name, predicate, limitMs);
  }

  /** Adds a device, user or backend, or replaces the one of this id. Resolves when the registry file has it. */
  async addDevice(device: NewEntity): Promise<{ id: string; psk: string }> {
    checkOptions("addDevice()", device, NEW_ENTITY);
    const { id, psk } = this.parts.registry.add(device);
    this.parts.peers.endMacSession(id);
    await this.parts.registry.flush();
    return { id, psk };
  }

  /** A token of this entity for the cloud's own API: the bearer token of POST /rpc. */
  async issueToken(id: string): Promise<string> {
    const entity = this.parts.registry.need(id);
    return (await this.parts.tokens.generate(entity.id, this.parts.apiHost)).text;
  }

  /** Ends all tokens of a device for a host behind its back. Was there any? */
  revokeToken(id: string, host: string): boolean {
    return this.parts.tokens.revoke(id, host);
  }

  /** Is this a good token for this host, and whose? What an app's server would ask. */
  checkToken(token: string, host: string): TokenCheck {
    return this.parts.tokens.check(token, host);
  }

  /** Replaces a device's PSK; its MAC session ends, its connection stays. */
  async setPsk(id: string, psk: string): Promise<void> {
    this.parts.registry.setPsk(id, psk);
    this.parts.peers.endMacSession(id);
    await this.parts.registry.flush();
  }

  /** Bars a device: its connection is closed, and from now on it is refused. */
  async disable(id: string): Promise<void> {
    this.parts.registry.disable(id);
    this.parts.peers.endMacSession(id);
    this.kick(id);
    await this.parts.registry.flush();
  }

  /** Closes a device's connection; false when it has none here (also for every one on another broker). */
  kick(id: string): boolean {
    const { channel, webSockets } = this.parts;
    return [channel.kick(id), webSockets.kick(id)].includes(true);
  }

  /** Publishes any bytes on `<id>/rpc`, or `<id>/rpc-cbor`, for what the knobs cannot say. */
  publishRaw(id: string, message: string | Uint8Array, encoding: Encoding = "json"): void {
    this.parts.channel.send(id, Buffer.from(message), encoding);
  }

  /** As if the process had restarted: connections, MAC sessions, nonces and stored replies are gone. */
  restart(): void {
    this.parts.peers.clear();
    this.parts.channel.kickAll();
    this.parts.webSockets.kickAll();
  }

  /** As if the cloud were down, or the network gone: connections are reset, further ones refused, until `back()`. */
  away(): void {
    this.parts.channel.away();
    this.parts.webSockets.close();
    this.parts.http.away();
  }

  /** Resolves when devices can connect again, at the same ports. What the cloud knew it still knows. */
  async back(): Promise<void> {
    await Promise.all([this.parts.channel.back(), this.parts.http.back()]);
  }

  /** For `await using cloud = await startCloud()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends everything and writes the registry file. May be called more than once. */
  close(): Promise<void> {
    if (this.closing === null) this.closing = this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.parts.rpc.close();
    const { channel, http, identity, webSockets } = this.parts;
    webSockets.close();
    try {
      await Promise.all([channel.close(), http.close(), identity?.close()]);
    } finally {
      this.parts.events.close();
      await this.parts.registry.close();
    }
  }
}

/**
 * Starts a mock cloud: its own MQTT broker (or attached to another one), the Auth service, HTTP. Rejects with an error
 * that names the first option which cannot be right, what it is, and what is allowed.
 */
export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  checkOptions("", options, CLOUD_OPTIONS);
  await needRealTicks();
  const events = new Events();
  if (options.log !== undefined) events.on(options.log);
  const health = new Health(events.stats);
  const registry = await Registry.open({
    file: options.registryFile,
    isRestored: options.restored ?? false,
    told(trouble) {
      if (health.set("registry", trouble) && trouble !== null)
        events.emit({ event: "registry-failed", reason: trouble });
    },
  });
  try {
    return await startWith(options, registry, events, health);
  } catch (failure) {
    // What keeps the cloud from starting says more than what keeps the file from being written.
    await registry.close().catch(() => {});
    throw failure;
  }
}

async function startWith(
  options: CloudOptions,
  registry: Registry,
  events: Events,
  health: Health,
): Promise<Cloud> {
  const address = options.address ?? DEFAULT_ADDRESS;
  const apiHost = address.replace(/^\/\//, "").split("/", 1)[0] ?? "";
  const faults = makeFaults(options.faults ?? {}, options.extensions);
  const time = options.time ?? realTime(options.now ?? Date.now);
  const { now } = time;
  const clock: CloudClock = { now, told: () => now() + faults.clockOffsetSeconds * 1000 };
  const interference = new FaultInterference(faults, time);
  const signing = newSigningKey(options.tokens?.algorithm ?? "ES256");
  const mint = new Mint(options.tokens ?? {}, address, () => signing);
  const tokens = new Tokens(options.tokens ?? {}, clock, mint);
  const peers = new MemoryPeers(registry, tokens);
  const proofs = new Proofs(registry, {
    realm: apiHost,
    nonceLifetimeMs: (options.nonceLifetimeSeconds ?? DEFAULT_NONCE_LIFETIME_SECONDS) * 1000,
    requireFrameProof: options.requireFrameProof,
    now,
    isApiToken(token, id) {
      const check = tokens.check(token, apiHost);
      return check.active && check.sub === id;
    },
    opened: (id, counter) => events.emit({ event: "mac-session", id, counter }),
  });
  const policy = options.policy ?? ownersPolicy(registry);
  const service = new AuthService({ accounts: registry, events, interference, terms: faults, clock, policy });
  const recoveries = new Recoveries(registry, events, now);
  const rpc = new Rpc({
    accounts: registry,
    peers,
    proofs,
    service,
    recoveries,
    events,
    interference,
    terms: faults,
    address,
    now,
  });
  const host = options.host ?? DEFAULT_HOST;
  const tls = await startTls(options.tls ?? false, host, (id) => registry.get(id)?.psk, events);
  const { connectLimitMs = CONNECT_LIMIT_MS } = options;
  const door = new OpenDoor(registry, proofs, recoveries, options.anonymous ?? true);
  const hook = openHook(options, host, door, events, tls);
  let identity: Identity | null = null;
  let cloud: Cloud | null = null;
  const devices = new DeviceService({
    registry,
    events,
    now,
    async disable(id) {
      tokens.revokeAll(id);
      await cloud?.disable(id);
    },
  });
  const operator = async (token: string) => (token === "" ? null : (identity?.operator(token) ?? null));
  const jwks = { keys: [publicJwk(signing)] };
  const served = {
    registry,
    tokens,
    jwks,
    health,
    rpc,
    devices,
    operator,
    hook,
    apiHost,
    tls,
    connectLimitMs,
  };
  const http = await Http.start(host, options.httpPort ?? 0, served);
  try {
    identity = await startIdentityBeside(options);
    const parts = { door, peers, events, interference, tls, receiver: rpc, connectLimitMs };
    const channel = await startChannel(options, parts, health, faults.extensions.cbor);
    const broker = channel instanceof Broker ? channel : null;
    const webSockets = new WebSockets(http.server, { ...parts, broker });
    cloud = new Cloud(
      { registry, tokens, peers, events, health, rpc, channel, http, webSockets, identity, tls, apiHost },
      faults,
    );
    return cloud;
  } catch (failure) {
    await Promise.all([http.close(), identity?.close()]);
    throw failure;
  }
}

async function startIdentityBeside(options: CloudOptions): Promise<Identity | null> {
  const { identity, host, connectLimitMs } = options;
  if (identity === undefined || identity === false) return null;
  return startIdentity({
    ...(host !== undefined && { host }),
    ...(connectLimitMs !== undefined && { connectLimitMs }),
    ...(identity !== true && identity),
  });
}

async function startTls(
  options: boolean | CloudTlsOptions,
  host: string,
  pskOf: (identity: string) => string | undefined,
  events: Events,
): Promise<CloudTls | null> {
  if (options === false) return null;
  return CloudTls.start(options === true ? {} : options, host, pskOf, events);
}

function openHook(
  { hook = false, broker }: CloudOptions,
  host: string,
  door: Door,
  events: Events,
  tls: CloudTls | null,
): Hook | null {
  if (hook === false) return null;
  const gatekeeper = new CloudGatekeeper(door, events, broker === undefined ? null : ownLogin(broker));
  return new Hook(hook === true ? {} : hook, { gatekeeper, events, host, tls });
}

/** How the cloud logs in to the broker of this URL, where that is by a password. */
function ownLogin(broker: string): OwnLogin | null {
  const { user, password } = brokerAddress(broker);
  return password === undefined ? null : { user, password };
}

function startChannel(
  options: CloudOptions,
  parts: Omit<Parameters<typeof Broker.start>[2], "mqttVersion">,
  health: Health,
  isCborSpoken: boolean,
): Promise<Channel> {
  const { broker, topicsBound = false, brokerTls: tls = {} } = options;
  if (broker !== undefined) {
    const { events, receiver } = parts;
    const encodings: Encoding[] = isCborSpoken ? ["json", "cbor"] : ["json"];
    const isHooked = (options.hook ?? false) !== false;
    return Attachment.start({ broker, topicsBound, isHooked, tls, encodings, receiver, events, health });
  }
  const { mqttVersion = 5 } = options;
  return Broker.start(options.host ?? DEFAULT_HOST, options.port ?? 0, { ...parts, mqttVersion });
}
