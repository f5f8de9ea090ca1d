/** Fake timers that a user's test installs: what the simulator says where it cannot work. */
import assert from "node:assert/strict";
import sinon from "sinon";
import { simulateDevice, startCloud } from "../../host-sim/index.js";

describe("under fake timers", () => {
  it("a faked process.nextTick is refused, with the way to leave it alone", async () => {
    const clock = sinon.useFakeTimers({ toFake: ["nextTick"] });
    try {
      const started = startCloud();
      await assert.rejects(
        started,
        /process\.nextTick is faked.*toNotFake: \["nextTick", "queueMicrotask"\]/,
      );
      const options = { cloud: "mqtt://127.0.0.1:1", id: "device_123", psk: "key" };
      assert.throws(() => simulateDevice(options), /process\.nextTick is faked/);
    } finally {
      clock.restore();
    }
  });
});
