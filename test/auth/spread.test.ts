/** A fleet that starts, loses its broker or waits for its cloud at one moment: `limits.spreadMs`. */
import assert from "node:assert/strict";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { VirtualTime } from "./time.js";
import { muteWorld, World, type WorldOptions } from "./world.js";

const SPREAD_MS = 300_000;
const DEVICES = 120;
const limits = { spreadMs: SPREAD_MS };

/** Devices that share their time; the first connection of each is still to come. */
const fleetOf = (time: VirtualTime, options: WorldOptions = { limits }): World[] =>
  Array.from({ length: DEVICES }, (_, seed) => new World({ ...options, seed, time, deviceId: `d${seed}` }));

/** Of moments from 0 to the spread: all lie within it, and no tenth of it has more than a quarter or none of them. */
function assertSpread(moments: readonly number[]): void {
  const tenths = new Array<number>(10).fill(0);
  for (const ms of moments) {
    assert.ok(ms >= 0 && ms <= SPREAD_MS + 1_000, `${ms}`);
    tenths[Math.min(9, Math.floor((10 * ms) / SPREAD_MS))]++;
  }
  assert.equal(moments.length, DEVICES);
  assert.ok(Math.min(...tenths) > 0 && Math.max(...tenths) < DEVICES / 4, `${tenths}`);
}

describe("a fleet that spreads", () => {
  it("boots at one moment, and connects over the whole window", () => {
    const time = new VirtualTime();
    const fleet = fleetOf(time);
    time.advance(SPREAD_MS + 1_000);
    assertSpread(fleet.map(({ peer }) => peer.openedAtMs[0]));
    for (const { client } of fleet) client.close();
  });

  it("loses its broker at one moment, and comes back over the whole window", () => {
    const time = new VirtualTime();
    const fleet = fleetOf(time);
    time.advance(SPREAD_MS + 120_000);
    const atMs = time.nowMs;
    for (const { peer } of fleet) peer.kick();
    time.advance(SPREAD_MS + 1_000);
    assertSpread(fleet.map(({ peer }) => peer.openedAtMs[1] - atMs));
    for (const { client } of fleet) client.close();
  });

  it("loses a broker that it has only just found, and comes back over the whole window", () => {
    const time = new VirtualTime();
    const fleet = fleetOf(time, { limits: { ...limits, stableMs: 10 * SPREAD_MS } });
    time.advance(SPREAD_MS + 1_000);
    const atMs = time.nowMs;
    for (const { peer } of fleet) peer.kick();
    time.advance(2 * SPREAD_MS + 1_000);
    assertSpread(fleet.map(({ peer }) => peer.openedAtMs[1] - atMs - SPREAD_MS));
    for (const { client } of fleet) client.close();
  });

  it("boots, waits for its network, and connects over the whole window still", () => {
    const time = new VirtualTime();
    const fleet = fleetOf(time);
    for (const { client } of fleet) client.suspend();
    time.advance(1_000);
    for (const { client } of fleet) client.resume();
    time.advance(SPREAD_MS);
    assertSpread(fleet.map(({ peer }) => peer.openedAtMs[0]));
    for (const { client } of fleet) client.close();
  });

  it("is refused by the broker that served it, at one moment, and asks for its counters over the whole window", () => {
    const time = new VirtualTime();
    const fleet = fleetOf(time, { limits, transport: mqtt5 });
    time.advance(SPREAD_MS + 120_000);
    const atMs = time.nowMs;
    for (const { peer } of fleet) peer.send({ cmd: "disconnect", reasonCode: 0x87 });
    time.advance(SPREAD_MS + 1_000);
    assertSpread(fleet.map(({ peer }) => peer.openedAtMs[1] - atMs));
    for (const { client } of fleet) client.close();
  });

  it("tries no more often than each once in a window, whatever the backoff's bounds, and where the broker refuses it", () => {
    const wide = 3_600_000;
    for (const bounds of [{ backoffBaseMs: 1_000, backoffCapMs: 1_000 }, {}])
      for (const returnCode of [0, 5]) {
        const time = new VirtualTime();
        const world = new World({ limits: { ...bounds, spreadMs: wide }, proof: "password", time });
        world.peer.returnCode = returnCode;
        world.peer.isReachable = returnCode !== 0;
        time.advance(20 * wide);
        const waits = world.peer.openedAtMs.slice(1).map((ms, i) => ms - world.peer.openedAtMs[i]);
        assert.ok(waits.length >= 6 && Math.min(...waits) >= wide, `${returnCode}: ${waits}`);
        assert.ok(Math.max(...waits) <= 2 * wide + 600_000, `${waits}`);
        world.client.close();
      }
  });

  it("tries no more often than each once in a window, however long the broker is away", () => {
    const time = new VirtualTime();
    const fleet = fleetOf(time);
    for (const { peer } of fleet) peer.isReachable = false;
    time.advance(20 * SPREAD_MS);
    const perWindow = new Array<number>(20).fill(0);
    for (const { peer } of fleet) for (const ms of peer.openedAtMs) perWindow[Math.floor(ms / SPREAD_MS)]++;
    assert.ok(Math.max(...perWindow) <= DEVICES, `${perWindow}`);
    for (const { peer } of fleet)
      for (const [i, ms] of peer.openedAtMs.slice(2).entries()) {
        const waitMs = ms - peer.openedAtMs[i + 1];
        assert.ok(waitMs >= SPREAD_MS && waitMs <= 2 * SPREAD_MS + 1_000, `wait ${i + 1}: ${waitMs} ms`);
      }
    for (const { client } of fleet) client.close();
  });

  it("asks a cloud that is silent again over the window, and one that answers an error as soon as ever", () => {
    /** From the end of a call to the next request, ms. */
    const again = (seed: number, spreadMs: number, answer: { error: object } | undefined): number => {
      const world = muteWorld({ seed, limits: { spreadMs }, sleptMs: 1 });
      const requests: number[] = [];
      world.peer.answer = () => {
        requests.push(world.nowMs);
        return answer;
      };
      const { outcomes } = world;
      world.get();
      world.until(() => outcomes[0].status !== undefined);
      const { length } = requests;
      const endedAtMs = world.nowMs;
      while (requests.length === length) {
        if (outcomes.every(({ status }) => status !== undefined)) world.get();
        world.advance(1_000);
      }
      world.close();
      return requests[length] - endedAtMs;
    };
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const silent = seeds.map((seed) => again(seed, SPREAD_MS, undefined));
    assert.ok(Math.max(...silent) > SPREAD_MS / 2, `${silent}`);
    const answer = { error: { code: 503, message: "not now" } };
    assert.deepEqual(
      seeds.map((seed) => again(seed, SPREAD_MS, answer)),
      seeds.map((seed) => again(seed, 0, answer)),
    );
  });
});

describe("a device that spreads", () => {
  it("connects at once after a sleep whose length it knows, and when its app resumes it", () => {
    const slept = new World({ limits, sleptMs: 60_000 }).ready();
    assert.ok(slept.nowMs < 1_000, `${slept.nowMs}`);
    slept.client.suspend();
    slept.advance(1_000);
    slept.client.resume();
    const atMs = slept.nowMs;
    slept.ready();
    assert.ok(slept.nowMs - atMs < 1_000);
    slept.close();
  });

  it("does not where nothing is said of it", () => {
    const world = new World().ready();
    assert.ok(world.nowMs < 1_000, `${world.nowMs}`);
    world.close();
  });
});
