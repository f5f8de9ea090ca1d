/** A fake `navigator.serial` in chromium, whose ports are those of a bench in this process. */
import type { Page } from "playwright-core";
import type { PortInfo, SerialLine, SerialPorts } from "../../../tools/serial/ports.js";

/** Runs in the page: ports as Web Serial has them, over functions that playwright binds. */
const FAKE = `(() => {
  const text = (bytes) => btoa(String.fromCharCode(...bytes));
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  class FakePort extends EventTarget {
    readable = null;
    writable = null;
    async open({ baudRate }) {
      const refusal = await bench_open(baudRate);
      if (refusal !== null) throw new DOMException(refusal, "NetworkError");
      this.readable = new ReadableStream({
        start: (controller) => { this.controller = controller; },
        cancel: () => { this.controller = null; },
      });
      this.writable = new WritableStream({ write: (chunk) => bench_write(text(chunk)) });
    }
    feed(chunk) { this.controller?.enqueue(bytes(chunk)); }
    gone() {
      this.controller?.error(new DOMException("The device has been lost.", "NetworkError"));
      this.controller = this.readable = this.writable = null;
      this.dispatchEvent(new Event("disconnect"));
    }
    async close() {
      this.readable = this.writable = null;
      await bench_close();
    }
    setSignals({ dataTerminalReady: dtr, requestToSend: rts }) { return bench_signals({ dtr, rts }); }
    getInfo() { return { usbVendorId: 0x10c4, usbProductId: 0xea60 }; }
  }
  const port = (window.benchPort = new FakePort());
  const serial = {
    getPorts: async () => [port],
    requestPort: async () => {
      if (!(await bench_chosen())) throw new DOMException("No port selected by the user.", "NotFoundError");
      return port;
    },
  };
  Object.defineProperty(navigator, "serial", { value: serial });
})()`;

/** What stands at the port, and what the person does. */
export interface AtPort {
  /** The port's other end now. */
  ports: SerialPorts;
  info: PortInfo;
  /** Whether the person chooses the port, or closes the list. */
  isChosen: boolean;
  /** Whether another program has it. */
  isTaken: boolean;
}

/** Puts it into the page, before the page's own scripts. */
export async function fakeSerial(page: Page, at: AtPort): Promise<void> {
  let line: SerialLine | null = null;
  const inPage = (script: string): Promise<unknown> => page.evaluate(script).catch(() => undefined);
  await page.exposeFunction("bench_chosen", () => at.isChosen);
  await page.exposeFunction("bench_open", async (baudRate: number) => {
    if (at.isTaken) return "Failed to open serial port.";
    const opened = await at.ports.open(at.info, baudRate);
    line = opened;
    opened.onData((bytes) => void inPage(`benchPort.feed("${Buffer.from(bytes).toString("base64")}")`));
    void opened.ended.then(() => line === opened && inPage("benchPort.gone()"));
    return null;
  });
  await page.exposeFunction("bench_write", (text: string) => line?.write(Buffer.from(text, "base64")));
  await page.exposeFunction("bench_signals", ({ dtr, rts }: { dtr?: boolean; rts?: boolean }) =>
    line?.setSignals({ ...(dtr !== undefined && { dtr }), ...(rts !== undefined && { rts }) }),
  );
  await page.exposeFunction("bench_close", async () => {
    const open = line;
    line = null;
    await open?.close();
  });
  await page.addInitScript(FAKE);
}
