import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { crc32 } from "node:zlib";
import type { LeanModule } from "../../firmware/espruino/api.js";

/** Where Espruino's core is opened to, and what proves the device there. */
export interface EspruinoAddress {
  readonly host: string;
  readonly port: number;
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  readonly ca?: string | undefined;
}

/** A connection as Espruino's `net` has it: texts with one byte per character. */
export interface EspruinoSocket {
  on(event: string, listener: (data: string) => void): void;
  write(data: string): boolean;
  end(): void;
}

/** What of Espruino the core uses (firmware/espruino/engine.d.ts). */
export interface Natives {
  connect(address: EspruinoAddress, isTls: boolean, connected: () => void): EspruinoSocket;
  /** Storage: the value of this name, one byte per character. */
  read(name: string): string | undefined;
  write(name: string, value: string): boolean;
  /** Seconds, with fractions. */
  getTime(): number;
  setTimeout(run: () => void, delayMs: number): number;
  clearTimeout(timer: number): void;
  /** 32 random bits. */
  hwRand(): number;
}

const BEYOND_ASCII = /[\x7f-\uffff]/g;

/** Espruino's, where it differs: what it writes is plain ASCII. */
const JSON_NATIVE = {
  parse: (text: string): unknown => JSON.parse(text),
  stringify: (value: unknown): string =>
    JSON.stringify(value)?.replace(
      BEYOND_ASCII,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
};

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

/** Runs a module for Espruino over these natives: the same text that the device gets. */
export function runEspruino<Module = LeanModule>(
  source: string,
  natives: Natives,
  modules: Record<string, unknown> = {},
): Module {
  const builtIn: Record<string, unknown> = {
    net: { connect: (to: EspruinoAddress, connected: () => void) => natives.connect(to, false, connected) },
    tls: { connect: (to: EspruinoAddress, connected: () => void) => natives.connect(to, true, connected) },
    crypto: { SHA256: (text: string) => createHash("sha256").update(latin1(text)).digest() },
    Storage: {
      read: (name: string) => natives.read(name),
      write: (name: string, value: string) => natives.write(name, value),
    },
    ...modules,
  };
  const module = { exports: {} as Module };
  const names: Record<string, unknown> = {
    module,
    exports: module.exports,
    require: (name: string) => builtIn[name],
    E: {
      toString: (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1"),
      hwRand: () => natives.hwRand(),
      CRC32: (text: string) => crc32(latin1(text)),
    },
    JSON: JSON_NATIVE,
    btoa: (text: string) => latin1(text).toString("base64"),
    atob: (text: string) => Buffer.from(text, "base64").toString("latin1"),
    getTime: () => natives.getTime(),
    setTimeout: (run: () => void, delayMs: number) => natives.setTimeout(run, delayMs),
    clearTimeout: (timer: number) => natives.clearTimeout(timer),
  };
  new Function(...Object.keys(names), source)(...Object.values(names));
  return module.exports;
}

/** Node's TCP and TLS as Espruino's: pieces of 536 bytes at the most, `drain` when the queue is empty. */
export function connectNode(to: EspruinoAddress, isTls: boolean, connected: () => void): EspruinoSocket {
  const socket: Socket = isTls
    ? connectTls({ host: to.host, port: to.port, rejectUnauthorized: false }, connected)
    : connect({ host: to.host, port: to.port }, connected);
  const listeners = new Map<string, (data: string) => void>();
  const tell = (event: string, data = ""): void => listeners.get(event)?.(data);
  socket.setNoDelay(true);
  socket.on("data", (data) => {
    for (let at = 0; at < data.length; at += 536) tell("data", data.toString("latin1", at, at + 536));
  });
  socket.on("error", () => tell("error"));
  socket.on("close", () => tell("close"));
  return {
    on: (event, listener) => listeners.set(event, listener),
    write: (data) => {
      socket.write(data, "latin1", () => {
        if (socket.writableLength === 0) tell("drain");
      });
      return socket.writableLength === 0;
    },
    end: () => {
      listeners.clear();
      socket.end();
    },
  };
}
