/**
 * Power goes at every byte of every write: the next boot finds a device that gets its token, tells the cloud what
 * it owes, and hands out no token that was revoked or is over.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Status } from "../../firmware/index.js";
import { type Erased, TEARS, type Tear } from "../../host-sim/world/flash.js";
import { Lives } from "./lives.js";
import { APP, type Outcome, type World } from "./world.js";

const tears = Object.keys(TEARS) as Tear[];
const HOSTS = [APP, "b.example.com", "c.example.com"];
const LIFETIME_S = 900;
/** Quick to connect anew, so that a life of seconds is a whole one. */
const LIMITS = { backoffBaseMs: 1, backoffCapMs: 1_000 };

/** A device whose tokens are watched: what was revoked, and when each is over. */
class Watched {
  readonly lives: Lives;
  /** Of each host: the number of the latest token that was revoked. */
  private readonly revoked = new Map<string, number>();
  /** When each token is over, by its number. */
  private readonly endsAtMs: number[] = [];
  /** Told since the last look. */
  private readonly told: [host: string, outcome: Outcome][] = [];

  constructor(isTold: boolean) {
    this.lives = new Lives({ limits: { ...LIMITS, tokenMaxAgeMs: LIFETIME_S * 1_000 } });
    const { service } = this.lives;
    service.lifetimeS = LIFETIME_S;
    service.make = (host, count) => {
      this.endsAtMs[count] = this.lives.time.nowMs + LIFETIME_S * 1_000;
      return `${host}#${count}`;
    };
    // A cloud that tells no lifetimes: the device has to know them.
    if (!isTold) service.answer = untold(service.answer.bind(service));
  }

  get(host: string, ms: number): void {
    const outcome = this.lives.world.get(host);
    this.told.push([host, outcome]);
    this.lives.world.advance(ms);
    this.look();
  }

  revoke(host: string, ms: number): void {
    const { world, service } = this.lives;
    assert.equal(world.revoke(host).returned, Status.OK);
    this.revoked.set(host, service.count);
    world.advance(ms);
    this.look();
  }

  /** Holds what was handed out against what may be. */
  look(): void {
    for (const [host, { token, atMs }] of this.told.splice(0)) {
      if (token === undefined) continue;
      const [of, number] = token.split("#");
      assert.equal(of, host, "a token of its own host");
      assert.ok(Number(number) > (this.revoked.get(host) ?? 0), `${token} was revoked`);
      assert.ok(atMs < this.endsAtMs[Number(number)], `${token} was over`);
    }
  }

  /** The device is of use: it gets a token, and the cloud learns what it is owed. */
  works(): void {
    this.lives.world.peer.isReachable = true;
    this.lives.world.advance(5_000);
    for (const [host, number] of this.revoked) {
      const current = this.lives.service.current(host);
      assert.ok(
        current === undefined || Number(current.split("#")[1]) > number,
        `${current} is owed its end`,
      );
    }
    for (const host of HOSTS) {
      const outcome = this.lives.world.get(host);
      this.told.push([host, outcome]);
      this.lives.world.advance(2_000);
      assert.equal(outcome.name, "OK");
    }
    this.look();
  }
}

type Answer = World["service"]["answer"];

const untold =
  (answer: Answer): Answer =>
  (request) => {
    const reply = answer(request);
    const { expires_in: _, ...result } = (reply.result ?? {}) as Record<string, unknown>;
    return reply.result === undefined || typeof reply.result !== "object" ? reply : { ...reply, result };
  };

/** A life with every kind of write in it. */
const story: ((device: Watched) => void)[] = [
  (device) => device.get(APP, 1_000),
  (device) => device.get("b.example.com", 1_000),
  ({ lives }) => lives.sleep(10_000),
  ({ lives }) => void lives.boot(10_000),
  (device) => device.get(APP, 100),
  (device) => device.revoke("b.example.com", 1_000),
  ({ lives }) => {
    lives.world.peer.isReachable = false;
    lives.world.peer.kick();
  },
  (device) => device.revoke(APP, 1_000),
  ({ lives }) => lives.sleep(10_000),
  ({ lives }) => void lives.boot(10_000),
  (device) => device.get(APP, 1_000),
  (device) => device.get("c.example.com", 1_000),
  ({ lives }) => lives.sleep(1_000),
  ({ lives }) => void lives.boot(),
  (device) => device.get("c.example.com", 1_000),
];

/** Plays the story with power going in write number `cutWrite`. Returns how many writes and the cut one's bytes. */
function play(isTold: boolean, cutWrite: number, cutBytes: number, tear: Tear): number[] {
  const device = new Watched(isTold);
  const { lives } = device;
  const lengths: number[] = [];
  const write = lives.flash.write.bind(lives.flash);
  lives.flash.write = (name, bytes, length) => {
    if (lengths.push(length) === cutWrite) lives.flash.cutNextWrite(cutBytes, tear);
    return write(name, bytes, length);
  };
  for (const step of story) {
    const startedAtMs = lives.time.nowMs;
    if (!lives.isCut(() => step(device))) continue;
    lives.time.advance(500);
    // The app cannot tell a cut from a sleep: what it says is only that this much time went by.
    lives.boot(lives.time.nowMs - startedAtMs);
  }
  while (lives.isCut(() => device.works())) lives.boot();
  return lengths;
}

describe("a device whose power goes", () => {
  const plays: [isTold: boolean, tear: Tear][] = [
    ...tears.map((tear): [boolean, Tear] => [true, tear]),
    [false, "short"],
  ];
  for (const [isTold, tear] of plays) {
    const cloud = isTold ? "lifetimes" : "no lifetime";
    it(`in any write, after any byte (${tear}), with a cloud that tells ${cloud}, is as good as before`, () => {
      const lengths = play(isTold, 0, 0, tear);
      assert.ok(lengths.length > 15, `${lengths.length} writes`);
      for (const [i, length] of lengths.entries()) {
        for (let bytes = 0; bytes <= length; bytes++) play(isTold, i + 1, bytes, tear);
      }
    }).timeout(120_000);
  }

  /** A device that has been through all of the story, and is off. */
  const grown = (): Watched => {
    const device = new Watched(true);
    for (const step of story) step(device);
    device.lives.sleep(1_000);
    return device;
  };

  it("while a value of its rots, serves no token that was revoked, and gets new ones", () => {
    for (const name of [...grown().lives.flash.values.keys()]) {
      for (let reads = 0; reads < 3; reads++) {
        const device = grown();
        device.lives.flash.rot(name);
        for (let i = 0; i < reads; i++) device.lives.flash.read(name, Buffer.alloc(640));
        device.lives.boot();
        device.works();
      }
    }
  });

  it("while NVS erases a sector may lose any values or get older ones back, its own and others', and works on", () => {
    const fate = fc.constantFrom<Erased>("whole", "whole", "lost", "older");
    fc.assert(
      fc.property(fc.array(fate, { minLength: 16, maxLength: 16 }), fc.boolean(), (fates, isSlept) => {
        const device = grown();
        const { lives } = device;
        lives.flash.values.set("sta-ssid", Buffer.from("Wi-Fi's own"));
        let i = 0;
        lives.flash.tornErase(() => fates[i++ % fates.length]);
        lives.boot(...(isSlept ? [1_000] : []));
        for (const host of HOSTS) {
          const outcome = lives.world.soon(host, 8_000);
          assert.equal(outcome.name, "OK");
          assert.equal(outcome.token?.split("#")[0], host);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("or that crashes, sleeps and revokes in any order, hands out no token that is revoked or over", () => {
    const step = fc.record({
      what: fc.constantFrom(
        "get",
        "get",
        "revoke",
        "wait",
        "offline",
        "online",
        "kick",
        "sleep",
        "crash",
        "hide",
        "cut",
      ),
      host: fc.constantFrom(...HOSTS),
      ms: fc.integer({ min: 0, max: 400_000 }),
      bytes: fc.nat(80),
      tear: fc.constantFrom(...tears),
      isKnown: fc.boolean(),
    });
    const property = fc.property(
      fc.boolean(),
      fc.array(step, { maxLength: 40, size: "max" }),
      (isTold, steps) => {
        const device = new Watched(isTold);
        const { lives } = device;
        for (const { what, host, ms, bytes, tear, isKnown } of steps) {
          const slept = isKnown ? [ms] : [];
          const wentOut = lives.isCut((world) => {
            if (what === "get") device.get(host, Math.floor(ms / 100));
            else if (what === "revoke") device.revoke(host, Math.floor(ms / 100));
            else if (what === "wait") world.advance(ms);
            else if (what === "offline" || what === "online") world.peer.isReachable = what === "online";
            else if (what === "kick") world.peer.kick();
            else if (what === "cut") lives.flash.cutNextWrite(bytes, tear);
            else if (what === "sleep") lives.sleep(ms);
            else {
              lives.crash();
              lives.time.advance(ms);
              if (what === "hide") lives.flash.hideAll();
            }
          });
          device.look();
          if (wentOut) lives.time.advance(ms);
          const isOff = wentOut || what === "sleep" || what === "crash" || what === "hide";
          while (isOff && lives.isCut(() => void lives.boot(...slept)));
        }
        while (lives.isCut(() => device.works())) lives.boot();
      },
    );
    fc.assert(property, { numRuns: 150 });
  }).timeout(120_000);
});
