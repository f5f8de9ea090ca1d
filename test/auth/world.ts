import assert from "node:assert/strict";
import {
  type AuthClient,
  type AuthOptions,
  type CloudOptions,
  createAuth,
  type Encoding,
  type Floor,
  type LimitOptions,
  type OnDone,
  type OnToken,
  type Ports,
  type Proof,
  State,
  Status,
  type Store,
  type TokenFormat,
  type Transport,
} from "../../firmware/index.js";
import type { Messages } from "../../firmware/messages.js";
import type { Rotation } from "../../firmware/rotation.js";
import { Peer } from "./peer.js";
import { Service } from "./service.js";
import { SeededEntropy, VirtualClock, VirtualTime } from "./time.js";

/** The app that most tests ask a token for. */
export const APP = "app.example.com";

/** The key of devices that are given no other. */
export const PSK = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/** What a world is made of; all of it has defaults. */
export interface WorldOptions {
  readonly deviceId?: string;
  readonly psk?: string;
  readonly proof?: Proof;
  readonly limits?: LimitOptions;
  readonly cloud?: Partial<CloudOptions>;
  readonly encoding?: Encoding;
  readonly tokenFormat?: TokenFormat;
  readonly messages?: Messages;
  /** The credential is in the store then. */
  readonly rotation?: Rotation;
  readonly transport?: Transport;
  readonly seed?: number;
  /** The first counter; 1 when absent. */
  readonly counter?: number;
  readonly floor?: Floor;
  /** The device's flash, which outlives this world. */
  readonly store?: Store;
  /** How long the device slept before; absent: nobody knows. */
  readonly sleptMs?: number;
  /** The cloud of the life before, which goes on. */
  readonly service?: Service;
  /** The first frame's id; else it follows from the seed. */
  readonly firstId?: number;
  /** Shared by the devices of a fleet. */
  readonly time?: VirtualTime;
  /** What the device's clock shows at a moment. */
  readonly reading?: (ms: number) => number;
}

/** How one call went, so far. */
export class Outcome {
  /** What the call returned; OK, or STORE_FAILED of a revocation: the callback is told once. */
  returned = Status.BUSY;
  /** What the callback was told; undefined: it was not told yet. */
  status: Status | undefined;
  atMs = Number.NaN;
  token: string | undefined;
  generation = 0;
  remainingMs = Number.NaN;
  value: boolean | undefined;
  readonly hosts: string[] = [];

  /** The status by its name, or what it returned when the callback is never told. */
  get name(): string {
    if (this.returned !== Status.OK && this.status === undefined) return `returned ${Status[this.returned]}`;
    return this.status === undefined ? "pending" : Status[this.status];
  }
}

/** A core behind the words of `createAuth`. */
export type Core = (auth: AuthOptions, ports: Ports, world: World) => AuthClient;

/** The core that is tried. A module may be loaded twice, by `require` and by `import`: this is there once. */
const tried = globalThis as { motekeyCore?: Core };

/** Puts another core in the place of `createAuth`, so that the same tests hold for both; undefined: that again. */
export const useCore = (core: Core | undefined): void => {
  if (core === undefined) delete tried.motekeyCore;
  else tried.motekeyCore = core;
};
const clientOf: Core = (auth, ports, world) =>
  tried.motekeyCore === undefined ? createAuth(auth, ports) : tried.motekeyCore(auth, ports, world);

/** One device and its cloud in virtual time. Every call through it is watched: told once, and never synchronously. */
export class World {
  readonly time: VirtualTime;
  readonly clock: VirtualClock;
  readonly entropy: SeededEntropy;
  readonly peer: Peer;
  readonly service: Service;
  readonly client: AuthClient;
  readonly states: State[] = [];
  readonly outcomes: Outcome[] = [];
  isClosed = false;
  private isCalling = false;

  constructor(options: WorldOptions = {}) {
    const deviceId = options.deviceId ?? "device_123";
    const auth: AuthOptions = {
      deviceId,
      cloud: { host: "cloud.example.com", ...options.cloud },
      ...(options.rotation === undefined
        ? {
            credential: {
              psk: options.psk ?? PSK,
              counter: options.counter ?? 1,
              ...(options.floor === undefined ? {} : { floor: options.floor }),
            },
          }
        : { rotation: options.rotation }),
      proof: options.proof ?? "counter",
      allowInsecure: true,
      limits: options.limits ?? {},
      ...(options.sleptMs === undefined ? {} : { sleptMs: options.sleptMs }),
      ...(options.tokenFormat === undefined ? {} : { tokenFormat: options.tokenFormat }),
      ...(options.messages === undefined ? {} : { messages: options.messages }),
      ...(options.transport === undefined ? {} : { transport: options.transport }),
      ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
    };
    this.time = options.time ?? new VirtualTime();
    this.clock = new VirtualClock(this.time, options.reading);
    this.entropy = new SeededEntropy(options.seed ?? 1, bytesOfId(options.firstId));
    this.peer = new Peer(this.time, deviceId);
    this.service = options.service ?? new Service(this.time);
    this.peer.answer = (request) => this.service.answer(request);
    const ports = { link: this.peer, clock: this.clock, entropy: this.entropy };
    this.client = clientOf(
      auth,
      options.store === undefined ? ports : { ...ports, store: options.store },
      this,
    );
    this.client.onState = (state) => this.states.push(state);
  }

  get nowMs(): number {
    return this.time.nowMs;
  }

  advance(ms: number): void {
    this.time.advance(ms);
  }

  /** Lets time pass, in steps of 5 ms, until something is so. @throws AssertionError when it is not after a minute */
  until(isSo: () => boolean): this {
    for (let i = 0; i < 12_000 && !isSo(); i++) this.advance(5);
    assert.ok(isSo(), "not so after a minute");
    return this;
  }

  /** Lets time pass until the client is ready. */
  ready(): this {
    return this.until(() => this.client.state === State.READY);
  }

  get(host = APP): Outcome {
    return this.callToken((onToken) => this.client.host(host).getToken(onToken));
  }

  generate(host = APP): Outcome {
    return this.callToken((onToken) => this.client.host(host).generateToken(onToken));
  }

  revoke(host = APP): Outcome {
    return this.callToken((onToken) => this.client.host(host).revokeToken(onToken));
  }

  /** What `generateToken` comes to after `ms`. */
  newToken(host = APP, ms = 1_000): Outcome {
    const outcome = this.generate(host);
    this.advance(ms);
    return outcome;
  }

  /** What `getToken` comes to after `ms`. */
  soon(host = APP, ms = 1_000): Outcome {
    const outcome = this.get(host);
    this.advance(ms);
    return outcome;
  }

  list(): Outcome {
    return this.callDone((onDone, outcome) =>
      this.client.listTokens((bytes, from, to) => {
        assert.ok(!this.isCalling, "hosts are told after the turn");
        assert.equal(outcome.status, undefined, "no host after the end");
        outcome.hosts.push(Buffer.from(bytes.subarray(from, to)).toString());
      }, onDone),
    );
  }

  authenticate(id = "user_1", psk = "secret"): Outcome {
    return this.callDone((onDone) => this.client.authenticate(id, { psk }, onDone));
  }

  authorize(src = "user_1", dst = "device_9", command = "/v1/Off"): Outcome {
    return this.callDone((onDone) => this.client.authorizeCommand(src, dst, command, onDone));
  }

  close(): void {
    this.client.close();
    this.isClosed = true;
  }

  private callToken(make: (onToken: OnToken) => Status): Outcome {
    const outcome = new Outcome();
    return this.call(outcome, () =>
      make((status, token) => {
        this.tell(outcome, status);
        assert.ok(token === null || status === Status.OK, "a token comes with OK only");
        if (token === null) return;
        outcome.token = Buffer.from(token.bytes.subarray(0, token.length)).toString();
        outcome.generation = token.generation;
        outcome.remainingMs = token.remainingMs;
      }),
    );
  }

  private callDone(make: (onDone: OnDone, outcome: Outcome) => Status): Outcome {
    const outcome = new Outcome();
    return this.call(outcome, () =>
      make((status, value) => {
        this.tell(outcome, status);
        outcome.value = value;
      }, outcome),
    );
  }

  private call(outcome: Outcome, make: () => Status): Outcome {
    const wasCalling = this.isCalling;
    this.isCalling = true;
    outcome.returned = make();
    this.isCalling = wasCalling;
    this.outcomes.push(outcome);
    return outcome;
  }

  private tell(outcome: Outcome, status: Status): void {
    assert.ok(!this.isCalling, "callbacks come after the turn, never within a call");
    assert.ok(!this.isClosed, "nothing is told after close()");
    assert.equal(outcome.status, undefined, "a callback is told once");
    const isTold = outcome.returned === Status.OK || outcome.returned === Status.STORE_FAILED;
    assert.ok(isTold, "who was told BUSY or CLOSED is told nothing else");
    outcome.status = status;
    outcome.atMs = this.nowMs;
  }
}

/** A ready world whose cloud answers nothing any more. */
export function muteWorld(options?: WorldOptions): World {
  const world = new World(options).ready();
  world.advance(100);
  world.peer.answer = () => undefined;
  return world;
}

/** How calls went, in the order given. */
export function names(outcomes: Outcome[]): string[] {
  return outcomes.map(({ name }) => name);
}

/** The entropy that makes `id` the first one: 48 bits, big-endian, to which one is added. */
function bytesOfId(id: number | undefined): number[] {
  if (id === undefined) return [];
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(id - 1, 0, 6);
  return [...bytes];
}
