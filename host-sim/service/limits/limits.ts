import type { ReplyError } from "../../cloud/frame.js";
import type { Limits } from "../../cloud/limits.js";
import { recoveredBy } from "../../cloud/recoverer.js";
import type { Entity } from "../../cloud/types.js";
import type { ServiceLimits } from "../service-options.js";
import { Guesses } from "./guesses.js";
import { networkOf } from "./network.js";
import { Rates } from "./rates.js";

/** Of a backend the requests are those of many. */
const HELD_ROLES: readonly string[] = ["device", "user"];
const ADDRESS_PER_SECOND = 1_000;
const DEVICE_PER_SECOND = 100;
/** Within the five seconds that a broker waits which asks. */
const WRONG_KEY_MS = 4_000;
/** Of so many addresses, and ids, something is remembered: a few MB. */
const KEYS_MAX = 20_000;
/** Messages of one sender on their way through, and of all. */
const MESSAGES_OF_ONE_MAX = 64;
const MESSAGES_MAX = 10_000;
/** Wrong proofs that wait for their answers: beyond it they are answered at once, as nothing may pile up. */
const LATE_MAX = 10_000;
/** After a second everybody has a second's worth again. */
export const RETRY_AFTER_SECONDS = 1;

/** Why somebody was held up: too many from one address, of one sender, on their way at once, or a wrong proof. */
export type HeldUp = "address" | "device" | "crowd" | "wrong";

/** What the service holds senders to, at whatever door; on this replica, and within memory that does not grow. */
export class SenderLimits implements Limits {
  private readonly addresses: Rates;
  private readonly devices: Rates;
  private readonly guesses: Guesses;
  private readonly underWay = new Map<string, number>();
  private messages = 0;
  private readonly waiting = new Map<() => void, NodeJS.Timeout>();
  private isDraining = false;

  /** @param heldUp called whenever somebody is */
  constructor(
    { addressPerSecond, devicePerSecond, wrongKeyMs }: ServiceLimits,
    private readonly heldUp: (why: HeldUp) => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.addresses = new Rates(addressPerSecond ?? ADDRESS_PER_SECOND, KEYS_MAX);
    this.devices = new Rates(devicePerSecond ?? DEVICE_PER_SECOND, KEYS_MAX);
    this.guesses = new Guesses(wrongKeyMs ?? WRONG_KEY_MS, KEYS_MAX);
  }

  /** May somebody at this address try now? Who comes by a broker has no address here. */
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

  /** By the id and by the address: neither many ids from one address nor one id from many are tried fast. */
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

  /** Answers those who wait, and from now on at once: the replica is about to end. */
  drain(): void {
    this.isDraining = true;
    for (const [tell, timer] of this.waiting) {
      clearTimeout(timer);
      tell();
    }
  }
}
