import assert from "node:assert/strict";
import { startCloud } from "../../host-sim/cloud/index.js";
import { FleetCloud, type FleetProgress, runFleet } from "../../host-sim/fleet/index.js";

const DEVICES = 12;

describe("a fleet", () => {
  let cloud: FleetCloud;

  before(async () => {
    cloud = await FleetCloud.start({ devices: DEVICES });
  });

  after(() => cloud.close());

  const credential = (index: number) => cloud.credential(index);

  it("reports what each device took, once every one has its token", async () => {
    const progress: FleetProgress[] = [];
    const report = await runFleet({
      devices: DEVICES,
      url: cloud.url,
      credential,
      onProgress: (now) => progress.push(now),
    });
    assert.deepEqual([report.devices, report.arrived, report.tokens], [DEVICES, DEVICES, DEVICES]);
    assert.deepEqual(report.failures, {});
    const { p50, p99 } = report.firstMs;
    assert.ok(p50 > 0 && p99 >= p50 && p99 <= report.seconds * 1000, `p50 ${p50}, p99 ${p99}`);
    const { sent, received } = report.bytesPerToken;
    assert.ok(sent > 300 && sent < 1_000 && received > 300 && received < 2_000, `${sent}, ${received} bytes`);
    assert.ok(report.connectsPerSecond > 0);
    // So few devices say nothing of one device's memory, but it was measured.
    assert.notEqual(report.memoryPerDevice.heapBytes, 0);
    assert.ok(Number.isFinite(report.memoryPerDevice.heapBytes));
    assert.deepEqual(
      progress.map(({ arrived }) => arrived),
      Array.from({ length: DEVICES }, (_, index) => index + 1),
    );
  });

  it("only connects where no token is asked for", async () => {
    const report = await runFleet({ devices: DEVICES, url: cloud.url, credential, tokenHost: null });
    assert.deepEqual([report.arrived, report.tokens, report.failures], [DEVICES, 0, {}]);
  });

  it("keeps no more on their way than it may", async () => {
    let started = 0;
    let mostOnTheirWay = 0;
    let arrived = 0;
    await runFleet({
      devices: DEVICES,
      url: cloud.url,
      connectingMax: 3,
      credential: (index) => {
        mostOnTheirWay = Math.max(mostOnTheirWay, ++started - arrived);
        return credential(index);
      },
      onProgress: (now) => {
        arrived = now.arrived;
      },
    });
    assert.deepEqual([started, mostOnTheirWay], [DEVICES, 3]);
  });

  it("counts who failed, by status", async () => {
    const strangers = (index: number) =>
      index < 2 ? { id: `stranger_${index}`, psk: "x" } : credential(index);
    const report = await runFleet({ devices: 5, url: cloud.url, credential: strangers });
    assert.equal(report.arrived, 3);
    assert.deepEqual(Object.values(report.failures), [2]);
  });

  it("counts who could not connect where no token is asked for", async () => {
    const stranger = () => ({ id: "stranger", psk: "x" });
    const report = await runFleet({ devices: 1, url: cloud.url, credential: stranger, tokenHost: null });
    assert.deepEqual([report.arrived, Object.values(report.failures)], [0, [1]]);
  });

  it("has no device beyond those that were provisioned", () => {
    assert.throws(() => cloud.credential(DEVICES), /has no device 12; ask for more/);
  });
});

describe("a fleet's cloud", () => {
  it("that cannot start says why, and no password", async () => {
    const start = FleetCloud.start({ devices: 1, broker: "mqtt://me:s3cret@127.0.0.1:1" });
    await assert.rejects(start, ({ message }: Error) => {
      const why = "nothing listens on that port; check the port, and that the broker runs";
      assert.equal(message, `Cannot connect to the broker mqtt://127.0.0.1:1: ${why}`);
      return true;
    });
  });
});

describe("a fleet that is told to end", () => {
  it("rejects with the signal's reason and disconnects everybody", async () => {
    const cloud = await startCloud();
    const devices = await Promise.all(["a", "b", "c"].map((id) => cloud.addDevice({ id })));
    const end = new AbortController();
    const left = cloud.next("disconnected", () => cloud.stats.connections === 0);
    const run = runFleet({
      devices: devices.length,
      url: cloud.mqttUrl,
      credential: (index) => devices[index] ?? assert.fail(`no device ${index}`),
      connectingMax: 1,
      signal: end.signal,
      onProgress: ({ arrived }) => {
        if (arrived === 2) end.abort(new Error("enough"));
      },
    });
    await assert.rejects(run, /^Error: enough$/);
    await left;
    await cloud.close();
  });
});
