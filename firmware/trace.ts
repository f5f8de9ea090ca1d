/**
 * What happened to a client, as lines that replay in the simulated world (`motekey sim --replay`): a module of its own
 * for whoever looks for a fault. It allocates, and holds packets back until they are whole; it is not for the field.
 */
import type { Scratch } from "./crypto/scratch.js";
import { Sha256 } from "./crypto/sha256.js";
import { type AuthClient, type AuthOptions, createAuth, type Host, State, type Token } from "./index.js";
import { checkGroup, Kind, type RowsOf } from "./options.js";
import { LinkSecurity, type Ports } from "./ports.js";
import { Status } from "./status.js";
import { hexOf } from "./trace/describe.js";
import { TracedClock, TracedEntropy, TracedLink, TracedStore, type Tracer } from "./trace/ports.js";

/** Takes one line of JSON, without its end. */
export type OnLine = (line: string) => void;

/** Of a {@link Trace}. */
export interface TraceOptions {
  /** Lines that are kept, the latest; 500. A line is about 60 bytes, that of an answer 200. */
  readonly entries?: number;
  /** Called with each line, for who keeps them elsewhere. */
  readonly onLine?: OnLine;
}

/** Of the layout of lines: docs/trace.schema.json. */
const VERSION = 1;
const ENTRIES = 500;
const SPREAD_BYTES = 16;

/**
 * The latest lines of what crossed a client's ports and its API, over all its lives in this process: events, times,
 * packets, ids, statuses. There is no key in them, no token, no password and no proof of one: stand-ins of the same
 * length are. Host names and the device's id are there.
 */
export class Trace implements Tracer {
  readonly ownIds: number[];
  private readonly ring: string[];
  private readonly entries: number;
  private readonly onLine: OnLine | null;
  private next: number;
  private client: AuthClient | null;
  private ports: Ports | null;
  private lastState: State;
  /** Of the client's code that runs: what is called within it comes from a callback. */
  private depth: number;
  /** MACs that the client refused. */
  private refusals: number;

  /** @construction */
  constructor(options?: TraceOptions) {
    const given = options === undefined ? {} : options;
    const rows: RowsOf<TraceOptions> = { entries: Kind.COUNT, onLine: Kind.FUNCTION };
    checkGroup("trace", given, { rows });
    this.entries = given.entries === undefined ? ENTRIES : given.entries;
    this.onLine = given.onLine === undefined ? null : given.onLine;
    this.ring = [];
    this.next = 0;
    this.client = null;
    this.ports = null;
    this.lastState = State.CLOSED;
    this.depth = 0;
    this.refusals = 0;
    this.ownIds = [];
  }

  /**
   * As `createAuth` of `motekey`, and records. One client at a time.
   * @construction
   * @throws Error also where the client has what no trace replays: another transport than MQTT 3.1.1, messages, a rotation, CBOR
   */
  createAuth(options: AuthOptions, ports: Ports, scratch?: Scratch): AuthClient {
    const isOther = options.transport !== undefined && options.transport.name !== "mqtt";
    if (
      isOther ||
      options.messages !== undefined ||
      options.rotation !== undefined ||
      options.encoding !== undefined
    )
      throw new Error(
        "motekey: a trace is of MQTT 3.1.1 and JSON; leave out transport, encoding, messages and rotation",
      );
    const security = ports.link.security === undefined ? LinkSecurity.PLAIN : ports.link.security;
    const link = new TracedLink(ports.link, security, this);
    const clock = new TracedClock(ports.clock, this);
    const entropy = new TracedEntropy(ports.entropy, this);
    const traced: Ports =
      ports.store === undefined
        ? { link, clock, entropy }
        : { link, clock, entropy, store: new TracedStore(ports.store, this) };
    this.ports = ports;
    this.client = null;
    this.depth = 0;
    this.refusals = 0;
    this.lastState = State.CLOSED;
    this.enter(`"boot":${JSON.stringify(describeOptions(options, security, ports.store !== undefined))}`);
    const client = createAuth(options, traced, scratch);
    this.spread(client, ports);
    this.client = client;
    this.follow(client);
    this.leave();
    return client;
  }

  /** Hands out the lines that are kept, from the oldest on. */
  lines(onLine: OnLine): void {
    const first = this.ring.length < this.entries ? 0 : this.next;
    for (let i = 0; i < this.ring.length; i++) onLine(this.ring[(first + i) % this.ring.length]);
  }

  add(body: string): void {
    const atMs = this.ports === null ? 0 : this.ports.clock.now();
    const line = `{"t":${atMs},${body}}`;
    this.ring[this.next] = line;
    this.next = (this.next + 1) % this.entries;
    if (this.onLine !== null) this.onLine(line);
  }

  enter(body: string): void {
    this.add(body);
    this.depth++;
  }

  leave(): void {
    this.depth--;
    if (this.depth > 0 || this.client === null || this.client.state === this.lastState) return;
    this.lastState = this.client.state;
    this.addState();
  }

  judge(): void {
    const refusals = this.client === null ? 0 : this.client.counters.macRefused;
    if (refusals > this.refusals) this.add('"refused":"mac"');
    this.refusals = refusals;
  }

  private addState(): void {
    this.add(`"state":"${State[this.lastState]}"`);
  }

  /** Refreshes spread by the device's key: here by bytes that may be shown. @construction */
  private spread(client: AuthClient, ports: Ports): void {
    const bytes = new Uint8Array(SPREAD_BYTES);
    ports.entropy.fill(bytes, 0, SPREAD_BYTES);
    client.driver.auth.tokens.leases.jitterKey.set(new Sha256(), bytes, SPREAD_BYTES);
    const id = String.fromCharCode(...client.config.deviceId);
    this.add(`"made":${JSON.stringify(id)},"spread":"${hexOf(bytes, 0, SPREAD_BYTES)}"`);
  }

  /** @construction */
  private follow(client: AuthClient): void {
    const host = client.host.bind(client);
    const list = client.listTokens.bind(client);
    const authenticate = client.authenticate.bind(client);
    const authorize = client.authorizeCommand.bind(client);
    const call = client.call.bind(client);
    const names: string[] = [];
    client.host = (name) => {
      if (names.includes(name)) return host(name);
      const text = JSON.stringify(name);
      this.enter(`"call":"host","host":${text},"nested":${this.depth > 0}`);
      const handle = host(name);
      this.leave();
      names.push(name);
      this.followHost(handle, text);
      return handle;
    };
    client.listTokens = (onHost, onDone) =>
      this.call('"list"', (end) => list(onHost, (status, code) => end(status, () => onDone(status, code))));
    client.authenticate = (id, credentials, onDone) =>
      this.call('"authenticate"', (end) =>
        authenticate(id, credentials, (status, code) => end(status, () => onDone(status, code))),
      );
    client.authorizeCommand = (src, dst, command, onDone) =>
      this.call('"authorize"', (end) =>
        authorize(src, dst, command, (status, code) => end(status, () => onDone(status, code))),
      );
    client.call = (method, args, out, onResult) =>
      this.call(`"method","method":${JSON.stringify(method)}`, (end) =>
        call(method, args, out, (status, length) => end(status, () => onResult(status, length))),
      );
    client.suspend = this.verb('"suspend"', client.suspend.bind(client));
    client.resume = this.verb('"resume"', client.resume.bind(client));
    client.close = this.verb('"close"', client.close.bind(client));
  }

  /** @construction */
  private followHost(host: Host, name: string): void {
    const get = host.getToken.bind(host);
    const generate = host.generateToken.bind(host);
    const revoke = host.revokeToken.bind(host);
    const rejected = host.rejected.bind(host);
    host.getToken = (onToken) =>
      this.call(`"get","host":${name}`, (end) =>
        get((status, token) => end(status, () => onToken(status, token))),
      );
    host.generateToken = (onToken) =>
      this.call(`"generate","host":${name}`, (end) =>
        generate((status, token) => end(status, () => onToken(status, token))),
      );
    host.revokeToken = (onToken) =>
      this.call(`"revoke","host":${name}`, (end) => {
        const onEnd = (status: Status, token: Token | null): void =>
          end(status, () => onToken?.(status, token));
        return revoke(onToken === null ? null : onEnd);
      });
    host.rejected = (generation) =>
      this.call(`"rejected","host":${name},"generation":${generation}`, () => rejected(generation));
  }

  /** A call without an end. @construction */
  private verb(name: string, run: () => void): () => void {
    return () => {
      this.enter(`"call":${name},"nested":${this.depth > 0}`);
      run();
      this.leave();
    };
  }

  /** A call, and its end. */
  private call(what: string, start: (end: (status: Status, tell: () => void) => void) => Status): Status {
    this.enter(`"call":${what},"nested":${this.depth > 0}`);
    const status = start((ended, tell) => {
      this.enter(`"end":${what},"status":"${Status[ended]}"`);
      tell();
      this.leave();
    });
    this.add(`"returned":"${Status[status]}"`);
    this.leave();
    return status;
  }
}

/** What a client is made with, as far as it matters to what happens. @construction */
const describeOptions = (options: AuthOptions, link: LinkSecurity, hasStore: boolean): unknown => {
  const cloud = options.cloud;
  const credential = options.credential;
  const isKept = credential === undefined || credential.psk === undefined;
  return {
    version: VERSION,
    proof: options.proof,
    link: link,
    hasStore: hasStore,
    isKept: isKept,
    cleanSession: cloud.cleanSession,
    pipeline: cloud.pipeline,
    places: cloud.alternatives === undefined ? 1 : 1 + cloud.alternatives.length,
    limits: options.limits,
    sleptMs: options.sleptMs,
  };
};
