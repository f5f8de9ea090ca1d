/** A device with a directory as flash, over real brokers: what it keeps over a kill, a restart and a sleep. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type DeviceOptions, simulateDevice, startCloud } from "../../host-sim/index.js";
import { type CloudUnderTest, startUnderTest } from "../cloud/under-test.js";
import { compiled } from "../compiled.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";

/** What closes in reverse when a test is over. */
type Closing = (() => unknown)[];

/** A broker and a cloud, and how a device proves itself there. */
interface Place {
  readonly cloud: CloudUnderTest;
  readonly options: Pick<DeviceOptions, "proof" | "allowInsecure" | "cloud">;
}

const PLACES: Record<string, (test: Mocha.Context, closing: Closing) => Promise<Place>> = {
  "the cloud's own broker": async (_test, closing) => {
    const cloud = await startUnderTest();
    closing.push(() => cloud.close());
    return { cloud, options: { cloud: cloud.mqttUrl } };
  },
  mosquitto: async (test, closing) => {
    const broker = await startMosquitto(findMosquitto(test), [{ id: DEVICE.id, password: DEVICE.psk }]);
    closing.push(() => broker.close());
    const cloud = await startCloud({ broker: broker.cloudUrl });
    closing.push(() => cloud.close());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    return { cloud, options: { cloud: url, proof: "password+mac", allowInsecure: true } };
  },
};

for (const [name, start] of Object.entries(PLACES)) {
  describe(`a device with a directory as flash, on ${name},`, () => {
    let cloud: CloudUnderTest;
    let options: DeviceOptions;
    let closing: Closing;

    beforeEach(async function () {
      closing = [];
      const directory = mkdtempSync(join(tmpdir(), "motekey-sleep-"));
      closing.push(() => rmSync(directory, { recursive: true, force: true }));
      const place = await start(this, closing);
      cloud = place.cloud;
      await cloud.addDevice(DEVICE);
      options = { ...DEVICE, ...place.options, store: directory };
    });

    afterEach(async () => {
      for (const close of closing.reverse()) await close();
    });

    const boot = (more: Partial<DeviceOptions> = {}) => {
      const device = simulateDevice({ ...options, ...more });
      closing.push(() => device.close());
      return device;
    };

    /** What the cloud was asked, Hello left out. */
    const asked = () => {
      const { "/v1/Hello": _, ...requests } = cloud.stats.requests;
      return requests;
    };

    it("asks GetToken after a reboot and gets the same token; after a sleep of known length asks nothing", async () => {
      const first = boot();
      const { token } = await first.host(HOST).getToken();
      first.close();
      const second = boot();
      const again = await second.host(HOST).getToken();
      assert.equal(again.token, token);
      assert.deepEqual(asked(), { "/v1/Auth.GenerateToken": 1, "/v1/Auth.GetToken": 1 });
      second.close();
      const { connects } = cloud.stats;
      const third = boot({ sleptMs: 60_000 });
      const kept = await third.host(HOST).getToken();
      assert.equal(kept.token, token);
      assert.ok(
        kept.expiresInMs <= again.expiresInMs - 60_000,
        `${kept.expiresInMs} after ${again.expiresInMs}`,
      );
      assert.deepEqual(asked(), { "/v1/Auth.GenerateToken": 1, "/v1/Auth.GetToken": 1 });
      assert.equal(cloud.stats.connects, connects, "it was answered before a connection was made");
      assert.equal((await cloud.checkToken(token, HOST)).active, true);
    });

    it("whose process is killed asks GetToken too, whatever is said of the time", async () => {
      const index = pathToFileURL(await compiled("host-sim/index.ts")).href;
      const program = `
        import { simulateDevice } from ${JSON.stringify(index)};
        const device = simulateDevice(${JSON.stringify(options)});
        console.log((await device.host(${JSON.stringify(HOST)}).getToken()).token);`;
      const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      closing.push(() => child.kill("SIGKILL"));
      const [line] = await once(child.stdout as NodeJS.ReadableStream, "data");
      child.kill("SIGKILL");
      await once(child, "exit");
      const { token } = await boot({ sleptMs: 0 }).host(HOST).getToken();
      assert.equal(token, String(line).trim());
      assert.deepEqual(asked(), { "/v1/Auth.GenerateToken": 1, "/v1/Auth.GetToken": 1 });
    });

    it("tells the cloud after a restart what it revoked while it was offline, and never serves that token", async () => {
      const first = boot();
      const { token } = await first.host(HOST).getToken();
      first.auth.suspend();
      await first.next("SUSPENDED");
      const revoked = first.host(HOST).revokeToken();
      first.close();
      await assert.rejects(revoked, { status: "CLOSED" });
      assert.equal((await cloud.checkToken(token, HOST)).active, true, "the cloud does not know yet");
      const next = await boot({ sleptMs: 0 }).host(HOST).getToken();
      assert.notEqual(next.token, token);
      assert.equal((await cloud.checkToken(token, HOST)).active, false);
      assert.deepEqual(asked(), { "/v1/Auth.GenerateToken": 2, "/v1/Auth.RevokeToken": 1 });
    });
  });
}
