import type { ReplyError } from "../../cloud/frame.js";
import type { Limits } from "../../cloud/limits.js";
import { recoveredBy } from "../../cloud/recoverer.js";
import type { Entity } from "../../cloud/types.js";
import type { ServiceLimits } from "../service-options.js";
import { Guesses } from "./guesses.js";
import { networkOf } from "./network.js";
import { Rates } from "./rates.js";

/** A backend asks for many users. */
const HELD_ROLES: readonly string[] = ["device", "user"];
const ADDRESS_PER_SECOND = 1_000;
const DEVICE_PER_SECOND = 100;
/** Below the five seconds that a broker waits for an answer. */
const WRONG_KEY_MS = 4_000;
/** How many addresses, and ids, it remembers: a few MB. */
const KEYS_MAX = 20_000;
/** Pending messages of one sender, and of all. */
const MESSAGES_OF_ONE_MAX = 64;
const MESSAGES_MAX = 10_000;
/** Wrong proofs that wait for their answers: beyond it the answer comes at once, so that nothing piles up. */
const LATE_MAX = 10_000;
/** After a second everybody has a second's worth again. */
export const RETRY_AFTER_SECONDS = 1;

/** Why a limit applied: too many from one address, from one sender, pending at once, or a wrong proof. */
export type HeldUp = "address" | "device" | "crowd" | "wrong";

/** The service's limits for senders, the same on every transport; on this replica, in bounded memory. */
export class SenderLimits implements Limits {
  private readonly addresses: Rates;
  private readonly devices: Rates;
  private readonly guesses: Guesses;
  private readonly underWay = new Map<string, number>();
  private messages = 0;
  private readonly waiting = new Map<() => void, NodeJS.Timeout>();
  private isDraining = false;

  /** @param heldUp called whenever a limit applies */
  constructor(
    { addressPerSecond, devicePerSecond, wrongKeyMs }: ServiceLimits,
    private readonly heldUp: (why: HeldUp) => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.addresses = new Rates(addressPerSecond ?? ADDRESS_PER_SECOND, KEYS_MAX);
    this.devices = new Rates(devicePerSecond ?? DEVICE_PER_SECOND, KEYS_MAX);
    this.guesses = new Guesses(wrongKeyMs ?? WRONG_KEY_MS, KEYS_MAX);
  }

  /** May this address try now? A sender behind a broker has no address here. */
  mayEnter(address: string | undefined): boolean {
    if (address === undefined || this.addresses.take(networkOf(address), this.now())) return true;
    this.heldUp("address");
    return false;
  }

  refusalOf({ id, role }: Entity): ReplyError | null {
    if (!HELD_ROLES.includes(role) || this.devices.take(id, this.now())) return null;
    this.heldUp("device");
    return { code: 429, message: "Too many requests; try again later", retry_after: RETRY_AFTER_SECONDS };
  }

  arrive(id: string): boolean {
    const before = this.underWay.get(id) ?? 0;
    if (before >= MESSAGES_OF_ONE_MAX || this.messages >= MESSAGES_MAX) {
      this.heldUp("crowd");
      return false;
    }
    this.underWay.set(id, before + 1);
    this.messages++;
    return true;
  }

  leave(id: string): void {
    const left = (this.underWay.get(id) ?? 1) - 1;
    if (left === 0) this.underWay.delete(id);
    else this.underWay.set(id, left);
    this.messages--;
  }

  /** By id and by address: guessing is slow for many ids from one address, and for one id from many. */
  late(id: string, address: string | undefined, answer: () => void): void {
    const nowMs = this.now();
    const keys = [`id ${recoveredBy(id) ?? id}`];
    if (address !== undefined) keys.push(`at ${networkOf(address)}`);
    const delayMs = Math.max(...keys.map((key) => this.guesses.delayMs(key, nowMs)));
    this.heldUp("wrong");
    if (delayMs === 0 || this.isDraining || this.waiting.size >= LATE_MAX) {
      answer();
      return;
    }
    const tell = (): void => {
      this.waiting.delete(tell);
      answer();
    };
    this.waiting.set(tell, setTimeout(tell, delayMs));
  }

  /** Answers everyone who waits, and from now on at once: the replica is about to end. */
  drain(): void {
    this.isDraining = true;
    for (const [tell, timer] of this.waiting) {
      clearTimeout(timer);
      tell();
    }
  }
}
