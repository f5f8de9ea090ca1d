import { sameBytes } from "../wire/bytes.js";
import { matches } from "./filter.js";
import { Subscription, SubscriptionPhase } from "./subscription.js";

/** The fixed table of filters. */
export class Subscriptions {
  readonly list: Subscription[];

  /** @construction */
  constructor(size: number) {
    this.list = new Array(size);
    for (let i = 0; i < size; i++) this.list[i] = new Subscription();
  }

  /** A place for another filter; null: all are taken. */
  vacant(): Subscription | null {
    for (let i = 0; i < this.list.length; i++) {
      const subscription = this.list[i];
      if (subscription.phase === SubscriptionPhase.FREE && !subscription.isOver) return subscription;
    }
    return null;
  }

  /** The subscription that is wanted, asked for or granted, and has this filter. */
  held(filter: Uint8Array): Subscription | null {
    for (let i = 0; i < this.list.length; i++) {
      const subscription = this.list[i];
      const length = subscription.filter.length;
      const isIt = length === filter.length && sameBytes(subscription.filter, 0, filter, 0, length);
      if (isIt && subscription.isHeld()) return subscription;
    }
    return null;
  }

  /** Whether a message may match this filter and a filter in the table. @param share how much of it names a group */
  overlaps(filter: Uint8Array, share: number): boolean {
    for (let i = 0; i < this.list.length; i++)
      if (this.list[i].isHeld() && this.list[i].overlaps(filter, share)) return true;
    return false;
  }

  /** Whose messages come on this topic, of which `topic` has as much as is kept; null: nobody's. */
  reader(topic: Uint8Array, topicLength: number): Subscription | null {
    const seen = Math.min(topicLength, topic.length);
    for (let i = 0; i < this.list.length; i++) {
      const subscription = this.list[i];
      const filter = subscription.filter;
      const from = subscription.shareLength;
      if (subscription.onPiece !== null && matches(filter, from, topic, seen, seen < topicLength))
        return subscription;
    }
    return null;
  }

  /** The next whose `onEnd` is due. */
  over(): Subscription | null {
    for (let i = 0; i < this.list.length; i++) if (this.list[i].isOver) return this.list[i];
    return null;
  }

  /** Gives up what was not answered in time. */
  expire(nowMs: number): void {
    for (let i = 0; i < this.list.length; i++) if (nowMs >= this.list[i].deadlineMs) this.list[i].expire();
  }

  /** When the first answer of the broker must have come. */
  deadlineMs(): number {
    let atMs = Infinity;
    for (let i = 0; i < this.list.length; i++) atMs = Math.min(atMs, this.list[i].deadlineMs);
    return atMs;
  }
}
