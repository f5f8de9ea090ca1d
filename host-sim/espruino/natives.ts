import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { LeanModule } from "../../firmware/espruino/api.js";
import { type Ports, Status, type Store } from "../../firmware/index.js";

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
    crypto: {
      SHA256: (of: string | readonly (string | ArrayBuffer)[]) => {
        const hash = createHash("sha256");
        for (const part of typeof of === "string" ? [of] : of)
          hash.update(typeof part === "string" ? latin1(part) : new Uint8Array(part));
        return new Uint8Array(hash.digest()).buffer;
      },
    },
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
      toString: (bytes: ArrayBuffer) => Buffer.from(bytes).toString("latin1"),
      toArrayBuffer: (text: string) => new Uint8Array(latin1(text)).buffer,
      hwRand: () => natives.hwRand(),
      CRC32: (text: string) => crc32(latin1(text)),
      convolve: (one: string, other: string) => {
        let sum = 0;
        for (let i = 0; i < one.length; i++) sum += one.charCodeAt(i) * other.charCodeAt(i % other.length);
        return sum;
      },
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

/** The engine's longest piece of what comes in, bytes. */
const PIECE_BYTES = 536;
/** The longest value that is read of a store. */
const VALUE_BYTES = 4096;

/** What of a platform the natives need beside its ports. */
export interface Surroundings {
  /** Runs something when the present code is over. */
  later(run: () => void): void;
  /** Whether the name of the next host is unknown, which the engine throws at once. Default: nobody knows. */
  isUnknown?(): boolean;
}

const NODE: Surroundings = { later: (run) => setImmediate(run) };

const valueIn = (store: Store, name: string): string | undefined => {
  const room = new Uint8Array(VALUE_BYTES);
  const length = store.read(name, room);
  return length < 0 ? undefined : Buffer.from(room.subarray(0, length)).toString("latin1");
};

/**
 * An engine's timers over a clock that has one. The core has two at the most: its own, and one of 0 ms for a connection
 * that cannot be opened.
 */
class Timers {
  private readonly soon = new Map<number, () => void>();
  private count = 0;
  /** The one that the clock has; 0: none. */
  private armed = 0;
  private armedRun: () => void = () => undefined;

  constructor(
    private readonly clock: Ports["clock"],
    private readonly surroundings: Surroundings,
  ) {}

  set(run: () => void, delayMs: number): number {
    const timer = ++this.count;
    if (this.armed !== 0 && delayMs === 0) {
      this.defer(timer, run);
      return timer;
    }
    if (this.armed !== 0) this.defer(this.armed, this.armedRun);
    this.armed = timer;
    this.armedRun = run;
    this.clock.wakeAfter(delayMs, {
      turn: () => {
        this.armed = 0;
        run();
      },
    });
    return timer;
  }

  clear(timer: number): void {
    this.soon.delete(timer);
    if (timer !== this.armed) return;
    this.armed = 0;
    this.clock.cancel();
  }

  private defer(timer: number, run: () => void): void {
    this.soon.set(timer, run);
    this.surroundings.later(() => {
      if (this.soon.delete(timer)) run();
    });
  }
}

/** The ports of the other core as Espruino's natives: its link, its clock, its dice and its store. */
export function nativesOf(ports: Ports, surroundings: Surroundings = NODE): Natives {
  const { link, clock, entropy, store } = ports;
  const files = new Map<string, string>();
  const timers = new Timers(clock, surroundings);
  return {
    connect: (to, isTls, connected): EspruinoSocket => {
      const listeners = new Map<string, (data: string) => void>();
      const tell = (event: string, data = ""): void => listeners.get(event)?.call(socket, data);
      if (surroundings.isUnknown?.()) throw new Error("Unable to locate host");
      let queue: Buffer = Buffer.alloc(0);
      const send = (): void => {
        const taken = link.write(queue, 0, queue.length);
        queue = queue.subarray(taken);
        if (queue.length === 0) surroundings.later(() => tell("drain"));
      };
      link.open(to, {
        opened: connected,
        received: (bytes, from, end) => {
          for (let at = from; at < end; at += PIECE_BYTES)
            tell("data", Buffer.from(bytes.subarray(at, Math.min(end, at + PIECE_BYTES))).toString("latin1"));
        },
        writable: send,
        closed: (status) => {
          // The engine reports a connection before its handshake.
          if (isTls && status >= Status.TLS_FAILED) connected();
          tell("close");
        },
      });
      const socket: EspruinoSocket = {
        on: (event, listener) => listeners.set(event, listener),
        write: (data) => {
          queue = Buffer.concat([queue, latin1(data)]);
          send();
          return true;
        },
        end: () => link.close(),
      };
      return socket;
    },
    read: (name) => (store === undefined ? files.get(name) : valueIn(store, name)),
    write: (name, value) => {
      if (store !== undefined) return store.write(name, latin1(value), value.length);
      files.set(name, value);
      return true;
    },
    getTime: () => clock.now() / 1000,
    setTimeout: (run, delayMs) => timers.set(run, delayMs),
    clearTimeout: (timer) => timers.clear(timer),
    hwRand: () => {
      const bytes = new Uint8Array(4);
      entropy.fill(bytes, 0, 4);
      return Buffer.from(bytes).readInt32LE();
    },
  };
}
