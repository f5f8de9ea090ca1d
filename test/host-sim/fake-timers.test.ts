/** Fake timers that a user's test installs: what the simulator says where it cannot work. */
import assert from "node:assert/strict";
import sinon from "sinon";
import { startCloud } from "../../host-sim/index.js";

describe("under fake timers", () => {
  it("a faked process.nextTick is refused, with the way to leave it alone", async () => {
    const clock = sinon.useFakeTimers({ toFake: ["nextTick"] });
    try {
      const started = startCloud();
      await assert.rejects(
        started,
        /process\.nextTick is faked.*toNotFake: \["nextTick", "queueMicrotask"\]/,
      );
    } finally {
      clock.restore();
    }
  });
});
