import type { StruckRequest } from "./interference.js";
import {
  BYTES,
  either,
  FLAG,
  FUNCTION,
  guarded,
  NOTHING,
  needed,
  numberFrom,
  optionsOf,
  type Shape,
  TEXT,
  whole,
} from "./options.js";
import type { Extensions } from "./types.js";

/**
 * When a fault strikes: a number is the next N requests (it counts down; Infinity: all), a boolean is always
 * or never, a function decides by sender and method.
 */
export type Trigger = number | boolean | ((request: StruckRequest) => boolean);

/** An error answered instead of the result. */
export interface ErrorFault {
  code: number;
  message?: string;
  /** Seconds; sent while the extension `retryAfter` is on. */
  retryAfter?: number;
  /** Default: the next request only. */
  when?: Trigger;
}

/** Bytes sent in place of the reply's frame. */
export interface MalformedFault {
  bytes: string | Uint8Array;
  /** Default: the next reply only. */
  when?: Trigger;
  /** MAC the bytes where the reply would have been (the default), or send them bare. */
  mac?: boolean;
}

/** A reply on its way, as JSON's text whatever its encoding, before its MAC. */
export interface OutgoingReply {
  dst: string;
  id: number;
  method: string;
  text: string;
}

/** The knobs as `startCloud` takes them. */
export interface FaultOptions {
  /** Each request waits this long before it is looked at. */
  latencyMs?: number;
  /** The request is lost before anything was done. */
  dropRequests?: Trigger;
  /** The request is carried out, its reply is lost. */
  dropReplies?: Trigger;
  /** The reply is delivered twice, byte for byte. */
  doubleReplies?: Trigger;
  error?: ErrorFault | null;
  /** The next N connections are closed right after CONNACK. */
  kickAfterConnack?: number;
  /** The reply carries the request's id plus one. */
  wrongId?: Trigger;
  /** The reply's MAC is wrong (replies to MAC'd requests only). */
  wrongMac?: Trigger;
  malformedReply?: MalformedFault | null;
  /** Shifts `iat`, `exp`, `issued_at` and the time in Hello; lifetimes stay as they are. */
  clockOffsetSeconds?: number;
  extensions?: Extensions;
  /** ListToken names this many made-up hosts after the real ones. */
  listTokenHosts?: number;
  /** `result` or `error` comes before `src`, `dst` and `id`. */
  resultBeforeId?: boolean;
  /** Each reply carries an unknown member of this many bytes before its `id`. */
  padReply?: number;
  /**
   * Changes a reply's frame before its MAC: the new frame (a text is encoded as the reply would have been), undefined to leave it, null to send nothing. It
   * sees refusals too, so that a challenge can be changed.
   */
  rawReply?: ((reply: OutgoingReply) => string | Uint8Array | null | undefined) | null;
}

const EXTENSIONS: Shape<Extensions> = {
  retryAfter: FLAG,
  expiresIn: FLAG,
  mac: FLAG,
  cbor: FLAG,
  seal: FLAG,
};
const TRIGGER = either(FLAG, numberFrom(0), FUNCTION);
const ERROR: Shape<ErrorFault> = {
  code: needed(whole()),
  message: TEXT,
  retryAfter: numberFrom(-Infinity),
  when: TRIGGER,
};
const MALFORMED: Shape<MalformedFault> = { bytes: needed(either(TEXT, BYTES)), when: TRIGGER, mac: FLAG };

/** The names and values of the knobs. */
export const FAULTS: Shape<FaultOptions> = {
  latencyMs: numberFrom(0),
  dropRequests: TRIGGER,
  dropReplies: TRIGGER,
  doubleReplies: TRIGGER,
  error: either(optionsOf(ERROR), NOTHING),
  kickAfterConnack: numberFrom(0),
  wrongId: TRIGGER,
  wrongMac: TRIGGER,
  malformedReply: either(optionsOf(MALFORMED), NOTHING),
  clockOffsetSeconds: numberFrom(-Infinity),
  extensions: optionsOf(EXTENSIONS),
  listTokenHosts: whole(0),
  resultBeforeId: FLAG,
  padReply: whole(0),
  rawReply: either(FUNCTION, NOTHING),
};

/** What the option `extensions` takes. */
export const EXTENSIONS_OPTION = either(FLAG, optionsOf(EXTENSIONS));

/** The knobs as the running cloud holds them: every field may be set at any time. */
export type Faults = Required<FaultOptions>;

/**
 * Knobs at rest, with the given ones turned.
 * @param extensions which extensions the cloud has; true or undefined: all
 * @throws Error that names a knob which is unknown or of a wrong value, now and whenever one is set
 */
export function makeFaults(
  given: FaultOptions,
  extensions: boolean | Partial<Extensions> | undefined,
): Faults {
  const on = extensions !== false;
  const named = typeof extensions === "object" ? extensions : {};
  const faults: Faults = {
    latencyMs: 0,
    dropRequests: 0,
    dropReplies: 0,
    doubleReplies: 0,
    error: null,
    kickAfterConnack: 0,
    wrongId: 0,
    wrongMac: 0,
    malformedReply: null,
    clockOffsetSeconds: 0,
    extensions: { retryAfter: on, expiresIn: on, mac: on, cbor: on, seal: on, ...named },
    listTokenHosts: 0,
    resultBeforeId: false,
    padReply: 0,
    rawReply: null,
    ...given,
  };
  return guarded("faults", faults, FAULTS);
}

/** The knobs that hold a trigger of their own. */
export type TriggerName = "dropRequests" | "dropReplies" | "doubleReplies" | "wrongId" | "wrongMac";

/** Does this knob strike this request? A counting trigger counts down. */
export function strikes(faults: Faults, name: TriggerName, request: StruckRequest): boolean {
  const trigger = faults[name];
  if (typeof trigger !== "number") return judge(trigger, request);
  if (trigger < 1) return false;
  faults[name] = trigger - 1;
  return true;
}

/** The same for a fault that is an object with `when` (default: once); at its end the knob returns to null. */
export function strikesOnce<Name extends "error" | "malformedReply">(
  faults: Faults,
  name: Name,
  request: StruckRequest,
): Faults[Name] | null {
  const fault = faults[name];
  if (fault === null) return null;
  const when = fault.when === undefined ? 1 : fault.when;
  if (typeof when !== "number") return judge(when, request) ? fault : null;
  if (when < 1) return null;
  fault.when = when - 1;
  if (when < 2) faults[name] = null as Faults[Name];
  return fault;
}

function judge(trigger: Exclude<Trigger, number>, request: StruckRequest): boolean {
  return typeof trigger === "function" ? trigger(request) : trigger;
}
