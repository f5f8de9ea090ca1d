/** The way back of a device whose counter is behind the cloud's (B8), in virtual time. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { createAuth, State, Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { Flash } from "../../host-sim/world/flash.js";
import { behind, type CounterKeeper, HIGHEST, type Recovery, recoveryMac } from "./counter-keeper.js";
import { CloudMac } from "./mac.js";
import { CLOUD } from "./peer.js";
import { PSK, World, type WorldOptions } from "./world.js";

const CAP_MS = 300_000;
const RECOVERER = "device_123-recover";

/** Who connected, one after the other. */
const visitors = ({ peer }: World): string[] => peer.connects.map(({ packet }) => packet.clientId);

const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0);

/** The waits between the connections that were made. */
const waits = ({ peer }: World): number[] =>
  peer.openedAtMs.slice(1).map((ms, i) => ms - (peer.openedAtMs[i] as number));

/** The highest counter that is reserved in this flash. */
const reservedIn = (flash: Flash): number =>
  Math.max(
    ...["a", "b"].map((slot) => Number(flash.values.get(`motekey-ctr${slot}`)?.readBigUInt64BE(10) ?? 0)),
  );

describe("a device whose counter is behind", () => {
  it("has its token after one connection more, well within a second of the refusal", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { world, keeper } = behind({ seed });
      const outcome = world.get();
      world.until(() => outcome.status !== undefined);
      assert.equal(outcome.name, "OK", `seed ${seed}`);
      assert.ok(outcome.atMs < 1_000, `seed ${seed}: ${outcome.atMs} ms`);
      assert.deepEqual(visitors(world), ["device_123", RECOVERER, "device_123"]);
      assert.equal(keeper.highest, HIGHEST + 1);
      assert.equal(world.client.counters.recoveries, 1);
    }
  });

  it("asks as a principal of its own, on two topics, for one thing", () => {
    const { world, keeper } = behind();
    world.ready();
    const from = world.peer.packets.findIndex((it) => it.cmd === "connect" && it.clientId === RECOVERER);
    const to = world.peer.packets.findIndex((it, i) => i > from && it.cmd === "connect");
    const said = world.peer.packets.slice(from, to);
    assert.deepEqual(
      said.map(({ cmd }) => cmd),
      ["connect", "subscribe", "publish", "disconnect"],
    );
    const [connect, subscribe, publish] = said;
    assert.ok(connect?.cmd === "connect" && subscribe?.cmd === "subscribe" && publish?.cmd === "publish");
    assert.deepEqual([connect.username, connect.clean], [RECOVERER, true]);
    assert.deepEqual(
      subscribe.subscriptions.map(({ topic }) => topic),
      [`${RECOVERER}/rpc/#`],
    );
    assert.equal(publish.topic, `cloud/from/${RECOVERER}/rpc`);
    const [{ frame, nonce }] = keeper.recoveries as [Recovery];
    assert.deepEqual(frame, { v: 2, src: RECOVERER, id: frame.id, method: "/v1/Auth.Counter", args: {} });
    assert.equal(
      String(connect.password),
      `${nonce.toString("base64url")}.${recoveryMac("q", "device_123", nonce)}`,
    );
  });

  it("says nothing before it was answered, wherever pipelining is on for the device", () => {
    for (const pipeline of [true, false]) {
      const { world } = behind({ cloud: { pipeline } });
      world.ready();
      const first = world.peer.writes.findIndex(
        (_, i) => sum(world.peer.writes.slice(0, i)) >= (pipeline ? 4 : 1),
      );
      assert.deepEqual(world.peer.writes.slice(first, first + 3), [1, 1, 1]);
      assert.equal(world.soon().name, "OK");
    }
  });

  it("is not READY before it is in as itself, and says why meanwhile", () => {
    const { world, keeper } = behind();
    const names = new Set<string>();
    keeper.answers = (recovery) => {
      assert.equal(world.client.state, State.CONNECTING);
      assert.equal(explain(world.client).name, "BAD_CREDENTIALS");
      return [keeper.right(recovery)];
    };
    world.until(() => {
      names.add(explain(world.client).name);
      return world.client.state === State.READY;
    });
    assert.deepEqual([...names], ["OK", "BAD_CREDENTIALS", "COUNTER_BEHIND"]);
    assert.equal(world.states.filter((state) => state === State.READY).length, 1);
    assert.equal(world.client.counters.connects, 1);
    assert.equal(explain(world.client).name, "OK");
  });

  it("never goes back: of its counter and the cloud's the higher one counts", () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000), (seed, own, told) => {
        const { world, keeper } = behind({ seed, counter: own + 1 }, own + 1);
        keeper.answers = (recovery) => [keeper.right(recovery, told)];
        world.advance(3_000);
        const counters = world.peer.connects
          .filter(({ packet }) => packet.clientId === "device_123")
          .map(({ packet }) => Number(String(packet.password).split(".")[0]));
        for (const [i, counter] of counters.entries()) {
          assert.ok(i === 0 || counter > (counters[i - 1] as number), `${counters}`);
          assert.ok(i === 0 || told < own + 1 || counter > told, `${counters}, told ${told}`);
        }
      }),
    );
  });

  it("has a block beyond what it was told in its store before it connects", () => {
    const flash = new Flash();
    const { world } = behind({ store: flash });
    const reserved: number[] = [];
    const { peer } = world;
    const open = peer.open.bind(peer);
    peer.open = (address, events) => {
      reserved.push(reservedIn(flash));
      open(address, events);
    };
    world.ready();
    assert.deepEqual(reserved, [64, 64, HIGHEST + 64]);
    world.close();
    const next = behind({ store: flash }, HIGHEST + 1);
    next.world.ready();
    assert.deepEqual(visitors(next.world), ["device_123"]);
    assert.equal(next.keeper.highest, HIGHEST + 65);
  });

  it("does not connect with what it could not keep", () => {
    const flash = new Flash();
    const { world, keeper } = behind({ store: flash });
    keeper.answers = (recovery) => {
      flash.isWritable = false;
      return [keeper.right(recovery)];
    };
    world.advance(5_000);
    assert.deepEqual(visitors(world), ["device_123", RECOVERER]);
    assert.equal(explain(world.client).name, "STORE_FAILED");
    flash.isWritable = true;
    world.until(() => world.client.state === State.READY);
    assert.deepEqual(visitors(world), ["device_123", RECOVERER, "device_123"]);
  });

  it("asks under a nonce of its own each time", () => {
    const { world, keeper } = behind();
    keeper.answers = () => [];
    world.advance(10 * CAP_MS);
    const nonces = keeper.recoveries.map(({ nonce }) => nonce.toString("hex"));
    assert.ok(nonces.length > 5);
    assert.equal(new Set(nonces).size, nonces.length);
  });

  it("goes to the place that refused it", () => {
    const cloud = { alternatives: [{ host: "b.example.com" }, { host: "c.example.com" }] };
    const { world } = behind({ cloud });
    world.ready();
    assert.deepEqual(new Set(world.peer.addresses), new Set(["cloud.example.com:1883"]));
  });

  it("that is suspended meanwhile asks again when it is resumed", () => {
    const { world, keeper } = behind();
    keeper.answers = () => {
      world.client.suspend();
      return [];
    };
    world.advance(2_000);
    assert.equal(world.client.state, State.SUSPENDED);
    keeper.answers = (recovery) => [keeper.right(recovery)];
    world.client.resume();
    world.ready();
    assert.equal(world.client.counters.recoveries, 1);
  });

  it("comes back as a boot without a store does, ten times", () => {
    const first = behind({}, 0);
    let { highest } = first.keeper;
    for (let boot = 0; boot < 10; boot++) {
      const { world, keeper } = behind({ seed: boot }, highest);
      assert.equal(world.soon().name, "OK", `boot ${boot}`);
      highest = keeper.highest;
      world.close();
    }
    assert.equal(highest, 10);
  });
});

describe("a recovery is made no more than once per wait", () => {
  it("where it is refused as well: the key is wrong", () => {
    const { world } = behind({ psk: "another key than the one that the cloud has" });
    world.advance(10 * 3_600_000);
    const who = visitors(world);
    assert.ok(who.length > 100);
    assert.deepEqual(
      who,
      who.map((_, i) => (i % 2 === 0 ? "device_123" : RECOVERER)),
    );
    for (const [i, wait] of waits(world).entries()) {
      if (i % 2 === 0) assert.ok(wait <= 300, `the question follows soon: ${wait}`);
      else assert.ok(wait >= CAP_MS / 2 && wait <= CAP_MS + 100, `${wait}`);
    }
    assert.equal(explain(world.client).name, "BAD_CREDENTIALS");
  });

  it("where it helps not: the device is refused all the same", () => {
    const { world, keeper } = behind();
    keeper.highest = HIGHEST;
    world.peer.intercept = ((take) => (packet) => {
      keeper.highest += 1_000;
      return take(packet);
    })(world.peer.intercept);
    world.advance(3_600_000);
    for (const [i, wait] of waits(world).entries()) {
      if (i % 3 === 2) assert.ok(wait >= CAP_MS / 2, `after a recovery that helped not: ${waits(world)}`);
    }
    assert.ok(keeper.recoveries.length <= 25, `${keeper.recoveries.length} in an hour`);
  });

  it("where the cloud answers with an error, which ends it", () => {
    const { world, keeper } = behind();
    keeper.answers = ({ frame }) => [{ v: 2, src: CLOUD, id: frame.id, error: { code: 429 } }];
    world.advance(CAP_MS / 2 - 1_000);
    assert.equal(keeper.recoveries.length, 1);
    keeper.answers = (recovery) => [keeper.right(recovery)];
    world.advance(2 * CAP_MS);
    assert.equal(world.client.state, State.READY);
  });

  it("where nothing answers: the question has the time of a call, and the next attempt is soon", () => {
    const { world, keeper } = behind();
    keeper.answers = () => [];
    world.advance(5_900);
    assert.equal(keeper.recoveries.length, 1);
    keeper.answers = (recovery) => [keeper.right(recovery)];
    world.advance(54_100);
    assert.equal(world.client.state, State.READY, "within the minute");
  });

  it("where the connection is lost in the middle of it", () => {
    const { world, keeper } = behind();
    keeper.answers = () => {
      world.time.after(1, () => world.peer.kick());
      return [];
    };
    world.advance(2_000);
    keeper.answers = (recovery) => [keeper.right(recovery)];
    world.advance(58_000);
    assert.equal(world.client.state, State.READY, "within the minute");
  });

  it("and not at all by devices that no counter proves", () => {
    for (const proof of ["password", "password+key", "digest", "key"] as const) {
      const world = new World({ proof });
      world.peer.returnCode = 4;
      world.advance(3 * CAP_MS);
      assert.deepEqual(new Set(visitors(world)), new Set(["device_123"]), proof);
    }
  });
});

describe("a refused counter of the frames", () => {
  /** A cloud that refuses each frame without a MAC, as it does a counter that was used. */
  const refusing = (options: WorldOptions = {}): { world: World; keeper: CounterKeeper } => {
    const { world, keeper } = behind({ proof: "mac", ...options });
    world.peer.answer = () => ({ error: { code: 401, message: "used before" } });
    return { world, keeper };
  };

  it("is asked for once, though nobody can prove that it was refused", () => {
    const { world, keeper } = refusing();
    world.get();
    world.advance(3_000);
    assert.equal(keeper.recoveries.length, 1);
    const after = world.peer.requests.filter(({ frame }) => (frame.sec?.c ?? 0) > HIGHEST);
    assert.ok(after.length > 0, "and then the frames begin above it");
    assert.equal(world.client.state, State.READY, "whoever says so again is not believed");
    world.advance(60_000);
    assert.equal(keeper.recoveries.length, 1);
  });

  it("that leads nowhere costs one connection; the one that it interrupted is made again, and stays", () => {
    const { world, keeper } = refusing();
    keeper.returnCode = 5;
    world.get();
    world.advance(400_000);
    assert.equal(world.client.state, State.READY);
    assert.ok(visitors(world).filter((id) => id === RECOVERER).length === 1, `${visitors(world)}`);
  });

  it("that was forged, where nobody answers the question, keeps a call no longer than one lost answer", () => {
    for (const callAttemptMs of [2_000, 6_000]) {
      const { world, keeper } = behind({ proof: "mac", limits: { callAttemptMs } }, 0);
      keeper.answers = () => [];
      new CloudMac(world);
      const { answer } = world.peer;
      world.peer.answer = ({ frame }) => {
        world.peer.publish(JSON.stringify({ v: 2, src: CLOUD, id: frame.id, error: { code: 401 } }));
        world.peer.answer = answer;
        return undefined;
      };
      const outcome = world.get();
      world.until(() => outcome.status !== undefined);
      assert.equal(outcome.name, "OK");
      assert.deepEqual(visitors(world), ["device_123", RECOVERER, "device_123"]);
      const [asked] = keeper.recoveries;
      const tookMs = outcome.atMs - (asked?.atMs ?? 0);
      assert.ok(tookMs > callAttemptMs && tookMs < callAttemptMs + 1_500, `${tookMs} ms`);
    }
  });

  it("is no reason for anything once the cloud has proved itself in that session", () => {
    const { world, keeper } = behind({ proof: "mac" });
    new CloudMac(world);
    assert.equal(world.soon().name, "OK");
    world.peer.answer = ({ frame }) => {
      world.peer.publish(JSON.stringify({ v: 2, src: CLOUD, id: frame.id, error: { code: 401 } }));
      return undefined;
    };
    const outcome = world.get("b.example.com");
    world.advance(3_000);
    assert.deepEqual(
      [outcome.name, world.client.state, keeper.recoveries.length],
      ["pending", State.READY, 0],
    );
    assert.equal(world.client.counters.macRefused, 1);
  });
});

describe("a device's id", () => {
  it("must not end in -recover: that is who asks for its counter", () => {
    const world = new World();
    const make = (deviceId: string): unknown =>
      createAuth(
        { deviceId, cloud: { host: "h" }, credential: { psk: PSK, counter: 1 } },
        { link: world.peer, clock: world.clock, entropy: world.entropy },
      );
    for (const id of ["device_123-recover", "-recover"])
      assert.throws(() => make(id), /must not end in -recover/);
    for (const id of ["recover", "r", "a-recovery", "x-recover-1", "-recove"])
      assert.doesNotThrow(() => make(id));
    assert.equal(Status.COUNTER_BEHIND, 98);
  });
});
