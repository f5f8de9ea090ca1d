/** docs/cloud.md names what there is, and its code runs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ENDPOINTS } from "../../host-sim/cloud/identity/endpoints.js";
import { makeIdentityFaults } from "../../host-sim/cloud/identity/faults.js";
import * as hostSim from "../../host-sim/index.js";

const DOCS = readFileSync(fileURLToPath(new URL("../../docs/cloud.md", import.meta.url)), "utf8");

describe("docs/cloud.md", () => {
  it("names every endpoint with its path", () => {
    for (const [name, path] of Object.entries(ENDPOINTS))
      assert.match(DOCS, new RegExp(`^\\| ${name}( \\(ours\\))? \\| \`${path}\` \\|$`, "m"));
  });

  it("names every knob and every lifetime", async () => {
    const identity = await hostSim.startIdentity();
    await identity.close();
    for (const name of Object.keys(makeIdentityFaults({})))
      assert.match(DOCS, new RegExp(`^\\| \`${name}\` \\| `, "m"));
    for (const name of Object.keys(identity.lifetimes)) assert.ok(DOCS.includes(`\`${name}\``), name);
  });
});
