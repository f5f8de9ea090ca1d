/** Devices that speak Improv: the Moddable example's own code, and a script for what others answer. */
import { ImprovDevice } from "../../../firmware/examples/moddable/wifi/improv.js";
import type { PortInfo, SerialLine, SerialPorts } from "../../../tools/serial/ports.js";
import type { Peer } from "../loader/board.js";

/** A network that a device sees. */
export interface Air {
  readonly ssid: string;
  readonly rssi: number;
  /** null: it is open. */
  readonly password: string | null;
}

/** The example's app, and the networks around it. Between its packets it prints what apps print. */
export class ExampleDevice implements Peer {
  say: (bytes: Buffer) => void = () => undefined;
  unplug: () => void = () => undefined;
  /** What it was last asked to join. */
  asked: { ssid: string; password: string } | null = null;
  readonly device: ImprovDevice;
  /** Whether it listens yet. */
  isBooted = true;

  constructor(private readonly air: readonly Air[]) {
    this.device = new ImprovDevice({
      info: ["motekey wifi example", "1", "ESP32", "device_1"],
      encode: (text) => new TextEncoder().encode(text),
      decode: (bytes) => new TextDecoder().decode(bytes),
      send: (bytes) => this.chatter(bytes),
      join: (ssid, password) => this.join(ssid, password),
      scan: (found, done) => {
        for (const { ssid, rssi, password } of this.air) found(ssid, rssi, password === null);
        done();
      },
    });
  }

  hear(bytes: Uint8Array): void {
    if (this.isBooted) this.device.hear(bytes);
  }

  private join(ssid: string, password: string): void {
    this.asked = { ssid, password };
    const network = this.air.find((one) => one.ssid === ssid);
    const isRight = network !== undefined && (network.password ?? "") === password;
    setImmediate(() => (isRight ? this.device.joined("http://192.0.2.17") : this.device.failed()));
  }

  /** In pieces, among an app's own lines. */
  private chatter(bytes: Uint8Array): void {
    this.say(Buffer.from("I (1217) wifi: IMPROVING the signal"));
    for (let at = 0; at < bytes.length; at += 7) this.say(Buffer.from(bytes.slice(at, at + 7)));
  }
}

/** A device that answers each packet by a function. */
export class ScriptedDevice implements Peer {
  say: (bytes: Buffer) => void = () => undefined;
  unplug: () => void = () => undefined;

  /** @param answer the packets for one that came, by its data: command, length, … */
  constructor(private readonly answer: (command: number, device: ScriptedDevice) => readonly Uint8Array[]) {}

  hear(bytes: Uint8Array): void {
    for (const packet of this.answer(bytes[9] ?? 0, this)) this.say(Buffer.from(packet));
  }
}

/** A port within this process. */
export class PeerPorts implements SerialPorts {
  isOpen = false;
  baudRate = 0;

  constructor(
    private readonly peer: Peer,
    private readonly info: PortInfo = { path: "/dev/ttyUSB0", usb: null },
  ) {}

  list(): Promise<PortInfo[]> {
    return Promise.resolve([this.info]);
  }

  open(_info?: PortInfo, baudRate = 0): Promise<SerialLine> {
    const { peer, info } = this;
    this.isOpen = true;
    this.baudRate = baudRate;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    peer.unplug = end;
    return Promise.resolve({
      info,
      ended,
      onData: (listener) => {
        peer.say = listener;
      },
      write: (bytes) => {
        // As serialport does: the caller has its bytes back only when the write is done.
        const copy = Uint8Array.from(bytes);
        setImmediate(() => peer.hear(copy));
        return Promise.resolve();
      },
      setBaudRate: () => Promise.resolve(),
      setSignals: () => Promise.resolve(),
      close: () => {
        this.isOpen = false;
        end();
        return Promise.resolve();
      },
    });
  }
}
