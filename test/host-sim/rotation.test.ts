/** A simulated device gets another key over the air, at the mock cloud and at the service. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Proof } from "../../firmware/index.js";
import { RotationStage } from "../../firmware/rotation.js";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { type DeviceOptions, type SimulatedDevice, simulateDevice } from "../../host-sim/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { FREE, newFolder } from "../service/places.js";
import { until } from "../until.js";

const APP = "app.example.com";

const PROOFS = ["counter+mac", "password+mac", "password", "password+digest"] satisfies Proof[];

const CLOUDS: Record<string, (folder: string) => Promise<Cloud | Service>> = {
  "the mock cloud": (folder) => startCloud({ registryFile: join(folder, "devices.json") }),
  "the service": (folder) => startService({ database: { folder: join(folder, "database") }, ...FREE }),
};

for (const [name, start] of Object.entries(CLOUDS)) {
  describe(`rotation of a simulated device at ${name}`, function () {
    this.timeout(60_000);
    const folder = newFolder();
    let cloud: Cloud | Service;
    let device: SimulatedDevice;
    let count = 0;
    let id: string;
    let psk: string;

    before(async () => {
      cloud = await start(folder);
    });
    after(async () => {
      await cloud.close();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(async () => {
      ({ id, psk } = await cloud.addDevice({ id: `device_${++count}` }));
    });
    afterEach(() => device?.close());

    const run = (options: Partial<DeviceOptions> = {}): SimulatedDevice => {
      device = simulateDevice({
        cloud,
        id,
        psk,
        store: join(folder, id),
        rotation: true,
        allowInsecure: true,
        ...options,
      });
      return device;
    };

    for (const proof of PROOFS) {
      it(`goes on with the new key, by ${proof}, and keeps its tokens`, async () => {
        run({ proof });
        const { token, generation } = await device.host(APP).getToken();
        await cloud.rotatePsk(id);
        const rotated = cloud.next("rotated");
        await device.host("other.example.com").getToken();
        assert.equal((await rotated).id, id);
        await until("all is written", () => device.rotation?.stage === RotationStage.NONE);
        assert.equal(device.rotation?.rotations, 1);
        const kept = await device.host(APP).getToken();
        assert.deepEqual([kept.token, kept.generation], [token, generation]);
        await device.host(APP).generateToken();
        device.close();
        run({ proof });
        assert.equal((await device.host(APP).getToken()).generation, 1);
        await cloud.rotatePsk(id);
        const again = cloud.next("rotated");
        await device.host(APP).generateToken();
        await again;
      });
    }
  });
}
