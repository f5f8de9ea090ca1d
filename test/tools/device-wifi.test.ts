/** `motekey device wifi`, to the Moddable example's own code at a pseudo-terminal and at ports within this process. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FAILURES, type FailureCode } from "../../tools/cli/failure.js";
import { good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { type Air, ExampleDevice, PeerPorts } from "./improv/device.js";
import { PtyBoard } from "./loader/board.js";
import { needProgram } from "./process.js";
import { type RunOptions, World } from "./world.js";

const PASSWORD = "correct horse battery";
const AIR: readonly Air[] = [
  { ssid: "factory", rssi: -40, password: PASSWORD },
  { ssid: "guests", rssi: -60, password: null },
];

describe("motekey device wifi", function () {
  this.timeout(30_000);
  let world: World;
  let device: ExampleDevice;
  let ports: PeerPorts;
  beforeEach(() => {
    world = new World();
    device = new ExampleDevice(AIR);
    ports = new PeerPorts(device);
    writeFileSync(join(world.folder, "password"), `${PASSWORD}\n`, { mode: 0o600 });
  });
  afterEach(() => world.end());

  const run = (flags: string, options: RunOptions = {}) =>
    world.line(`device wifi ${flags}`, { ports, ...options });
  const failed = async (flags: string, code: FailureCode, message: RegExp, options: RunOptions = {}) => {
    const { exit, stdout, stderr } = await run(`${flags} --json`, options);
    const { error } = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "");
    assert.equal(error.code, code, stderr);
    assert.match(`${error.message} ${error.next}`, message);
    assert.equal(exit, FAILURES[code].exit);
    assert.equal(stdout, "");
    assert.ok(!stderr.includes(PASSWORD));
  };

  it("at a pseudo-terminal: the example's device joins, and says where it is", async function () {
    needProgram(this, "socat", "socat");
    const pty = await new PtyBoard(device, world.folder).plug();
    try {
      const line = `device wifi --port ${pty.path} --ssid factory --password-file password`;
      const { stdout, stderr } = good(await world.line(line));
      assert.match(stdout, /^Device {3}device_1 \(motekey wifi example, 1, ESP32\)$/m);
      assert.match(stdout, /^Network {2}factory: joined$/m);
      assert.match(stdout, /^Address {2}http:\/\/192\.0\.2\.17$/m);
      assert.deepEqual(device.asked, { ssid: "factory", password: PASSWORD });
      assert.ok(!`${stdout}${stderr}`.includes(PASSWORD));
    } finally {
      await pty.unplug();
    }
  });

  it("gives its fields; the password from standard input too; --baud sets the speed; the port is closed", async () => {
    const { stdout } = good(
      await run("--ssid factory --password-file - --json --baud 9600", { input: `${PASSWORD}\n` }),
    );
    const answer = JSON.parse(stdout);
    hasItsFields("device wifi", answer);
    assert.deepEqual([answer.ssid, answer.joined, answer.url], ["factory", true, "http://192.0.2.17"]);
    assert.equal(device.asked?.password, PASSWORD);
    assert.equal(ports.baudRate, 9600);
    assert.equal(ports.isOpen, false);
  });

  it("--open joins a network without a password", async () => {
    good(await run("--ssid guests --open"));
    assert.deepEqual(device.asked, { ssid: "guests", password: "" });
  });

  it("--scan lists the networks that the device sees, and changes nothing", async () => {
    const { stdout } = good(await run("--scan"));
    assert.match(stdout, /^NETWORK +SIGNAL\nfactory +-40 dBm\nguests +-60 dBm +open$/m);
    const answer = JSON.parse(good(await run("--scan --json")).stdout);
    hasItsFields("device wifi", answer);
    assert.deepEqual(answer.networks[1], { ssid: "guests", rssi: -60, open: true });
    assert.deepEqual([device.asked, answer.ssid, answer.joined], [null, null, false]);
  });

  it("a wrong password, or a network that is not there: wifi_failed, with what to do", async () => {
    writeFileSync(join(world.folder, "other"), "incorrect horse\n", { mode: 0o600 });
    await failed("--ssid factory --password-file other", "wifi_failed", /could not join 'factory'.*2\.4 GHz/);
    await failed("--ssid nowhere --password-file password", "wifi_failed", /could not join 'nowhere'/);
  });

  it("a password in the command line, flags that exclude each other, and what Wi-Fi does not allow are refused", async () => {
    await failed(`--ssid factory --password ${"canary-of-wifi"}`, "usage", /--password-file FILE, or -/);
    await failed("--ssid factory --open --password-file password", "usage", /open, or has a password/);
    await failed("--ssid factory --scan", "usage", /joins none/);
    await failed(`--ssid ${"x".repeat(33)} --open`, "usage", /at most 32 bytes/);
    writeFileSync(join(world.folder, "short"), "seven77\n", { mode: 0o600 });
    await failed("--ssid factory --password-file short", "usage", /8 to 64 bytes, not 7/);
    writeFileSync(join(world.folder, "wide"), PASSWORD, { mode: 0o644 });
    await failed("--ssid factory --password-file wide", "storage_unsafe", /chmod 600/);
    assert.equal(device.asked, null);
  });

  it("without a terminal nothing is asked", async () => {
    await failed("--ssid factory", "needs_terminal", /--password-file FILE, or --open/);
    await failed("--password-file password", "needs_terminal", /--ssid NAME, or --scan/);
  });
});
