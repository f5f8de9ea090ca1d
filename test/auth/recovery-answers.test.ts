/** Which answer of the cloud a recovery takes (B8). */
import assert from "node:assert/strict";
import { State } from "../../firmware/index.js";
import { behind, type CounterKeeper, HIGHEST, type Recovery, recoveryMac } from "./counter-keeper.js";

/** The longest wait after a refusal. */
const CAP_MS = 300_000;

describe("an answer is taken only if it is the cloud's, to this question", () => {
  /** What a wrong answer comes to: it is dropped and counted, and the right one behind it is taken. */
  const drops = (
    title: string,
    wrong: (keeper: CounterKeeper, it: Recovery, before: Recovery[]) => unknown,
  ): void => {
    it(title, () => {
      const { world, keeper } = behind();
      // An earlier recovery, to replay the answer of.
      keeper.answers = () => [];
      world.until(() => keeper.recoveries.length === 1);
      const before = [...keeper.recoveries];
      keeper.answers = (recovery) => [wrong(keeper, recovery, before), keeper.right(recovery)];
      world.until(() => world.client.state === State.READY);
      assert.equal(keeper.recoveries.length, 2);
      assert.equal(keeper.highest, HIGHEST + 1, "the right answer counts");
      assert.equal(world.client.counters.recoveries, 1);
      const { macRefused, malformed } = world.client.counters;
      assert.equal(macRefused + malformed, 1, "the wrong one is counted");
    });
  };

  drops("not with another MAC", (keeper, it) => {
    const answer = keeper.right(it);
    return { ...answer, result: { c: HIGHEST, mac: "A".repeat(43) } };
  });
  drops("not with another counter under the same MAC", (keeper, it) => {
    const { mac } = keeper.right(it).result as { mac: string };
    return { ...keeper.right(it), result: { c: HIGHEST + 1, mac } };
  });
  drops("not the answer to an earlier nonce", (keeper, it, before) => ({
    ...keeper.right(before[0] as Recovery, HIGHEST + 5),
    id: it.frame.id,
  }));
  drops("not the answer to another device's question", (keeper, it) =>
    keeper.right(it, HIGHEST + 5, "device_124"),
  );
  drops("not under another request's id", (keeper, it) => ({
    ...keeper.right(it, HIGHEST + 5),
    id: it.frame.id + 1,
  }));
  drops("not as a request", (keeper, it) => ({
    ...keeper.right(it, HIGHEST + 5),
    method: "/v1/Auth.Counter",
  }));
  drops("not the question sent back", (keeper, it) => ({
    ...keeper.right(it),
    result: { c: HIGHEST + 5, mac: recoveryMac("q", "device_123", it.nonce) },
  }));
  for (const counter of [2 ** 52, 2 ** 53 - 1]) {
    drops(`not a counter of ${counter}, though the cloud says so`, (keeper, it) => keeper.right(it, counter));
  }
  for (const c of [-1, 1.5, 1e300, "5", null, true, [5], { c: 5 }]) {
    drops(`not ${JSON.stringify(c)} for a counter`, (keeper, it) => ({
      ...keeper.right(it),
      result: { c, mac: recoveryMac("a", "device_123", it.nonce, 5) },
    }));
  }
  for (const mac of [null, 5, "", "A".repeat(42), "A".repeat(44), "A".repeat(5_000), ["A"], {}]) {
    drops(`not ${JSON.stringify(mac).slice(0, 20)} for a MAC`, (keeper, it) => ({
      ...keeper.right(it),
      result: { c: HIGHEST + 5, mac },
    }));
  }
  drops("not a list, whose items are as many as one likes", (keeper, it) => ({
    ...keeper.right(it),
    result: Array.from({ length: 200 }, (_, i) => ({ host: `app-${i}.example.com` })),
  }));
  drops("not what is no frame", () => '{"v":2,"result":{"c":5,');
  drops("not a counter that is named twice", (keeper, it) =>
    JSON.stringify(keeper.right(it)).replace('"c":', '"c":7,"c":'),
  );

  it("an old one to a nonce that repeats is refused, and the next question is the wait of a refusal away", () => {
    const { world, keeper } = behind();
    const old = HIGHEST - 7;
    keeper.answers = (recovery) => [keeper.right(recovery, keeper.recoveries.length === 1 ? old : HIGHEST)];
    world.advance(CAP_MS + 10_000);
    assert.equal(world.client.state, State.READY);
    const tried = world.peer.connects
      .filter(({ packet }) => packet.clientId === "device_123")
      .map(({ packet }) => Number(String(packet.password).split(".")[0]));
    assert.deepEqual(tried, [1, old + 1, old + 2, HIGHEST + 1]);
    assert.equal(keeper.recoveries.length, 2);
  });

  it("members in any order, unknown ones between them and white space change nothing", () => {
    const { world, keeper } = behind();
    keeper.answers = (it) => {
      const { c, mac } = keeper.right(it).result as { c: number; mac: string };
      const result = { more: [1, { c: 3 }], mac, text: "\u00e9", c };
      return [JSON.stringify({ tag: null, result, id: it.frame.id, v: 2 }, null, 3)];
    };
    world.ready();
    assert.equal(world.client.counters.recoveries, 1);
  });

  it("in pieces of any size", () => {
    for (const size of [1, 2, 3, 7, 64]) {
      const { world } = behind();
      world.peer.cut = (bytes) =>
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
      world.ready();
      assert.equal(world.client.counters.recoveries, 1, `${size}`);
    }
  });
});
