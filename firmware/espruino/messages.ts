/**
 * The app's own messages on motekey's MQTT connection: a file of its own, `motekey-messages`, so that an app without
 * them does not carry them. Made by the app and given to `createAuth` as `messages`.
 */
import { Status } from "../status.js";
import type {
  LeanCarrier,
  LeanMessage,
  LeanMessages,
  LeanMessagesOptions,
  LeanTraffic,
  OnEnd,
  OnMessage,
} from "./api.js";
import { isFilter, isTopic, levelsOf, matches, overlap } from "./topics.js";

/** Where a subscription, or the one message on its way out, stands. */
enum Stage {
  /** Its packet is to leave. */
  WANTED,
  /** The broker's answer is awaited. */
  ASKED,
  GRANTED,
  /** UNSUBSCRIBE is to leave. */
  UNWANTED,
  /** UNSUBACK is awaited. */
  LEAVING,
  /** Nothing is left of it but the callback. */
  OVER,
}

/** A place in the table of filters, or the one message. */
interface Errand {
  stage: Stage;
  /** The filter or the topic. */
  readonly topic: string;
  readonly levels: string[];
  packet: number;
  /** Connections that were lost while its answer was awaited. */
  losses: number;
  deadline: number;
  status: Status;
  /** `onEnd` is due. */
  isOver: boolean;
  onMessage: OnMessage | null;
  /** Null once it was called. */
  onEnd: OnEnd | null;
  payload: string;
  qos: number;
}

/** A broker may close the connection over a message or a filter: after this many the app gets the failure, and auth goes on. */
const LOSSES_MAX = 2;

/** Ends the wait for an answer. */
const answered = (errand: Errand, status: Status, stage: Stage): void => {
  errand.stage = stage;
  errand.status = status;
  errand.deadline = Infinity;
  errand.losses = 0;
  errand.isOver = errand.onEnd !== null;
  if (stage !== Stage.GRANTED) errand.onMessage = null;
};

/** The app wants it. */
const isHeld = (errand: Errand): boolean => errand.stage <= Stage.GRANTED;

/** Publishes and subscribes: a table of filters, and one message on its way out. */
export class Messages implements LeanMessages, LeanTraffic {
  private readonly most: number;
  private readonly deadlineMs: number;
  private filters: Errand[];
  private out: Errand | null;
  /** What came and was not delivered yet: no more than one piece of the link brings. */
  private inbox: { errand: Errand; message: LeanMessage }[];
  private core: LeanCarrier | null;
  private isEnded: boolean;

  constructor(options?: LeanMessagesOptions) {
    const given = options ?? {};
    for (const name in given)
      if (name !== "filters" && name !== "deadlineMs")
        throw new Error(`motekey: messages.${name} is no option; there are filters,deadlineMs`);
    this.most = given.filters ?? 2;
    this.deadlineMs = given.deadlineMs ?? 20000;
    if (!(this.most >= 0 && this.deadlineMs >= 0)) throw new Error("motekey: messages takes numbers");
    this.filters = [];
    this.inbox = [];
    this.out = null;
    this.core = null;
    this.isEnded = false;
  }

  subscribe(filter: string, onMessage: OnMessage, onEnd: OnEnd): Status {
    const levels = levelsOf(filter);
    if (!isFilter(filter)) throw new Error(`motekey: ${filter} is no topic filter`);
    for (let i = 0; i < this.filters.length; i++) {
      const other = this.filters[i];
      if (isHeld(other) && other.topic === filter)
        throw new Error(`motekey: the app is subscribed to ${filter} already; unsubscribe first`);
      if (isHeld(other) && overlap(levels, other.levels))
        throw new Error(
          `motekey: ${filter} overlaps another filter of the app; use one for both, and tell their messages apart by topic`,
        );
    }
    if (this.isEnded) return Status.CLOSED;
    if (this.filters.length >= this.most) return Status.BUSY;
    this.filters.push(this.errand(filter, levels, onMessage, onEnd, "", 1));
    return Status.OK;
  }

  unsubscribe(filter: string): Status {
    for (let i = 0; i < this.filters.length; i++) {
      const errand = this.filters[i];
      if (!isHeld(errand) || errand.topic !== filter) continue;
      const isKnown = errand.stage !== Stage.WANTED;
      if (errand.onEnd !== null) answered(errand, Status.REVOKED, Stage.OVER);
      errand.onMessage = null;
      errand.stage = isKnown ? Stage.UNWANTED : Stage.OVER;
      if (this.core !== null) this.core.soon();
      return Status.OK;
    }
    return Status.STALE;
  }

  publish(topic: string, payload: string, qos: 0 | 1, onEnd: OnEnd): Status {
    if (topic === "" || topic.length > 65535 || !isTopic(topic))
      throw new Error(`motekey: no message can be published on the topic ${topic}`);
    if (this.isEnded || this.core === null) return Status.CLOSED;
    if (this.out !== null) return Status.BUSY;
    this.out = this.errand(topic, [], null, onEnd, payload, qos);
    this.out.deadline = this.core.now() + this.deadlineMs;
    if (typeof payload !== "string") answered(this.out, Status.BAD_ARGUMENTS, Stage.OVER);
    return Status.OK;
  }

  bind(core: LeanCarrier): void {
    if (this.core !== null) throw new Error("motekey: messages serve one client; make others for another");
    this.core = core;
  }

  tend(nowMs: number, isReady: boolean): number {
    const core = this.core as LeanCarrier;
    const out = this.out;
    let wakeAt = Infinity;
    if (out !== null && nowMs >= out.deadline) answered(out, Status.TIMEOUT, Stage.OVER);
    for (let i = 0; i < this.filters.length; i++) {
      const errand = this.filters[i];
      if (nowMs < errand.deadline) continue;
      // What was asked for may be granted yet: it is given up.
      if (errand.stage === Stage.LEAVING) answered(errand, errand.status, Stage.OVER);
      else answered(errand, Status.TIMEOUT, Stage.UNWANTED);
    }
    this.sweep();
    if (isReady) {
      // What is given up goes first: it may be wanted again already, in another place.
      for (let i = 0; i < this.filters.length; i++) this.send(this.filters[i], Stage.UNWANTED, nowMs);
      for (let i = 0; i < this.filters.length; i++) {
        const errand = this.filters[i];
        // Answers to calls would come by it, too: some brokers send them twice then, and giving it up could end them.
        const isCalls = overlap(errand.levels, levelsOf(`${core.id}/rpc/#`));
        if (errand.stage === Stage.WANTED && isCalls)
          answered(errand, Status.SUBSCRIPTION_REFUSED, Stage.OVER);
        else this.send(errand, Stage.WANTED, nowMs);
      }
      if (out !== null) this.send(out, Stage.WANTED, nowMs);
    }
    if (out !== null) wakeAt = out.deadline;
    for (let i = 0; i < this.filters.length; i++) wakeAt = Math.min(wakeAt, this.filters[i].deadline);
    return wakeAt;
  }

  lost(): void {
    if (this.out !== null) this.lose(this.out);
    for (let i = 0; i < this.filters.length; i++) this.lose(this.filters[i]);
  }

  acknowledged(packet: number, code: number): void {
    const out = this.out;
    if (out !== null && out.stage === Stage.ASKED && out.packet === packet)
      answered(out, Status.OK, Stage.OVER);
    for (let i = 0; i < this.filters.length; i++) {
      const errand = this.filters[i];
      if (errand.packet !== packet) continue;
      if (errand.stage === Stage.LEAVING) answered(errand, errand.status, Stage.OVER);
      if (errand.stage === Stage.ASKED && code > 2) answered(errand, Status.SUBSCRIPTION_REFUSED, Stage.OVER);
      if (errand.stage === Stage.ASKED) answered(errand, Status.OK, Stage.GRANTED);
    }
  }

  has(packet: number): boolean {
    if (this.out !== null && this.out.packet === packet) return true;
    for (let i = 0; i < this.filters.length; i++)
      if (this.filters[i].packet === packet && this.filters[i].deadline < Infinity) return true;
    return false;
  }

  received(topic: string, payload: string, payloadLength: number, retain: boolean): void {
    for (let i = 0; i < this.filters.length; i++) {
      const errand = this.filters[i];
      if (errand.onMessage === null || !matches(errand.levels, topic)) continue;
      this.inbox.push({ errand, message: { topic, payload, payloadLength, retain } });
      return;
    }
  }

  deliver(): boolean {
    const first = this.inbox[0];
    const out = this.out;
    if (first !== undefined) {
      this.inbox.splice(0, 1);
      if (first.errand.onMessage !== null) first.errand.onMessage(first.message);
      return true;
    }
    if (out?.isOver) {
      const onEnd = out.onEnd;
      this.out = null;
      if (onEnd !== null) onEnd(out.status);
      return true;
    }
    for (let i = 0; i < this.filters.length; i++) {
      const errand = this.filters[i];
      const onEnd = errand.onEnd;
      if (!errand.isOver || onEnd === null) continue;
      errand.isOver = false;
      errand.onEnd = null;
      this.sweep();
      onEnd(errand.status);
      return true;
    }
    return false;
  }

  end(): void {
    this.isEnded = true;
    this.inbox = [];
    if (this.out !== null && !this.out.isOver) answered(this.out, Status.CLOSED, Stage.OVER);
    for (let i = 0; i < this.filters.length; i++) {
      const errand = this.filters[i];
      if (!errand.isOver) answered(errand, Status.CLOSED, Stage.OVER);
      errand.stage = Stage.OVER;
    }
  }

  private errand(
    topic: string,
    levels: string[],
    onMessage: OnMessage | null,
    onEnd: OnEnd,
    payload: string,
    qos: number,
  ): Errand {
    if (this.core !== null) this.core.soon();
    return {
      stage: Stage.WANTED,
      topic,
      levels,
      packet: 0,
      losses: 0,
      deadline: Infinity,
      status: Status.OK,
      isOver: false,
      onMessage,
      onEnd,
      payload,
      qos,
    };
  }

  /** Composes an errand's packet, if it is due and there is room. */
  private send(errand: Errand, stage: Stage, nowMs: number): void {
    const core = this.core as LeanCarrier;
    if (errand.stage !== stage) return;
    const isOut = errand === this.out;
    const isAsking = stage === Stage.WANTED;
    const packet = isOut && errand.qos === 0 ? "" : core.nextPacket();
    const topic = core.text(errand.topic);
    const status = isOut
      ? core.send(48 + 2 * errand.qos, topic + packet + errand.payload)
      : core.send(isAsking ? 130 : 162, packet + topic + (isAsking ? "\x01" : ""));
    if (status === Status.BUSY) return;
    errand.packet = packet === "" ? 0 : packet.charCodeAt(0) * 256 + packet.charCodeAt(1);
    errand.stage = isAsking ? Stage.ASKED : Stage.LEAVING;
    if (status !== Status.OK || packet === "") answered(errand, status, Stage.OVER);
    // It must be answered in time only where the app has no answer yet; a message has its deadline from the beginning.
    else if (!isOut && (!isAsking || errand.onEnd !== null)) errand.deadline = nowMs + this.deadlineMs;
  }

  /** The connection is gone under it. */
  private lose(errand: Errand): void {
    if (errand !== this.out) errand.deadline = Infinity;
    if (errand.stage === Stage.GRANTED) errand.stage = Stage.WANTED;
    if (errand.stage === Stage.UNWANTED || errand.stage === Stage.LEAVING) errand.stage = Stage.OVER;
    if (errand.stage !== Stage.ASKED) return;
    errand.packet = 0;
    errand.stage = Stage.WANTED;
    if (++errand.losses >= LOSSES_MAX) answered(errand, Status.CONNECTION_LOST, Stage.OVER);
  }

  /** Frees the places of what is over and delivered. */
  private sweep(): void {
    for (let i = this.filters.length - 1; i >= 0; i--)
      if (this.filters[i].stage === Stage.OVER && !this.filters[i].isOver) this.filters.splice(i, 1);
  }
}
