import type { Address, Clock, Entropy, Link, LinkEvents, LinkSecurity, Store, Waker } from "../ports.js";
import { Status } from "../status.js";
import { crc32 } from "../store/crc32.js";
import { type Dialogue, describeInbound, describeOutbound, hexOf } from "./describe.js";
import { type PacketReader, Packets } from "./packets.js";

/** What a traced port reports to. */
export interface Tracer extends Dialogue {
  /** One line more. @param body JSON members, without braces */
  add(body: string): void;
  /** Something happens to the client: what it does then comes next. */
  enter(body: string): void;
  leave(): void;
  /** A packet was taken in: was its MAC refused? */
  judge(): void;
}

/** Draws of at most so many bytes are ids and waits, which no secret is made of: they are recorded. */
const DRAW_BYTES_MAX = 6;
/** Longer packets come through as they are, and their content is not recorded. */
const PACKET_BYTES_MAX = 4096;

/** The link: whole packets come in, so that a trace has all that the client hears of. */
export class TracedLink implements Link, LinkEvents, PacketReader {
  readonly security: LinkSecurity;
  private readonly link: Link;
  private readonly tracer: Tracer;
  private readonly inbound: Packets;
  private readonly outbound: Packets;
  private readonly sent: PacketReader;
  private events: LinkEvents | null;

  constructor(link: Link, security: LinkSecurity, tracer: Tracer) {
    this.link = link;
    this.security = security;
    this.tracer = tracer;
    this.inbound = new Packets(PACKET_BYTES_MAX);
    this.outbound = new Packets(PACKET_BYTES_MAX);
    this.events = null;
    this.sent = {
      packet: (bytes, from, to) => tracer.add(describeOutbound(bytes, from, to, tracer)),
      long: (first, length) => tracer.add(`"out":"long","first":${first},"bytes":${length}`),
      piece: () => undefined,
    };
  }

  open(address: Address, events: LinkEvents): void {
    this.events = events;
    this.inbound.clear();
    this.outbound.clear();
    this.tracer.add('"open":true');
    this.link.open(address, this);
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const taken = this.link.write(bytes, from, to);
    if (taken < to - from) this.tracer.add(`"taken":${taken}`);
    this.outbound.feed(bytes, from, from + taken, this.sent);
    return taken;
  }

  close(): void {
    this.inbound.clear();
    this.tracer.add('"close":true');
    this.link.close();
  }

  opened(): void {
    this.tracer.enter('"opened":true');
    if (this.events !== null) this.events.opened();
    this.tracer.leave();
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    this.inbound.feed(bytes, from, to, this);
  }

  writable(): void {
    this.tracer.enter('"writable":true');
    if (this.events !== null) this.events.writable();
    this.tracer.leave();
  }

  closed(status: Status): void {
    this.inbound.clear();
    this.tracer.enter(`"closed":"${Status[status]}"`);
    if (this.events !== null) this.events.closed(status);
    this.tracer.leave();
  }

  packet(bytes: Uint8Array, from: number, to: number): void {
    this.tracer.enter(describeInbound(bytes, from, to, this.tracer));
    this.piece(bytes, from, to);
    this.tracer.judge();
    this.tracer.leave();
  }

  long(first: number, length: number): void {
    this.tracer.add(`"in":"long","first":${first},"bytes":${length}`);
  }

  piece(bytes: Uint8Array, from: number, to: number): void {
    if (this.events !== null) this.events.received(bytes, from, to);
  }
}

/** The clock's timer; its time is in every line. */
export class TracedClock implements Clock, Waker {
  private readonly clock: Clock;
  private readonly tracer: Tracer;
  private waker: Waker | null;

  constructor(clock: Clock, tracer: Tracer) {
    this.clock = clock;
    this.tracer = tracer;
    this.waker = null;
  }

  now(): number {
    return this.clock.now();
  }

  wakeAfter(delayMs: number, waker: Waker): void {
    this.waker = waker;
    this.clock.wakeAfter(delayMs, this);
  }

  cancel(): void {
    this.clock.cancel();
  }

  turn(): void {
    this.tracer.enter('"wake":true');
    if (this.waker !== null) this.waker.turn();
    this.tracer.leave();
  }
}

/** Random bytes: those that ids and waits are made of are recorded, of nonces and keys how many they were. */
export class TracedEntropy implements Entropy {
  private readonly entropy: Entropy;
  private readonly tracer: Tracer;

  constructor(entropy: Entropy, tracer: Tracer) {
    this.entropy = entropy;
    this.tracer = tracer;
  }

  fill(bytes: Uint8Array, from: number, to: number): void {
    this.entropy.fill(bytes, from, to);
    const isShown = to - from <= DRAW_BYTES_MAX;
    this.tracer.add(isShown ? `"draw":"${hexOf(bytes, from, to)}"` : `"drawn":${to - from}`);
  }
}

/** The store: whether each value was there, and each write came to its end; no content. */
export class TracedStore implements Store {
  private readonly store: Store;
  private readonly tracer: Tracer;
  private readonly names: string[];
  private readonly checks: number[];

  constructor(store: Store, tracer: Tracer) {
    this.store = store;
    this.tracer = tracer;
    this.names = [];
    this.checks = [];
  }

  read(name: string, out: Uint8Array): number {
    const length = this.store.read(name, out);
    const at = this.names.indexOf(name);
    let found = length === -2 ? "failed" : length < 0 ? "none" : "some";
    // What was written in this life, and is read otherwise.
    if (length >= 0 && length <= out.length && at >= 0 && this.checks[at] !== crc32(out, length))
      found = "other";
    this.tracer.add(`"read":"${name}","found":"${found}"`);
    return length;
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    const isDone = this.store.write(name, bytes, length);
    const at = this.names.indexOf(name);
    const place = at < 0 ? this.names.length : at;
    this.names[place] = name;
    this.checks[place] = crc32(bytes, length);
    this.tracer.add(`"write":"${name}","ok":${isDone}`);
    return isDone;
  }
}
