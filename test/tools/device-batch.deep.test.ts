/** A batch as a factory has it: ten thousand devices, a registry on the disk, and kills all the way. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killedBatch } from "./killed-batch.js";
import { Line } from "./line.js";

describe("motekey device batch, ten thousand devices", () => {
  let line: Line;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "motekey-registry-"));
    line = await Line.open({ registryFile: join(folder, "devices.json") });
  });
  after(async () => {
    await line.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("killed twelve times: one credential for each device, none lost, none double", async function () {
    this.timeout(600_000);
    const ids = Array.from({ length: 10_000 }, (_, i) => `device_${i}`);
    line.file("list.csv", `id\n${ids.join("\n")}\n`);
    await killedBatch(line, ids, { kills: 12 });
  });
});
