import type { Entry, History } from "./history.js";

/** A client's own timer may be late by so much on a machine that is busy. */
const LATE_MS = 2_000;

/** What the service promises where its database is away, and what a busy machine may add: below the clients' own timers. */
const ANSWER_MS = 500;
const BUSY_MS = 1_000;

/** Judges all that clients saw. Resolves with a sentence for each thing that must not be; none: all held. */
export function violations(history: History): string[] {
  return [...counters(history), ...tokens(history), ...deadlines(history), ...silences(history)];
}

/** No counter is accepted twice, not even across an epoch. */
function counters({ entries }: History): string[] {
  const taken = new Map<string, number>();
  for (const { asked, ended } of entries)
    if (asked.kind === "counter" && ended.kind === "counter" && ended.isTaken) {
      const key = `${asked.device} ${asked.counter}`;
      taken.set(key, (taken.get(key) ?? 0) + 1);
    }
  return [...taken].flatMap(([key, times]) =>
    times > 1 ? [`counter ${key} was accepted ${times} times`] : [],
  );
}

/** What is known of a token from when it was told. */
interface Told {
  toldMs: number;
  /** When somebody first asked to end it, and was first told that it is ended. */
  endingMs: number;
  endedMs: number;
}

function tokens({ entries, epochs }: History): string[] {
  const found: string[] = [];
  const told = new Map<string, Told>();
  const once = new Map<string, string>();
  for (const { asked, ended, endedMs } of entries) {
    if (asked.kind !== "generate" || ended.kind !== "token") continue;
    const key = `${asked.device} ${asked.id}`;
    const before = once.get(key);
    if (before !== undefined && before !== ended.token) found.push(`two tokens were told under ${key}`);
    once.set(key, ended.token);
    const known = told.get(ended.token);
    if (known !== undefined) known.toldMs = Math.min(known.toldMs, endedMs);
    else told.set(ended.token, { toldMs: endedMs, endingMs: Infinity, endedMs: Infinity });
  }
  for (const { asked, ended, startedMs, endedMs } of entries) {
    if (asked.kind !== "revoke") continue;
    for (const token of asked.tokens) {
      const one = told.get(token);
      if (one === undefined) continue;
      one.endingMs = Math.min(one.endingMs, startedMs);
      if (ended.kind === "revoked") one.endedMs = Math.min(one.endedMs, endedMs);
    }
  }
  // What was given before a database was restored is over; its checks meanwhile say nothing.
  for (const one of told.values())
    for (const { atMs } of epochs)
      if (one.toldMs < atMs) {
        one.endingMs = Math.min(one.endingMs, atMs);
        one.endedMs = Math.min(one.endedMs, atMs);
      }
  for (const entry of entries) found.push(...judged(entry, told));
  return found;
}

function judged({ asked, ended, startedMs, endedMs }: Entry, told: ReadonlyMap<string, Told>): string[] {
  if (asked.kind !== "check" || ended.kind !== "check") return [];
  const one = told.get(asked.token);
  if (one === undefined) return [];
  if (!ended.isActive && one.toldMs <= startedMs && endedMs < one.endingMs)
    return ["a token that was told is unknown"];
  if (ended.isActive && one.endedMs < startedMs) return ["a token is active whose end was answered"];
  return [];
}

/** Every call is answered, or fails, within its deadline. */
function deadlines({ entries }: History): string[] {
  return entries.flatMap(({ asked, endedMs, deadlineMs }) =>
    endedMs <= deadlineMs + LATE_MS
      ? []
      : [`a ${asked.kind} ended ${Math.round(endedMs - deadlineMs)} ms late`],
  );
}

/** Calls that came to a running replica, and ended with it, while its database was away. */
export function callsAway({ entries, aways }: History): Entry[] {
  return entries.filter(({ at, startedMs }) =>
    aways.some(
      (away) =>
        at !== null &&
        away.at.includes(at) &&
        startedMs >= away.fromMs &&
        startedMs + ANSWER_MS + BUSY_MS <= away.toMs,
    ),
  );
}

/** None of them waits for its own timer: what cannot be done is answered 503 with a time to come back, soon. */
function silences(history: History): string[] {
  return callsAway(history).flatMap(({ asked, ended, startedMs, endedMs }) => {
    const tookMs = Math.round(endedMs - startedMs);
    if (tookMs > ANSWER_MS + BUSY_MS)
      return [`a ${asked.kind} waited ${tookMs} ms for a database that was away`];
    if (ended.kind === "failed" && !/^status 503, retry after \d+$/.test(ended.why))
      return [`a ${asked.kind} was answered "${ended.why}" while the database was away`];
    return [];
  });
}
