/** Lists of any length from a cloud that fails the device, over TCP: OK stands for all hosts that were told. */
import assert from "node:assert/strict";
import { type Cloud, type CloudOptions, type StruckRequest, startCloud } from "../../host-sim/cloud/index.js";
import { Device, type DeviceOptions } from "./device.js";

const HOST = "app.example.com";

/** Strikes the first list that is asked for. */
const first = () => {
  let isFirst = true;
  return ({ method }: StruckRequest): boolean => {
    const isStruck = isFirst && method === "/v1/Auth.ListToken";
    if (isStruck) isFirst = false;
    return isStruck;
  };
};

describe("a list", () => {
  let cloud: Cloud;
  let device: Device;

  async function start(options: DeviceOptions = {}, cloudOptions: CloudOptions = {}): Promise<void> {
    cloud = await startCloud(cloudOptions);
    device = new Device(cloud.port, await cloud.addDevice({ id: "device_123" }), options);
  }

  afterEach(async () => {
    device.close();
    await cloud.close();
  });

  it("of 20,000 hosts is told one by one, in order", async () => {
    await start({ limits: { callAttemptMs: 4_000 } });
    await device.getToken(HOST);
    cloud.faults.listTokenHosts = 20_000;
    const { status, hosts } = await device.listTokens();
    assert.equal(status, "OK");
    assert.deepEqual(hosts, [HOST, ...Array.from({ length: 20_000 }, (_, i) => `app-${i}.example.com`)]);
  });

  it("of 20,000 hosts before the id ends with FRAME_ORDER", async () => {
    await start();
    await device.settled();
    cloud.faults.listTokenHosts = 20_000;
    cloud.faults.resultBeforeId = true;
    assert.equal((await device.listTokens()).status, "FRAME_ORDER");
  });

  it("that is short and before its id is told whole", async () => {
    await start({}, { faults: { resultBeforeId: true, listTokenHosts: 3 } });
    const { status, hosts } = await device.listTokens();
    assert.deepEqual([status, hosts.length], ["OK", 3]);
  });

  it("with a wrong MAC ends with MAC_WRONG: the hosts that it told were provisional", async () => {
    await start();
    await device.settled();
    cloud.faults.listTokenHosts = 3;
    cloud.faults.wrongMac = first();
    assert.equal((await device.listTokens()).status, "MAC_WRONG");
    assert.deepEqual(await device.listTokens(), {
      status: "OK",
      hosts: ["app-0.example.com", "app-1.example.com", "app-2.example.com"],
    });
  });

  it("that its end shows to be for another device does not end OK", async () => {
    await start({ proof: "password" });
    await device.settled();
    cloud.faults.listTokenHosts = 3;
    const strayed = first();
    cloud.faults.rawReply = ({ dst, method, text }) =>
      strayed({ src: dst, method })
        ? text.replace(/,"dst":"[^"]*"(.*)}$/, '$1,"dst":"device_9"}')
        : undefined;
    assert.equal((await device.listTokens()).status, "BAD_RESULT");
  });

  it("that is cut short does not end OK with hosts told twice", async () => {
    await start();
    await device.settled();
    cloud.faults.listTokenHosts = 3;
    const cut = first();
    cloud.faults.rawReply = ({ dst, method, text }) =>
      cut({ src: dst, method }) ? text.slice(0, -12) : undefined;
    const { status, hosts } = await device.listTokens();
    assert.ok(status !== "OK" || hosts.length === 3, `${status}, ${hosts.length} hosts`);
  });

  it("that takes longer than an attempt is told once", async () => {
    await start({ limits: { callAttemptMs: 400 } });
    await device.settled();
    cloud.faults.listTokenHosts = 60_000;
    const { status, hosts } = await device.listTokens();
    assert.deepEqual([status, hosts.length], ["OK", 60_000]);
  });
});
