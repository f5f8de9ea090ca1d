import { type LinkEvents, Status } from "../../firmware/index.js";
import type { Conditions } from "./conditions.js";
import type { Actor, Queue } from "./queue.js";
import type { Random } from "./random.js";

/** The two ends of a connection. */
export interface Ends {
  /** The device's: its link's events go through here, so that a cut of power within it ends the device only. */
  tell(connection: Connection, what: Told, bytes: Uint8Array | null, status: Status): void;
  /** The broker's. */
  arrived(connection: Connection, bytes: Uint8Array, sentAtMs: number): void;
  gone(connection: Connection): void;
}

/** The events of the device's link. */
export enum Told {
  OPENED,
  RECEIVED,
  WRITABLE,
  CLOSED,
}

enum Happening {
  OPENED,
  UNOPENED,
  ARRIVED,
  HEARD,
  ENDED,
  GONE,
  WRITABLE,
}

/** From one end to the other, ms. */
const LATENCY_MS = 8;
const LATENCY_SPREAD_MS = 40;

/** One connection: bytes both ways, in order, delayed and split as the network does. */
export class Connection implements Actor {
  /** The link is open, as the device sees it. */
  isOpen = false;
  /** The line is dead: nothing arrives, and neither end notices. */
  isDead = false;
  /** The broker's end: its own state. */
  isLive = true;
  client = "";
  isAccepted = false;
  keepAliveMs = 0;
  heardAtMs = 0;
  openedAtMs = 0;
  /** Bytes of an incomplete packet. */
  rest: Uint8Array | null = null;
  private readonly toBroker: Uint8Array[] = [];
  private readonly sentAtMs: number[] = [];
  private readonly toDevice: Uint8Array[] = [];
  private lastToBrokerMs = 0;
  private lastToDeviceMs = 0;

  /** @param events null as soon as the device has closed the link, or is off */
  constructor(
    private readonly queue: Queue,
    private readonly random: Random,
    private readonly conditions: Conditions,
    private readonly ends: Ends,
    public events: LinkEvents | null,
    isBrokerUp: boolean,
  ) {
    const { isNameless, isCutOff, isSilent } = conditions;
    if (isNameless) queue.after(this.latencyMs(), this, Happening.UNOPENED, Status.HOST_UNKNOWN);
    else if (isCutOff || !isBrokerUp) {
      if (!isSilent) queue.after(this.latencyMs(), this, Happening.UNOPENED, Status.UNREACHABLE);
    } else queue.after(this.dueMs(0) + this.latencyMs(), this, Happening.OPENED, 0);
  }

  /** How many packets are on their way, to the broker and to the device. */
  get onTheWay(): string {
    return `${this.toBroker.length} ${this.toDevice.length}`;
  }

  /** Of the device. */
  write(bytes: Uint8Array, from: number, to: number): number {
    if (!this.isOpen || this.events === null) throw new Error("write to a link that is not open");
    const taken = Math.min(to - from, this.conditions.takeBytes);
    if (taken < to - from) this.queue.after(20, this, Happening.WRITABLE, 0);
    this.toBroker.push(new Uint8Array(bytes.subarray(from, from + taken)));
    this.sentAtMs.push(this.queue.nowMs);
    this.lastToBrokerMs = this.queue.nowMs + this.dueMs(this.lastToBrokerMs);
    this.queue.after(this.lastToBrokerMs - this.queue.nowMs, this, Happening.ARRIVED, 0);
    return taken;
  }

  /** The device closes it, or is off: what it sent still arrives, nothing comes back. */
  close(): void {
    this.isOpen = false;
    this.events = null;
    this.lastToBrokerMs = this.queue.nowMs + this.dueMs(this.lastToBrokerMs);
    this.queue.after(this.lastToBrokerMs - this.queue.nowMs, this, Happening.GONE, 0);
  }

  /** Of the broker. */
  send(bytes: Uint8Array): void {
    if (!this.isLive) return;
    const { pieceBytes } = this.conditions;
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      const isWhole = from === 0 && bytes.length <= pieceBytes;
      this.toDevice.push(isWhole ? bytes : bytes.subarray(from, Math.min(bytes.length, from + pieceBytes)));
      this.lastToDeviceMs = this.queue.nowMs + this.dueMs(this.lastToDeviceMs);
      this.queue.after(this.lastToDeviceMs - this.queue.nowMs, this, Happening.HEARD, 0);
    }
  }

  /** The broker closes it: what it sent arrives first. */
  end(): void {
    if (!this.isLive) return;
    this.isLive = false;
    this.lastToDeviceMs = this.queue.nowMs + this.dueMs(this.lastToDeviceMs);
    this.queue.after(this.lastToDeviceMs - this.queue.nowMs, this, Happening.ENDED, 0);
  }

  /** Both ends learn at once that it is closed. */
  reset(): void {
    this.isLive = false;
    this.ends.gone(this);
    if (this.events !== null) this.tellClosed(Status.CONNECTION_LOST);
    this.isDead = true;
  }

  happen(kind: number, arg: number): void {
    switch (kind) {
      case Happening.OPENED:
        if (this.events === null || this.isDead) return;
        this.isOpen = true;
        this.openedAtMs = this.heardAtMs = this.queue.nowMs;
        this.ends.tell(this, Told.OPENED, null, Status.OK);
        return;
      case Happening.UNOPENED:
        if (this.events !== null) this.tellClosed(arg);
        return;
      case Happening.ARRIVED: {
        const bytes = this.toBroker.shift() as Uint8Array;
        const sentAtMs = this.sentAtMs.shift() as number;
        if (this.isLive && !this.isDead) this.ends.arrived(this, bytes, sentAtMs);
        return;
      }
      case Happening.HEARD: {
        const bytes = this.toDevice.shift() as Uint8Array;
        if (this.events !== null && this.isOpen && !this.isDead)
          this.ends.tell(this, Told.RECEIVED, this.perhapsCorrupt(bytes), Status.OK);
        return;
      }
      case Happening.ENDED:
        if (this.events !== null && !this.isDead) this.tellClosed(Status.CONNECTION_LOST);
        return;
      case Happening.GONE:
        if (this.isLive && !this.isDead) {
          this.isLive = false;
          this.ends.gone(this);
        }
        return;
      default:
        if (this.events !== null && this.isOpen) this.ends.tell(this, Told.WRITABLE, null, Status.OK);
    }
  }

  private tellClosed(status: Status): void {
    this.ends.tell(this, Told.CLOSED, null, status);
  }

  private perhapsCorrupt(bytes: Uint8Array): Uint8Array {
    const at = this.conditions.corruptAt;
    if (at < 0 || bytes.length < 8) return bytes;
    this.conditions.corruptAt = -1;
    this.conditions.corruptedAtMs = this.queue.nowMs;
    const wrong = new Uint8Array(bytes); // the broker may send the packet again
    const place = at % bytes.length;
    wrong[place] = (wrong[place] as number) ^ (1 << (at % 8));
    return wrong;
  }

  private latencyMs(): number {
    const { slowMs } = this.conditions;
    return LATENCY_MS + Math.floor(this.random.unit() * (LATENCY_SPREAD_MS + slowMs));
  }

  /** When the next bytes of a direction arrive: never before earlier ones. */
  private dueMs(lastMs: number): number {
    const { nowMs } = this.queue;
    const atMs = Math.max(nowMs + this.latencyMs(), this.conditions.stalledUntilMs, lastMs);
    return atMs - nowMs;
  }
}
