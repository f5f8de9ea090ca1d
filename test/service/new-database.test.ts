/** The first start of the embedded database. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDatabase } from "../../host-sim/service/store/new-database.js";
import { EmbeddedEngine } from "../../host-sim/service/store/pglite.js";
import { newFolder } from "./places.js";

describe("a new embedded database", function () {
  this.timeout(120_000);
  const folder = newFolder();
  after(() => rm(folder, { recursive: true, force: true }));

  it("is made by another process: this one takes no more memory than at any start; what was cut off is cleared", async () => {
    const cutOff = join(folder, "database-new-abcdef");
    mkdirSync(cutOff);
    writeFileSync(join(cutOff, "PG_VERSION"), "of a start that was killed\n");
    const before = process.memoryUsage().external;
    const engine = await EmbeddedEngine.open(folder);
    try {
      // WebAssembly's memories: 150 MB of one instance, 570 MB where it has made its files.
      const taken = process.memoryUsage().external - before;
      assert.ok(taken < 300e6, `${taken} bytes`);
      assert.deepEqual(await engine.query("SELECT current_setting('shared_buffers') AS buffers"), [
        { buffers: "8MB" },
      ]);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.includes("-new-")),
        [],
      );
      assert.equal(statSync(join(folder, "database")).mode & 0o077, 0);
    } finally {
      await engine.close();
    }
  });

  it("that is there is left as it is", async () => {
    const before = statSync(join(folder, "database", "PG_VERSION")).ino;
    await makeDatabase(join(folder, "database"), []);
    assert.equal(statSync(join(folder, "database", "PG_VERSION")).ino, before);
  });

  it("is not made where other files are: a damaged one stays as it is", async () => {
    const place = join(folder, "damaged", "database");
    mkdirSync(join(place, "base"), { recursive: true });
    writeFileSync(join(place, "base", "1"), "the registry\n");
    await assert.rejects(makeDatabase(place, []), /PG_VERSION is missing\)\. Restore it, or move it away/);
    assert.deepEqual(readdirSync(join(place, "base")), ["1"]);
    mkdirSync(join(folder, "empty", "database"), { recursive: true });
    await makeDatabase(join(folder, "empty", "database"), []);
    assert.ok(existsSync(join(folder, "empty", "database", "PG_VERSION")));
  });

  it("that cannot be made is an error which says why, and leaves nothing behind", async () => {
    const place = join(folder, "other", "database");
    mkdirSync(join(folder, "other"));
    await assert.rejects(
      makeDatabase(place, ["-c", "no_such_setting=1"]),
      /The database cannot be made in \S+other.database: \S/,
    );
    assert.deepEqual(readdirSync(join(folder, "other")), []);
    assert.equal(existsSync(place), false);
  });
});
