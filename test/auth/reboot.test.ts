/** A device with a store keeps its counter over reboots; one whose store fails says so and connects under none. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { State } from "../../firmware/index.js";
import { COUNTERS_PER_WRITE } from "../../firmware/store/counter-block.js";
import { explain } from "../../host-sim/explain.js";
import { Flash, isCut, TEARS, type Tear } from "../../host-sim/world/flash.js";
import { CloudMac } from "./mac.js";
import { names, World, type WorldOptions } from "./world.js";

const tears = Object.keys(TEARS) as Tear[];
const QUICK = { backoffBaseMs: 1, backoffCapMs: 8 };

/** A device as a boot makes it, its cloud's end of the MAC included. */
function boot(store: Flash, options: WorldOptions = {}): World {
  const world = new World({ store, limits: QUICK, ...options });
  if (options.proof?.includes("mac")) new CloudMac(world);
  return world;
}

/** The counters of a world's connect passwords, in the order of their coming. */
const connectCounters = (world: World): number[] =>
  world.peer.connects.map(({ packet }) => Number.parseInt(String(packet.password), 10));

/** The counters under which MAC sessions were begun. */
const macCounters = (world: World): number[] =>
  world.peer.requests.flatMap(({ frame }) => (frame.sec === undefined ? [] : [frame.sec.c]));

describe("a device with a store", () => {
  for (const proof of ["counter", "counter+mac", "mac"] as const) {
    it(`connects after each boot under counters that were never used, by ${proof}`, () => {
      const flash = new Flash();
      const used: number[] = [];
      for (let count = 0; count < 3; count++) {
        const world = boot(flash, { proof }).ready();
        assert.equal(world.soon().name, "OK");
        used.push(...(proof === "mac" ? macCounters(world) : connectCounters(world)));
      }
      assert.deepEqual(used, [1, 1 + COUNTERS_PER_WRITE, 1 + 2 * COUNTERS_PER_WRITE]);
      assert.equal(flash.writes, 3 + 1, "three blocks, and the host once");
    });
  }

  it("goes on from the app's counter where that is higher", () => {
    const flash = new Flash();
    assert.deepEqual(connectCounters(boot(flash, { counter: 7_000 }).ready()), [7_000]);
    assert.deepEqual(connectCounters(boot(flash, { counter: 1 }).ready()), [7_000 + COUNTERS_PER_WRITE]);
  });

  it("writes once for 64 connections, and reads at boot only", () => {
    const flash = new Flash();
    const world = boot(flash).ready();
    for (let connects = 1; connects <= 2 * COUNTERS_PER_WRITE; connects++) {
      assert.equal(flash.writes, Math.ceil(connects / COUNTERS_PER_WRITE));
      world.peer.kick();
      world.until(() => world.peer.connects.length > connects).ready();
    }
  });

  it("touches it for no proof that has no counter", () => {
    for (const proof of ["password", "key", "digest"] as const) {
      const flash = new Flash();
      flash.isReadable = false;
      boot(flash, { proof }).ready();
      assert.equal(flash.writes, 0);
    }
  });

  it("uses no counter twice over random reboots and torn writes", () => {
    const step = fc.record({
      what: fc.constantFrom("kick", "mute", "reboot", "cut"),
      n: fc.nat(40),
      tear: fc.constantFrom(...tears),
    });
    const property = fc.property(
      fc.constantFrom("counter" as const, "counter+mac" as const, "mac" as const),
      fc.array(step, { maxLength: 25 }),
      (proof, steps) => {
        const flash = new Flash();
        const connects: number[] = [];
        const macs: number[] = [];
        let world = boot(flash, { proof });
        const end = (): void => {
          if (proof !== "mac") connects.push(...connectCounters(world));
          macs.push(...macCounters(world));
          world = boot(flash, { proof });
        };
        for (const { what, n, tear } of steps) {
          if (what === "cut") flash.cutNextWrite(Math.min(n, 22), tear);
          const wentOut = isCut(() => {
            if (what === "mute") {
              world.peer.answer = () => undefined;
              world.soon(undefined, 1_000 * n);
              return;
            }
            for (let i = 0; i < (what === "kick" ? n : 1); i++) {
              world.advance(60);
              world.peer.kick();
            }
            world.advance(100);
          });
          if (wentOut || what === "reboot") end();
        }
        end();
        for (const used of [connects, macs]) {
          assert.ok(
            used.every((counter, i) => counter > (i === 0 ? 0 : used[i - 1])),
            used.join(" "),
          );
        }
      },
    );
    fc.assert(property, { numRuns: 100 });
  });
});

describe("a device whose store fails", () => {
  const failures: Record<string, Partial<Flash>> = {
    "cannot be read": { isReadable: false },
    "cannot be written": { isWritable: false },
    "loses what is written": { isLying: true },
  };

  for (const [what, failure] of Object.entries(failures)) {
    it(`opens no connection while it ${what}, says STORE_FAILED, and connects when it is mended`, () => {
      const flash = Object.assign(new Flash(), failure);
      const world = boot(flash, { limits: {} });
      const outcome = world.get();
      world.advance(20_100);
      assert.deepEqual(names([outcome]), ["STORE_FAILED"]);
      assert.equal(explain(world.client).name, "STORE_FAILED");
      assert.match(explain(world.client).sentence, /store can be written/);
      assert.equal(world.client.state, State.WAITING);
      assert.equal(world.peer.opens, 0);
      const { wakes } = world.clock;
      world.advance(1_200_000);
      assert.ok(world.clock.wakes - wakes < 40, `${world.clock.wakes - wakes} wakes: the backoff holds`);
      Object.assign(flash, { isReadable: true, isWritable: true, isLying: false });
      // The store's own wait is as long again as it has failed, and a while.
      const isReady = (): boolean => world.client.state === State.READY;
      for (let i = 0; i < 10 && !isReady(); i++) world.advance(300_000);
      assert.ok(isReady());
      assert.deepEqual(connectCounters(world), [1]);
      assert.equal(world.soon().name, "OK");
    });
  }

  it("goes to the cloud's first place when it is mended: none of them had failed", () => {
    for (const failure of [{ isReadable: false }, { isWritable: false }]) {
      const flash = Object.assign(new Flash(), failure);
      const alternatives = [{ host: "second.example.com" }, { host: "third.example.com" }];
      const world = boot(flash, { cloud: { alternatives } });
      world.advance(100);
      Object.assign(flash, { isReadable: true, isWritable: true });
      world.ready();
      assert.deepEqual(world.peer.addresses, ["cloud.example.com:1883"]);
    }
  });

  it("between two blocks gives the connection up when a MAC session needs the next, and comes back", () => {
    const flash = new Flash();
    const world = boot(flash, { proof: "counter+mac" }).ready();
    for (let connects = 1; connects < COUNTERS_PER_WRITE; connects++) {
      world.peer.kick();
      world.until(() => world.peer.connects.length > connects).ready();
    }
    world.advance(1_000);
    flash.isWritable = false;
    const { answer } = world.peer;
    world.peer.answer = () => undefined;
    const outcome = world.get();
    world.advance(7_000);
    assert.equal(explain(world.client).name, "STORE_FAILED");
    assert.ok(!world.peer.isConnected);
    world.peer.answer = answer;
    flash.isWritable = true;
    world.advance(1_000);
    assert.equal(outcome.name, "OK");
    assert.deepEqual(connectCounters(world).slice(-2), [COUNTERS_PER_WRITE, COUNTERS_PER_WRITE + 1]);
  });

  it("is closed and wiped like any other", () => {
    const world = boot(Object.assign(new Flash(), { isWritable: false }));
    const outcome = world.get();
    world.advance(10);
    world.close();
    world.advance(600_000);
    assert.equal(outcome.name, "CLOSED");
    assert.ok(!world.clock.isArmed);
  });
});
