/** doctor's findings about this machine, the provider and the login: each cause is made for real. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import type { Identity } from "../../host-sim/index.js";
import { makePki, type Pki } from "../servers/pki.js";
import { ANN, good, startAcme } from "./acme.js";
import { findingsOf, found } from "./doctor.js";
import { holdLock, needProgram, type ProcessOptions, runProcess } from "./process.js";
import { type RunOptions, World } from "./world.js";

/** Nobody listens there (tcpmux), and most systems let only root do so. */
const LOW_PORT = 1;

/**
 * How a process is started that may not listen on low ports; null where the system has none that are denied, as in
 * containers that open all of them and let nobody make a network of his own.
 */
function withoutLowPorts(): readonly string[] | null {
  const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  const drop = ["setpriv", "--bounding-set", "-all"];
  if (first > LOW_PORT) return process.geteuid?.() === 0 ? drop : [];
  // A new network has the default: 1024.
  const apart = ["unshare", "--map-root-user", "--net"];
  return spawnSync(apart[0] as string, [...apart.slice(1), "true"]).status === 0 ? [...apart, ...drop] : null;
}

describe("doctor", () => {
  let world: World;
  let identity: Identity;
  let closing: (() => unknown)[];

  before(async () => {
    identity = await startAcme();
  });
  after(() => identity.close());
  beforeEach(() => {
    world = new World();
    closing = [];
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    world.end();
  });

  const doctor = (line = "", options?: RunOptions) => world.line(`doctor --json ${line}`, options);
  const inProcess = (words: readonly string[], { env, ...options }: ProcessOptions = {}) =>
    runProcess(["doctor", "--json", ...words], { ...options, env: { ...world.env, ...env } });
  const logIn = async () => good(await world.line("auth login --username ann", { input: ANN.password }));

  async function listen(server: Server): Promise<number> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  describe("where all is well", () => {
    it("finds no problem, exits with 0, and says so", async () => {
      await logIn();
      const said = await world.line("doctor", { env: { DISPLAY: ":0" } });
      assert.equal(said.exit, 0, said.stdout);
      assert.match(said.stdout, /^✓ login {5}ann@example\.com is logged in\.$/m);
      assert.match(said.stdout, /\nNothing keeps anybody out\.\n$/);
      assert.equal(said.stderr, "");
    });

    it("looks at every part, in JSON too", async () => {
      await logIn();
      const checks = findingsOf(await doctor("", { env: { DISPLAY: ":0" } })).map(({ check }) => check);
      assert.deepEqual(checks, ["store", "keychain", "terminal", "port", "issuer", "clock", "login"]);
    });

    it("no finding holds a token, a password or a key", async () => {
      await logIn();
      const { stdout: token } = good(await world.line("auth token"));
      const env = { HTTPS_PROXY: "http://user:canary-proxy@127.0.0.1:3128" };
      const { stdout, stderr } = await doctor("", { env });
      for (const secret of [token.trim(), ANN.password, "canary"])
        assert.ok(!(stdout + stderr).includes(secret));
    });
  });

  describe("the store", () => {
    it("that others may write: storage_unsafe", async () => {
      await logIn();
      chmodSync(world.config, 0o666);
      assert.match(found(await doctor(), "storage_unsafe").next ?? "", /^Run chmod 600 /);
    });

    it("that is a symbolic link: storage_unsafe", async () => {
      symlinkSync(join(world.folder, "elsewhere"), world.config);
      assert.match(found(await doctor(), "storage_unsafe").message, /is a symbolic link/);
    });

    it("that is broken: storage_broken, not quoted", async () => {
      writeFileSync(world.config, "canary-token", { mode: 0o600 });
      const said = await doctor();
      found(said, "storage_broken");
      assert.ok(!said.stdout.includes("canary"));
    });

    it("with a token that others can read: storage_exposed", async () => {
      writeFileSync(world.config, '{"auth_token":"canary"}', { mode: 0o644 });
      assert.equal(found(await doctor(), "storage_exposed").level, "problem");
    });

    it("with readable tokens, as was asked for: storage_insecure, a note", async () => {
      good(await world.line("auth login --username ann --insecure-storage", { input: ANN.password }));
      assert.equal(found(await doctor(), "storage_insecure").level, "note");
    });

    it("in a folder that cannot be written: storage_denied", async function () {
      needProgram(this, "setpriv", "util-linux");
      const folder = join(world.folder, "locked");
      mkdirSync(folder, { mode: 0o500 });
      // Without its capabilities even root obeys permissions.
      const under = process.geteuid?.() === 0 ? ["setpriv", "--bounding-set", "-all"] : [];
      const said = await inProcess(["--config", join(folder, "config.json")], { under });
      const { evidence, next } = found(said, "storage_denied");
      assert.equal(evidence.mode, "500");
      assert.equal(next, `Run chmod 700 ${folder}.`);
    });

    it("whose lock another living process keeps: storage_busy", async () => {
      closing.push(await holdLock(world.config));
      const { evidence, message } = found(await doctor(), "storage_busy");
      assert.equal(evidence.lock, `${world.config}.lock`);
      assert.match(message, /for more than 5 s\.$/);
    });
  });

  describe("the keychain", () => {
    it("without a D-Bus session: no_session_bus", async () => {
      const { evidence } = found(
        await inProcess([], { env: { XDG_RUNTIME_DIR: world.folder } }),
        "no_session_bus",
      );
      assert.equal(evidence.DBUS_SESSION_BUS_ADDRESS, null);
    });

    it("where the bus is gone: keychain_absent", async () => {
      const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(world.folder, "no-bus")}` };
      assert.match(found(await inProcess([], { env }), "keychain_absent").next ?? "", /--insecure-storage/);
    });

    const session = (script: string) => ["dbus-run-session", "--", "sh", "-c", `${script}; "$@"`, "--"];
    const inSession = (script: string) => {
      const env = { HOME: world.folder, XDG_DATA_HOME: world.folder, XDG_RUNTIME_DIR: world.folder };
      return inProcess([], { env, under: session(script) });
    };
    const UNLOCKED = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1";
    const LOCKED = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1";

    it("that is locked: keychain_locked; unlocked: no problem", async function () {
      needProgram(this, "dbus-run-session", "dbus");
      needProgram(this, "gnome-keyring-daemon", "gnome-keyring");
      assert.equal((await inSession(UNLOCKED)).exit, 0);
      const { next } = found(await inSession(LOCKED), "keychain_locked");
      assert.match(next ?? "", /Unlock it/);
    });

    it("that has stopped: keychain_silent, not locked", async function () {
      needProgram(this, "dbus-run-session", "dbus");
      needProgram(this, "gnome-keyring-daemon", "gnome-keyring");
      const owner = "org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets";
      const asked = `dbus-send --print-reply=literal --dest=org.freedesktop.DBus / ${owner}`;
      const known = `until daemon=$(${asked} 2>/dev/null | grep -o '[0-9]*$'); do sleep 0.1; done`;
      const stopped = `${UNLOCKED}; ${known}; kill -STOP $daemon; trap 'kill -KILL $daemon' EXIT`;
      assert.match(found(await inSession(stopped), "keychain_silent").message, /did not answer/);
    });

    it("that lost the key of the file: key_missing", async () => {
      await logIn();
      world.keychain = new World().keychain;
      found(await doctor(), "key_missing");
    });
  });

  describe("the machine", () => {
    it("without a terminal and a display: notes", async () => {
      const said = await doctor();
      assert.equal(found(said, "no_terminal").level, "note");
      assert.equal(found(said, "no_browser").level, "note");
      assert.equal(said.exit, 0);
    });

    it("with a port that another program has: port_taken", async () => {
      const port = await listen(createTcpServer());
      const { evidence } = found(await doctor(`--port ${port}`), "port_taken");
      assert.deepEqual(evidence, { host: "127.0.0.1", port, code: "EADDRINUSE" });
    });

    it("with a port on which this user may not listen: port_denied, as far as the system denies any", async function () {
      needProgram(this, "setpriv", "util-linux");
      const how = withoutLowPorts();
      const said = await inProcess(["--port", String(LOW_PORT)], { under: how ?? [] });
      if (how !== null) assert.equal(found(said, "port_denied").evidence.code, "EACCES");
      else assert.equal(findingsOf(said).find(({ evidence }) => evidence.port === LOW_PORT)?.level, "ok");
    });

    it("with a proxy that is set: a note; a problem where the cloud is out of reach", async () => {
      const env = { HTTPS_PROXY: "http://user:password@127.0.0.1:3128", NO_PROXY: "example.com" };
      const { level, evidence } = found(await doctor("", { env }), "proxy_set");
      assert.equal(level, "note");
      assert.deepEqual(evidence, {
        variable: "HTTPS_PROXY",
        proxy: "127.0.0.1:3128",
        no_proxy: "example.com",
      });
      const away = await doctor("--cloud mqtt://127.0.0.1:1", { env });
      assert.equal(found(away, "proxy_set").level, "problem");
    });

    it("with authorities of its own: what NODE_EXTRA_CA_CERTS adds, and a file that adds nothing", async () => {
      const file = join(world.folder, "ca.pem");
      const env = { NODE_EXTRA_CA_CERTS: file };
      assert.match(found(await doctor("", { env }), "authority_unread").message, /there is no such file/);
      writeFileSync(file, "no certificate");
      assert.match(found(await doctor("", { env }), "authority_unread").message, /no certificate in PEM/);
      writeFileSync(file, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
      const trusted = findingsOf(await doctor("", { env })).find(({ check }) => check === "authority");
      assert.deepEqual(trusted?.level, "ok");
    });
  });

  describe("the issuer", () => {
    it("that nothing names: issuer_missing, a note", async () => {
      delete world.env.MOTEKEY_ISSUER;
      assert.equal(found(await doctor(), "issuer_missing").level, "note");
    });

    it("that is down: issuer_refused, with host, port and code", async () => {
      const server = createTcpServer();
      const port = await listen(server);
      server.close();
      await once(server, "close");
      const { evidence } = found(await doctor(`--issuer http://127.0.0.1:${port}`), "issuer_refused");
      assert.equal(evidence.code, "ECONNREFUSED");
      assert.equal(evidence.from, "--issuer");
    });

    it("whose name nobody knows: issuer_host_unknown", async () => {
      const { evidence } = found(await doctor("--issuer https://id.motekey.invalid"), "issuer_host_unknown");
      assert.match(String(evidence.code), /^E(NOTFOUND|AI_AGAIN)$/);
    });

    it("to which no network leads: issuer_unreachable, with the code", async () => {
      // TCP has no broadcast: the system refuses before anything is sent.
      const { evidence } = found(await doctor("--issuer https://255.255.255.255"), "issuer_unreachable");
      assert.equal(evidence.code, "ENETUNREACH");
    });

    it("that hangs up: issuer_unreachable", async () => {
      const port = await listen(createTcpServer((socket) => socket.destroy()));
      found(await doctor(`--issuer http://127.0.0.1:${port}`), "issuer_unreachable");
    });

    it("that accepts and says nothing, over HTTP or TLS: issuer_timeout", async () => {
      const port = await listen(createTcpServer((socket) => closing.push(() => socket.destroy())));
      const said = await Promise.all(
        ["http", "https"].map((scheme) => doctor(`--issuer ${scheme}://127.0.0.1:${port}`)),
      );
      for (const one of said)
        assert.match(found(one, "issuer_timeout").next ?? "", /Check that the server runs/);
    });

    it("that is out of service: issuer_http, with the status", async () => {
      identity.faults.down = 503;
      closing.push(() => (identity.faults.down = null));
      assert.equal(found(await doctor(), "issuer_http").evidence.status, 503);
    });

    it("that is no OpenID provider: issuer_not_openid", async () => {
      const port = await listen(createServer((_request, response) => response.end("<h1>hello</h1>")));
      found(await doctor(`--issuer http://127.0.0.1:${port}`), "issuer_not_openid");
    });

    const describedAs = (change: object) => {
      identity.faults.rawReply = (path, content) =>
        path.endsWith("openid-configuration") ? { ...content, ...change } : content;
      closing.push(() => (identity.faults.rawReply = null));
    };

    it("that calls itself by another name: issuer_mismatch, with that name", async () => {
      describedAs({ issuer: "https://evil.example" });
      assert.equal(found(await doctor(), "issuer_mismatch").evidence.named, "https://evil.example");
    });

    it("without S256: issuer_without_pkce", async () => {
      describedAs({ code_challenge_methods_supported: ["plain"] });
      assert.equal(found(await doctor(), "issuer_without_pkce").evidence.known, "plain");
    });

    const clocks: [seconds: number, reason: string][] = [
      [3600, "clock_behind"],
      [-3600, "clock_ahead"],
    ];
    for (const [seconds, reason] of clocks) {
      it(`whose clock is ${seconds} s off: ${reason}, with the seconds`, async () => {
        identity.faults.clockOffsetSeconds = seconds;
        closing.push(() => (identity.faults.clockOffsetSeconds = 0));
        const { offset_seconds } = found(await doctor(), reason).evidence;
        assert.ok(Math.abs(Number(offset_seconds) + seconds) <= 5, String(offset_seconds));
      });
    }
  });

  describe("the issuer's certificate", () => {
    let pki: Pki;
    before(async () => {
      pki = await makePki("nobody");
    });

    const rows: [name: keyof Pki["server"], trusted: boolean, reason: string][] = [
      ["good", false, "issuer_tls_ca"],
      ["otherCa", true, "issuer_tls_ca"],
      ["otherName", true, "issuer_tls_name"],
      ["expired", true, "issuer_tls_expired"],
      ["notYetValid", true, "issuer_tls_not_yet_valid"],
    ];
    for (const [name, trusted, reason] of rows) {
      it(`${name}, its CA ${trusted ? "trusted" : "unknown"}: ${reason}, with names and dates`, async () => {
        const secure = await startAcme({ tls: pki.server[name] });
        closing.push(() => secure.close());
        const ca = join(world.folder, "ca.pem");
        writeFileSync(ca, pki.ca.cert);
        const env: Record<string, string> = trusted ? { NODE_EXTRA_CA_CERTS: ca } : {};
        const { evidence } = found(await inProcess(["--issuer", secure.issuer], { env }), reason);
        if (name === "otherName") assert.equal(evidence.names, "DNS:broker.example.com");
        if (name === "expired") assert.ok(Date.parse(String(evidence.valid_to)) < Date.now());
      });
    }

    it("that is not believed: whoever showed it is sent a handshake and nothing else", async () => {
      const ends: Promise<unknown>[] = [];
      let sent = "";
      const stranger = createTlsServer(pki.server.good, (socket) =>
        socket.on("error", () => undefined).on("data", (piece) => (sent += piece.toString("latin1"))),
      );
      stranger.on("connection", (socket) => ends.push(once(socket, "close")));
      const issuer = `https://127.0.0.1:${await listen(stranger)}`;
      await logIn();
      found(await inProcess(["--issuer", issuer]), "issuer_tls_ca");
      assert.ok(ends.length > 0, "the certificate was looked at");
      await Promise.all(ends);
      assert.equal(sent, "");
    });

    it("that is trusted: no problem with the issuer", async () => {
      const secure = await startAcme({ tls: pki.server.good });
      closing.push(() => secure.close());
      const ca = join(world.folder, "ca.pem");
      writeFileSync(ca, pki.ca.cert);
      const said = await inProcess(["--issuer", secure.issuer], { env: { NODE_EXTRA_CA_CERTS: ca } });
      assert.equal(findingsOf(said).find(({ check }) => check === "issuer")?.level, "ok");
    });

    it("on a port without TLS: issuer_tls_failed", async () => {
      found(await doctor(`--issuer ${identity.issuer.replace("http:", "https:")}`), "issuer_tls_failed");
    });
  });

  describe("the login", () => {
    it("that nobody has: not_authenticated, a note", async () => {
      assert.equal(found(await doctor(), "not_authenticated").level, "note");
    });

    it("that the provider ended: login_ended", async () => {
      const aged = await startAcme();
      closing.push(() => aged.close());
      world.env.MOTEKEY_ISSUER = aged.issuer;
      await logIn();
      aged.age(24 * 60 * 60);
      assert.match(found(await doctor(), "login_ended").next ?? "", /auth login/);
    });

    it("whose token the provider refuses: invalid_token", async () => {
      found(await doctor("", { env: { MOTEKEY_AUTH_TOKEN: "canary-token" } }), "invalid_token");
    });
  });

  it("for people: the code, the evidence and the next step stand with each problem; exit 1", async () => {
    const { exit, stdout } = await world.line("doctor --issuer http://127.0.0.1:1");
    assert.equal(exit, 1);
    assert.match(
      stdout,
      /^✗ issuer {4}127\.0\.0\.1:1 cannot be used: .*\.\n {12}.*port=1.*code=ECONNREFUSED\n {12}Check that .*\. \[issuer_refused\]$/m,
    );
    assert.match(stdout, /\n1 problem\.\n$/);
  });
});
