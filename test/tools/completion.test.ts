/** Completion scripts, as bash itself runs them; zsh and fish where they are. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { good } from "./acme.js";
import { World } from "./world.js";

describe("completion", () => {
  let world: World;
  before(() => {
    world = new World();
  });
  after(() => world.end());

  /** What bash offers after these words. */
  const offered = async (...words: string[]): Promise<string[]> => {
    const { stdout: script } = good(await world.line("completion bash"));
    const typed = words.map((word) => `'${word}'`).join(" ");
    const program = `${script}\nCOMP_WORDS=(motekey ${typed}); COMP_CWORD=${words.length}; _motekey; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", program], { encoding: "utf8" });
    assert.equal(stderr, "");
    return stdout.split("\n").filter((line) => line !== "");
  };

  it("offers commands, aliases included", async () => {
    assert.deepEqual(await offered("au"), ["auth"]);
    assert.ok((await offered("device", "")).includes("ls"));
    const commands = await offered("auth", "");
    for (const name of [
      "login",
      "logout",
      "revoke",
      "list",
      "ls",
      "switch",
      "whoami",
      "me",
      "status",
      "token",
      "exec",
      "refresh",
    ])
      assert.ok(commands.includes(name), name);
  });

  it("offers a command's flags and those that all have, also after other flags", async () => {
    assert.deepEqual(await offered("auth", "status", "--ex"), ["--explain"]);
    assert.deepEqual(await offered("--json", "auth", "me", "--te"), ["--team"]);
  });

  it("offers nothing of its own after --", async () => {
    assert.deepEqual(await offered("auth", "exec", "--", "lo"), []);
  });

  for (const shell of ["bash", "zsh", "fish"]) {
    it(`the script for ${shell} is one that ${shell} reads`, async function () {
      const { stdout: script } = good(await world.line(`completion ${shell}`));
      assert.ok(script.includes("whoami"));
      const file = join(world.folder, shell);
      writeFileSync(file, script);
      const { status, stderr, error } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
      if (error !== undefined) {
        if (process.env.CI) throw error;
        console.warn(`      skipped: ${shell} is not here; install it (Debian: apt-get install ${shell})`);
        return this.skip();
      }
      assert.equal(status, 0, stderr);
    });
  }
});
