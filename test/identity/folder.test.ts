/** What the identity keeps, and its first start. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as oidc from "openid-client";
import { type Identity, type Profile, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, discover, me } from "./client.js";

describe("the identity's folder", () => {
  let folder: string;
  let identity: Identity;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "motekey-identity-"));
    identity = await startIdentity({ folder });
  });

  afterEach(async () => {
    await identity.close();
    await rm(folder, { recursive: true });
  });

  const port = () => Number(new URL(identity.issuer).port);
  async function restarted(options = {}): Promise<void> {
    const same = port();
    await identity.close();
    identity = await startIdentity({ folder, port: same, ...options });
  }
  const byPassword = async (username: string, password: string) =>
    oidc.genericGrantRequest(await discover(identity), "password", { username, password });

  it("the first start makes admin, with a random password that is told this once", async () => {
    const password = identity.adminPassword ?? "";
    assert.match(password, /^[a-zA-Z2-9]{20}$/);
    const tokens = await byPassword("admin", password);
    const profile = (await (await me(identity, tokens.access_token)).json()) as Profile;
    assert.deepEqual([profile.role, profile.organization?.name], ["admin", "Acme Corp"]);
    await restarted();
    assert.equal(identity.adminPassword, null);
    await byPassword("admin", password);
    const other = await startIdentity();
    assert.notEqual(other.adminPassword, password);
    await other.close();
  });

  it("is for its owner only, and holds no password", async () => {
    const adminPassword = identity.adminPassword ?? assert.fail();
    await identity.addUser({ username: "ada", password: "canary-in-a-coal-mine" });
    await byPassword("ada", "canary-in-a-coal-mine");
    await restarted();
    await identity.close();
    assert.deepEqual((await readdir(folder)).sort(), ["identity.json", "logins.json"]);
    const secrets = ["canary-in-a-coal-mine", adminPassword];
    for (const name of await readdir(folder)) {
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
      const text = await readFile(join(folder, name), "utf8");
      for (const secret of secrets) assert.equal(text.includes(secret), false);
    }
  });

  it("users, service accounts, keys and logins are there after a restart", async () => {
    const { id } = await identity.addUser(ADA);
    const { clientId, secret = "" } = await identity.addServiceAccount({});
    const tokens = await byPassword(ADA.username, ADA.password);
    const keys = await (await fetch(`${identity.issuer}/jwks`)).json();
    await restarted({ users: [{ ...ADA, password: "another" }] });
    assert.deepEqual(await (await fetch(`${identity.issuer}/jwks`)).json(), keys);
    const profile = (await (await me(identity, tokens.access_token)).json()) as Profile;
    assert.equal(profile.id, id);
    const next = await oidc.refreshTokenGrant(await discover(identity), tokens.refresh_token ?? "");
    const reused = oidc.refreshTokenGrant(await discover(identity), tokens.refresh_token ?? "");
    await assert.rejects(reused, { error: "invalid_grant" });
    assert.equal((await me(identity, next.access_token)).status, 401);
    await byPassword(ADA.username, ADA.password);
    await oidc.clientCredentialsGrant(await discover(identity, clientId, oidc.ClientSecretBasic(secret)));
  });

  it("the chosen organization of a login stays over a restart", async () => {
    const memberships = [{ organization: "One" }, { organization: "Two" }];
    await identity.addUser({ ...ADA, memberships });
    const { access_token: token } = await byPassword(ADA.username, ADA.password);
    const headers = { authorization: `Bearer ${token}` };
    const body = JSON.stringify({ organization: "Two" });
    await fetch(`${identity.issuer}/me/organization`, { method: "PUT", headers, body });
    await restarted();
    const profile = (await (await me(identity, token)).json()) as Profile;
    assert.equal(profile.organization?.name, "Two");
  });

  it("a new password is the only one from then on", async () => {
    await identity.addUser(ADA);
    await identity.setPassword(ADA.username, "new one");
    await byPassword(ADA.username, "new one");
    await assert.rejects(byPassword(ADA.username, ADA.password), { error: "invalid_grant" });
  });

  it("what has ended leaves the file", async () => {
    await byPassword("admin", identity.adminPassword ?? "");
    const kept = async () => {
      await restarted();
      return JSON.parse(await readFile(join(folder, "logins.json"), "utf8")).kept.length;
    };
    assert.ok((await kept()) >= 3);
    identity.age(15 * 24 * 3600);
    assert.equal(await kept(), 0);
  });

  it("a damaged file, a missing folder, a taken name or port, and a bad certificate are clear errors", async () => {
    await identity.addUser(ADA);
    await assert.rejects(identity.addUser(ADA), /There is a user ada already/);
    await assert.rejects(identity.addUser({ username: "a b" }), /has spaces/);
    await assert.rejects(identity.disable("nobody"), /No user "nobody"/);
    await assert.rejects(startIdentity({ port: port() }), /is the port taken\?/);
    await assert.rejects(
      startIdentity({ folder: join(folder, "none") }),
      /Cannot lock the directory of users .*; check the folder/,
    );
    await assert.rejects(startIdentity({ tls: { key: "x", cert: "y" } }), /are both PEM/);
    await identity.close();
    await writeFile(join(folder, "identity.json"), "{");
    await assert.rejects(
      startIdentity({ folder }),
      /identity\.json is not a directory of users of version 1/,
    );
  });
});
