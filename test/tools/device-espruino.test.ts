/** `motekey device flash --format espruino`, to the real engine's prompt where ESPRUINO names it, and to silence. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StorageImage } from "../../tools/espruino/storage.js";
import type { SerialLine, SerialPorts } from "../../tools/serial/ports.js";
import { findEspruino } from "../engines/espruino.js";
import { good } from "./acme.js";
import { World } from "./world.js";

const OLD = "the key that is replaced today";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const INFO = { path: "/dev/ttyUSB0", usb: null };
const LINE = "device flash --format espruino --id device_1 --psk-file psk";

/** The engine's prompt as a port: its input and output are the line. */
class EnginePorts implements SerialPorts {
  said = "";
  private child: ChildProcess | null = null;
  constructor(
    private readonly program: string,
    private readonly folder: string,
  ) {}

  list() {
    return Promise.resolve([INFO]);
  }

  open(): Promise<SerialLine> {
    const child = spawn(this.program, [], { cwd: this.folder, stdio: ["pipe", "pipe", "ignore"] });
    this.child = child;
    let listener: (bytes: Uint8Array) => void = () => undefined;
    child.stdout.on("data", (bytes: Buffer) => {
      this.said += bytes.toString("latin1");
      listener(bytes);
    });
    return Promise.resolve({
      info: INFO,
      ended: once(child, "exit").then(() => undefined),
      onData: (told) => (listener = told),
      write: (bytes) => new Promise((resolve) => child.stdin.write(bytes, () => resolve())),
      setBaudRate: () => Promise.resolve(),
      setSignals: () => Promise.resolve(),
      close: () => this.end(),
    });
  }

  private async end(): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}

describe("motekey device flash --format espruino", function () {
  this.timeout(60_000);
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.end());
  const key = (text: string): void => writeFileSync(join(world.folder, "psk"), text, { mode: 0o600 });

  it("writes, compacts and reads back: the old key is nowhere in flash, the app's files stay", async function () {
    const ports = new EnginePorts(findEspruino(this), world.folder);
    const flash = (): Buffer => readFileSync(join(world.folder, "espruino.flash"));
    const app = new StorageImage(0x40000);
    app.set("app.js", Buffer.from("print('the app')"));
    writeFileSync(join(world.folder, "espruino.flash"), app.toBytes());
    key(OLD);
    good(await world.line(`${LINE} --counter 7`, { ports }));
    assert.ok(flash().includes(OLD));
    key(PSK);
    const { stdout } = good(await world.line(`${LINE} --counter 7`, { ports }));
    assert.match(stdout, /^Storage {2}written, compacted, read back, the same$/m);
    assert.ok(!flash().includes(OLD));
    const image = StorageImage.read(flash());
    assert.deepEqual(image.get("app.js"), app.get("app.js"));
    for (const slot of ["motekey-creda", "motekey-credb"])
      assert.ok(Buffer.from(image.get(slot) ?? []).includes(PSK), slot);
    const before = flash();
    assert.match(good(await world.line(LINE, { ports })).stdout, /is so already/);
    assert.ok(before.equals(flash()));
    for (const secret of [OLD, PSK]) {
      assert.ok(!ports.said.includes(secret));
      assert.ok(!ports.said.includes("atob("), "a line was echoed");
    }
  });

  it("nothing that answers: device_silent; flags of NVS are refused", async () => {
    key(PSK);
    const never = new Promise<void>(() => undefined);
    const done = () => Promise.resolve();
    const mute = { info: INFO, ended: never, write: done, setBaudRate: done, setSignals: done, close: done };
    const ports: SerialPorts = {
      list: () => Promise.resolve([INFO]),
      open: () => Promise.resolve({ ...mute, onData: () => undefined }),
    };
    const said = await world.line(LINE, { ports });
    assert.equal(said.exit, 1);
    assert.match(said.stderr, /No Espruino answers at \/dev\/ttyUSB0/);
    assert.equal((await world.line(`${LINE} --table 0x8000`, { ports })).exit, 2);
  });
});
