import { ACKS_MAX } from "../transport/app-lane.js";
import type { Outbox } from "../transport/outbox.js";
import { ACK_BYTES, type PacketType, writeAck } from "../wire/mqtt/mqtt.js";

/**
 * Acknowledgements that wait for room, or for the end of a packet that is being composed: a ring of runs, the oldest
 * first. Brokers count their packet identifiers up, so a run takes as many as they send while a long message leaves.
 */
export class Acks {
  /** Of each run its first acknowledgement, the packet type above the identifier's 16 bits, and how many there are. */
  private readonly firsts: number[];
  private readonly counts: number[];
  private from: number;
  private used: number;

  constructor() {
    this.firsts = new Array(ACKS_MAX);
    this.counts = new Array(ACKS_MAX);
    this.from = 0;
    this.used = 0;
  }

  /** The next one may have no place. */
  isFull(): boolean {
    return this.used === ACKS_MAX;
  }

  clear(): void {
    this.used = 0;
  }

  /** One more leaves at once, or waits. There is a place: nothing is read while {@link isFull}. */
  take(outbox: Outbox, type: PacketType, packetIdentifier: number, isStreaming: boolean): void {
    const isFree = !isStreaming && this.used === 0 && outbox.room() >= ACK_BYTES;
    if (isFree) outbox.to = writeAck(outbox.bytes, outbox.to, type, packetIdentifier);
    else this.add(type, packetIdentifier);
  }

  /** Composes what there is room for, in the order of the messages (4.6). */
  write(outbox: Outbox): void {
    while (this.used > 0 && outbox.takes(ACK_BYTES)) {
      const at = this.from;
      const ack = this.firsts[at];
      outbox.to = writeAck(outbox.bytes, outbox.to, ack >> 16, ack & 65535);
      this.firsts[at]++;
      this.counts[at]--;
      if (this.counts[at] > 0) continue;
      this.from = (at + 1) % ACKS_MAX;
      this.used--;
    }
  }

  private add(type: PacketType, packetIdentifier: number): void {
    const ack = (type << 16) | packetIdentifier;
    const last = (this.from + this.used + ACKS_MAX - 1) % ACKS_MAX;
    const next = (last + 1) % ACKS_MAX;
    if (this.used > 0 && ack === this.firsts[last] + this.counts[last]) this.counts[last]++;
    else {
      this.firsts[next] = ack;
      this.counts[next] = 1;
      this.used++;
    }
  }
}
