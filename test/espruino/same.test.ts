/** One life lived twice, by the core of XS and Node and by Espruino's, against one scripted cloud: what leaves, what is told and what is kept is the same. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  type AuthClient,
  type AuthOptions,
  createAuth,
  type Entropy,
  type Proof,
  Status,
} from "../../firmware/index.js";
import { Flash } from "../../host-sim/world/flash.js";
import { CloudMac } from "../auth/mac.js";
import { Peer } from "../auth/peer.js";
import { Service } from "../auth/service.js";
import { SeededEntropy, VirtualClock, VirtualTime } from "../auth/time.js";
import { PSK, type World } from "../auth/world.js";
import { virtualClient } from "./world.js";

const ID = "device_123";
const HOSTS = ["app.example.com", "b.example.com"];
const KEPT = ["motekey-creda", "motekey-credb", "motekey-ctra", "motekey-ctrb"];
const PROOFS: readonly Proof[] = ["counter+mac", "counter", "password", "key", "password+mac"];
const STEPS = 40;
const LIVES = Number(process.env.LIVES ?? 2);

/** The random numbers of Espruino's core: a chain of SHA-256 from what is secret and what rises. */
class Chain implements Entropy {
  private state: Buffer;

  constructor(flash: Flash, nowMs: number) {
    const part = (value: number): number[] => [(value >> 8) & 255, value & 255];
    const u32 = (value: number): number[] => [...part(value / 65536), ...part(value % 65536)];
    const kept = KEPT.map((name) => flash.values.get(name) ?? Buffer.alloc(0));
    const time = u32((nowMs / 1000) * 1e6);
    const text = Buffer.concat([...kept, Buffer.from(PSK), Buffer.from(time), Buffer.alloc(32)]);
    this.state = this.hash(text);
  }

  fill(bytes: Uint8Array, from: number, to: number): void {
    bytes.set(this.hash(Buffer.from([0]), this.state).subarray(0, to - from), from);
    this.state = this.hash(Buffer.from([1]), this.state);
  }

  private hash(...parts: Buffer[]): Buffer {
    return createHash("sha256").update(Buffer.concat(parts)).digest();
  }
}

/** One of the two, and all that it did. */
class Life {
  readonly time = new VirtualTime();
  readonly peer = new Peer(this.time, ID);
  readonly service = new Service(this.time);
  readonly flash = new Flash();
  readonly told: string[] = [];
  client!: AuthClient;
  private clock!: VirtualClock;

  constructor(
    private readonly proof: Proof,
    private readonly isLean: boolean,
  ) {
    this.peer.answer = (request) => this.service.answer(request);
    if (proof.endsWith("mac")) new CloudMac({ peer: this.peer } as World);
    this.boot(undefined);
  }

  boot(sleptMs: number | undefined): void {
    const { time, peer, flash } = this;
    const auth: AuthOptions = {
      deviceId: ID,
      cloud: { host: "cloud.example.com", alternatives: [{ host: "other.example.com" }] },
      credential: { psk: PSK, counter: 1 },
      proof: this.proof,
      allowInsecure: true,
      // A request that waits for room in the other core's buffer takes a second packet identifier.
      limits: { slots: 4, hosts: 4, sendBytes: 2_000 },
      ...(sleptMs === undefined ? {} : { sleptMs }),
    };
    this.clock = new VirtualClock(time);
    const zero: Entropy = { fill: (bytes, from, to) => bytes.fill(0, from, to) };
    const ports = { link: peer, clock: this.clock, entropy: zero, store: flash };
    this.client = this.isLean
      ? virtualClient(auth, ports, { time, peer })
      : createAuth(auth, { ...ports, entropy: new Chain(flash, time.nowMs) });
    this.client.onState = (state) => this.told.push(`${time.nowMs} state ${state}`);
  }

  /** The power goes. */
  crash(): void {
    this.clock.cancel();
    this.peer.close();
  }

  do(step: number, random: SeededEntropy): void {
    const { client, told, time } = this;
    const below = (count: number): number => Math.floor(random.next() * count);
    const host = client.host(HOSTS[below(HOSTS.length)]);
    const tell =
      (what: string) =>
      (
        status: Status,
        token: { bytes: Uint8Array; length: number; generation: number; remainingMs: number } | null,
      ) =>
        told.push(
          `${time.nowMs} ${step} ${what} ${Status[status]} ${token === null ? "" : `${Buffer.from(token.bytes.subarray(0, token.length))} ${token.generation} ${token.remainingMs}`}`,
        );
    const what = below(20);
    if (what < 6) told.push(`get ${host.getToken(tell("get"))}`);
    else if (what < 9) told.push(`new ${host.generateToken(tell("new"))}`);
    else if (what === 9) told.push(`revoke ${host.revokeToken(tell("revoke"))}`);
    else if (what === 10) told.push(`revoke ${host.revokeToken(null)}`);
    else if (what === 11) told.push(`rejected ${host.rejected(1 + below(3))}`);
    else if (what === 12) this.peer.kick();
    else if (what === 13) this.peer.isReachable = !this.peer.isReachable;
    else if (what === 14) this.peer.returnCode = this.peer.returnCode === 0 ? 1 + below(5) : 0;
    else if (what === 15)
      this.peer.intercept = below(2) === 0 ? () => false : (packet) => packet.cmd === "publish";
    else if (what === 16) client.suspend();
    else if (what === 17) client.resume();
    else if (what === 18) {
      this.service.lifetimeS = [undefined, 100, 3_600][below(3)];
      const error = { error: { code: [401, 403, 404, 429, 500, 503][below(6)], retry_after: below(100) } };
      const isFailing = below(2) === 0;
      this.service.fail = isFailing ? () => error : undefined;
    } else {
      const isSleep = below(2) === 0;
      if (isSleep) client.close();
      else this.crash();
      const sleptMs = isSleep ? below(200_000) : undefined;
      time.advance(sleptMs ?? 50);
      this.boot(sleptMs);
    }
    time.advance([0, 5, 30, 1_000, 20_000, 400_000, 4_000_000][below(7)]);
  }
}

describe("Espruino's core and the other do the same", () => {
  const first = Number(process.env.SEED ?? 1);
  for (const proof of PROOFS) {
    it(`over random lives with ${proof}: bytes, statuses, records`, () => {
      for (let seed = first; seed < first + LIVES; seed++) {
        const lives = [new Life(proof, false), new Life(proof, true)];
        const dice = lives.map(() => new SeededEntropy(seed));
        for (let step = 0; step < STEPS; step++) {
          const [one, other] = lives.map((life, index) => {
            life.do(step, dice[index]);
            return life;
          });
          const where = `SEED=${seed}, step ${step}`;
          assert.deepEqual(other.told, one.told, where);
          assert.deepEqual(other.peer.packets, one.peer.packets, where);
          assert.deepEqual(other.peer.addresses, one.peer.addresses, where);
          assert.deepEqual([...other.flash.values].sort(), [...one.flash.values].sort(), where);
        }
        for (const life of lives) life.client.close();
      }
    });
  }
});
