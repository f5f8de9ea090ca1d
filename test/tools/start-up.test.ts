/** What every start of the command line costs, counted; `npm run bench -- --only start-up` takes the time. */
import assert from "node:assert/strict";
import { loadedAtStart } from "../../build/tools.mjs";

describe("the command line's start", () => {
  it("reads no command's work and three small packages before a command is chosen", async () => {
    const { sources, packages, bytes } = await loadedAtStart();
    assert.deepEqual(packages, ["commander", "env-paths", "picocolors"]);
    assert.deepEqual(
      sources.filter((source) => /(run|script)\.ts$|^oidc\//.test(source)),
      [],
    );
    assert.ok(sources.includes("main.ts") && sources.includes("auth/login/command.ts"), String(sources));
    assert.ok(bytes < 60_000, `${bytes} bytes`);
  });
});
