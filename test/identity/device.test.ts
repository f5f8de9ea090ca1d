/** The device authorization grant, RFC 8628. */
import assert from "node:assert/strict";
import * as oidc from "openid-client";
import { type Identity, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { ADA, discover, me, SCOPE } from "./client.js";
import { Person } from "./people.js";

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

describe("the identity's device grant", () => {
  let identity: Identity;
  let client: oidc.Configuration;
  let device: oidc.DeviceAuthorizationResponse;
  let person: Person;

  beforeEach(async () => {
    identity = await startIdentity({ users: [ADA], lifetimes: { deviceInterval: 1 } });
    client = await discover(identity);
    device = await oidc.initiateDeviceAuthorization(client, { scope: SCOPE });
    person = new Person();
  });

  afterEach(() => identity.close());

  const poll = () => oidc.genericGrantRequest(client, GRANT, { device_code: device.device_code });
  const isRefused = (error: string) => assert.rejects(poll(), { error });

  /** The page that asks whether it is this device. */
  async function typed(code: string) {
    return person.answer(await person.open(device.verification_uri), { user_code: code });
  }

  async function allow(): Promise<void> {
    const signIn = await person.answer(await typed(device.user_code), {});
    const done = await person.allow(signIn, ADA.username, ADA.password);
    assert.match(done.text, /Device connected/);
  }

  it("tells a code of letters that are not mixed up, an address, an interval and an end", () => {
    assert.match(device.user_code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    assert.equal(device.verification_uri, `${identity.issuer}/device`);
    assert.deepEqual([device.interval, device.expires_in], [1, 600]);
  });

  it("gives tokens once the person has confirmed the code, signed in and consented", async () => {
    await isRefused("authorization_pending");
    const polled = oidc.pollDeviceAuthorizationGrant(client, device);
    await allow();
    const tokens = await polled;
    assert.equal(tokens.claims()?.email, ADA.email);
    assert.equal((await me(identity, tokens.access_token)).status, 200);
    await isRefused("invalid_grant");
  });

  it("a code may be typed in any case, and without its dash", async () => {
    const page = await typed(device.user_code.toLowerCase().replace("-", " "));
    assert.match(page.text, new RegExp(device.user_code));
  });

  it("the complete address fills the code in, and still asks whether the device shows it", async () => {
    const page = await person.open(device.verification_uri_complete ?? "");
    assert.match(page.text, new RegExp(`value="${device.user_code}"`));
    assert.doesNotMatch(page.text, /<script/);
    const asked = await person.answer(page, { user_code: device.user_code });
    assert.match(asked.text, /Is this your device\?/);
  });

  it("who polls within the interval is told slow_down, and five seconds more from then on", async () => {
    identity.lifetimes.deviceInterval = 60;
    await isRefused("authorization_pending");
    await isRefused("slow_down");
    await allow();
    await poll();
  });

  it("an unknown code is asked for again", async () => {
    for (const code of ["BBBB-BBBB", "", "<b>"]) {
      const page = await typed(code);
      assert.match(page.text, /This code is not known|Enter a code/);
      assert.doesNotMatch(page.text, /<b>/);
    }
  });

  it("a refused device is told access_denied, and its code is of no more use", async () => {
    const page = await person.answer(await typed(device.user_code), { abort: "yes" });
    assert.match(page.text, /You refused the device/);
    await isRefused("access_denied");
    assert.match((await typed(device.user_code)).text, /used already/);
  });

  it("a refused consent is told access_denied", async () => {
    const signIn = await person.answer(await typed(device.user_code), {});
    const { username, password } = ADA;
    const consent = await person.answer(signIn, { username, password, answer: "yes" });
    const page = await person.answer(consent, { answer: "no" });
    assert.match(page.text, /You refused the device/);
    await isRefused("access_denied");
  });

  it("after its lifetime the code is expired_token, and expired on the page", async () => {
    identity.age(identity.lifetimes.deviceCode);
    await isRefused("expired_token");
    assert.match((await typed(device.user_code)).text, /expired/);
  });

  it("an unknown device code is invalid_grant", async () => {
    const request = oidc.genericGrantRequest(client, GRANT, { device_code: "x".repeat(43) });
    await assert.rejects(request, { error: "invalid_grant" });
  });
});
