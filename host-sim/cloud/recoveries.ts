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

/** What is remembered of one device's recoveries until the cloud restarts. */
class History {
  count = 0;
  /** When the latest were answered, unix ms. */
  answeredAtMs: number[] = [];
  private freshAtMs: number[] = [];
  private repeatedAtMs: number[] = [];
  private nonces: string[] = [];
  outstanding: { psk: string; nonce: Buffer; endsAtMs: number; answersLeft: number } | null = null;

  /** Whether another recovery is taken now: who repeats recorded ones does not use up what the device has. */
  admits(nonce: string, nowMs: number): boolean {
    const isRepeated = this.nonces.includes(nonce);
    const recent = (isRepeated ? this.repeatedAtMs : this.freshAtMs).filter((ms) => ms > nowMs - MINUTE_MS);
    const isAdmitted = recent.length < (isRepeated ? REPEATED_PER_MINUTE_MAX : PER_MINUTE_MAX);
    if (isAdmitted) recent.push(nowMs);
    if (isRepeated) this.repeatedAtMs = recent;
    else {
      this.freshAtMs = recent;
      if (isAdmitted) this.nonces = [...this.nonces.slice(1 - NONCES_KEPT), nonce];
    }
    return isAdmitted;
  }
}

/**
 * The way back of devices whose counters are behind (the wire's B8). It changes nothing but a count, so that what is
 * replayed here takes nobody's place.
 */
export class Recoveries {
  private histories = new Map<string, History>();

  constructor(
    private accounts: Accounts,
    private events: Events,
    private now: () => number,
  ) {}

  /**
   * Judges a recovery's password, and takes its nonce as the one that is answered under.
   * @returns why it is refused; null: it is let in
   */
  refusalOf(entity: Entity, password: Uint8Array | undefined): "password" | "recovery-rate" | null {
    const match = PASSWORD.exec(Buffer.from(password ?? []).toString("latin1"));
    const [, text = "", mac = ""] = match ?? [];
    const nonce = Buffer.from(text, "base64url");
    const psk = keysOf(entity).find((key) => sameSecret(mac, macOf(entity.id, key, "q", nonce)));
    const isCanonical = nonce.length === NONCE_BYTES && nonce.toString("base64url") === text;
    if (psk === undefined || !isCanonical) return "password";
    const [history, nowMs] = [this.historyOf(entity.id), this.now()];
    if (!history.admits(text, nowMs)) return "recovery-rate";
    history.outstanding = { psk, nonce, endsAtMs: nowMs + RECOVERY_LIFE_MS, answersLeft: ANSWERS_MAX };
    return null;
  }

  /** Answers under the latest nonce of this device; null: there is none that may be answered. */
  answer(id: string): Soon<CounterAnswer | null> {
    return after(this.accounts.find(id), (entity) =>
      entity === undefined || entity.disabled ? null : this.answerTo(entity),
    );
  }

  private answerTo(entity: Entity): CounterAnswer | null {
    const { id } = entity;
    const outstanding = this.histories.get(id)?.outstanding ?? null;
    if (outstanding === null) return null;
    if (outstanding.answersLeft < 1 || this.now() >= outstanding.endsAtMs) return null;
    const c = Math.max(0, ...Object.values(entity.counters));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(c));
    if (outstanding.answersLeft === ANSWERS_MAX) this.report(id, c);
    outstanding.answersLeft--;
    return { c, mac: macOf(id, outstanding.psk, "a", outstanding.nonce, counter) };
  }

  /** How often a device was told its counter since the start. */
  countOf(id: string): number {
    return this.histories.get(id)?.count ?? 0;
  }

  private report(id: string, counter: number): void {
    const history = this.historyOf(id);
    const nowMs = this.now();
    history.count++;
    history.answeredAtMs = [...history.answeredAtMs.slice(1 - OFTEN), nowMs];
    this.events.emit({ event: "recovered", id, counter, recoveries: history.count });
    const isOften =
      history.answeredAtMs.length === OFTEN && (history.answeredAtMs[0] ?? 0) > nowMs - OFTEN_MS;
    if (isOften) this.events.emit({ event: "recovered-often", id, recoveries: history.count });
  }

  private historyOf(id: string): History {
    const history = this.histories.get(id) ?? new History();
    this.histories.set(id, history);
    return history;
  }
}

function macOf(id: string, psk: string, kind: "q" | "a", ...parts: Uint8Array[]): string {
  const key = deriveKey(psk, "motekey recover v1");
  return hmac(key, kind, Uint8Array.of(id.length), id, ...parts).toString("base64url");
}
