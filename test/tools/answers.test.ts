/** What commands answer with --json: the documented fields, all of them, in their order. */
import assert from "node:assert/strict";
import type { Command } from "commander";
import type { Identity } from "../../host-sim/index.js";
import { fieldsOf } from "../../tools/cli/act.js";
import { nameOf } from "../../tools/cli/help.js";
import { program } from "../../tools/program.js";
import { ANN, CI, good, startAcme } from "./acme.js";
import { World } from "./world.js";

/** In this order: the last one ends the login. `cloud start` runs as a process, in a test of its own. */
const LINES = [
  "auth login --username ann",
  "auth list",
  "auth switch",
  "auth whoami",
  "auth status --explain",
  "auth token",
  "auth refresh",
  "doctor",
  "completion zsh",
  "environment",
  "auth logout --force",
];

describe("with --json", () => {
  let world: World;
  let identity: Identity;
  const commands = commandsOf(program((command) => command));

  before(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  after(async () => {
    world.end();
    await identity.close();
  });

  function commandsOf(command: Command): Command[] {
    return [command, ...command.commands.flatMap((child) => commandsOf(child))];
  }
  const commandOf = (line: string) =>
    commands.findLast((command) => `motekey ${line} `.startsWith(`${nameOf(command)} `)) as Command;

  it("every command answers but 'auth exec', whose answer is its program's", () => {
    const silent = commands.filter(
      (command) => command.commands.length === 0 && fieldsOf(command).length === 0,
    );
    assert.deepEqual(silent.map(nameOf), ["motekey auth exec"]);
    const tested = new Set([...LINES.map((line) => nameOf(commandOf(line))), "motekey cloud start"]);
    const answering = commands.filter((command) => fieldsOf(command).length > 0);
    assert.deepEqual([...tested].sort(), answering.map(nameOf).sort());
  });

  for (const line of LINES) {
    it(`'motekey ${line}' has the documented fields, in their order`, async () => {
      const { stdout, stderr } = good(await world.line(`${line} --json`, { input: ANN.password }));
      const answer = JSON.parse(stdout);
      for (const one of Array.isArray(answer) ? answer : [answer])
        assert.deepEqual(Object.keys(one), fieldsOf(commandOf(line)));
      for (const secret of [ANN.password, CI.secret]) assert.ok(!(stdout + stderr).includes(secret));
    });
  }
});
