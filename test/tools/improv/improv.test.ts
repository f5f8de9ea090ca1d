/** Improv Serial: our packets beside those of the standard's own library, and each deadline. */
import assert from "node:assert/strict";
import { ReadableStream, WritableStream } from "node:stream/web";
import { build } from "esbuild";
import fc from "fast-check";
import type { ImprovSerial } from "improv-wifi-serial-sdk/dist/serial.js";
import sinon from "sinon";
import { Improv } from "../../../tools/improv/client.js";
import {
  Command,
  commandData,
  PacketType,
  packetOf,
  resultOf,
  Unpacker,
} from "../../../tools/improv/packet.js";
import { type Air, ExampleDevice, PeerPorts, ScriptedDevice } from "./device.js";

const AIR: readonly Air[] = [
  { ssid: "far", rssi: -90, password: "12345678" },
  { ssid: "factory", rssi: -40, password: "correct horse" },
  { ssid: "factory", rssi: -71, password: "correct horse" },
  { ssid: "guests", rssi: -60, password: null },
  { ssid: "Fürther Straße 7", rssi: -61, password: "Ünïcödé-passwörd" },
];
const NEVER = new AbortController().signal;
const open = async (peer: ExampleDevice | ScriptedDevice): Promise<Improv> =>
  new Improv(await new PeerPorts(peer).open(), NEVER);
const state = (code: number) => packetOf(PacketType.STATE, Uint8Array.of(code));
const error = (code: number) => packetOf(PacketType.ERROR, Uint8Array.of(code));
const text = (words: string) => new TextEncoder().encode(words);

describe("Improv Serial", () => {
  describe("beside the standard's own library", () => {
    let library: typeof ImprovSerial;
    before(async () => {
      // Its files name each other without extensions, which Node does not read.
      const entry = "improv-wifi-serial-sdk/dist/serial.js";
      const { outputFiles } = await build({
        entryPoints: [entry],
        bundle: true,
        format: "esm",
        write: false,
      });
      const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
      ({ ImprovSerial: library } = await import(`data:text/javascript;base64,${code}`));
    });

    /** The library at a device of ours, and the packets that it sends. */
    const atDevice = (device: ExampleDevice) => {
      const sent: Buffer[] = [];
      const readable = new ReadableStream<Uint8Array>({
        start(controller) {
          device.say = (bytes) => controller.enqueue(Uint8Array.from(bytes));
        },
      });
      const writable = new WritableStream<Uint8Array>({
        write(bytes) {
          sent.push(Buffer.from(bytes));
          device.hear(bytes);
        },
      });
      const quiet = { log: () => undefined, error: () => undefined, debug: () => undefined };
      return { improv: new library({ readable, writable } as never, quiet), sent };
    };

    it("the example's device is found by it, says what it is, lists networks, joins one and says where it is", async () => {
      const device = new ExampleDevice(AIR);
      const { improv } = atDevice(device);
      const info = await improv.initialize();
      assert.deepEqual(
        [info?.firmware, info?.chipFamily, info?.name],
        ["motekey wifi example", "ESP32", "device_1"],
      );
      assert.equal(improv.state, 2);
      assert.ok((await improv.scan()).some(({ name, secured }) => name === "guests" && !secured));
      await assert.rejects(improv.provision("factory", "wrong horse"), /UNABLE_TO_CONNECT/);
      await improv.provision("Fürther Straße 7", "Ünïcödé-passwörd");
      assert.equal(improv.nextUrl, "http://192.0.2.17");
      assert.equal(improv.state, 4);
      await improv.close();
    }).timeout(20_000);

    it("the tool sends byte for byte what it sends", async () => {
      const { improv, sent } = atDevice(new ExampleDevice(AIR));
      await improv.initialize();
      await improv.scan();
      await improv.provision("factory", "correct horse");
      const ours = [
        commandData(Command.STATE, []),
        commandData(Command.INFO, []),
        commandData(Command.SCAN, []),
        commandData(Command.JOIN, [text("factory"), text("correct horse")]),
      ].map((data) => Buffer.from(packetOf(PacketType.COMMAND, data)));
      assert.deepEqual(sent, ours);
      await improv.close();
    });
  });

  it("packets are found among whatever a device prints, however it is cut; damaged ones are dropped", () => {
    const packet = fc.record({
      type: fc.integer({ min: 1, max: 4 }),
      data: fc.uint8Array({ maxLength: 255 }),
    });
    const noise = fc.oneof(
      fc.constant(text("IMPROV is on\n")),
      fc.constant(text("IMPRO")),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.filter((byte) => byte !== 0x49 && byte !== 0x56)),
    );
    const part = fc.oneof(
      packet.map((packet) => ({ packet, bytes: packetOf(packet.type, packet.data) })),
      noise.map((bytes) => ({ packet: null, bytes })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (parts, step) => {
        const stream = Buffer.concat(parts.map(({ bytes }) => bytes));
        const unpacker = new Unpacker();
        const found = [];
        for (let at = 0; at < stream.length; at += step)
          for (const { type, data } of unpacker.take(stream.subarray(at, at + step)))
            found.push({ type, data });
        const sent = parts.flatMap(({ packet }) =>
          packet === null ? [] : [{ type: packet.type, data: packet.data }],
        );
        assert.deepEqual(found, sent);
      }),
    );
    const whole = packetOf(PacketType.STATE, Uint8Array.of(2));
    const damaged = Uint8Array.from(whole);
    damaged[9] = 3;
    const found = [...new Unpacker().take(Buffer.concat([damaged, whole]))];
    assert.deepEqual(found, [{ type: PacketType.STATE, data: Uint8Array.of(2) }]);
  });

  it("a result whose lengths do not fit is none", () => {
    assert.deepEqual(resultOf(commandData(Command.INFO, [text("a"), text("")])), {
      command: 3,
      texts: ["a", ""],
    });
    for (const bytes of [[], [3], [3, 2, 5, 65], [3, 9, 1, 65], [3, 2, 2, 65]])
      assert.equal(resultOf(Uint8Array.from(bytes)), null);
  });

  it("networks come once each, the strongest first", async () => {
    const device = await open(new ExampleDevice(AIR));
    assert.deepEqual(await device.scan(), [
      { ssid: "factory", rssi: -40, isOpen: false },
      { ssid: "guests", rssi: -60, isOpen: true },
      { ssid: "Fürther Straße 7", rssi: -61, isOpen: false },
      { ssid: "far", rssi: -90, isOpen: false },
    ]);
  });

  it("a joined device that sends no address is joined; one that was joined before is not taken for it", async () => {
    const device = await open(
      new ScriptedDevice((command) => (command === 1 ? [state(4), state(3), state(4)] : [])),
    );
    assert.equal(await device.join("factory", "correct horse"), null);
  });

  describe("fails with what to do", () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    });
    afterEach(() => clock.restore());
    /** Rejects so, once so much time is over. */
    const ends = async (work: Promise<unknown>, ms: number, code: string, message: RegExp) => {
      const ended = assert.rejects(work, (failure: Error & { code: string; next: string }) => {
        assert.equal(failure.code, code);
        assert.match(`${failure.message} ${failure.next}`, message);
        return true;
      });
      await clock.tickAsync(ms);
      await ended;
    };

    it("where nothing answers, after having asked each second", async () => {
      let asked = 0;
      const device = new ScriptedDevice(() => {
        asked++;
        return [];
      });
      await ends((await open(device)).connect(), 12_000, "device_silent", /No device answers Improv.*RESET/);
      assert.ok(asked > 10, `${asked}`);
    });

    it("where it says its state and nothing else", async () => {
      const device = await open(new ScriptedDevice((command) => (command === 2 ? [state(2)] : [])));
      assert.equal(await device.connect(), false);
      await ends(device.info(), 5_000, "device_silent", /does not say what it is/);
      await ends(device.scan(), 30_000, "device_silent", /networks that it sees/);
      await ends(device.join("factory", "correct horse"), 75_000, "wifi_failed", /has not joined 'factory'/);
    });

    it("where it takes no network, wants its button, has no such command, or cannot read", async () => {
      const stopped = await open(new ScriptedDevice(() => [state(0)]));
      await ends(stopped.connect(), 0, "device_unfit", /takes no Wi-Fi network now/);
      const waiting = await open(new ScriptedDevice(() => [state(1)]));
      await ends(waiting.connect(), 0, "device_unfit", /Press its button/);
      const old = await open(new ScriptedDevice(() => [error(2)]));
      await ends(old.scan(), 0, "device_unfit", /does not know the command/);
      const bad = await open(new ScriptedDevice(() => [error(1)]));
      await ends(bad.join("a", "12345678"), 0, "wifi_failed", /could not read the command/);
    });

    it("where the port goes while it waits", async () => {
      const device = new ScriptedDevice((_command, self) => {
        self.unplug();
        return [];
      });
      await ends((await open(device)).connect(), 0, "device_silent", /is gone/);
    });
  });
});
