import { Status } from "../status.js";
import type { MqttWriter } from "../transport/app.js";
import type { OwnTopics } from "../transport/topics.js";
import { NO_BYTES } from "../wire/bytes.js";
import { overlap } from "./filter.js";

/** A piece of a message, good during the callback only. The same object is used again and again. */
export interface MessagePiece {
  /** The topic is `topic[0..topicLength)`, UTF-8; a longer one than `topicBytes` is cut. */
  readonly topic: Uint8Array;
  readonly topicLength: number;
  /** The piece is `bytes[from..to)`. */
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Where in the payload it begins, and how long that is, bytes. It is the last one where it ends there. */
  readonly at: number;
  readonly payloadLength: number;
  /** The broker had kept the message. */
  readonly retain: boolean;
}

/** What a piece says; the fields are its writer's. */
export class Piece implements MessagePiece {
  topic: Uint8Array;
  topicLength: number;
  bytes: Uint8Array;
  from: number;
  to: number;
  at: number;
  payloadLength: number;
  retain: boolean;

  constructor(topicBytes: number) {
    this.topic = new Uint8Array(topicBytes);
    this.topicLength = 0;
    this.bytes = NO_BYTES;
    this.from = 0;
    this.to = 0;
    this.at = 0;
    this.payloadLength = 0;
    this.retain = false;
  }
}

/** Called with each piece of each message, in order; a message without payload has one empty piece. */
export type OnPiece = (piece: MessagePiece) => void;
/** Called once, with how it ended. */
export type OnEnd = (status: Status) => void;

/** Where a subscription stands. */
export enum SubscriptionPhase {
  FREE,
  /** SUBSCRIBE is to leave. */
  WANTED,
  /** SUBACK is awaited. */
  ASKED,
  GRANTED,
  /** UNSUBSCRIBE is to leave. */
  UNWANTED,
  /** UNSUBACK is awaited. */
  LEAVING,
}

/** A place in the fixed table of filters. */
export class Subscription {
  phase: SubscriptionPhase;
  filter: Uint8Array;
  /** How much of it names the group that shares it. */
  shareLength: number;
  packetIdentifier: number;
  /** Connections that were lost while it was asked for. */
  losses: number;
  /** When the broker must have answered; Infinity: nobody waits for it. */
  deadlineMs: number;
  status: Status;
  onPiece: OnPiece | null;
  /** Null once it was called. */
  onEnd: OnEnd | null;
  /** `onEnd` is due. */
  isOver: boolean;

  constructor() {
    this.release();
  }

  release(): void {
    this.phase = SubscriptionPhase.FREE;
    this.filter = NO_BYTES;
    this.packetIdentifier = 0;
    this.losses = 0;
    this.shareLength = 0;
    this.deadlineMs = Infinity;
    this.status = Status.OK;
    this.onPiece = null;
    this.onEnd = null;
    this.isOver = false;
  }

  /** The app wants it. */
  isHeld(): boolean {
    const phase = this.phase;
    return (
      phase === SubscriptionPhase.WANTED ||
      phase === SubscriptionPhase.ASKED ||
      phase === SubscriptionPhase.GRANTED
    );
  }

  /**
   * Composes UNSUBSCRIBE, if it is due and there is room.
   * @param deadlineMs when its answer must have come
   */
  leave(writer: MqttWriter, deadlineMs: number): void {
    const isDue = this.phase === SubscriptionPhase.UNWANTED;
    if (!isDue || writer.outbox.room() < writer.unsubscribeLength(this.filter)) return;
    this.packetIdentifier = writer.nextPacketIdentifier();
    writer.writeUnsubscribe(this.packetIdentifier, this.filter);
    this.phase = SubscriptionPhase.LEAVING;
    this.deadlineMs = deadlineMs;
  }

  /** Composes SUBSCRIBE, if it is due and there is room. It must be answered in time only where the app has no answer yet. */
  ask(writer: MqttWriter, deadlineMs: number): void {
    const isDue = this.phase === SubscriptionPhase.WANTED;
    if (isDue && this.isOfCalls(writer.topics)) this.answered(Status.SUBSCRIPTION_REFUSED);
    else if (isDue && writer.outbox.room() >= writer.subscribeLength(this.filter)) {
      this.packetIdentifier = writer.nextPacketIdentifier();
      writer.writeSubscribe(this.packetIdentifier, this.filter);
      this.phase = SubscriptionPhase.ASKED;
      if (this.onEnd !== null) this.deadlineMs = deadlineMs;
    }
  }

  /** Answers to calls would come by it, too: some brokers send them twice then, and giving it up could end them. */
  private isOfCalls(topics: OwnTopics): boolean {
    return this.overlaps(topics.filter, 0) || this.overlaps(topics.encodedFilter, 0);
  }

  /** Whether a message may match both this and another filter, of which a group's name takes the first bytes. */
  overlaps(filter: Uint8Array, from: number): boolean {
    return filter.length > 0 && overlap(this.filter, this.shareLength, filter, from);
  }

  /** The broker does not have it any more, or will not say: the place is free. */
  left(): void {
    this.phase = SubscriptionPhase.FREE;
    this.deadlineMs = Infinity;
  }

  /** No answer came in time. What was asked for may be granted yet: it is given up. */
  expire(): void {
    if (this.phase === SubscriptionPhase.LEAVING) this.left();
    else {
      this.answered(Status.TIMEOUT);
      this.phase = SubscriptionPhase.UNWANTED;
    }
  }

  /** The first answer decides what the app gets. What is refused is not asked for again: its place is free. */
  answered(status: Status): void {
    const isGranted = status === Status.OK;
    this.phase = isGranted ? SubscriptionPhase.GRANTED : SubscriptionPhase.FREE;
    if (!isGranted) this.onPiece = null;
    this.deadlineMs = Infinity;
    this.status = status;
    this.isOver = this.onEnd !== null;
  }
}
