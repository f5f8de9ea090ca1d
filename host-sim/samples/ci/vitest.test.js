// npx vitest run
import { simulateDevice, startCloud, world } from "motekey-host-sim";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startReports } from "./reports.js";

beforeEach(() => vi.useFakeTimers()); // your app's own time; cloud and device go on in theirs
afterEach(() => vi.useRealTimers());

test("a device fetches a token that its app's server takes", async () => {
  const cloud = await startCloud();
  const device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
  const { token } = await device.host("app.example.com").getToken();
  expect(cloud.checkToken(token, "app.example.com")).toMatchObject({ active: true, sub: "device_123" });
  device.close();
  await cloud.close();
});

test("an app comes through days of faults; one that fails is named with its seed", async () => {
  await world((device) => {
    startReports(device.auth, (token) => {
      expect(device.checkToken(token, "app.example.com").reason).not.toBe("expired");
    });
  });
});
