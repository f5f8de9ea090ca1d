const NEXT_LIMIT_MS = 8_000;

/** Whatever is reported has a name. */
export interface NamedEvent {
  event: string;
}

/** The event of one name. */
export type EventOf<Event extends NamedEvent, Name extends Event["event"]> = Extract<Event, { event: Name }>;

interface Waiter<Event extends NamedEvent> {
  name: Event["event"];
  offer: (event: Event) => boolean;
  end: (reason: Error) => void;
}

/** Passes what happens to listeners and waiting tests. */
export class Listeners<Event extends NamedEvent> {
  private listeners = new Set<(event: Event) => void>();
  private waiters = new Set<Waiter<Event>>();
  private isClosed = false;

  /** @param teller whose events these are, for errors: "cloud" */
  constructor(private teller: string) {}

  /** Hands the event to everybody who listens. */
  emit(event: Event): void {
    for (const listener of this.listeners) listener(event);
    for (const waiter of [...this.waiters]) if (waiter.offer(event)) this.waiters.delete(waiter);
  }

  /** Hears every event until the returned function is called. */
  on(listener: (event: Event) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** The next event of this name that the predicate accepts; rejects after the limit and at `close`. */
  next<Name extends Event["event"]>(
    name: Name,
    predicate?: (event: EventOf<Event, Name>) => boolean,
    limitMs: number = NEXT_LIMIT_MS,
  ): Promise<EventOf<Event, Name>> {
    const wanted = new Promise<EventOf<Event, Name>>((resolve, reject) => {
      if (this.isClosed) {
        reject(this.closedBefore(name));
        return;
      }
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(new Error(`The ${this.teller} saw no event "${name}" within ${limitMs} ms`));
      }, limitMs);
      const waiter: Waiter<Event> = {
        name,
        offer(event) {
          if (event.event !== name) return false;
          const wanted = event as EventOf<Event, Name>;
          if (predicate !== undefined && !predicate(wanted)) return false;
          clearTimeout(timer);
          resolve(wanted);
          return true;
        },
        end(reason) {
          clearTimeout(timer);
          reject(reason);
        },
      };
      this.waiters.add(waiter);
    });
    // Who asked and looks away has chosen not to know: no unhandled rejection.
    wanted.catch(() => {});
    return wanted;
  }

  /** Ends all waiting. */
  close(): void {
    this.isClosed = true;
    for (const waiter of this.waiters) waiter.end(this.closedBefore(waiter.name));
    this.waiters.clear();
    this.listeners.clear();
  }

  private closedBefore(name: string): Error {
    return new Error(`The ${this.teller} closed before an event "${name}"`);
  }
}

/** Adds one to the count of a name. */
export function countOne(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
