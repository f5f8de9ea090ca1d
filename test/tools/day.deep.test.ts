/** An operator's whole day: two people, two providers, two teams, and what goes wrong from morning to evening. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import type { Identity } from "../../host-sim/index.js";
import { until } from "../until.js";
import { ANN, startAcme } from "./acme.js";
import { MOTEKEY, needProgram, runProcess } from "./process.js";
import type { Said } from "./world.js";

/** A loopback address that a proxy is asked for: 127.0.0.1 and localhost go round it. */
const FAR = "127.0.0.2";
const BOB = "bob's own";
const NEW_PASSWORD = "canary-password-2";
const FIVE_HOURS = 5 * 3600;

describe("an operator's day", () => {
  const home = mkdtempSync(join(tmpdir(), "motekey-day-"));
  let near: Identity;
  let far: Identity;
  let proxy: Server;
  let tunnels = 0;
  let env: Record<string, string>;

  before(async function () {
    needProgram(this, "dbus-run-session", "dbus");
    needProgram(this, "gnome-keyring-daemon", "gnome-keyring");
    for (const name of ["near", "far"]) mkdirSync(join(home, name));
    const ca = await CertificateAuthority.create("a company's CA");
    writeFileSync(join(home, "ca.pem"), ca.cert);
    const users = [
      { ...ANN, memberships: [{ organization: "Acme Corp", teams: ["acme"] }] },
      { username: "bob", password: BOB, memberships: [{ organization: "Acme Corp", teams: ["staging"] }] },
    ];
    near = await startAcme({ folder: join(home, "near"), users });
    const tls = await ca.issue({ name: "provider", hosts: [FAR] });
    far = await startAcme({ folder: join(home, "far"), host: FAR, tls });
    proxy = createServer().on("connect", ({ url }, socket, head) => {
      tunnels++;
      const { port, hostname } = new URL(`http://${url}`);
      const peer = connect(Number(port), hostname, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        peer.write(head);
        peer.pipe(socket).pipe(peer);
      });
      peer.on("error", () => socket.destroy());
      socket.on("error", () => peer.destroy()).on("close", () => peer.destroy());
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    env = {
      HOME: home,
      XDG_DATA_HOME: home,
      XDG_RUNTIME_DIR: home,
      MOTEKEY_CONFIG_PATH: join(home, "config.json"),
      NODE_EXTRA_CA_CERTS: join(home, "ca.pem"),
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NEAR: near.issuer,
      FAR: far.issuer,
      ANN: ANN.password,
      BOB,
      NEW_PASSWORD,
    };
  });
  after(async () => {
    proxy?.close();
    await Promise.all([near?.close(), far?.close()]);
    rmSync(home, { recursive: true, force: true });
  });

  /** Runs lines of a shell in a session with an unlocked keyring; each line says its name and how it ended. */
  async function session(lines: Readonly<Record<string, string>>): Promise<Said & { ended: object }> {
    const script = [
      `motekey() { "${process.execPath}" "${MOTEKEY}" "$@"; }`,
      "printf keyring-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1",
      ...Object.entries(lines).flatMap(([name, line]) => [line, `echo "=${name} $?"`]),
    ].join("\n");
    const said = await runProcess([], { under: ["dbus-run-session", "--", "sh", "-c", script, "--"], env });
    const ended = Object.fromEntries(
      [...said.stdout.matchAll(/^=(\w+) (\d+)$/gm)].map(([, name, exit]) => [name, Number(exit)]),
    );
    for (const secret of [ANN.password, NEW_PASSWORD, BOB])
      assert.ok(!`${said.stdout}${said.stderr}`.includes(secret), "a password was said");
    return { ...said, ended };
  }

  /** How many tokens a provider holds good, by its file: one that was rotated is remembered, and good no more. */
  const tokensAt = (name: string): number => {
    const { kept } = JSON.parse(readFileSync(join(home, name, "logins.json"), "utf8"));
    return kept.filter(
      ({ model, payload }: { model: string; payload: { consumed?: number } }) =>
        /^(Access|Refresh)Token$/.test(model) && payload.consumed === undefined,
    ).length;
  };
  const nothingIsLeft = async () => {
    for (const name of ["near", "far"]) await until(`${name} holds no token`, () => tokensAt(name) === 0);
  };

  it("begins with two people in two teams, one of them at a second provider too, behind a proxy", async () => {
    const { ended, stdout, stderr } = await session({
      ann: 'MOTEKEY_PASSWORD="$ANN" motekey auth login --team acme --issuer "$NEAR" --username ann',
      bob: 'MOTEKEY_PASSWORD="$BOB" motekey auth login --team staging --issuer "$NEAR" --username bob',
      far: 'MOTEKEY_PASSWORD="$ANN" motekey auth login --team other --issuer "$FAR" --username ann',
      list: "motekey auth list --json=team,default",
    });
    assert.deepEqual(ended, { ann: 0, bob: 0, far: 0, list: 0 }, stderr);
    const teams = JSON.parse(stdout.slice(stdout.indexOf("["), stdout.lastIndexOf("]") + 1));
    assert.deepEqual(
      teams.map(({ team }: { team: string }) => team),
      ["acme", "staging", "other"],
    );
    assert.ok(tunnels > 0, "the far provider was asked without the proxy");
    for (const name of ["near", "far"]) await until(`${name} holds tokens`, () => tokensAt(name) > 0);
  });

  it("says that a disabled user's login has ended, and logs nobody else in instead", async () => {
    await near.disable("bob");
    const { ended, stdout, stderr } = await session({
      status: "motekey auth status --team staging",
      login: 'MOTEKEY_PASSWORD="$BOB" motekey auth login --team staging --username bob',
      list: "motekey auth list --team staging",
      ann: "motekey auth status --team acme",
    });
    assert.deepEqual(ended, { status: 1, login: 1, list: 0, ann: 0 }, `${stdout}${stderr}`);
    assert.match(stdout, /\bended\b/);
  });

  it("takes a changed password, and not the old one", async () => {
    await far.setPassword("ann", NEW_PASSWORD);
    const { ended, stderr } = await session({
      old: 'MOTEKEY_PASSWORD="$ANN" motekey auth login --team other --force --username ann',
      changed: 'MOTEKEY_PASSWORD="$NEW_PASSWORD" motekey auth login --team other --force --username ann',
      kept: "motekey auth login --team other --force",
    });
    assert.deepEqual(ended, { old: 1, changed: 0, kept: 0 }, stderr);
  });

  it("keeps a login over a clock that was wrong, and says by how much", async () => {
    const iat = Math.floor(Date.now() / 1000) - FIVE_HOURS;
    near.faults.clockOffsetSeconds = -FIVE_HOURS;
    near.faults.idToken = { claims: { iat, exp: iat + 3600 } };
    const wrong = await session({ refresh: "motekey auth refresh --team acme" });
    assert.deepEqual(wrong.ended, { refresh: 1 }, wrong.stdout);
    assert.match(wrong.stderr, /clock/);
    near.faults.clockOffsetSeconds = 0;
    near.faults.idToken = null;
    const right = await session({
      refresh: "motekey auth refresh --team acme",
      status: "motekey auth status --team acme",
    });
    assert.deepEqual(right.ended, { refresh: 0, status: 0 }, right.stderr);
  });

  it("leaves no token at any provider after 'logout --all' at noon", async () => {
    const { ended, stdout, stderr } = await session({ all: "motekey auth logout --all --force" });
    assert.deepEqual(ended, { all: 0 }, `${stdout}${stderr}`);
    await nothingIsLeft();
  });

  it("gets over a keyring that was lost at lunch, and ends with every provider's list empty", async () => {
    rmSync(join(home, "keyrings"), { recursive: true });
    const { ended, stdout, stderr } = await session({
      lost: "motekey auth login --team other",
      clear: "motekey auth logout --all --clear --force",
      ann: 'MOTEKEY_PASSWORD="$ANN" motekey auth login --team acme --issuer "$NEAR" --username ann',
      far: 'MOTEKEY_PASSWORD="$NEW_PASSWORD" motekey auth login --team other --issuer "$FAR" --username ann',
    });
    assert.deepEqual(ended, { lost: 1, clear: 0, ann: 0, far: 0 }, `${stdout}${stderr}`);
    assert.match(stderr, /logout --all --clear/);
    for (const name of ["near", "far"]) await until(`${name} holds tokens`, () => tokensAt(name) > 0);
    const evening = await session({
      all: "motekey auth logout --all --force --json",
      list: "motekey auth list",
    });
    assert.deepEqual(evening.ended, { all: 0, list: 0 }, evening.stderr);
    await nothingIsLeft();
  });
});
