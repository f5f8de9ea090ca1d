/** What every start of the command line costs, counted; `npm run bench -- --only start-up` takes the time. */
import assert from "node:assert/strict";
import { loadedFor } from "../../build/tools.mjs";

/** Each of Node's own modules takes time: those that commands need, and those that commander asks for. */
const BUILTINS = ["node:fs", "node:fs/promises", "node:os", "node:path", "node:util"];
const BUILTINS_OF_COMMANDER = ["node:child_process", "node:events", "node:process"];

describe("the command line's start", () => {
  const ofPackages = (sources: readonly string[]): string[] => [
    ...new Set(sources.map((source) => /node_modules\/((@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? "")),
  ];

  it("reads nothing but the version to answer --version", async () => {
    const { sources, packages, builtins } = await loadedFor(["main.ts"]);
    assert.deepEqual([...sources].sort(), ["main.ts", "version.ts"]);
    assert.deepEqual([packages, builtins], [[], []]);
  });

  it("reads no command's work, and two packages, before a command is chosen", async () => {
    const { sources, packages, builtins, bytes } = await loadedFor(["main.ts", "machine.ts"]);
    assert.deepEqual(packages, [], "packages outside of the bundle");
    assert.deepEqual(ofPackages(sources).sort(), ["", "commander", "picocolors"]);
    assert.deepEqual(builtins, [...BUILTINS, ...BUILTINS_OF_COMMANDER].sort());
    assert.deepEqual(
      sources.filter((source) => /(run|script)\.ts$|^oidc\//.test(source)),
      [],
    );
    assert.ok(sources.includes("auth/login/command.ts"), String(sources));
    assert.ok(bytes < 170_000, `${bytes} bytes`);
  });

  it("reads nothing of the provider's part for a token that is still good", async () => {
    const { sources, packages, builtins } = await loadedFor(["main.ts", "machine.ts", "auth/token/run.ts"]);
    assert.deepEqual(packages, []);
    assert.deepEqual(ofPackages(sources).sort(), ["", "commander", "picocolors", "valibot"]);
    assert.deepEqual(
      sources.filter((source) => source.startsWith("oidc/")),
      ["oidc/client.ts"],
    );
    const more = ["node:crypto", "node:timers/promises"];
    assert.deepEqual(builtins, [...BUILTINS, ...BUILTINS_OF_COMMANDER, ...more].sort());
  });

  it("asks the keychain in a process that reads one package", async () => {
    const { packages, builtins } = await loadedFor(["store/keychain-process.ts"]);
    assert.deepEqual([packages, builtins], [["@napi-rs/keyring"], ["node:fs"]]);
  });
});
