import { decodeValue, type Encoding } from "./encoding.js";

/** A v2 frame as it came: an object, nothing else is known yet. */
export type Frame = Record<string, unknown>;

/** The object in these bytes, or null when they are not one whole object. */
export function parseFrame(bytes: Uint8Array, encoding: Encoding): Frame | null {
  try {
    const value = decodeValue(bytes, encoding);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** How deep a frame may be nested; those of the protocol have four levels. */
export const FRAME_DEPTH_MAX = 16;

/** Is this frame nested deeper than it may be? Level by level: what recurses would be ended by what it looks for. */
export function isTooDeep(frame: Frame): boolean {
  let level: unknown[] = [frame];
  for (let depth = 1; depth <= FRAME_DEPTH_MAX; depth++) {
    level = level.flatMap(membersOf);
    if (level.length === 0) return false;
  }
  return level.some((value) => typeof value === "object" && value !== null);
}

function membersOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

/** Until when a frame is worth an answer, unix ms: the earlier of `deadline` and of `timeout` from now on; NaN: no numbers. */
export function deadlineOf({ deadline, timeout }: Frame, nowMs: number): number {
  const absoluteMs = deadline === undefined ? Number.POSITIVE_INFINITY : secondsIn(deadline);
  const relativeMs = timeout === undefined ? Number.POSITIVE_INFINITY : nowMs + secondsIn(timeout);
  return Math.min(absoluteMs, relativeMs);
}

function secondsIn(value: unknown): number {
  return typeof value === "number" ? value * 1000 : Number.NaN;
}

/** Is this an object of JSON (no array, no null)? */
export function isObject(value: unknown): value is Frame {
  const isOther = Array.isArray(value) || value instanceof Uint8Array;
  return typeof value === "object" && value !== null && !isOther;
}

/** Is this a valid request id, an integer of 1 to 2^53 - 1? */
export function isRequestId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

/** An error as it is answered (the wire's A1, B1). */
export interface ReplyError {
  code: number;
  message: string;
  /** Seconds until it is worth another try. */
  retry_after?: number;
}

/** What a method came to: a result (undefined: success without a value) or an error of the protocol. */
export type Outcome = { result: unknown } | { error: ReplyError };

/** An expected failure of a method; its code and message go to the caller. */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** The server cannot now what it could before, and soon may again: 503. */
export class Unavailable extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get error(): ReplyError {
    return { code: 503, message: this.message, retry_after: this.retryAfterSeconds };
  }
}

/** The member that says how a call ended: `"result":…`, `"error":…`, or nothing for a result without a value. */
export function outcomeText(outcome: Outcome): string {
  if ("error" in outcome) return `,"error":${JSON.stringify(outcome.error)}`;
  return outcome.result === undefined ? "" : `,"result":${JSON.stringify(outcome.result)}`;
}

/** What a reply's frame is made of. */
export interface ReplyParts {
  address: string;
  dst: string;
  id: number;
  tag: unknown;
  /** From `outcomeText`. */
  outcome: string;
}

/** The members of a reply's frame, each group with its comma before it. */
export function replyMembers({ address, dst, id, tag, outcome }: ReplyParts): {
  route: string;
  id: string;
  outcome: string;
} {
  const tagged = tag === undefined ? "" : `,"tag":${JSON.stringify(tag)}`;
  return {
    route: `,"src":${JSON.stringify(address)},"dst":${JSON.stringify(dst)}`,
    id: `,"id":${id}${tagged}`,
    outcome,
  };
}

/** The reply's frame with the members in the documented order. */
export function replyText(parts: ReplyParts): string {
  const { route, id, outcome } = replyMembers(parts);
  return `{"v":2${route}${id}${outcome}}`;
}
