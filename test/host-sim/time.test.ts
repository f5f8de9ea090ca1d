/** Virtual time: a cloud and its devices go on when a test says so. */
import assert from "node:assert/strict";
import {
  type Cloud,
  type SimulatedDevice,
  simulateDevice,
  startCloud,
  virtualTime,
} from "../../host-sim/index.js";

const HOST = "app.example.com";

describe("virtual time", () => {
  const open: (Cloud | SimulatedDevice)[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function world(core: "xs" | "espruino" = "xs") {
    const time = virtualTime(new Date("2030-01-01T00:00:00Z"));
    const cloud = await startCloud({ time, tokens: { lifetimeSeconds: 3600 } });
    open.push(cloud);
    const device = simulateDevice({ cloud, time, core, ...(await cloud.addDevice({ id: "device_123" })) });
    open.push(device);
    return { time, cloud, device, app: device.host(HOST) };
  }

  for (const core of ["xs", "espruino"] as const) {
    it(`stands still, and refreshes a token when it goes on (${core})`, async () => {
      const { time, cloud, app } = await world(core);
      const first = await app.getToken();
      assert.equal(time.date().toISOString(), "2030-01-01T00:00:00.000Z");
      assert.equal((await app.getToken()).token, first.token);
      await time.advance("58 min");
      const second = await app.getToken();
      assert.notEqual(second.token, first.token);
      assert.equal(cloud.checkToken(second.token, HOST).active, true);
      await time.advance("10 min");
      assert.equal(cloud.checkToken(first.token, HOST).active, false);
      assert.equal(time.date().toISOString(), "2030-01-01T01:08:00.000Z");
    });
  }

  it("keeps the connection through six hours, by pings that are really answered", async function () {
    this.timeout(60_000);
    const { time, cloud, app } = await world();
    await app.getToken();
    await time.advance("6 h");
    assert.equal(cloud.stats.connects, 1);
    assert.equal(cloud.checkToken((await app.getToken()).token, HOST).active, true);
  });

  it("holds a reply back for the latency that was set, in its own time", async () => {
    const { time, cloud, app } = await world();
    await app.getToken();
    cloud.faults.latencyMs = 4_000;
    let isDone = false;
    const slow = app.generateToken().then(() => {
      isDone = true;
    });
    await time.advance("3 s");
    assert.equal(isDone, false);
    await time.advance("2 s");
    await slow;
  });

  it("runs into a deadline when a cloud is away, and is back when the cloud is", async () => {
    const { time, cloud, device, app } = await world();
    await app.getToken();
    cloud.away();
    await device.next("WAITING");
    const lost = assert.rejects(app.generateToken(), { status: "UNREACHABLE" });
    await time.advance("5 min");
    await lost;
    await cloud.back();
    await time.advance("5 min");
    assert.equal(device.state, "READY");
    await app.generateToken();
  });

  it("refuses what is no duration, and two at once", async () => {
    const time = virtualTime();
    await assert.rejects(
      time.advance("an hour"),
      /"an hour" is no duration; say ms as a number, or "50 min"/,
    );
    await assert.rejects(time.advance(-1), /no duration/);
    const under = time.advance(5);
    await assert.rejects(time.advance(5), /await it before the next/);
    await under;
    assert.throws(() => virtualTime(new Date("never")), /starts at a date/);
  });

  it("an option that is no virtual time is refused by name", async () => {
    await assert.rejects(startCloud({ time: 5 as never }), /time/);
  });
});
