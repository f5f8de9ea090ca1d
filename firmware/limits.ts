import { checkGroup, Kind, type Rule } from "./options.js";

/**
 * Every size and time bound of the firmware, with what it costs. Constructors take all memory by
 * these numbers; how they act on each other is in DESIGN.md, "Every timeout and limit".
 */
export interface Limits {
  /**
   * Longest token that the device keeps, bytes. One buffer per slot and one for staging: (slots + 1) × tokenBytes of RAM. Over
   * a deep sleep the store keeps tokens that with their host's name are 27 bytes shorter.
   */
  tokenBytes: number;
  /** Tokens kept at once; the least recently used makes room for another host. */
  slots: number;
  /** Handles that `host()` gives out, and hosts that the store keeps. */
  hosts: number;
  /** Longest host name, bytes of UTF-8. */
  hostBytes: number;
  /** Callers that may wait for a token at once, over all hosts; one more gets BUSY. */
  waiters: number;
  /** Requests in flight at once (Hello has its own slot). */
  calls: number;
  /** Send buffer, bytes: CONNECT, SUBSCRIBE and one request must fit. */
  sendBytes: number;
  /** Longest device id and longest `src` that gets an answer, bytes. */
  idBytes: number;

  /** From OPEN to CONNACK and SUBACK, ms. */
  connectTimeoutMs: number;
  /** An unanswered request is published again under the same id after this, ms. */
  callAttemptMs: number;
  /** A call ends with TIMEOUT after this, ms, however often it was published. */
  callDeadlineMs: number;
  /** MQTT keep-alive, s: the broker ends a silent connection after one and a half of these. */
  keepAliveS: number;
  /** From PINGREQ to PINGRESP, ms. */
  pingTimeoutMs: number;
  /** First and longest wait of the backoff, ms (full jitter between 0 and the bound). */
  backoffBaseMs: number;
  backoffCapMs: number;
  /**
   * The first connection after a boot, and the first after a loss, is tried at a moment drawn from so many ms: a fleet
   * that starts, or loses its broker, at one moment does not come at one. 0: at once.
   */
  spreadMs: number;
  /** A connection that was ready this long resets the backoff, ms. */
  stableMs: number;
  /** Longest `retry_after` that the device honours, ms. */
  retryAfterCapMs: number;
  /** Lifetime of a token whose end is unknown, ms: no token lasts for ever. */
  tokenMaxAgeMs: number;
}

/** Room for two tokens of 640 bytes in less than 4 KiB of buffers, the adapter's window of 512 included. */
export const DEFAULT_LIMITS: Limits = {
  tokenBytes: 640,
  slots: 2,
  hosts: 4,
  hostBytes: 64,
  waiters: 8,
  calls: 4,
  sendBytes: 640,
  idBytes: 64,
  connectTimeoutMs: 15_000,
  callAttemptMs: 6_000,
  callDeadlineMs: 20_000,
  keepAliveS: 60,
  pingTimeoutMs: 10_000,
  backoffBaseMs: 1_000,
  backoffCapMs: 300_000,
  spreadMs: 0,
  stableMs: 60_000,
  retryAfterCapMs: 3_600_000,
  tokenMaxAgeMs: 3_600_000,
};

/** Limits given by the app, the rest from {@link DEFAULT_LIMITS}. */
export type LimitOptions = { readonly [name in keyof Limits]?: number };

const check = (holds: boolean, message: string): void => {
  if (!holds) throw new Error(`limits: ${message}`);
};

/** The options where they name all limits, so that many clients can share one object; else with the defaults. @construction */
const complete = (options: LimitOptions): Limits => {
  const limits = {} as Limits;
  const rows = {} as { [name: string]: Rule };
  let isComplete = true;
  for (const key in DEFAULT_LIMITS) {
    rows[key] = Kind.WHOLE;
  }
  checkGroup("limits", options, { rows });
  for (const key in DEFAULT_LIMITS) {
    const name = key as keyof Limits;
    const given = options[name];
    if (given === undefined) isComplete = false;
    limits[name] = given === undefined ? DEFAULT_LIMITS[name] : given;
  }
  return isComplete ? (options as Limits) : limits;
};

/**
 * Fills in the defaults and checks that the numbers can work together.
 * @construction
 * @throws Error that names the first relation which does not hold.
 */
export const limitsFrom = (options: LimitOptions): Limits => {
  const limits = complete(options);
  check(limits.slots >= 1 && limits.calls >= 1 && limits.waiters >= 1, "slots, calls and waiters start at 1");
  check(limits.hosts >= limits.slots, "hosts must be at least slots");
  check(limits.tokenBytes >= 160, "tokenBytes must be at least 160: an error's message is staged there too");
  check(limits.hostBytes >= 1 && limits.hostBytes <= 255, "hostBytes must lie between 1 and 255");
  check(limits.idBytes >= 1 && limits.idBytes <= 128, "idBytes must lie between 1 and 128");
  check(limits.sendBytes >= 256, "sendBytes must be at least 256: CONNECT and SUBSCRIBE leave in one write");
  check(limits.callAttemptMs < limits.callDeadlineMs, "callAttemptMs must be less than callDeadlineMs");
  check(
    limits.pingTimeoutMs < limits.keepAliveS * 500,
    "pingTimeoutMs must be less than half the keep-alive",
  );
  check(limits.keepAliveS <= 65_535, "keepAliveS must fit 16 bits");
  check(limits.tokenMaxAgeMs >= 1, "tokenMaxAgeMs must be at least 1: no token is used for ever");
  check(limits.backoffBaseMs <= limits.backoffCapMs, "backoffBaseMs must not exceed backoffCapMs");
  return limits;
};
