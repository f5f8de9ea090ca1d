// node --test
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulateDevice, startCloud, world } from "motekey-host-sim";
import { startReports } from "./reports.js";

test("a device fetches a token that its app's server takes", async (context) => {
  context.mock.timers.enable(); // your app's own time; cloud and device go on in theirs
  const cloud = await startCloud();
  const device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
  const { token } = await device.host("app.example.com").getToken();
  assert.equal(cloud.checkToken(token, "app.example.com").active, true);
  device.close();
  await cloud.close();
});

test("an app comes through days of faults; one that fails is named with its seed", async (context) => {
  context.mock.timers.enable();
  await world((device) => {
    startReports(device.auth, (token) => {
      assert.notEqual(device.checkToken(token, "app.example.com").reason, "expired");
    });
  });
});
