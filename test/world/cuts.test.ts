/** The power goes in any write of a device's whole life; all orders of what can happen to one host. The rest: cuts.deep. */
import assert from "node:assert/strict";
import { createAuth } from "../../firmware/index.js";
import { type MakeClient, MEDIA, type MediumName } from "../../host-sim/world/index.js";
import { explore, live, planOf } from "./life.js";
import { order } from "./orders.js";

/** A firmware that at each boot writes the slots of its credential anew, in their places. */
const writesInPlace: MakeClient = (auth, ports) => {
  const { store } = ports;
  const bytes = new Uint8Array(500);
  for (const slot of ["motekey-creda", "motekey-credb"]) {
    const length = store?.read(slot, bytes) ?? -1;
    if (length > 0) store?.write(slot, bytes, length);
  }
  return createAuth(auth, ports);
};

describe("a device whose power goes in the simulated world", () => {
  for (const core of ["byte", "espruino"] as const)
    it(`in any write of its life is as good as before (${core} core)`, () => {
      const { failures, writes, states } = explore(planOf(core), "directory", 1);
      assert.deepEqual(failures, []);
      assert.ok(writes >= 25 && states >= 25, `${writes} writes, ${states} states`);
    });

  it("lives the same life for the same cuts", () => {
    const cuts = [
      { write: 9, left: 2 },
      { write: 14, left: 1 },
    ];
    const [one, again] = [0, 1].map(() => live(planOf("byte"), "nvs", cuts, false));
    assert.deepEqual(one, again);
    assert.notEqual(one.state, "");
  });

  it("is caught where it writes its credential in place", () => {
    const watch = { make: writesInPlace };
    const isCaught = [2, 3, 4, 5, 6].some((write) => {
      const { violation } = live(planOf("byte"), "nvs", [{ write, left: 3 }], false, undefined, watch);
      return violation !== undefined;
    });
    assert.ok(isCaught);
  });

  it("meets stores that leave what they did when they were cut", () => {
    const now = Buffer.from("new value");
    const values = new Map([
      ["name", Buffer.from("old")],
      ["other", Buffer.from("other")],
    ]);
    const first = Object.fromEntries(
      (Object.keys(MEDIA) as MediumName[]).map((medium) => [
        medium,
        MEDIA[medium](values, "name", now, true),
      ]),
    ) as Record<MediumName, ReturnType<(typeof MEDIA)["nvs"]>>;
    for (const ways of Object.values(first)) {
      assert.equal(ways[0]?.changes.size, 0, "first nothing is done");
      assert.deepEqual(ways.at(-1)?.changes.get("name"), now, "in the end all is");
    }
    assert.equal(first.directory.length, 2, "a file that is renamed is the old one or the new one");
    assert.deepEqual(
      first.nvs.slice(1, -1).map(({ changes }) => changes.get("name")),
      [undefined, undefined, undefined, undefined],
      "NVS never leaves a part of a value",
    );
    assert.ok(
      first.storage.some(({ changes }) =>
        changes.get("name")?.equals(Buffer.from("new v\xff\xff\xff\xff", "latin1")),
      ),
    );
    assert.ok(first.file.some(({ isDecay, changes }) => isDecay === true && changes.has("other")));
    assert.equal(
      MEDIA.storage(values, "other", Buffer.from("other"), true).length,
      1,
      "the same is not written",
    );
  });
});

describe("one host", () => {
  it("holds what it must in every order of two moves out of 13", () => {
    const { failures, orders, states } = order(planOf("byte"), 2, 2);
    assert.deepEqual(failures, []);
    assert.equal(orders, 1 + 13 + 13 * 13);
    assert.ok(states > 30, `${states} states`);
  });
});
