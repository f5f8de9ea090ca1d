/** Random lives of a device: whatever app, network and cloud do, every call ends once, and in the end all is well. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { State, Status } from "../../firmware/index.js";
import { CloudMac } from "./mac.js";
import { type Outcome, World, type WorldOptions } from "./world.js";

const HOSTS = ["a.example.com", "b.example.com", "c.example.com"];
const CALL_DEADLINE_MS = 20_000;

/** What can happen; `n` chooses among hosts, sizes and so on. */
const EVENTS = {
  get: (life: Life, n: number) => life.note(n, "get", life.world.get(HOSTS[n % 3])),
  generate: (life: Life, n: number) => life.note(n, "generate", life.world.generate(HOSTS[n % 3])),
  revoke: (life: Life, n: number) => life.note(n, "revoke", life.world.revoke(HOSTS[n % 3])),
  reject: (life: Life, n: number) => life.reject(HOSTS[n % 3]),
  list: (life: Life) => life.world.list(),
  authenticate: (life: Life) => life.world.authenticate(),
  authorize: (life: Life) => life.world.authorize(),
  kick: (life: Life) => life.world.peer.kick(),
  cutOff: (life: Life) => {
    life.world.peer.isReachable = false;
    life.world.peer.kick();
  },
  reconnect: (life: Life) => {
    life.world.peer.isReachable = true;
  },
  refuse: (life: Life, n: number) => {
    life.world.peer.returnCode = n % 6;
  },
  drop: (life: Life, n: number) => {
    life.dropped = n % 10;
  },
  fail: (life: Life, n: number) => {
    life.failing = n % 10;
  },
  trickle: (life: Life, n: number) => {
    life.world.peer.takeBytes = 1 + (n % 200);
  },
  shred: (life: Life, n: number) => life.shred(1 + (n % 50)),
  double: (life: Life, n: number) => {
    life.copies = 1 + (n % 2);
  },
  suspend: (life: Life) => life.world.client.suspend(),
  resume: (life: Life) => life.world.client.resume(),
  noise: (life: Life, n: number) => life.world.peer.publish(`{"id":${n + 1},"result":"stray"}`),
  sleep: (life: Life, n: number) => life.world.advance(n * 100),
} satisfies Record<string, (life: Life, n: number) => unknown>;

/** One device's life under a schedule of events. */
class Life {
  readonly world: World;
  /** Of ten packets each way, how many are lost. */
  dropped = 0;
  /** Of ten requests, how many are answered with 503. */
  failing = 0;
  copies = 1;
  /** What the app asked of each host last, and was not refused. */
  readonly last = new Map<string, string>();
  readonly asked: { readonly outcome: Outcome; readonly atMs: number }[] = [];
  private pieceBytes = Number.POSITIVE_INFINITY;

  constructor(options: WorldOptions) {
    this.world = new World(options);
    const { peer, service, entropy } = this.world;
    const isOneOfTen = (count: number): boolean => entropy.next() * 10 < count;
    peer.answer = (request) =>
      isOneOfTen(this.failing) ? { error: { code: 503, message: "later" } } : service.answer(request);
    if (options.proof === "counter+mac") new CloudMac(this.world);
    peer.intercept = (packet) => packet.cmd === "publish" && isOneOfTen(this.dropped);
    peer.cut = (bytes) => {
      const isPublish = bytes[0] >> 4 === 3;
      if (isPublish && isOneOfTen(this.dropped)) return [];
      return this.pieces(isPublish && this.copies > 1 ? Buffer.concat([bytes, bytes]) : bytes);
    };
  }

  note(n: number, what: string, outcome: Outcome): void {
    if (outcome.returned === Status.OK) this.last.set(HOSTS[n % 3], what);
  }

  reject(host: string): void {
    const told = this.world.outcomes.filter(({ token }) => token?.startsWith(host));
    if (told.length > 0) this.world.client.host(host).rejected(told[told.length - 1].generation);
  }

  shred(bytes: number): void {
    this.pieceBytes = bytes;
  }

  /** Everything works again. */
  heal(): void {
    const { peer, client } = this.world;
    Object.assign(this, { dropped: 0, failing: 0, copies: 1, pieceBytes: Number.POSITIVE_INFINITY });
    Object.assign(peer, { isReachable: true, returnCode: 0, takeBytes: Number.POSITIVE_INFINITY });
    client.resume();
  }

  private pieces(bytes: Buffer): Buffer[] {
    if (bytes.length <= this.pieceBytes) return [bytes];
    const count = Math.ceil(bytes.length / this.pieceBytes);
    return Array.from({ length: count }, (_, i) =>
      bytes.subarray(i * this.pieceBytes, (i + 1) * this.pieceBytes),
    );
  }
}

const names = Object.keys(EVENTS) as (keyof typeof EVENTS)[];

const schedule = fc.array(
  fc.record({
    event: fc.constantFrom(...names),
    n: fc.nat(300),
    thenMs: fc.oneof(fc.nat(30), fc.nat(9_000)),
  }),
  { maxLength: 60, size: "max" },
);

const options = fc.record({
  seed: fc.nat(),
  proof: fc.constantFrom("counter" as const, "counter+mac" as const),
  cloud: fc.record({ cleanSession: fc.boolean(), pipeline: fc.boolean() }),
  limits: fc.record({
    slots: fc.integer({ min: 1, max: 3 }),
    calls: fc.integer({ min: 1, max: 4 }),
    waiters: fc.integer({ min: 1, max: 8 }),
    sendBytes: fc.constantFrom(360, 640, 1_000),
  }),
});

/** Lives through a schedule; times of all calls are noted, since a deadline belongs to each. */
const live = (life: Life, events: { event: keyof typeof EVENTS; n: number; thenMs: number }[]): void => {
  const { world } = life;
  for (const { event, n, thenMs } of events) {
    EVENTS[event](life, n);
    for (const outcome of world.outcomes.slice(life.asked.length)) {
      life.asked.push({ outcome, atMs: world.nowMs });
    }
    world.advance(thenMs);
  }
};

/** Every call that was taken was told, once (the world sees to that), and within its deadline. */
const checkEnds = (life: Life): void => {
  for (const { outcome, atMs } of life.asked) {
    if (outcome.returned !== Status.OK) continue;
    assert.notEqual(outcome.status, undefined, "told");
    assert.ok(outcome.atMs - atMs <= CALL_DEADLINE_MS + 1, `${outcome.name} after ${outcome.atMs - atMs} ms`);
  }
};

describe("a random life", () => {
  it("tells every call its end once and within its deadline, though nothing ever gets better", () => {
    fc.assert(
      fc.property(options, schedule, (world, events) => {
        const life = new Life(world);
        live(life, events);
        life.world.advance(CALL_DEADLINE_MS + 1);
        checkEnds(life);
      }),
      { numRuns: 300 },
    );
  });

  it("that is closed at any moment ends every call with CLOSED within close(), and nothing follows", () => {
    fc.assert(
      fc.property(options, schedule, (world, events) => {
        const life = new Life(world);
        live(life, events);
        const pending = life.world.outcomes.filter(({ name }) => name === "pending");
        life.world.close();
        for (const outcome of pending) assert.equal(outcome.name, "CLOSED");
        checkEnds(life);
        const { opens } = life.world.peer;
        life.world.advance(600_000);
        assert.equal(life.world.peer.opens, opens);
        assert.ok(!life.world.clock.isArmed);
      }),
      { numRuns: 200 },
    );
  });

  it("comes to good when the world does: connected, tokens for all, what was revoked is gone, and rest", () => {
    fc.assert(
      fc.property(options, schedule, (world, events) => {
        const life = new Life(world);
        live(life, events);
        life.heal();
        life.world.advance(900_000);
        checkEnds(life);
        assert.equal(life.world.client.state, State.READY);
        for (const [host, what] of life.last) {
          if (what === "revoke") assert.ok(!life.world.service.has(host), `${host} is revoked in the cloud`);
        }
        const before = life.world.clock.wakes;
        life.world.advance(600_000);
        assert.ok(life.world.clock.wakes - before < 60, `${life.world.clock.wakes - before} wakes in rest`);
        for (const host of HOSTS) assert.equal(life.world.soon(host, CALL_DEADLINE_MS).name, "OK");
        life.world.advance(180_000);
        for (const host of HOSTS) {
          assert.equal(life.world.soon(host).token, life.world.service.current(host), "the cloud's latest");
        }
      }),
      { numRuns: 200 },
    );
  });
});
