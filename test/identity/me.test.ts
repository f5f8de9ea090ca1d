/** `/me`, and organizations. */
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { type Identity, type Profile, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, discover, logIn, me } from "./client.js";

const MEMBER = {
  ...ADA,
  memberships: [
    { organization: "Acme Corp", role: "admin" as const, teams: ["Fleet", "Lab"] },
    { organization: "Umbrella", role: "viewer" as const },
  ],
};

describe("the identity's /me", () => {
  let identity: Identity;
  let client: oidc.Configuration;
  let token: string;

  beforeEach(async () => {
    identity = await startIdentity({
      organizations: [{ name: "Other" }, { name: "Acme Corp", teams: ["Fleet", "Lab", "Sales"] }],
      users: [MEMBER],
    });
    client = await discover(identity);
    token = (await oidc.genericGrantRequest(client, "password", ADA)).access_token;
  });

  afterEach(() => identity.close());

  const profile = async (of = token) => (await (await me(identity, of)).json()) as Profile;
  const put = (body: string, of = token) =>
    fetch(`${identity.issuer}/me/organization`, {
      method: "PUT",
      body,
      headers: { authorization: `Bearer ${of}`, "content-type": "application/json" },
    });
  const switchTo = (organization: string | number) => put(JSON.stringify({ organization }));

  it("tells account, organization, role, teams and all organizations; discovery says where", async () => {
    const told = await profile();
    assert.match(told.id, /^usr_\d{10}$/);
    assert.match(told.created_at, /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.deepEqual(
      [told.type, told.username, told.email, told.name, told.role],
      ["user", ADA.username, ADA.email, ADA.name, "admin"],
    );
    assert.equal(told.organization?.name, "Acme Corp");
    assert.deepEqual(
      told.teams.map(({ name }) => name),
      ["Fleet", "Lab"],
    );
    assert.deepEqual(
      told.organizations.map(({ name, role, teams }) => [name, role, teams.length]),
      [
        ["Acme Corp", "admin", 2],
        ["Umbrella", "viewer", 1],
      ],
    );
    assert.equal(client.serverMetadata().me_endpoint, `${identity.issuer}/me`);
  });

  it("moves a login to another organization by id, guid or name, over refreshes, and no other login", async () => {
    const tokens = await oidc.genericGrantRequest(client, "password", ADA);
    token = tokens.access_token;
    const other = await logIn(client);
    const [acme, umbrella] = (await profile()).organizations;
    for (const key of [umbrella?.id, acme?.guid, umbrella?.name, acme?.id, umbrella?.guid]) {
      const response = await switchTo(key ?? "");
      assert.equal(response.status, 200);
      const told = (await response.json()) as Profile;
      assert.ok([told.organization?.id, told.organization?.guid, told.organization?.name].includes(key));
    }
    assert.equal((await profile()).role, "viewer");
    const next = await oidc.refreshTokenGrant(client, tokens.refresh_token ?? "");
    assert.equal((await profile(next.access_token)).organization?.name, "Umbrella");
    const claims = next.claims() as unknown as { organization: { name: string } };
    assert.equal(claims.organization.name, "Umbrella");
    assert.equal((await profile(other.access_token)).organization?.name, "Acme Corp");
  });

  it("an organization that the user is no member of is refused, with those that there are", async () => {
    for (const wrong of ["Other", "nowhere", 1]) {
      const response = await switchTo(wrong);
      assert.equal(response.status, 404);
      assert.deepEqual(await response.json(), {
        error: "unknown_organization",
        error_description: `You are no member of '${wrong}'; yours are: Acme Corp, Umbrella`,
      });
    }
    for (const body of ["", "{", "null", "{}", '{"organization":[]}', `"${"x".repeat(5000)}"`])
      assert.equal((await put(body)).status, 400, body.slice(0, 30));
  });

  it("the organization may be chosen while consenting", async () => {
    const umbrella = (await profile()).organizations[1];
    const tokens = await logIn(client, umbrella?.guid);
    assert.equal((await profile(tokens.access_token)).organization?.name, "Umbrella");
    const claims = tokens.claims() as unknown as { organization: { name: string } };
    assert.equal(claims.organization.name, "Umbrella");
  });

  it("a service account stays in its organization", async () => {
    const { clientId, secret = "" } = await identity.addServiceAccount({
      memberships: [{ organization: "Umbrella", role: "viewer" }],
    });
    const service = await discover(identity, clientId, oidc.ClientSecretBasic(secret));
    token = (await oidc.clientCredentialsGrant(service)).access_token;
    assert.equal((await profile()).organization?.name, "Umbrella");
    assert.equal((await switchTo("Acme Corp")).status, 403);
  });

  it("no, a wrong and another method's request are told apart", async () => {
    assert.equal((await me(identity, "wrong")).status, 401);
    assert.equal((await fetch(`${identity.issuer}/me`)).status, 401);
    const response = await fetch(`${identity.issuer}/me`, { method: "POST" });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET"]);
  });
});
