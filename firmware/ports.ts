import type { Status } from "./status.js";

/**
 * What the firmware asks of the engine it runs on. An adapter implements these four interfaces and nothing
 * else; it knows no protocol. All calls come from one thread, and none of them may call back before it returns
 * unless it says so.
 */
export interface Ports {
  readonly link: Link;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** Where the cloud is reached. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A stream of bytes to the cloud and back, one connection at a time. */
export interface Link {
  /** Starts to open a connection; `events.opened()` or `events.closed(status)` follows, never within this call. */
  open(address: Address, events: LinkEvents): void;
  /**
   * Takes up to `to − from` bytes at once and returns how many. What was taken is never lost while the
   * connection lives. Fewer than offered means: wait for `events.writable()`. The bytes are the caller's again
   * when this returns.
   */
  write(bytes: Uint8Array, from: number, to: number): number;
  /** Sends what was taken, ends the connection, and tells no event of it afterwards. */
  close(): void;
}

/** What a link tells. The driver implements it. */
export interface LinkEvents {
  opened(): void;
  /** Bytes from the peer: a window that is the adapter's again when this returns. All of them are consumed. */
  received(bytes: Uint8Array, from: number, to: number): void;
  /** More can be written, after a `write` that took less than it was offered. */
  writable(): void;
  /** The connection is gone, or could not be opened: CONNECTION_LOST or UNREACHABLE. No event follows. */
  closed(status: Status): void;
}

/** Monotonic time and the one timer. */
export interface Clock {
  /**
   * Milliseconds since any moment; fractions are welcome. It may wrap at 2^32 and must not follow the wall
   * clock; a step back is taken as no time passed.
   */
  now(): number;
  /** Calls `waker.turn()` once after `delayMs`, never within this call; replaces what was asked before. */
  wakeAfter(delayMs: number, waker: Waker): void;
  /** Forgets what was asked. */
  cancel(): void;
}

/** Who is woken by the clock. */
export interface Waker {
  turn(): void;
}

/** Random bytes that an attacker can't foretell. */
export interface Entropy {
  fill(bytes: Uint8Array, from: number, to: number): void;
}

/** The driver as the core sees it: the time, and a bell. */
export interface Turns {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Asks for a turn as soon as this one, or the app's code, is over. */
  soon(): void;
}
