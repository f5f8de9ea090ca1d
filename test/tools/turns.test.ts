/** What goes wrong in the middle: an opener that fails, a refresh whose answer is refused, an end that means never. */
import assert from "node:assert/strict";
import type { Identity } from "../../host-sim/index.js";
import { ANN, ANN_AT_BROWSER, good, json, logInAt, startAcme } from "./acme.js";
import { World } from "./world.js";

describe("in the middle of a login", () => {
  let world: World;
  let identity: Identity;

  beforeEach(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    world.end();
    await identity.close();
  });

  it("an opener that fails is told with why, and the address that was shown logs in", async () => {
    let isVisited = false;
    const onStderr = (text: string) => {
      const address = /^http\S+redirect_uri=\S+/m.exec(text)?.[0];
      if (isVisited || address === undefined || !text.includes("did not open")) return;
      isVisited = true;
      void logInAt(address);
    };
    const openBrowser = () => Promise.reject(new Error("xdg-open ended with status 3"));
    const said = good(await world.line("auth login", { ...ANN_AT_BROWSER, openBrowser, onStderr }));
    assert.match(said.stderr, /The browser did not open: xdg-open ended with status 3\./);
    assert.match(said.stdout, /Successfully authenticated as ann@example\.com/);
  });

  it("a refresh whose ID token fails its dates loses nothing: the rotated refresh token is kept", async () => {
    good(await world.line("auth login --username ann", { input: ANN.password }));
    identity.faults.idToken = { claims: { iat: 1, exp: 2 } };
    const refused = await world.line("auth refresh");
    assert.equal(refused.exit, 1);
    assert.match(refused.stderr, /not to be trusted|clock/);
    identity.faults.idToken = null;
    good(await world.line("auth refresh"));
    assert.equal(identity.stats.tokens.refresh_token, 2);
    good(await world.line("auth status"));
  });

  it("'refresh_expires_in: 0' means never, as at Keycloak", async () => {
    identity.faults.rawReply = (path, content) =>
      path === "/token" ? { ...content, refresh_expires_in: 0 } : content;
    good(await world.line("auth login --username ann", { input: ANN.password }));
    identity.age(31 * 60);
    const later = { now: () => Date.now() + 31 * 60_000 };
    assert.equal(json(await world.line("auth list --json", later))[0].state, "refreshable");
    good(await world.line("auth token", later));
    assert.equal(identity.stats.tokens.refresh_token, 1);
  });
});
