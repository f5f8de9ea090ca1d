import type { Events } from "../../cloud/events.js";
import type { Revocations } from "../store/revocations.js";
import type { Evictor } from "./evictor.js";

/** How often every replica looks whom another one has barred: their connections end within two seconds. */
const LOOK_EVERY_MS = 500;
/** Wait before another try at a broker that was away. */
const AGAIN_MS = 1_000;

/** What evictions work with. */
export interface EvictionParts {
  revocations: Revocations;
  events: Events;
  /** Closes the connections to this replica. */
  kick: (id: string) => void;
  /** null: there is no broker, or none that can evict. */
  evictor: Evictor | null;
}

/** Closes the connections of everyone whom any replica barred: here, and at the site's broker. */
export class Evictions {
  /** Whom the broker still has to evict: one after the other, since there may be one connection for that. */
  private readonly due = new Set<string>();
  private isTelling = false;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  /** Starts looking. */
  constructor(private readonly parts: EvictionParts) {
    this.plan();
  }

  /** Closes the connections of this id. */
  begin(id: string): void {
    const { kick, evictor } = this.parts;
    kick(id);
    if (evictor === null) return;
    this.due.add(id);
    if (!this.isTelling) void this.tell(evictor);
  }

  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private plan(): void {
    if (this.isClosed) return;
    this.timer = setTimeout(() => this.look().finally(() => this.plan()), LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** Looks again later where the database is away. */
  private async look(): Promise<void> {
    for (const id of await this.parts.revocations.news().catch(() => [])) if (!this.isClosed) this.begin(id);
  }

  /** Until all are out; after a failure the id goes to the end of the queue. */
  private async tell(evictor: Evictor): Promise<void> {
    this.isTelling = true;
    for (let said = ""; !this.isClosed; ) {
      const [id] = this.due;
      if (id === undefined) break;
      this.due.delete(id);
      try {
        await evictor.evict(id);
      } catch (failure) {
        this.due.add(id);
        const reason = `not evicted: ${(failure as Error).message}`;
        if (reason !== said) this.parts.events.emit({ event: "failed", id, reason });
        said = reason;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
      }
    }
    this.isTelling = false;
  }
}
