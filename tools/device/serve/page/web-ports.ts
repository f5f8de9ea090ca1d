/** Serial ports of a browser (Web Serial), as the tools take them. */
import { Failure } from "../../../cli/failure.js";
import type { PortInfo, SerialLine, SerialPorts, Signals } from "../../../serial/ports.js";

/** What the page needs of the browser's `SerialPort`. */
export interface BrowserPort extends EventTarget {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: { baudRate: number; bufferSize?: number }): Promise<void>;
  close(): Promise<void>;
  setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): Promise<void>;
  getInfo(): { usbVendorId?: number; usbProductId?: number };
}

/** What it needs of `navigator.serial`. */
export interface BrowserSerial {
  requestPort(): Promise<BrowserPort>;
  getPorts(): Promise<BrowserPort[]>;
}

/** A whole packet of the flasher, and what comes while the page draws. */
const BUFFER_BYTES = 64 * 1024;

const OCCUPIED = new Failure(
  "port_unavailable",
  "The port cannot be opened: another program or another tab has it.",
  "Close the serial monitor, the IDE or the other tab, and try again.",
);

const infoOf = (port: BrowserPort): PortInfo => {
  const { usbVendorId, usbProductId } = port.getInfo();
  if (usbVendorId === undefined) return { path: "the port", usb: null };
  const id = [usbVendorId, usbProductId ?? 0].map((number) => number.toString(16).padStart(4, "0")).join(":");
  // Browsers reveal no serial numbers. Of one kind there is one at the bench, or the person chooses again.
  const usb = { vendorId: usbVendorId, productId: usbProductId ?? 0, serialNumber: id, product: null };
  return { path: `USB ${id}`, usb };
};

/** The port that the person chose, and where its device is when it came back. */
export class WebPorts implements SerialPorts {
  readonly info: PortInfo;

  constructor(
    private readonly serial: BrowserSerial,
    private readonly chosen: BrowserPort,
  ) {
    this.info = infoOf(chosen);
  }

  async list(): Promise<PortInfo[]> {
    return (await this.serial.getPorts()).map(infoOf);
  }

  async open(info: PortInfo, baudRate: number): Promise<SerialLine> {
    const ports = await this.serial.getPorts();
    const isThere = ports.length === 0 || ports.includes(this.chosen);
    const again = ports.find((port) => infoOf(port).path === info.path);
    const port = isThere ? this.chosen : again;
    if (port === undefined)
      throw new Failure("port_unavailable", "The device's port is gone.", "Plug it in, and choose it again.");
    try {
      await port.open({ baudRate, bufferSize: BUFFER_BYTES });
    } catch {
      throw OCCUPIED;
    }
    return new WebLine(info, port, baudRate);
  }
}

/** One open port. */
class WebLine implements SerialLine {
  readonly ended: Promise<void>;
  private end: () => void = () => undefined;
  private listener: (bytes: Uint8Array) => void = () => undefined;
  private reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  private reading: Promise<void>;
  private isClosing = false;

  constructor(
    readonly info: PortInfo,
    private readonly port: BrowserPort,
    private baudRate: number,
  ) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    port.addEventListener("disconnect", this.end, { once: true });
    this.reading = this.read();
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.listener = listener;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const writer = this.port.writable?.getWriter();
    if (writer === undefined) throw new Error("the port is closed");
    try {
      await writer.write(bytes);
    } finally {
      writer.releaseLock();
    }
  }

  /** A browser sets the speed when it opens a port only. */
  async setBaudRate(baudRate: number): Promise<void> {
    if (baudRate === this.baudRate) return;
    await this.stop();
    this.baudRate = baudRate;
    this.isClosing = false;
    await this.port.open({ baudRate, bufferSize: BUFFER_BYTES });
    this.reading = this.read();
  }

  setSignals({ dtr, rts }: Signals): Promise<void> {
    return this.port.setSignals({
      ...(dtr !== undefined && { dataTerminalReady: dtr }),
      ...(rts !== undefined && { requestToSend: rts }),
    });
  }

  async close(): Promise<void> {
    await this.stop();
    this.end();
  }

  private async stop(): Promise<void> {
    this.isClosing = true;
    await this.reader?.cancel().catch(() => undefined);
    await this.reading;
    await this.port.close().catch(() => undefined);
  }

  /** After a framing error or a buffer that ran over the port has a new stream; after the last there is none. */
  private async read(): Promise<void> {
    while (this.port.readable !== null && !this.isClosing) {
      const reader = this.port.readable.getReader();
      this.reader = reader;
      try {
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          this.listener(value);
        }
        if (!this.isClosing) break;
      } catch {
        // The next stream, or none.
      } finally {
        reader.releaseLock();
      }
    }
    if (!this.isClosing) this.end();
  }
}
