import type { CloudEvent, CloudEventName, CloudEventOf, CloudStats } from "./types.js";

const NEXT_LIMIT_MS = 8_000;

interface Waiter {
  name: CloudEventName;
  offer: (event: CloudEvent) => boolean;
  end: (reason: Error) => void;
}

/** Tells listeners and waiting tests what happens, and counts it. */
export class Events {
  readonly stats: CloudStats = {
    connections: 0,
    connects: 0,
    connectsRefused: {},
    topicsRefused: 0,
    requests: {},
    replies: 0,
    repliesRepeated: 0,
    refused: {},
    dropped: {},
    macSessions: 0,
    tokens: 0,
  };
  private listeners = new Set<(event: CloudEvent) => void>();
  private waiters = new Set<Waiter>();

  /** Counts the event and hands it to everybody who listens. */
  emit(event: CloudEvent): void {
    this.count(event);
    for (const listener of this.listeners) listener(event);
    for (const waiter of [...this.waiters]) if (waiter.offer(event)) this.waiters.delete(waiter);
  }

  /** Hears every event until the returned function is called. */
  on(listener: (event: CloudEvent) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** The next event of this name that the predicate accepts; rejects after the limit and when the cloud closes. */
  next<Name extends CloudEventName>(
    name: Name,
    predicate?: (event: CloudEventOf<Name>) => boolean,
    limitMs: number = NEXT_LIMIT_MS,
  ): Promise<CloudEventOf<Name>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        reject(new Error(`The cloud saw no event "${name}" within ${limitMs} ms`));
      }, limitMs);
      const waiter: Waiter = {
        name,
        offer(event) {
          if (event.event !== name) return false;
          const wanted = event as CloudEventOf<Name>;
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
  }

  /** Ends all waiting. */
  close(): void {
    for (const waiter of this.waiters)
      waiter.end(new Error(`The cloud closed before an event "${waiter.name}"`));
    this.waiters.clear();
    this.listeners.clear();
  }

  private count(event: CloudEvent): void {
    const stats = this.stats;
    if (event.event === "connected") {
      stats.connects++;
      stats.connections++;
    } else if (event.event === "disconnected") stats.connections--;
    else if (event.event === "connect-refused") countOne(stats.connectsRefused, event.reason);
    else if (event.event === "topic-refused") stats.topicsRefused++;
    else if (event.event === "mac-session") stats.macSessions++;
    else if (event.event === "request") countOne(stats.requests, event.method);
    else if (event.event === "refused") countOne(stats.refused, event.reason);
    else if (event.event === "dropped") countOne(stats.dropped, event.reason);
    else if (event.event === "token") stats.tokens++;
    else if (event.event === "replied") {
      stats.replies++;
      if (event.repeated) stats.repliesRepeated++;
    }
  }
}

function countOne(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
