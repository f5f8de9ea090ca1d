import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";

const HOST = "app.example.com";

describe("the Auth service", () => {
  let cloud: Cloud;
  let device: Client;
  let backend: Client;
  const clock = { ms: 1_700_000_000_000 };

  beforeEach(async () => {
    cloud = await startCloud({ now: () => clock.ms, tokens: { format: "opaque" } });
    device = await Client.ready(cloud.mqttUrl, await cloud.addDevice({ id: "device_123" }));
    const added = await cloud.addDevice({ id: "backend_1", role: "backend" });
    backend = await Client.ready(cloud.mqttUrl, added);
  });

  afterEach(async () => {
    device.close();
    backend.close();
    await cloud.close();
  });

  it("generates a token with its lifetime, in the documented order of members", async () => {
    device.send(
      `{"v":2,"src":"device_123","id":123,"method":"/v1/Auth.GenerateToken","args":{"host":"${HOST}"}}`,
    );
    const text = await device.message();
    assert.match(
      text,
      /^\{"v":2,"src":"\/\/api\.mongoose-iot\.com","dst":"device_123","id":123,"result":\{"token":"[A-Za-z0-9_-]{43}","expires_in":3600,"issued_at":1700000000\}\}$/,
    );
    assert.equal(cloud.checkToken(JSON.parse(text).result.token, HOST).active, true);
  });
});
