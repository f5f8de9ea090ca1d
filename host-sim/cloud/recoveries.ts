import type { Accounts } from "./accounts.js";
import type { Events } from "./events.js";
import { deriveKey, hmac, keysOf, sameSecret } from "./secret.js";
import { after, type Soon } from "./soon.js";
import type { Entity } from "./types.js";

/** The one method of such a principal. */
export const COUNTER_METHOD = "/v1/Auth.Counter";
/** How long after its CONNECT it may ask, ms. */
const RECOVERY_LIFE_MS = 10_000;

const PASSWORD = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;
const NONCE_BYTES = 16;
const MINUTE_MS = 60_000;
/** Recoveries of one device in a minute; those under a nonce that was seen before are counted apart. */
const PER_MINUTE_MAX = 20;
const REPEATED_PER_MINUTE_MAX = 5;
const NONCES_KEPT = 32;
/** Answers to one connection: its question may come twice. */
const ANSWERS_MAX = 4;
/** So many within ten minutes are reported: a device without a store that restarts all the time, or a shared key. */
const OFTEN = 3;
const OFTEN_MS = 600_000;

/** What the cloud answers: the highest counter that it accepted of the device, for any purpose, and its MAC. */
export interface CounterAnswer {
  c: number;
  mac: string;
}

/** What is remembered of one device's recoveries: plain data, so that it may lie in a database. */
export interface RecoveryHistory {
  count: number;
  /** When the latest were answered, unix ms. */
  answeredAtMs: number[];
  /** When the latest were admitted, unix ms: under a new nonce, and under one that was seen before. */
  freshAtMs: number[];
  repeatedAtMs: number[];
  /** The latest, in base64url. */
  nonces: string[];
  /** What was shown, of which the MAC says by which of the device's keys. */
  outstanding: { nonce: string; mac: string; endsAtMs: number; answersLeft: number } | null;
}

/** Where the histories are: who is asked in the end may be another replica than who let the device in. */
export interface RecoveryBook {
  /** Hands a device's history to the work, and keeps what that made of it. Two of one device never overlap. */
  change<Value>(id: string, work: (history: RecoveryHistory) => Value): Soon<Value>;
}

/** The history of a device that never asked. */
export function newHistory(): RecoveryHistory {
  return { count: 0, answeredAtMs: [], freshAtMs: [], repeatedAtMs: [], nonces: [], outstanding: null };
}

/** Histories that are forgotten at the end of the process. */
export class MemoryRecoveryBook implements RecoveryBook {
  private readonly histories = new Map<string, RecoveryHistory>();

  change<Value>(id: string, work: (history: RecoveryHistory) => Value): Value {
    const history = this.histories.get(id) ?? newHistory();
    this.histories.set(id, history);
    return work(history);
  }
}

/**
 * The way back of devices whose counters are behind (the wire's B8). It changes nothing but a count, so that what is
 * replayed here takes nobody's place.
 */
export class Recoveries {
  constructor(
    private accounts: Accounts,
    private book: RecoveryBook,
    private events: Events,
    private now: () => number,
  ) {}

  /**
   * Judges a recovery's password, and takes its nonce as the one for the answer.
   * @returns why it is refused; null: it is let in
   */
  refusalOf(entity: Entity, password: Uint8Array | undefined): Soon<"password" | "recovery-rate" | null> {
    const match = PASSWORD.exec(Buffer.from(password ?? []).toString("latin1"));
    const [, text = "", mac = ""] = match ?? [];
    const nonce = Buffer.from(text, "base64url");
    const psk = keyOf(entity, nonce, mac);
    const isCanonical = nonce.length === NONCE_BYTES && nonce.toString("base64url") === text;
    if (psk === undefined || !isCanonical) return "password";
    return this.book.change(entity.id, (history) => {
      const nowMs = this.now();
      if (!admits(history, text, nowMs)) return "recovery-rate";
      const endsAtMs = nowMs + RECOVERY_LIFE_MS;
      history.outstanding = { nonce: text, mac, endsAtMs, answersLeft: ANSWERS_MAX };
      return null;
    });
  }

  /** Answers under the latest nonce of this device; null: there is none that may be answered. */
  answer(id: string): Soon<CounterAnswer | null> {
    return after<Entity | undefined, CounterAnswer | null>(this.accounts.find(id), (entity) => {
      if (entity === undefined || entity.disabled) return null;
      const c = Math.max(0, ...Object.values(entity.counters));
      return after(
        this.book.change(id, (history) => takeAnswer(history, this.now())),
        (taken) => {
          if (taken === null) return null;
          const nonce = Buffer.from(taken.nonce, "base64url");
          const psk = keyOf(entity, nonce, taken.mac);
          if (psk === undefined) return null;
          if (taken.isFirst) this.report(id, c, taken);
          const counter = Buffer.alloc(8);
          counter.writeBigUInt64BE(BigInt(c));
          return { c, mac: macOf(id, psk, "a", nonce, counter) };
        },
      );
    });
  }

  private report(id: string, counter: number, { recoveries, isOften }: TakenAnswer): void {
    this.events.emit({ event: "recovered", id, counter, recoveries });
    if (isOften) this.events.emit({ event: "recovered-often", id, recoveries });
  }
}

/** The right to one answer. */
interface TakenAnswer {
  nonce: string;
  mac: string;
  /** Of this nonce. */
  isFirst: boolean;
  recoveries: number;
  isOften: boolean;
}

/** Whether another recovery is taken now: who repeats recorded ones does not use up what the device has. */
function admits(history: RecoveryHistory, nonce: string, nowMs: number): boolean {
  const isRepeated = history.nonces.includes(nonce);
  const before = isRepeated ? history.repeatedAtMs : history.freshAtMs;
  const recent = before.filter((ms) => ms > nowMs - MINUTE_MS);
  const isAdmitted = recent.length < (isRepeated ? REPEATED_PER_MINUTE_MAX : PER_MINUTE_MAX);
  if (isAdmitted) recent.push(nowMs);
  if (isRepeated) history.repeatedAtMs = recent;
  else {
    history.freshAtMs = recent;
    if (isAdmitted) history.nonces = [...history.nonces.slice(1 - NONCES_KEPT), nonce];
  }
  return isAdmitted;
}

/** null: nothing may be answered now. */
function takeAnswer(history: RecoveryHistory, nowMs: number): TakenAnswer | null {
  const { outstanding } = history;
  if (outstanding === null || outstanding.answersLeft < 1 || nowMs >= outstanding.endsAtMs) return null;
  const isFirst = outstanding.answersLeft === ANSWERS_MAX;
  outstanding.answersLeft--;
  if (isFirst) {
    history.count++;
    history.answeredAtMs = [...history.answeredAtMs.slice(1 - OFTEN), nowMs];
  }
  const { answeredAtMs, count: recoveries } = history;
  const isOften = answeredAtMs.length === OFTEN && (answeredAtMs[0] ?? 0) > nowMs - OFTEN_MS;
  return { nonce: outstanding.nonce, mac: outstanding.mac, isFirst, recoveries, isOften };
}

/** The key of this device that a question was asked under. */
function keyOf(entity: Entity, nonce: Uint8Array, mac: string): string | undefined {
  return keysOf(entity).find((psk) => sameSecret(mac, macOf(entity.id, psk, "q", nonce)));
}

function macOf(id: string, psk: string, kind: "q" | "a", ...parts: Uint8Array[]): string {
  const key = deriveKey(psk, "motekey recover v1");
  return hmac(key, kind, Uint8Array.of(id.length), id, ...parts).toString("base64url");
}
