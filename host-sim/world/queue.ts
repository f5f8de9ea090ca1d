/** The receiver of an event. */
export interface Actor {
  /** @param kind a number of the actor's own @param arg what it asked for with it */
  happen(kind: number, arg: number): void;
}

/** This many events at one moment count as an endless loop. */
const PER_MOMENT_MAX = 20_000;
const CAPACITY = 64;

/**
 * Virtual time: a binary heap of events, without an object per event. Whole milliseconds; events of one moment
 * happen in the order they were added.
 */
export class Queue {
  nowMs = 0;
  /** Stops everything: a check failed. */
  isStopped = false;
  private count = 0;
  private serial = 0;
  private atMs = new Float64Array(CAPACITY);
  private order = new Float64Array(CAPACITY);
  private kinds = new Int32Array(CAPACITY);
  private args = new Float64Array(CAPACITY);
  private readonly actors: (Actor | null)[] = [];

  /** Pending events. */
  get pending(): number {
    return this.count;
  }

  /** When the next one is due; Infinity: there is none. */
  get nextMs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : (this.atMs[0] as number);
  }

  /** Adds an event after `delayMs`, rounded up as engines' timers do, never at once. */
  after(delayMs: number, actor: Actor, kind: number, arg: number): void {
    if (this.count === this.atMs.length) this.grow();
    const atMs = this.nowMs + Math.ceil(delayMs);
    let place = this.count++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!(atMs < (this.atMs[parent] as number))) break;
      this.move(parent, place);
      place = parent;
    }
    this.put(place, atMs, this.serial++, kind, arg, actor);
  }

  /** Lets time pass until `endMs`. @throws Error when events of one moment cause each other endlessly */
  run(endMs: number): void {
    let atOneMoment = 0;
    while (this.count > 0 && !this.isStopped && (this.atMs[0] as number) <= endMs) {
      const atMs = this.atMs[0] as number;
      const actor = this.actors[0] as Actor;
      const kind = this.kinds[0] as number;
      const arg = this.args[0] as number;
      this.dropFirst();
      atOneMoment = atMs > this.nowMs ? 0 : atOneMoment + 1;
      if (atOneMoment > PER_MOMENT_MAX) throw new Error(`time stands still at ${this.nowMs} ms`);
      this.nowMs = atMs;
      actor.happen(kind, arg);
    }
    if (!this.isStopped) this.nowMs = Math.max(this.nowMs, endMs);
  }

  private dropFirst(): void {
    const last = --this.count;
    const atMs = this.atMs[last] as number;
    const order = this.order[last] as number;
    const actor = this.actors[last] as Actor;
    const kind = this.kinds[last] as number;
    const arg = this.args[last] as number;
    this.actors[last] = null;
    if (last === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= last) break;
      if (
        child + 1 < last &&
        this.isBefore(child + 1, this.atMs[child] as number, this.order[child] as number)
      )
        child++;
      if (!this.isBefore(child, atMs, order)) break;
      this.move(child, place);
      place = child;
    }
    this.put(place, atMs, order, kind, arg, actor);
  }

  private isBefore(place: number, atMs: number, order: number): boolean {
    const other = this.atMs[place] as number;
    return other < atMs || (other === atMs && (this.order[place] as number) < order);
  }

  private move(from: number, to: number): void {
    this.put(
      to,
      this.atMs[from] as number,
      this.order[from] as number,
      this.kinds[from] as number,
      this.args[from] as number,
      this.actors[from] as Actor,
    );
  }

  private put(place: number, atMs: number, order: number, kind: number, arg: number, actor: Actor): void {
    this.atMs[place] = atMs;
    this.order[place] = order;
    this.kinds[place] = kind;
    this.args[place] = arg;
    this.actors[place] = actor;
  }

  private grow(): void {
    const widen = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const wide = new Float64Array(2 * old.length);
      wide.set(old);
      return wide;
    };
    this.atMs = widen(this.atMs);
    this.order = widen(this.order);
    this.args = widen(this.args);
    const kinds = new Int32Array(2 * this.kinds.length);
    kinds.set(this.kinds);
    this.kinds = kinds;
  }
}
