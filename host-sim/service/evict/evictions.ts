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
  /** null: there is no broker, or none that can evict. */
  evictor: Evictor | null;
}

/** Closes the connections of whoever is barred, by whichever replica: those here, and those at the site's broker. */
export class Evictions {
  /** Whom the broker still has to evict: one after the other, as it may have one connection for that. */
  private readonly due = new Set<string>();
  private isTelling = false;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  /** Looks from now on. */
  constructor(private readonly parts: EvictionParts) {
    this.plan();
  }

  /** Closes what this id has. */
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

  /** A database that is away is looked at again. */
  private async look(): Promise<void> {
    for (const id of await this.parts.revocations.news().catch(() => [])) if (!this.isClosed) this.begin(id);
  }

  /** Until all are out; whom the broker does not let go comes again behind the others. */
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
