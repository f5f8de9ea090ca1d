/**
 * The device's side of Improv Serial, version 1 (https://www.improv-wifi.com/serial/): whoever is at the serial port
 * gives the device its Wi-Fi network. Nothing here is the engine's, so that it runs in tests too.
 */

const HEADER = [0x49, 0x4d, 0x50, 0x52, 0x4f, 0x56, 1]; // IMPROV, and the version
const TYPE_AT = 7;
const LENGTH_AT = 8;
const DATA_AT = 9;
const DATA_BYTES_MAX = 255;
const NEWLINE = 10;

const STATE = 1;
const ERROR = 2;
const COMMAND = 3;
const RESULT = 4;

const JOIN = 1;
const TELL_STATE = 2;
const TELL_INFO = 3;
const SCAN = 4;

const READY = 2;
const JOINING = 3;
const JOINED = 4;

const NO_ERROR = 0;
const UNREADABLE = 1;
const UNKNOWN_COMMAND = 2;
const NOT_CONNECTED = 3;

/** What it needs of the engine and of the app. */
export interface ImprovPorts {
  /** The app's name, its version, the chip and the device's name. */
  readonly info: readonly [app: string, version: string, chip: string, name: string];
  send(bytes: Uint8Array): void;
  /** UTF-8. */
  encode(text: string): Uint8Array;
  decode(bytes: Uint8Array): string;
  /** Begins to join a network; {@link ImprovDevice.joined} or {@link ImprovDevice.failed} follows. */
  join(ssid: string, password: string): void;
  /** Lists the networks in reach: dBm, and whether one is open. */
  scan(found: (ssid: string, rssi: number, isOpen: boolean) => void, done: () => void): void;
}

/** Answers at a serial port. What is no packet is let pass. */
export class ImprovDevice {
  private readonly packet = new Uint8Array(DATA_AT + DATA_BYTES_MAX + 1);
  private length = 0;
  private state = READY;
  private isAsked = false;
  private url = "";

  constructor(private readonly ports: ImprovPorts) {}

  /** Takes what came. */
  hear(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.packet[this.length++] = byte;
      if (this.length <= HEADER.length) this.keepHeader();
      else if (this.length > LENGTH_AT && this.length === DATA_AT + this.packet[LENGTH_AT] + 1) this.take();
    }
  }

  /** The device is in its network. @param url where it can be visited; may be empty */
  joined(url: string): void {
    this.url = url;
    this.become(JOINED);
    if (this.isAsked) this.result(JOIN, url === "" ? [] : [url]);
    this.isAsked = false;
  }

  /** It could not join, or has lost its network. */
  failed(): void {
    if (this.isAsked) this.tell(ERROR, [NOT_CONNECTED]);
    this.isAsked = false;
    this.become(READY);
  }

  /** Drops what cannot begin a packet: one may begin within what looked like another. */
  private keepHeader(): void {
    const { packet } = this;
    let from = 0;
    const fits = (): boolean =>
      HEADER.every((byte, at) => from + at >= this.length || packet[from + at] === byte);
    while (!fits()) from++;
    packet.copyWithin(0, from, this.length);
    this.length -= from;
  }

  private take(): void {
    const { packet } = this;
    const end = this.length - 1;
    this.length = 0;
    if (packet[TYPE_AT] !== COMMAND) return;
    const isWhole = packet[end] === sumOf(packet, end) && packet[DATA_AT + 1] === end - DATA_AT - 2;
    if (isWhole) this.run(packet[DATA_AT], packet.slice(DATA_AT + 2, end));
    else this.tell(ERROR, [UNREADABLE]);
    packet.fill(0);
  }

  private run(command: number, data: Uint8Array): void {
    if (command === JOIN) this.join(data);
    else if (command === TELL_STATE) {
      this.tell(STATE, [this.state]);
      if (this.state === JOINED) this.result(TELL_STATE, this.url === "" ? [] : [this.url]);
    } else if (command === TELL_INFO) this.result(TELL_INFO, this.ports.info);
    else if (command === SCAN)
      this.ports.scan(
        (ssid, rssi, isOpen) => this.result(SCAN, [ssid, `${rssi}`, isOpen ? "NO" : "YES"]),
        () => this.result(SCAN, []),
      );
    else this.tell(ERROR, [UNKNOWN_COMMAND]);
  }

  private join(data: Uint8Array): void {
    const passwordAt = 1 + data[0];
    const end = passwordAt + 1 + data[passwordAt];
    if (data.length < 2 || data[0] === 0 || end !== data.length) {
      this.tell(ERROR, [UNREADABLE]);
      return;
    }
    const ssid = this.ports.decode(data.slice(1, passwordAt));
    const password = this.ports.decode(data.slice(passwordAt + 1));
    data.fill(0);
    this.isAsked = true;
    this.tell(ERROR, [NO_ERROR]);
    this.become(JOINING);
    this.ports.join(ssid, password);
  }

  private become(state: number): void {
    this.state = state;
    this.tell(STATE, [state]);
  }

  private result(command: number, texts: readonly string[]): void {
    const data = [command, 0];
    for (const text of texts) {
      const bytes = this.ports.encode(text);
      data.push(bytes.length);
      for (const byte of bytes) data.push(byte);
    }
    data[1] = data.length - 2;
    this.tell(RESULT, data);
  }

  /** A packet on a line of its own: some readers look at the beginnings of lines only. */
  private tell(type: number, data: readonly number[]): void {
    const bytes = new Uint8Array(1 + DATA_AT + data.length + 2);
    bytes[0] = NEWLINE;
    const packet = bytes.subarray(1);
    packet.set(HEADER);
    packet[TYPE_AT] = type;
    packet[LENGTH_AT] = data.length;
    packet.set(data, DATA_AT);
    packet[DATA_AT + data.length] = sumOf(packet, DATA_AT + data.length);
    packet[DATA_AT + data.length + 1] = NEWLINE;
    this.ports.send(bytes);
  }
}

const sumOf = (bytes: Uint8Array, end: number): number => {
  let sum = 0;
  for (let at = 0; at < end; at++) sum += bytes[at];
  return sum & 0xff;
};
