import type { Events } from "../../cloud/events.js";
import type { Revocations } from "../store/revocations.js";
import type { Evictor } from "./evictor.js";

/** Every replica looks so often whom another one has barred: their connections end within two seconds. */
const LOOK_EVERY_MS = 500;
/** At the broker that was away. */
const AGAIN_MS = 1_000;

/** What evictions work with. */
export interface EvictionParts {
  revocations: Revocations;
  events: Events;
  /** Closes the connections to this replica. */
  kick: (id: string) => void;
  /** null: there is no broker, or none that can be told. */
  evictor: Evictor | null;
}

/** Closes the connections of whoever is barred, by whichever replica: those here, and those at the site's broker. */
export class Evictions {
  private readonly underWay = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  /** Looks from now on. */
  constructor(private readonly parts: EvictionParts) {
    this.plan();
  }

  /** Closes what this id has. */
  begin(id: string): void {
    this.parts.kick(id);
    if (this.parts.evictor !== null && !this.underWay.has(id)) void this.evict(id, this.parts.evictor);
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

  /** A database that is away is looked at again. */
  private async look(): Promise<void> {
    for (const id of await this.parts.revocations.news().catch(() => [])) if (!this.isClosed) this.begin(id);
  }

  private async evict(id: string, evictor: Evictor): Promise<void> {
    this.underWay.add(id);
    const { events } = this.parts;
    for (let told = ""; !this.isClosed; ) {
      try {
        await evictor.evict(id);
        break;
      } catch (failure) {
        const reason = `not evicted: ${(failure as Error).message}`;
        if (reason !== told) events.emit({ event: "failed", id, reason });
        told = reason;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
      }
    }
    this.underWay.delete(id);
  }
}
