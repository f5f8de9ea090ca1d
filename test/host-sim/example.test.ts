/**
 * A test as you would write it for an app that runs on devices: a cloud and a device in this process, no
 * hardware, no network. (Outside of this repository the imports come from "motekey-host-sim".)
 */
import assert from "node:assert/strict";
import { type Cloud, type SimulatedDevice, simulateDevice, startCloud } from "../../host-sim/index.js";

const APP = "app.example.com";

describe("our app's server", () => {
  let cloud: Cloud;
  let device: SimulatedDevice;

  beforeEach(async () => {
    cloud = await startCloud();
    device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
  });

  afterEach(async () => {
    device.close();
    await cloud.close();
  });

  /** What the server does with a request: it asks whose token that is. */
  const welcomes = (token: string): boolean => {
    const check = cloud.checkToken(token, APP);
    return check.active && check.sub === "device_123";
  };

  it("welcomes a device by its token, and no more once that is revoked", async () => {
    const { token } = await device.host(APP).getToken();
    assert.equal(welcomes(token), true);

    await device.host(APP).revokeToken();
    assert.equal(welcomes(token), false);
  });

  it("gets another token from a device whose token it refused", async () => {
    const refused = await device.host(APP).getToken();
    assert.equal(device.host(APP).rejected(refused.generation), "OK");

    const { token } = await device.host(APP).getToken();
    assert.notEqual(token, refused.token);
    assert.equal(welcomes(token), true);
  });

  it("is reached although the cloud loses the first reply", async () => {
    device.close();
    cloud.faults.dropReplies = 1;
    const patient = await cloud.addDevice({ id: "device_123" });
    device = simulateDevice({ cloud, ...patient, limits: { callAttemptMs: 100 } });

    const { token } = await device.host(APP).getToken();
    assert.equal(welcomes(token), true);
  });
});
