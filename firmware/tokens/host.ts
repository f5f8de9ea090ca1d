import type { Limits } from "../limits.js";
import type { Call } from "../rpc/calls.js";
import { Failure } from "../session/failure.js";
import { Status } from "../status.js";
import { Backoff } from "../time/backoff.js";
import { bytesOf, jsonTextLength, sameBytes, type Text } from "../wire/bytes.js";
import type { Slot } from "./slot.js";
import type { OnToken } from "./token.js";

/** What a handle asks of the core. */
export interface HostCalls {
  getToken(host: Host, onToken: OnToken): Status;
  generateToken(host: Host, onToken: OnToken): Status;
  revokeToken(host: Host, onToken: OnToken | null): Status;
  rejected(host: Host, generation: number): Status;
}

/** How far a token that its app refused got. */
export enum Rejection {
  NONE,
  /** One new token is fetched; if the app refuses that too, it gets REJECTED. */
  RETRIED,
  /** Reported: nothing is fetched until the app asks for a new token, or the hold is over. */
  REPORTED,
}

/**
 * One app's tokens: the handle that the firmware's user keeps. Every call returns a status at once: OK means
 * that the callback is called once, later, after the turn; BUSY that all places are taken, and CLOSED that the
 * client was closed: then it is not called.
 */
export class Host {
  /** The name, UTF-8, and behind it the quote and the brace that end the arguments of a request. */
  readonly bytes: Uint8Array;
  /** Of the name alone. */
  readonly length: number;
  /** The app has this handle; else the host is known from the store only. */
  isClaimed: boolean;
  /** The token's place; null when it has none. */
  slot: Slot | null;
  /** Counts the tokens that this host had here. */
  generation: number;
  /** The one call under way. */
  flight: Call | null;
  /** The cloud has, or had, a token of ours for it: an empty slot asks GetToken first. */
  isKnown: boolean;
  /** The next token must be a new one. */
  mustGenerate: boolean;
  /** A RevokeToken has yet to reach the cloud. */
  owesRevoke: boolean;
  rejection: Rejection;
  rejectedUntilMs: number;
  /** When an app last asked for the token. */
  askedAtMs: number;
  /** No call before this: the backoff, or what the cloud asked for. */
  notBeforeMs: number;
  readonly backoff: Backoff;
  /** When the host is to be looked at if nothing happens before. */
  wakeAtMs: number;
  /** Why the last call failed; OK after a success. */
  status: Status;
  /** The same for people, with what belongs to it. */
  readonly failure: Failure;
  private readonly calls: HostCalls;

  /** Made by `auth.host(name)`. */
  constructor(name: Text, limits: Limits, calls: HostCalls) {
    const bytes = name instanceof Uint8Array ? name : bytesOf(name);
    if (bytes.length === 0 || bytes.length > limits.hostBytes) {
      throw new Error(`motekey: host must be 1 to ${limits.hostBytes} bytes long (limits.hostBytes)`);
    }
    if (jsonTextLength(bytes) !== bytes.length) {
      throw new Error("motekey: host must not hold quotes, backslashes or control characters");
    }
    this.length = bytes.length;
    this.bytes = new Uint8Array(bytes.length + 2);
    this.bytes.set(bytes, 0);
    this.bytes[this.length] = 0x22;
    this.bytes[this.length + 1] = 0x7d;
    this.isClaimed = false;
    this.slot = null;
    this.generation = 0;
    this.flight = null;
    this.isKnown = false;
    this.mustGenerate = false;
    this.owesRevoke = false;
    this.rejection = Rejection.NONE;
    this.rejectedUntilMs = 0;
    this.askedAtMs = -Infinity;
    this.notBeforeMs = 0;
    this.backoff = new Backoff(limits.backoffBaseMs, limits.backoffCapMs);
    this.wakeAtMs = Infinity;
    this.status = Status.OK;
    this.failure = new Failure();
    this.calls = calls;
  }

  isSame(other: Host): boolean {
    return this.length === other.length && sameBytes(this.bytes, 0, other.bytes, 0, this.length);
  }

  /** The token, from memory while it is good, else from the cloud. Callers of one host share one request. */
  getToken(onToken: OnToken): Status {
    return this.calls.getToken(this, onToken);
  }

  /** A new token; the one before serves until it is there. */
  generateToken(onToken: OnToken): Status {
    return this.calls.generateToken(this, onToken);
  }

  /**
   * Ends all tokens of this host: here at once, in the store too, and offline; in the cloud as soon as it can be
   * reached, after a reboot if need be. Callers that wait for a token end with REVOKED.
   * @param onToken called when the cloud knows, or why it does not know yet; STORE_FAILED: the cloud knows, but the
   * store does not say so; null for those who don't ask
   * @returns OK; STORE_FAILED: all that is done, but a reboot before the cloud knows may forget it. `onToken` is called
   * with both; BUSY or CLOSED: nothing is done, and it is not called
   */
  revokeToken(onToken: OnToken | null): Status {
    return this.calls.revokeToken(this, onToken);
  }

  /**
   * The app's server refused the token with this generation. OK: a new one is on its way, ask for it; STALE:
   * there is another one already; REJECTED: the new one was refused too, which fetching more will not mend.
   */
  rejected(generation: number): Status {
    return this.calls.rejected(this, generation);
  }
}
