/** Acme Corp: its identity provider, its people, and how they log in. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { type Identity, type IdentityOptions, startIdentity } from "../../host-sim/index.js";
import { Person } from "../identity/people.js";
import type { RunOptions, Said } from "./world.js";

export const ANN = {
  username: "ann",
  password: "canary-password",
  email: "ann@example.com",
  name: "Ann Example",
  id: "usr_1234567890",
};
export const CI = { clientId: "ci", secret: "canary-client-secret" };

/** Ann is in two organizations, Bob in one; `ci` is a service account. */
export function startAcme(options: IdentityOptions = {}): Promise<Identity> {
  const memberships = [
    { organization: "Acme Corp", role: "admin" as const, teams: ["acme", "staging"] },
    { organization: "Other Org" },
  ];
  return startIdentity({
    organizations: [
      { name: "Acme Corp", teams: ["acme", "staging"] },
      { name: "Other Org", teams: ["other"] },
    ],
    users: [
      { ...ANN, memberships },
      { username: "bob", password: "bob's own" },
    ],
    serviceAccounts: [CI],
    ...options,
    lifetimes: { deviceInterval: 1, ...options.lifetimes },
  });
}

/** Opens an address as a browser's redirect does: without the headers of a page's own requests. */
export function visit(url: URL | string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, (response) => response.resume().once("end", () => resolve(response.statusCode ?? 0))).once(
      "error",
      reject,
    );
  });
}

/** Signs in at the address that was opened, allows, and follows the redirect back. */
export async function logInAt(url: string): Promise<void> {
  const person = new Person();
  const page = await person.allow(await person.open(url), ANN.username, ANN.password);
  void visit(page.url).catch(() => undefined);
}

/** For a run on a machine with a browser, and Ann before it. */
export const ANN_AT_BROWSER: RunOptions = { env: { DISPLAY: ":0" }, openBrowser: logInAt };

/** Confirms the next device code as Ann would; resolves to the address and the code that she saw. */
export function confirmDevice(identity: Identity): Promise<{ url: string; code: string }> {
  return new Promise((resolve, reject) => {
    identity.faults.rawReply = (path, content) => {
      if (path !== "/device_authorization") return content;
      identity.faults.rawReply = null;
      const { verification_uri_complete: url, user_code: code } = content as Record<string, string>;
      confirm(url ?? "", code ?? "").then(resolve, reject);
      return content;
    };
  });
}

/** Confirms a device's code as Ann. */
export async function confirm(url: string, code: string): Promise<{ url: string; code: string }> {
  const person = new Person();
  const asked = await person.answer(await person.open(url), { user_code: code });
  const done = await person.allow(await person.answer(asked, {}), ANN.username, ANN.password);
  assert.match(done.text, /Device connected/);
  return { url, code };
}

/** The run went well. */
export function good(said: Said): Said {
  assert.equal(said.exit, 0, said.stderr);
  return said;
}

/** The JSON answer of a run that went well. */
export const json = (said: Said) => JSON.parse(good(said).stdout);
