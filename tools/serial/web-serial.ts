/** A serial line in the shape of Web Serial's `SerialPort`, which esptool-js expects. */
import { ReadableStream, WritableStream } from "node:stream/web";
import type { SerialLine } from "./ports.js";

/** The signals as Web Serial names them. */
interface WebSignals {
  readonly dataTerminalReady?: boolean;
  readonly requestToSend?: boolean;
}

/** One line, open already. It stays open when the library closes it: whoever opened it ends it. */
export class WebSerialPort {
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;

  constructor(private readonly line: SerialLine) {}

  async open({ baudRate }: { readonly baudRate: number }): Promise<void> {
    const { line } = this;
    await line.setBaudRate(baudRate);
    this.readable = new ReadableStream({
      start(controller) {
        line.onData((bytes) => controller.enqueue(bytes));
        // A stream that was cancelled is closed already.
        void line.ended.then(() => controller.close()).catch(() => undefined);
      },
      cancel: () => line.onData(() => undefined),
    });
    this.writable = new WritableStream({ write: (bytes) => line.write(bytes) });
  }

  close(): Promise<void> {
    this.readable = null;
    this.writable = null;
    return Promise.resolve();
  }

  /** esptool-js looks for this, and else closes and opens the port, which resets many boards. */
  setBaudRate(baudRate: number): Promise<void> {
    return this.line.setBaudRate(baudRate);
  }

  setSignals({ dataTerminalReady: dtr, requestToSend: rts }: WebSignals): Promise<void> {
    return this.line.setSignals({ ...(dtr !== undefined && { dtr }), ...(rts !== undefined && { rts }) });
  }

  getInfo(): { usbVendorId?: number; usbProductId?: number } {
    const { usb } = this.line.info;
    return usb === null ? {} : { usbVendorId: usb.vendorId, usbProductId: usb.productId };
  }
}
