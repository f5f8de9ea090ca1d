/** What commands answer with --json: the documented fields, all of them, in their order. */
import assert from "node:assert/strict";
import type { Identity } from "../../host-sim/index.js";
import { fieldsOf } from "../../tools/cli/act.js";
import { nameOf } from "../../tools/cli/help.js";
import { ANN, CI, good, startAcme } from "./acme.js";
import { COMMANDS, commandOf, hasItsFields } from "./fields.js";
import { World } from "./world.js";

/** In this order: the last one ends the login. What needs a cloud is asked beside it, in tests of their own. */
const LINES = [
  "auth login --username ann",
  "auth list",
  "auth switch",
  "auth whoami",
  "auth status --explain",
  "auth token",
  "auth orgs",
  "auth refresh",
  "doctor",
  "completion zsh",
  "environment",
  "sim --devices 1 --days 0.1 --workers 1",
  "auth logout --force",
];

describe("with --json", () => {
  let world: World;
  let identity: Identity;

  before(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  after(async () => {
    world.end();
    await identity.close();
  });

  it("every command answers but 'auth exec', whose answer is its program's, and the helpers of git and kubectl", () => {
    const silent = COMMANDS.filter(
      (command) => command.commands.length === 0 && fieldsOf(command).length === 0,
    );
    assert.deepEqual(silent.map(nameOf), [
      "motekey auth exec",
      "motekey auth credential git",
      "motekey auth credential kubectl",
    ]);
    const tested = new Set([...LINES.map((line) => nameOf(commandOf(line)))]);
    const answering = COMMANDS.filter((command) => fieldsOf(command).length > 0).map(nameOf);
    const untested = answering.filter(
      (name) => !tested.has(name) && !/^motekey (ca|cloud|device) /.test(name),
    );
    assert.deepEqual(untested, []);
  });

  for (const line of LINES) {
    it(`'motekey ${line}' has the documented fields, in their order`, async () => {
      const { stdout, stderr } = good(await world.line(`${line} --json`, { input: ANN.password }));
      hasItsFields(line, JSON.parse(stdout));
      for (const secret of [ANN.password, CI.secret]) assert.ok(!(stdout + stderr).includes(secret));
    });
  }
});
