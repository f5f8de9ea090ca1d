/** Accounts side by side without a switch, and their organizations. */
import assert from "node:assert/strict";
import type { Identity } from "../../host-sim/index.js";
import { ANN, good, json, startAcme } from "./acme.js";
import { type RunOptions, World } from "./world.js";

describe("an account that is named", () => {
  let world: World;
  let identity: Identity;

  beforeEach(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    good(await world.line("auth login --username ann", { input: ANN.password }));
  });
  afterEach(async () => {
    world.end();
    await identity.close();
  });

  for (const line of ["auth whoami", "auth status", "auth token", "auth refresh", "auth orgs", "auth exec"]) {
    it(`--account is that account's, before the default one and a token that was handed in: 'motekey ${line}'`, async () => {
      good(await world.line("auth login --team acme --username bob", { input: "bob's own" }));
      good(await world.line("auth switch --account ann"));
      const theirs = json(await world.line("auth token --account bob --json"));
      let used: unknown = null;
      const options: RunOptions = {
        env: { MOTEKEY_AUTH_TOKEN: "nonsense" },
        runProgram: async (_program, _words, env) => {
          used = env.MOTEKEY_AUTH_TOKEN;
          return 0;
        },
      };
      const words = line === "auth exec" ? "--account bob -- true" : "--account bob --json";
      const { stdout } = good(await world.line(`${line} ${words}`, options));
      if (line === "auth exec") assert.equal(used, theirs.token);
      else if (line === "auth orgs") assert.equal(JSON.parse(stdout).length, 1);
      else assert.equal(JSON.parse(stdout).account, "bob@example.com");
      assert.equal(json(await world.line("auth token --json")).account, "ann@example.com");
      const { exit, stderr } = await world.line(`auth token --account nobody`, options);
      assert.deepEqual([exit, stderr.includes("Choose from")], [1, true], stderr);
    });
  }

  it("'auth orgs' lists the organizations with their ids, and the one that it acts for", async () => {
    const listed = json(await world.line("auth orgs --json"));
    assert.deepEqual(
      listed.map(({ name, role, teams, current }: Record<string, unknown>) => [name, role, teams, current]),
      [
        ["Acme Corp", "admin", ["acme", "staging"], true],
        ["Other Org", "developer", ["other"], false],
      ],
    );
    const { stdout } = good(await world.line("auth orgs"));
    for (const { id, name } of listed) assert.match(stdout, new RegExp(`${name} +${id} `));
    const [, other] = listed;
    good(await world.line(`auth switch --org ${other.id}`));
    assert.equal(json(await world.line("auth orgs --json"))[1].current, true);
  });
});
