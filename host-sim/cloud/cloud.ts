import type { CertificateAuthority, KeyPair, KeyType } from "./certificates.js";
import type { Channel } from "./channel.js";
import type { Encoding } from "./encoding.js";
import type { Events } from "./events.js";
import type { Faults } from "./faults.js";
import type { Health, HealthAnswer } from "./health.js";
import type { Http } from "./http.js";
import type { Identity } from "./identity/index.js";
import type { MemoryPeers } from "./memory-peers.js";
import { checkOptions } from "./options.js";
import type { Registry } from "./registry.js";
import { RPC_PATH, type Rpc } from "./rpc.js";
import { newPsk } from "./secret.js";
import { CLOUD_TLS, NEW_ENTITY } from "./tables.js";
import type { CloudTls } from "./tls.js";
import type { Tokens } from "./tokens.js";
import type {
  CloudEvent,
  CloudEventName,
  CloudEventOf,
  CloudStats,
  CloudTlsOptions,
  NewEntity,
  TokenCheck,
} from "./types.js";
import type { WebSockets } from "./websocket.js";

const WS_PATH = "/mqtt";

/** What a cloud is made of. */
export interface CloudParts {
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

  /** Whether all is well, as `GET /health` answers it. */
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

  /** Makes a device's next key, which it fetches by itself; the present one is good until it has proved that. */
  async rotatePsk(id: string): Promise<void> {
    const { registry } = this.parts;
    registry.stage(registry.need(id), newPsk());
    await registry.flush();
  }

  /** Takes a device's next key back; the present one stays. */
  async cancelRotation(id: string): Promise<void> {
    const { registry } = this.parts;
    registry.stage(registry.need(id), undefined);
    await registry.flush();
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
