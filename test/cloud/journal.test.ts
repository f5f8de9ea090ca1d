/** The journal beside the cloud's registry file: the counters that were accepted since that was written. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCloud } from "../../host-sim/cloud/index.js";

const ID = "device_123";
const EPOCH = 2 ** 32;

describe("counters in the cloud's journal", () => {
  let folder: string;
  let registryFile: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "motekey-journal-"));
    registryFile = join(folder, "devices.json");
    await provision();
  });

  afterEach(() => rm(folder, { recursive: true }));

  /** Starts a cloud that has the device, and ends it. */
  async function provision(): Promise<void> {
    const cloud = await startCloud({ registryFile });
    await cloud.addDevice({ id: ID, psk: "correct horse" });
    await cloud.close();
  }

  const counters = async () => JSON.parse(await readFile(registryFile, "utf8")).entities[0].counters;
  const journal = () => `${registryFile}.journal`;
  const head = (generation: number) => `{"version":1,"generation":${generation}}\n`;
  const line = (counter: number) => `[["${ID}","connect",${counter}]]\n`;

  it("count, up to an end that a cut tore", async () => {
    const { generation } = JSON.parse(await readFile(registryFile, "utf8"));
    for (const torn of ["", `[["${ID}","conn`, "\0\0\0\0", "\0\0\0\0\n", `[["${ID}","connect"]]\n`]) {
      await provision();
      const { generation: now } = JSON.parse(await readFile(registryFile, "utf8"));
      await writeFile(journal(), head(now) + line(5) + line(7) + torn);
      await (await startCloud({ registryFile })).close();
      assert.equal((await counters()).connect, 7, JSON.stringify(torn));
      assert.equal(existsSync(journal()), false);
    }
    assert.ok(generation >= 1);
  });

  it("of an earlier file do not, and one that was torn at its beginning is none", async () => {
    for (const text of [head(0) + line(5), "", '{"vers', head(0)]) {
      await writeFile(journal(), text);
      await (await startCloud({ registryFile })).close();
      assert.equal((await counters()).connect, -1, text);
    }
  });

  it("of a later file, without a file, or damaged before its end are errors that say what to do", async () => {
    const { generation } = JSON.parse(await readFile(registryFile, "utf8"));
    await writeFile(journal(), `${head(generation)}${line(5)}garbage\n${line(7)}`);
    await assert.rejects(startCloud({ registryFile }), /journal is damaged in line 3\. .*--restored/);
    await writeFile(journal(), head(generation + 1) + line(5));
    await assert.rejects(
      startCloud({ registryFile }),
      /is older than .*: it was put back from a backup\. .*--restored/,
    );
    await (await startCloud({ registryFile, restored: true })).close();
    assert.equal((await counters()).connect, 5 + EPOCH);
    await writeFile(journal(), head(generation + 1) + line(5));
    await rm(registryFile);
    await assert.rejects(startCloud({ registryFile }), /is gone, but .*journal is there; put it back/);
  });
});
