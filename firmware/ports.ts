import type { Status } from "./status.js";

/**
 * What the firmware asks of the engine it runs on. An adapter implements these interfaces and nothing else;
 * it knows no protocol. All calls come from one thread, and none of them may call back before it returns
 * unless it says so.
 */
export interface Ports {
  readonly link: Link;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Absent: nothing is kept over reboots. One client has it for itself: two would write the same names. */
  readonly store?: Store;
}

/** What a link proves by itself, before a byte of ours has crossed it. */
export enum LinkSecurity {
  /** Anybody on the way reads and changes what is sent. */
  PLAIN,
  /** TLS to whoever answered: hidden from who only listens. */
  UNVERIFIED_TLS,
  /** TLS to the server that a trust anchor and the host name vouch for. */
  VERIFIED_TLS,
  /** VERIFIED_TLS, and the server has seen our certificate. */
  MUTUAL_TLS,
  /** TLS under a key that both ends know, and nobody else (RFC 4279, RFC 8446 2.2): it proves both. */
  PSK_TLS,
}

/** The cloud's address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A stream of bytes to the cloud and back, one connection at a time. */
export interface Link {
  /** Known before the first `open`, and the same for every connection; absent: PLAIN. */
  readonly security?: LinkSecurity;
  /** Starts opening a connection; `events.opened()` or `events.closed(status)` follows, never within this call. */
  open(address: Address, events: LinkEvents): void;
  /**
   * Takes up to `to − from` bytes at once and returns how many. Taken bytes are never lost while the
   * connection lives. Fewer than offered means: wait for `events.writable()`. The bytes are the caller's again
   * when this returns.
   */
  write(bytes: Uint8Array, from: number, to: number): number;
  /** Sends the taken bytes, ends the connection, and delivers no event of it afterwards. */
  close(): void;
}

/** A link's events. The driver implements it. */
export interface LinkEvents {
  opened(): void;
  /** Bytes from the peer: a window that is the adapter's again when this returns. All of them are consumed. */
  received(bytes: Uint8Array, from: number, to: number): void;
  /** More can be written, after a `write` that took less than offered. */
  writable(): void;
  /** The connection is lost, or failed to open: CONNECTION_LOST, UNREACHABLE, or a more exact status. No event follows. */
  closed(status: Status): void;
}

/** Monotonic time and the one timer. */
export interface Clock {
  /**
   * Milliseconds since any moment; fractions are welcome. It may wrap at 2^32 and must not follow the wall
   * clock; a step back counts as no time.
   */
  now(): number;
  /** Calls `waker.turn()` once after `delayMs`, never within this call; replaces an earlier request. */
  wakeAfter(delayMs: number, waker: Waker): void;
  /** Cancels the timer. */
  cancel(): void;
}

/** What the clock wakes. */
export interface Waker {
  turn(): void;
}

/** Random bytes that an attacker cannot predict. */
export interface Entropy {
  fill(bytes: Uint8Array, from: number, to: number): void;
}

/**
 * Small values by name that survive a power cut. It never harms a value that is not being written; a value
 * that is may be lost, cut short, or wrong.
 */
export interface Store {
  /** How its values are protected, `sealed` or `obfuscated`; absent: `unsealed`. */
  readonly sealing?: string;
  /** Why the value read last is no record, where the store knows; OK or absent: it does not. */
  readonly refused?: Status;
  /**
   * Reads the value of this name into `out`, as much of it as fits. Names are ASCII, at most 15 bytes long.
   * @returns the value's length, bytes; −1: there is none of this name; −2: the store failed. It never
   * throws
   */
  read(name: string, out: Uint8Array): number;
  /**
   * Replaces the value by `bytes[0..length)`; it is in flash when this returns.
   * @returns false when that failed. It never throws
   */
  write(name: string, bytes: Uint8Array, length: number): boolean;
}

/** The driver as the core sees it: the time, and a bell. */
export interface Turns {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Asks for a turn as soon as this one, or the app's code, is over. */
  soon(): void;
}
