/** What a test of somebody else's expects of the kit: promises for all calls, ends that are said soon, and `using`. */
import assert from "node:assert/strict";
import { Messages } from "../../firmware/messages.js";
import { type Cloud, simulateDevice, startCloud } from "../../host-sim/index.js";
import { freePort } from "../servers/process.js";

describe("the kit", () => {
  let cloud: Cloud;
  beforeEach(async () => {
    cloud = await startCloud();
  });
  afterEach(() => cloud.close());

  it("a backend asks who somebody is, and what they may, and has yes or no", async () => {
    const { psk } = await cloud.addDevice({ id: "device_123", owner: "user_1" });
    await cloud.addDevice({ id: "user_1", role: "user" });
    using backend = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "backend", role: "backend" })) });
    assert.equal(await backend.authenticate("device_123", { psk }), true);
    assert.equal(await backend.authenticate("device_123", { psk: "another" }), false);
    assert.equal(await backend.authorizeCommand("user_1", "device_123", "/v1/Switch.Set"), true);
    assert.equal(await backend.authorizeCommand("user_2", "device_123", "/v1/Switch.Set"), false);
  });

  it("a device that is no backend is told FORBIDDEN", async () => {
    using device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
    await assert.rejects(device.authenticate("device_123", { psk: "key" }), { status: "FORBIDDEN" });
  });

  it("any method is called with an object, and has its result parsed", async () => {
    using device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
    await device.host("app.example.com").getToken();
    assert.deepEqual(await device.call("/v1/Auth.ListToken", {}), [{ host: "app.example.com" }]);
    await assert.rejects(device.call("/v1/Auth.GenerateToken", { host: "a" }, 8), { status: "TOO_LONG" });
    await assert.rejects(device.call("/v1/No.Such", {}), { status: "NOT_FOUND" });
  });

  it("a floor holds, and messages of the app's go out and come in", async () => {
    const known = await cloud.addDevice({ id: "device_123" });
    const given = { cloud, ...known, floor: { proof: "mac" } as const };
    assert.throws(
      () => simulateDevice({ ...given, proof: "digest" }),
      /weaker than the device's credential allows/,
    );
    const messages = new Messages();
    using device = simulateDevice({ ...given, messages });
    await device.ready();
    const topic = messages.topic("app/device_123/out");
    const came = await new Promise((resolve) => {
      messages.subscribe(
        "app/device_123/out",
        ({ bytes, from, to }) => resolve(Buffer.from(bytes.subarray(from, to)).toString()),
        () => messages.publish(topic, Buffer.from("hello"), 0, () => {}),
      );
    });
    assert.equal(came, "hello");
  });

  it("a closed port is said before a test runner's two seconds are over, with the next step", async () => {
    const port = await freePort();
    using device = simulateDevice({ cloud: `mqtt://127.0.0.1:${port}`, id: "device_123", psk: "key" });
    const asked = device.host("app.example.com").getToken();
    await assert.rejects(asked, ({ status, message }: { status: string; message: string }) => {
      assert.equal(status, "UNREACHABLE");
      return /check the network, and the cloud's host and port/.test(message);
    });
  });

  it("of several addresses each has its time: who backs off for longer than a second reaches the one that is there", async () => {
    const closed = `mqtt://127.0.0.1:${await freePort()}`;
    await using cloud = await startCloud();
    const tokens = Array.from({ length: 8 }, async (_, index) => {
      const credential = await cloud.addDevice({ id: `device_${index}` });
      const alternatives = [cloud.mqttUrl, cloud.mqttUrl, cloud.mqttUrl];
      const limits = { backoffBaseMs: 1_800 }; // each waits a part of this, by its own jitter
      using device = simulateDevice({ cloud: closed, alternatives, limits, ...credential });
      return (await device.host("app.example.com").getToken()).token;
    });
    assert.ok((await Promise.all(tokens)).every((token) => token !== ""));
  });

  it("waiting that nobody looks at is no unhandled rejection, and ends with close()", async () => {
    const unhandled: unknown[] = [];
    const hear = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", hear);
    const device = simulateDevice({ cloud, ...(await cloud.addDevice({ id: "device_123" })) });
    void device.next("WAITING", 1);
    void cloud.next("kicked");
    const wanted = device.next("WAITING");
    device.close();
    await assert.rejects(wanted, { status: "CLOSED" });
    await assert.rejects(device.next("READY"), { status: "CLOSED" });
    await cloud.close();
    await assert.rejects(cloud.next("token"), /closed before an event "token"/);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", hear);
    assert.deepEqual(unhandled, []);
  });

  it("await using ends a cloud, and using a device", async () => {
    let inside: { state: string } | null = null;
    {
      await using another = await startCloud();
      using device = simulateDevice({ cloud: another, ...(await another.addDevice({ id: "device_123" })) });
      await device.ready();
      inside = device;
    }
    assert.equal(inside.state, "CLOSED");
  });

  it("two devices of one id are let in one after the other, however soon", async () => {
    const known = await cloud.addDevice({ id: "device_123" });
    for (let round = 0; round < 3; round++) {
      using device = simulateDevice({ cloud, ...known });
      await device.ready();
    }
    assert.equal(Object.keys(cloud.stats.connectsRefused).length, 0);
  });

  it("a cloud that is away refuses, keeps what it knew, and is back at the same ports", async () => {
    const known = await cloud.addDevice({ id: "device_123" });
    using device = simulateDevice({ cloud, ...known });
    const { token } = await device.host("app.example.com").getToken();
    cloud.away();
    await device.next("WAITING");
    await assert.rejects(fetch(`${cloud.httpUrl}/health`));
    await cloud.back();
    await device.ready(20_000);
    assert.equal((await fetch(`${cloud.httpUrl}/health`)).status, 200);
    assert.equal(cloud.checkToken(token, "app.example.com").active, true);
  });
});
