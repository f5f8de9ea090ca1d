/** The firmware's suites that need nothing of the mock alone, unchanged, against the service. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AT_THE_SERVICE } from "../cloud/under-test.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MOCHA = fileURLToPath(new URL("../../node_modules/mocha/bin/mocha.js", import.meta.url));
const SUITES: Readonly<Record<string, string>> = {
  store: "a simulated device with a directory",
  sleep: "the cloud's own broker",
};

interface Report {
  stats: { passes: number; failures: number };
  failures: { fullTitle: string; err: { message?: string } }[];
}

describe("the firmware at the service", function () {
  this.timeout(600_000);

  for (const [name, title] of Object.entries(SUITES)) {
    it(`passes the suite ${name}: ${title}`, async () => {
      const words = [
        MOCHA,
        "--reporter=json",
        "--timeout=120000",
        "-g",
        title,
        `test/host-sim/${name}.test.ts`,
      ];
      const env = { ...process.env, [AT_THE_SERVICE]: "service" };
      const options = { cwd: ROOT, env, maxBuffer: 16_777_216 };
      const { stdout } = await promisify(execFile)(process.execPath, words, options).catch(
        (failure: { stdout: string }) => failure,
      );
      const { stats, failures } = JSON.parse(stdout.slice(stdout.indexOf("{\n"))) as Report;
      assert.deepEqual(
        failures.map(({ fullTitle, err }) => [fullTitle, err.message]),
        [],
      );
      assert.ok(stats.passes >= 3, `${stats.passes} passed`);
    });
  }
});
