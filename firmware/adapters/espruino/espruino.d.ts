/**
 * What the adapter uses of Espruino 2v29, no more. It joins firmware/lib/shared.d.ts in this folder's compiler
 * pass only, so that the rest of the firmware does not see this engine.
 */

/** Options of `net.connect` and `tls.connect`. */
interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  readonly ca?: string | undefined;
}

/** A TCP or TLS connection. Strings hold one byte per character. */
interface Socket {
  on(event: "data", listener: (data: string) => void): void;
  on(event: "drain" | "close" | "error", listener: () => void): void;
  write(data: string): boolean;
  end(): void;
}

/** The modules `net` and `tls`. */
interface SocketModule {
  connect(options: ConnectOptions, connected: () => void): Socket;
}

/** The module `crypto`. */
interface CryptoModule {
  SHA256(message: Uint8Array): ArrayBuffer;
}

/** The module `Storage`: files in flash, under names of at most 28 bytes. */
interface StorageModule {
  /** The value's bytes as characters, still in flash; undefined: there is none. */
  read(name: string): string | undefined;
  /** It throws where there is no room. */
  write(name: string, value: Uint8Array): boolean;
}

/** Built-in modules. It throws where the build has no such module. */
declare function require(name: "net" | "tls"): SocketModule;
declare function require(name: "crypto"): CryptoModule;
declare function require(name: "Storage"): StorageModule;

/** An answer as the engine reads it; any member may be missing or of any type, but for `result`. */
interface ParsedAnswer {
  readonly v?: unknown;
  readonly src?: unknown;
  readonly dst?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly nr?: unknown;
  readonly error?: unknown;
  result: {
    readonly token?: unknown;
    readonly expires_in?: unknown;
    readonly exist?: unknown;
    readonly success?: unknown;
    readonly time?: unknown;
  };
}

// biome-ignore lint/suspicious/noShadowRestrictedNames: the library has none of it
declare const JSON: {
  /** It throws on some of what is no JSON, and takes the rest; members that come twice are there twice. */
  parse(text: string): ParsedAnswer;
  /** Plain ASCII: everything else is escaped. */
  stringify(value: ParsedAnswer): string;
};
interface ObjectConstructor {
  /** Throws on a source that is neither an object nor undefined nor null. */
  assign<T>(target: object, source: T): T;
}

declare const E: {
  /** The bytes of a typed array as characters. */
  toString(bytes: Uint8Array): string;
  /** The text as a literal: quoted, with everything escaped that is not plain ASCII. */
  toJS(text: string): string;
  /** 32 bits of `rand()`, which on ESP32 is seeded alike at every boot. */
  hwRand(): number;
};

/** Seconds since 1970, or since boot before the clock is set; with fractions. */
declare function getTime(): number;
declare function setTimeout(callback: () => void, delayMs: number): number;
declare function clearTimeout(timer: number): void;

interface Uint8Array {
  /** Takes the bytes of a string's characters, as many as fit. */
  set(source: string, at: number): void;
  indexOf(byte: number, from: number): number;
}

interface String {
  /** Of one character, from an index on. It costs a third of what it costs in a typed array. */
  indexOf(character: string, from: number): number;
}
