import { Attachment } from "./attach.js";
import { Broker } from "./broker.js";
import { brokerAddress } from "./broker-address.js";
import type { Channel } from "./channel.js";
import { Cloud } from "./cloud.js";
import type { CloudOptions } from "./cloud-options.js";
import { DEFAULT_ADDRESS, DEFAULT_HOST, makeCore } from "./core.js";
import { DeviceService } from "./device-service.js";
import type { Door } from "./door.js";
import type { Encoding } from "./encoding.js";
import { Events } from "./events.js";
import { FaultInterference } from "./fault-interference.js";
import { makeFaults } from "./faults.js";
import { Health } from "./health.js";
import { CloudGatekeeper, Hook, type OwnLogin } from "./hook/index.js";
import { Http } from "./http.js";
import { CONNECT_LIMIT_MS } from "./http-server.js";
import { type Identity, startIdentity } from "./identity/index.js";
import { MemoryPeers } from "./memory-peers.js";
import { Mint, newSigningKey, publicJwk } from "./mint.js";
import { OpenDoor } from "./open-door.js";
import { checkOptions } from "./options.js";
import { needRealTicks } from "./real-ticks.js";
import { MemoryRecoveryBook } from "./recoveries.js";
import { Registry } from "./registry.js";
import { RegistryBook } from "./registry-book.js";
import { CLOUD_OPTIONS } from "./tables.js";
import { realTime } from "./time.js";
import { CloudTls } from "./tls.js";
import { type CloudClock, Tokens } from "./tokens.js";
import type { CloudTlsOptions } from "./types.js";
import { WebSockets } from "./websocket.js";

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
  const faults = makeFaults(options.faults ?? {}, options.extensions);
  if (options.time !== undefined && options.now !== undefined)
    throw new Error("time and now are both given; leave now out: time has a wall clock of its own");
  const time = options.time ?? realTime(options.now ?? Date.now);
  const { now } = time;
  const clock: CloudClock = { now, told: () => now() + faults.clockOffsetSeconds * 1000 };
  const interference = new FaultInterference(faults, time);
  const signing = newSigningKey(options.tokens?.algorithm ?? "ES256");
  const mint = new Mint(options.tokens ?? {}, address, () => signing);
  const tokens = new Tokens(options.tokens ?? {}, clock, mint);
  const peers = new MemoryPeers(registry, tokens);
  const { apiHost, proofs, recoveries, rpc } = makeCore({
    accounts: registry,
    peers,
    recoveryBook: new MemoryRecoveryBook(),
    events,
    interference,
    terms: faults,
    clock,
    address,
    checkToken: (token, host) => tokens.check(token, host),
    policy: options.policy,
    requireFrameProof: options.requireFrameProof,
    nonceLifetimeSeconds: options.nonceLifetimeSeconds,
  });
  const host = options.host ?? DEFAULT_HOST;
  const tls = await startTls(options.tls ?? false, host, (id) => registry.get(id)?.psk, events);
  const { connectLimitMs = CONNECT_LIMIT_MS } = options;
  const door = new OpenDoor(registry, proofs, recoveries, options.anonymous ?? true);
  const hook = openHook(options, host, door, events, tls);
  let identity: Identity | null = null;
  let cloud: Cloud | null = null;
  const book = new RegistryBook(registry, async (id) => {
    tokens.revokeAll(id);
    await cloud?.disable(id);
  });
  const devices = new DeviceService({ book, events, now });
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
    return Attachment.start({
      broker: brokerAddress(broker),
      topicsBound,
      isHooked,
      tls,
      group: null,
      encodings,
      receiver,
      events,
      health,
    });
  }
  const { mqttVersion = 5 } = options;
  return Broker.start(options.host ?? DEFAULT_HOST, options.port ?? 0, { ...parts, mqttVersion });
}
