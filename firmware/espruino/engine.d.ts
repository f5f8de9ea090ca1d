/**
 * What the core uses of Espruino 2v29, no more: it joins firmware/lib/shared.d.ts in this folder's compiler pass. In
 * Node the same names are handed in. Texts hold one byte per character.
 */

/** A TCP or TLS connection. */
interface Socket {
  /** Listeners are called as the socket's. */
  on(event: "data", listener: (this: Socket, data: string) => void): void;
  on(event: "drain" | "close" | "error", listener: (this: Socket) => void): void;
  /** Takes everything: its queue has no bound. */
  write(data: string): boolean;
  end(): void;
}

/** The modules `net` and `tls`. */
interface SocketModule {
  /** It throws where there is no such name, no network, or a key that it cannot use. */
  connect(
    options: {
      readonly host: string;
      readonly port: number;
      readonly key?: string | undefined;
      readonly cert?: string | undefined;
      readonly ca?: string | undefined;
    },
    connected: () => void,
  ): Socket;
}

/** The module `crypto`. */
interface CryptoModule {
  /** Of a text, or of all that a list holds. */
  SHA256(message: string | readonly (string | ArrayBuffer)[]): ArrayBuffer;
}

/** The module `Storage`: files in flash, under names of at most 28 bytes. */
interface StorageModule {
  /** The value, still in flash; undefined: there is none. */
  read(name: string): string | undefined;
  /** It throws where there is no room. */
  write(name: string, value: string): boolean;
}

declare function require(name: "net" | "tls"): SocketModule;
declare function require(name: "crypto"): CryptoModule;
declare function require(name: "Storage"): StorageModule;

/** A frame as it is read: any member may be missing, and of any type but for those that a reader has checked. */
interface Frame {
  v?: unknown;
  src?: string;
  dst?: string;
  id?: number | string;
  method?: string;
  nr?: unknown;
  result?: Result;
  error?: { code?: unknown; message?: unknown; retry_after?: unknown };
}

/** What `result` may hold where it is an object or a list; of a text or a verdict all members are missing. */
interface Result {
  token?: unknown;
  sealed?: unknown;
  exist?: unknown;
  success?: unknown;
  expires_in?: unknown;
  ext?: unknown;
  c?: unknown;
  mac?: unknown;
  readonly length: number;
  readonly [index: number]: { host?: unknown } | null;
}

/** What is said of a token in its own claims (RFC 7519). */
interface Claims {
  iat?: unknown;
  exp?: unknown;
}

// biome-ignore lint/suspicious/noShadowRestrictedNames: the library has none of it
declare const JSON: {
  /** It throws on some of what is no JSON, and takes the rest; members that come twice are there twice. */
  parse(text: string): Frame;
  /** Plain ASCII: everything else is escaped. */
  stringify(value: unknown): string;
};

interface ObjectConstructor {
  assign<T, S>(target: T, source: S): T & S;
}

declare const E: {
  /** The bytes as characters. */
  toString(bytes: ArrayBuffer): string;
  /** The text's own bytes. */
  toArrayBuffer(text: string): ArrayBuffer;
  /** 32 bits of `rand()`, which on ESP32 is seeded alike at every boot. */
  hwRand(): number;
  /** Of the text's characters, as zlib has it. */
  CRC32(text: string): number;
  /** The sum of the products of their characters; it begins anew at the end of the shorter one. */
  convolve(one: string, other: string, from: number): number;
};

/** The bytes of a buffer, four at a time; there is a whole number of them. */
interface Uint32Array {
  readonly length: number;
  readonly buffer: ArrayBuffer;
  [index: number]: number;
}
type Uint32ArrayConstructor = new (buffer: ArrayBuffer) => Uint32Array;
// biome-ignore lint/suspicious/noShadowRestrictedNames: the library has none of it
declare const Uint32Array: Uint32ArrayConstructor;

/** Seconds since 1970, or since boot before the clock is set; with fractions. */
declare function getTime(): number;
declare function setTimeout(callback: () => void, delayMs: number): number;
declare function clearTimeout(timer: number): void;
declare function btoa(text: string): string;
declare function atob(text: string): string;

interface String {
  replaceAll(part: string, other: string): string;
  /** Of one character, from an index on. */
  indexOf(character: string, from: number): number;
  /** Of one character. */
  lastIndexOf(character: string): number;
  substr(from: number): string;
  readonly [index: number]: string;
}
interface RegExp {
  test(text: string): boolean;
}
interface StringConstructor {
  fromCharCode(...codes: number[]): string;
}
interface Array<T> {
  join(separator: string): string;
  splice(from: number, count: number): T[];
  pop(): T | undefined;
}
interface Math {
  round(x: number): number;
  abs(x: number): number;
}

/** An object of JSON by its members' names, and what may be open: one of them, or a list. */
interface Given {
  [name: string]: unknown;
}
type Container = Given | unknown[];
type NumberConstructor = (text: string) => number;
// biome-ignore lint/suspicious/noShadowRestrictedNames: the library has none of it
declare const Number: NumberConstructor;

type Exclude<T, U> = T extends U ? never : T;
type Omit<T, K> = { [P in keyof T as Exclude<P, K>]: T[P] };
