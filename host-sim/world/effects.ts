import type { App } from "./app.js";
import type { Broker } from "./broker.js";
import type { Cloud } from "./cloud.js";
import type { Conditions } from "./conditions.js";
import type { Device } from "./device.js";
import { FAULT_KINDS, type Fault, type FaultKind } from "./faults.js";
import { TEARS, type Tear } from "./flash.js";
import type { Actor, Queue } from "./queue.js";
import { Mark, type Trace } from "./trace.js";

const TEAR_NAMES = Object.keys(TEARS) as readonly Tear[];
/** After a store's fault its owner waits up to twice as long as the fault lasted. */
const STORE_WAITS = 3;

/** Applies a plan's faults, each at its time and for its duration. */
export class Effects implements Actor {
  /** When the last fault of each kind ends. */
  private readonly untilMs = new Map<FaultKind, number>();
  private isHealed = false;
  /** Until then the device may leave a failed store alone, or be off. */
  private waitsUntilMs = 0;

  constructor(
    private readonly faults: readonly Fault[],
    private readonly queue: Queue,
    private readonly conditions: Conditions,
    private readonly broker: Broker,
    private readonly cloud: Cloud,
    private readonly device: Device,
    private readonly app: Pick<App, "hosts" | "troubleUntilMs">,
    private readonly trace: Trace,
  ) {}

  start(): void {
    for (const [index, { atMs }] of this.faults.entries()) this.queue.after(atMs, this, 0, index);
  }

  /** Ends every fault. @returns when their consequences end too, except the connection's */
  heal(): number {
    for (const kind of FAULT_KINDS) this.clear(kind);
    this.isHealed = true;
    this.app.troubleUntilMs = Math.max(this.queue.nowMs, this.waitsUntilMs);
    return this.app.troubleUntilMs;
  }

  happen(kind: number, index: number): void {
    const fault = this.faults[index] as Fault;
    if (this.isHealed) return;
    if (kind === 1) {
      if (this.queue.nowMs >= (this.untilMs.get(fault.kind) ?? 0)) this.clear(fault.kind);
      return;
    }
    const endMs = this.queue.nowMs + fault.forMs;
    const isOfStore = fault.kind === "unwritable" || fault.kind === "crowded" || fault.kind === "unreadable";
    const troubleMs = isOfStore ? endMs + STORE_WAITS * fault.forMs : endMs;
    const isOff = fault.kind === "sleep" || fault.kind === "crash";
    if (isOfStore || isOff) this.waitsUntilMs = Math.max(this.waitsUntilMs, troubleMs);
    this.untilMs.set(fault.kind, Math.max(endMs, this.untilMs.get(fault.kind) ?? 0));
    this.app.troubleUntilMs = Math.max(this.app.troubleUntilMs, troubleMs);
    this.trace.note(Mark.FAULT, FAULT_KINDS.indexOf(fault.kind), fault.n);
    this.begin(fault);
    if (fault.forMs > 0) this.queue.after(fault.forMs, this, 1, index);
  }

  private begin({ kind, forMs, n }: Fault): void {
    const { conditions, device, broker, cloud } = this;
    const untilMs = this.untilMs.get(kind) as number;
    switch (kind) {
      case "slow":
        conditions.slowMs = 100 * n;
        break;
      case "split":
        conditions.pieceBytes = n + 1;
        break;
      case "narrow":
        conditions.takeBytes = n + 1;
        break;
      case "stall":
        conditions.stalledUntilMs = untilMs;
        break;
      case "halfOpen":
        device.cut(false);
        break;
      case "reset":
        device.cut(true);
        break;
      case "cutOff":
        conditions.isCutOff = true;
        conditions.isSilent = n > 5;
        device.cut(n <= 5);
        break;
      case "nameless":
        conditions.isNameless = true;
        device.cut(true);
        break;
      case "corrupt":
        conditions.corruptAt = n;
        device.isGarbled = true;
        break;
      case "takeover":
        broker.takeOver(device.spec.id);
        break;
      case "restart":
        broker.restart(forMs, n > 5);
        break;
      case "refusing":
        conditions.isRefusing = true;
        device.cut(true);
        break;
      case "lossy":
        conditions.lost = n;
        break;
      case "doubling":
        conditions.doubled = n;
        break;
      case "unacknowledged":
        conditions.unacknowledged = n;
        break;
      case "full":
        conditions.isFull = true;
        break;
      case "mute":
        conditions.isMute = true;
        break;
      case "late":
        conditions.lateS = n;
        break;
      case "unavailable":
        this.fail(503, n > 5 ? n : 0);
        break;
      case "throttled":
        this.fail(429, n);
        break;
      case "broken":
        this.fail(500, 0);
        break;
      case "revoked":
        cloud.revoke(this.app.hosts[n % this.app.hosts.length] as string);
        break;
      case "forgetful":
        cloud.forget(100 * n);
        break;
      case "crash":
        device.crash(forMs);
        break;
      case "sleep":
        device.sleep(forMs, n % 2 === 0);
        break;
      case "busy":
        device.clock.busyUntilMs = untilMs;
        conditions.stalledUntilMs = Math.max(conditions.stalledUntilMs, untilMs);
        break;
      case "ahead":
        device.clock.step(1_000 * n);
        break;
      case "back":
        device.clock.step(-n);
        break;
      case "cut":
        device.flash.cutNextWrite(n, TEAR_NAMES[n % TEAR_NAMES.length] as Tear);
        break;
      case "unwritable":
        device.flash.isWritable = false;
        break;
      case "crowded":
        device.flash.isFull = true;
        break;
      case "unreadable":
        device.flash.isReadable = false;
        break;
      case "tornErase":
        device.isDecayed = true;
        device.flash.tornErase((name) => ERASED[(n + name.length + name.charCodeAt(name.length - 1)) % 3]);
        device.crash(1_000);
        break;
      case "kicking":
        conditions.kickMs = 200 * n + 1;
        device.cut(true);
        break;
      case "hidden":
        device.flash.hideAll();
        device.crash(1_000);
        break;
    }
  }

  private fail(code: number, retryAfterS: number): void {
    this.conditions.error = code;
    this.conditions.retryAfterS = retryAfterS;
  }

  private clear(kind: FaultKind): void {
    const { conditions, device } = this;
    if (kind === "slow") conditions.slowMs = 0;
    else if (kind === "split") conditions.pieceBytes = Number.POSITIVE_INFINITY;
    else if (kind === "narrow") conditions.takeBytes = Number.POSITIVE_INFINITY;
    else if (kind === "cutOff") {
      conditions.isCutOff = false;
      conditions.isSilent = false;
    } else if (kind === "nameless") conditions.isNameless = false;
    else if (kind === "refusing") conditions.isRefusing = false;
    else if (kind === "kicking") conditions.kickMs = 0;
    else if (kind === "lossy") conditions.lost = 0;
    else if (kind === "doubling") conditions.doubled = 0;
    else if (kind === "unacknowledged") conditions.unacknowledged = 0;
    else if (kind === "full") conditions.isFull = false;
    else if (kind === "mute") conditions.isMute = false;
    else if (kind === "late") conditions.lateS = 0;
    else if (kind === "unavailable" || kind === "throttled" || kind === "broken") this.fail(0, 0);
    else if (kind === "unwritable") device.flash.isWritable = true;
    else if (kind === "crowded") device.flash.isFull = false;
    else if (kind === "unreadable") device.flash.isReadable = true;
  }
}

const ERASED = ["whole", "lost", "older"] as const;
