// npx mocha mocha.test.js
import assert from "node:assert/strict";
import { simulateDevice, startCloud, world } from "motekey-host-sim";
import sinon from "sinon";
import { startReports } from "./reports.js";

describe("a device", () => {
  let clock;
  beforeEach(() => {
    // Your app's own time; cloud and device go on in theirs. Node opens no socket without nextTick.
    clock = sinon.useFakeTimers({ toNotFake: ["nextTick", "queueMicrotask"] });
  });
  afterEach(() => clock.restore());

  it("fetches a token that its app's server takes", async () => {
    const cloud = await startCloud();
    const device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
    const { token } = await device.host("app.example.com").getToken();
    assert.equal(cloud.checkToken(token, "app.example.com").active, true);
    device.close();
    await cloud.close();
  });

  it("an app comes through days of faults; one that fails is named with its seed", async () => {
    await world((device) => {
      startReports(device.auth, (token) => {
        assert.notEqual(device.checkToken(token, "app.example.com").reason, "expired");
      });
    });
  });
});
