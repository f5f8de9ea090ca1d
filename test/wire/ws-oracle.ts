/** The frames of `ws`, which its types do not show: what it writes, and what it makes of bytes. */
import { createRequire } from "node:module";
import type { Writable } from "node:stream";
import { shown } from "./websocket-events.js";

interface FrameOptions {
  fin: boolean;
  opcode: number;
  mask: boolean;
  readOnly: boolean;
}

interface WsInternals {
  Sender: { frame(data: Buffer, options: FrameOptions): Buffer[] };
  Receiver: new (options: { isServer: boolean }) => Writable;
}

const { Sender, Receiver } = createRequire(import.meta.url)("ws") as WsInternals;

/** A frame as a server of `ws` writes it. */
export function serverFrame(opcode: number, payload: Uint8Array | string, fin = true): Buffer {
  const data = Buffer.from(payload as Uint8Array);
  return Buffer.concat(Sender.frame(data, { fin, opcode, mask: false, readOnly: true }));
}

/** What `ws` reads: `TEXT …`, `BINARY …`, `PING …`, `PONG`, `CLOSE code`, or last `REFUSED close-code`. */
export async function readByWs(side: "server" | "client", windows: Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  const receiver = new Receiver({ isServer: side === "server" });
  receiver.on("message", (data: Buffer, isBinary: boolean) =>
    lines.push(`${isBinary ? "BINARY" : "TEXT"} ${shown(data)}`),
  );
  receiver.on("ping", (data: Buffer) => lines.push(`PING ${shown(data)}`.trimEnd()));
  receiver.on("pong", () => lines.push("PONG"));
  receiver.on("conclude", (code: number) => lines.push(`CLOSE ${code}`));
  await new Promise<void>((resolve) => {
    receiver.on("error", (error) => {
      const codes = error as unknown as Record<symbol, number>;
      const [symbol] = Object.getOwnPropertySymbols(error).filter((one) => one.description === "status-code");
      lines.push(`REFUSED ${codes[symbol as symbol]}`);
      resolve();
    });
    for (const window of windows) receiver.write(Buffer.from(window));
    receiver.end(() => resolve());
  });
  return lines;
}
