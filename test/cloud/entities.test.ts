/** Whom the registry takes, and what those may do on the embedded broker who only say who they are. */
import assert from "node:assert/strict";
import { type Cloud, type NewEntity, startCloud } from "../../host-sim/cloud/index.js";
import { Client } from "./client.js";

describe("the cloud's registry", () => {
  let cloud: Cloud;

  before(async () => {
    cloud = await startCloud();
  });

  after(() => cloud.close());

  const refused: [what: string, wanted: object, why: RegExp][] = [
    ...["cloud", "app", "rpc", "__proto__", "device_9-recover"].map((id): [string, object, RegExp] => [
      `the reserved id ${id}`,
      { id },
      /is reserved.*choose another one/,
    ]),
    ["an id of more than one segment", { id: "a/b" }, /1 to 128 of A-Z/],
    ["an id that is no text", { id: 5 }, /addDevice\(\)\.id is of type number; it must be text/],
    ["an empty PSK", { psk: "" }, /empty.*leave it out/],
    ["a PSK that is no text", { psk: 7 }, /addDevice\(\)\.psk is of type number; it must be text/],
    ["an unknown role", { role: "admin" }, /role is "admin"; it must be device or user or backend/],
    ["a role from Object's prototype", { role: "constructor" }, /role is "constructor"; it must be/],
    ...[-1, 0.5, 2 ** 52, Number.NaN, Number.POSITIVE_INFINITY, "5"].map(
      (counter): [string, object, RegExp] => [
        `the counter ${JSON.stringify(counter)} (${counter})`,
        { counter },
        /a whole number from 0 to 4503599627370495/,
      ],
    ),
  ];
  for (const [what, wanted, why] of refused) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(cloud.addDevice({ id: "device_1", ...wanted } as NewEntity), { message: why });
    });
  }

  it("takes ids and counters at the ends of what is allowed", async () => {
    for (const id of ["x".repeat(128), "clouds", "Cloud", "recover", "my-app"]) {
      assert.equal((await cloud.addDevice({ id, counter: 2 ** 52 - 1 })).id, id);
    }
  });

  it("does not replace a PSK by an empty one", async () => {
    const { id, psk } = await cloud.addDevice({ id: "device_2" });
    await assert.rejects(cloud.setPsk(id, ""), /empty/);
    (await Client.ready(cloud.mqttUrl, { id, psk })).close();
  });
});

describe("who names an id without a password", () => {
  let cloud: Cloud;
  let clients: Client[];

  beforeEach(async () => {
    cloud = await startCloud();
    clients = [];
    await cloud.addDevice({ id: "backend_1", role: "backend", psk: "the backend's" });
    await cloud.addDevice({ id: "device_123", psk: "the device's" });
  });

  afterEach(async () => {
    for (const client of clients) client.close();
    await cloud.close();
  });

  async function open(id: string, password?: string): Promise<Client> {
    const client = await Client.open(cloud.mqttUrl, { id, ...(password && { username: id, password }) });
    assert.equal(client.returnCode, 0);
    clients.push(client);
    return client;
  }

  for (const id of ["backend_1", "device_123"]) {
    it(`may use the topics of ${id}'s frames, and none of the apps'`, async () => {
      const stranger = await open(id);
      assert.equal(await stranger.subscribe(`${id}/rpc/#`), 1);
      for (const topic of ["app/#", "app/device_123/#"]) {
        assert.notEqual(await stranger.subscribe(topic), 1, topic);
      }
      stranger.publish("app/device_123/commands", "open");
      await stranger.ended();
      assert.equal(cloud.stats.topicsRefused, 3);
    });
  }

  it("may use them with the password", async () => {
    const backend = await open("backend_1", "the backend's");
    const device = await open("device_123", "the device's");
    assert.equal(await device.subscribe("app/device_123/#"), 1);
    backend.publish("app/device_123/commands", "open");
    assert.equal(await device.message(), "open");
  });
});
