/**
 * What the adapter uses of Espruino 2v29, no more. Types only: each file declares the globals that it needs with
 * them, so that nothing of this engine is visible in the rest of the firmware.
 */

/** What TLS takes: DER, base64 of it, or the name of a file. There is no way to have the server verified. */
export interface TlsOptions {
  /** The client's key. */
  readonly key?: string | undefined;
  /** The client's certificate. */
  readonly cert?: string | undefined;
  /** Espruino loads it and does not look at it. */
  readonly ca?: string | undefined;
}

/** Options of `net.connect` and `tls.connect`. */
export interface ConnectOptions extends TlsOptions {
  readonly host: string;
  readonly port: number;
}

/** A TCP or TLS connection. Strings hold one byte per character. */
export interface Socket {
  on(event: "data", listener: (data: string) => void): void;
  on(event: "drain" | "close", listener: () => void): void;
  on(event: "error", listener: (error: { readonly code: number; readonly message: string }) => void): void;
  write(data: string): boolean;
  end(): void;
}

/** The modules `net` and `tls`. */
export interface SocketModule {
  connect(options: ConnectOptions, connected: () => void): Socket;
}

/** The module `crypto`, where the build has it with SHA-256. */
export interface CryptoModule {
  SHA256(message: Uint8Array): ArrayBuffer;
}

/** `require`, as far as built-in modules are asked for. It throws where the build has no such module. */
export interface Require {
  (name: "net" | "tls"): SocketModule;
  (name: "crypto"): CryptoModule;
}

/** The global `E`. */
export interface Engine {
  /** The bytes of a typed array as characters. */
  toString(bytes: Uint8Array): string;
  /** 32 bits of `rand()`, which on ESP32 is seeded alike at every boot. */
  hwRand(): number;
}

/** A typed array there also takes its bytes from a string's characters. */
export interface StringSink {
  set(source: string, at: number): void;
}
