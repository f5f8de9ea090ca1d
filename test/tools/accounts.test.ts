/** An account is a subject at an issuer by a client: who has one name in several places is several accounts. */
import assert from "node:assert/strict";
import type { Identity } from "../../host-sim/index.js";
import { ANN, CI, good, json, startAcme } from "./acme.js";
import { World } from "./world.js";

describe("accounts", () => {
  let world: World;
  let identity: Identity;
  let second: Identity;

  beforeEach(async () => {
    [identity, second] = await Promise.all([startAcme(), startAcme()]);
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    world.end();
    await Promise.all([identity.close(), second.close()]);
  });

  const ann = (flags = "") =>
    world.line(`--team acme auth login --username ann ${flags}`, { input: ANN.password }).then(good);
  const annByCi = () =>
    world.line("--team acme auth login --client-id ci --username ann", {
      env: { MOTEKEY_CLIENT_SECRET: CI.secret },
      input: ANN.password,
    });
  const listed = async (): Promise<string[]> =>
    json(await world.line("auth list --json")).map(({ account }: { account: string }) => account);
  const host = (issuer: string) => issuer.replace("http://", "");

  it("of one e-mail address at two issuers are two, told apart by the issuer, each with its own token", async () => {
    await ann();
    const first = good(await world.line("auth token")).stdout;
    await ann(`--issuer ${second.issuer}`);
    const names = [identity, second].map(({ issuer }) => `${ANN.email}/${host(issuer)}`);
    assert.deepEqual(await listed(), names);
    for (const [index, { issuer }] of [identity, second].entries()) {
      const { stdout } = good(await world.line(`auth switch --account ${names[index]}`));
      assert.match(stdout, new RegExp(`^✓ Default account: ${names[index]} `));
      const { token, account } = json(await world.line("auth token --json"));
      assert.equal(account, names[index]);
      const me = await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(me.status, 200);
      if (index === 0) assert.equal(token, first.trim());
    }
    const both = await world.line(`auth switch --account ${ANN.email}`);
    assert.equal(both.exit, 2);
    assert.match(both.stderr, new RegExp(`is more than one account\\. Say which: ${names.join(" or ")}\\.`));
  });

  it("of one user by two clients are two, told apart by the client", async () => {
    await ann();
    good(await annByCi());
    assert.deepEqual(await listed(), [`${ANN.email}/motekey-cli`, `${ANN.email}/ci`]);
    const rows = json(await world.line("auth list --json=account,client,issuer"));
    assert.deepEqual(rows[1], { account: `${ANN.email}/ci`, client: "ci", issuer: identity.issuer });
    assert.match(good(await world.line("auth list")).stdout, /ann@example\.com\/ci +Acme Corp/);
  });

  it("are logged out one by one, and the one that is left has its plain name", async () => {
    await ann();
    good(await annByCi());
    const said = json(await world.line(`auth logout ${ANN.email}/ci --force --json`));
    assert.deepEqual(said[0], {
      account: `${ANN.email}/ci`,
      team: "acme",
      result: "revoked",
      detail: null,
    });
    assert.deepEqual(await listed(), [ANN.email]);
    good(await world.line("auth status"));
  });
});
