/** What the SDK's TLS has (modules/crypt, 8.2.3) and the typings do not: as far as it is used here. */

declare module "ssl/session" {
  import type { Certificates, Socket } from "ssl/types";

  /** One connection's TLS 1.2, over a socket that is read and written by it. */
  export default class Session {
    constructor(options: object);
    certificateManager: Certificates;
    /** Decrypted in a record that brought more than the handshake. */
    applicationData?: Uint8Array;
    alert?: { level: number; description: number };
    initiateHandshake(): void;
    /** Reads and writes one step; true: it is over, for good or with an alert. */
    handshake(socket: Socket): boolean;
    /** undefined: no whole record is there; null: the peer has ended it. */
    read(socket: Socket): Uint8Array | null | undefined;
    /** Returns the room left. */
    write(socket: Socket, data: Uint8Array): number;
    doProtocol(socket: Socket, protocol: object, ...parameters: unknown[]): void;
  }
}

declare module "ssl/types" {
  /** A socket with what the session notes on it, bytes. */
  export interface Socket {
    readable: number;
    writable: number;
    /** Fills all of `bytes`. */
    read(bytes: Uint8Array): void;
    /** Returns the room left. */
    write(bytes: Uint8Array): number;
  }

  /** Who decides about certificates: the session's `certificateManager`. */
  export interface Certificates {
    verify(chain: Uint8Array[]): boolean;
    register(certificate: ArrayBuffer): void;
    getKey(certificate: unknown): object;
    findPreferredCert(): Uint8Array[];
  }

  export interface Suite {
    readonly value: readonly [number, number];
  }
}

declare module "ssl/handshake" {
  const handshake: {
    readonly clientHello: { readonly msgType: number };
    readonly helloProtocol: {
      packetize(session: object, suites: readonly object[], compressions: number[], type: number): Uint8Array;
    };
  };
  export default handshake;
}

declare module "ssl/ciphersuites" {
  import type { Suite } from "ssl/types";

  const suites: readonly Suite[];
  export default suites;
}

declare module "ssl/alert" {
  const alert: { readonly close_notify: number };
  export default alert;
}

declare module "pkcs1_5" {
  /** RSASSA-PKCS1-v1_5 (RFC 8017, 8.2). */
  export default class PKCS1_5 {
    constructor(key: { modulus: bigint; exponent: bigint }, isPrivate: boolean, oid: number[]);
    verify(digest: ArrayBuffer, signature: Uint8Array): boolean;
  }
}

declare module "pkcs8" {
  const PKCS8: { parse(key: Uint8Array): object };
  export default PKCS8;
}

declare module "rng" {
  const RNG: { init(seed: ArrayBuffer): void };
  export default RNG;
}
