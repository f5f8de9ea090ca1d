import { countOne, Listeners } from "./listeners.js";
import { recoveredBy } from "./recoverer.js";
import type { CloudEvent, CloudStats } from "./types.js";

/** Passes what happens to listeners and waiting tests, and counts it. */
export class Events extends Listeners<CloudEvent> {
  readonly stats: CloudStats = {
    connections: 0,
    connects: 0,
    connectsRefused: {},
    admitted: 0,
    tlsRefused: {},
    topicsRefused: 0,
    requests: {},
    replies: 0,
    repliesRepeated: 0,
    refused: {},
    dropped: {},
    failed: 0,
    macSessions: 0,
    tokens: 0,
    recoveries: {},
    recoveriesRefused: {},
  };

  constructor() {
    super("cloud");
  }

  /** Counts the event and hands it to everybody who listens. */
  override emit(event: CloudEvent): void {
    this.count(event);
    super.emit(event);
  }

  private count(event: CloudEvent): void {
    const stats = this.stats;
    if (event.event === "connected") {
      stats.connects++;
      stats.connections++;
    } else if (event.event === "disconnected") stats.connections--;
    else if (event.event === "admitted") stats.admitted++;
    else if (event.event === "connect-refused") {
      countOne(stats.connectsRefused, event.reason);
      this.countRecovery(event);
    } else if (event.event === "tls-refused") countOne(stats.tlsRefused, event.reason);
    else if (event.event === "topic-refused") stats.topicsRefused++;
    else if (event.event === "mac-session") stats.macSessions++;
    else if (event.event === "request") countOne(stats.requests, event.method);
    else if (event.event === "refused") {
      countOne(stats.refused, event.reason);
      this.countRecovery(event);
    } else if (event.event === "dropped") countOne(stats.dropped, event.reason);
    else if (event.event === "failed") stats.failed++;
    else if (event.event === "token") stats.tokens++;
    else if (event.event === "recovered") countOne(stats.recoveries, event.id);
    else if (event.event === "replied") {
      stats.replies++;
      if (event.repeated) stats.repliesRepeated++;
    }
  }

  private countRecovery({ id, reason }: { id: string; reason: string }): void {
    if (recoveredBy(id) !== null) countOne(this.stats.recoveriesRefused, reason);
  }
}
