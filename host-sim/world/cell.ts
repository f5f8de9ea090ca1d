import {
  type AuthOptions,
  type LimitOptions,
  type Proof,
  readCredential,
  State,
  writeCredential,
} from "../../firmware/index.js";
import { explain } from "../explain.js";
import { App, SPREADS } from "./app.js";
import { Broker } from "./broker.js";
import { Verdict, type Violation } from "./checks.js";
import { Cloud } from "./cloud.js";
import { Conditions } from "./conditions.js";
import { type Core, Device, type Lives, type MakeClient, type Records } from "./device.js";
import { Effects } from "./effects.js";
import type { Fault } from "./faults.js";
import { PROFILES, type ProfileName } from "./profiles.js";
import { Queue } from "./queue.js";
import { Random } from "./random.js";
import { Tally } from "./tally.js";
import { Trace } from "./trace.js";

/** One device and everything around it. The same plan gives the same run, on any machine. */
export interface Plan {
  readonly seed: number;
  /** Which of the fleet's devices it is, from 0. */
  readonly device: number;
  readonly forMs: number;
  readonly core: Core;
  readonly proof: Proof;
  readonly profile: ProfileName;
  readonly cleanSession: boolean;
  readonly hosts: number;
  readonly lifetimeS: number;
  readonly periodMs: number;
  readonly clockRate: number;
  readonly bootAtMs: number;
  /** The device's `limits.spreadMs`; absent: 0. */
  readonly spreadMs?: number | undefined;
  readonly faults: readonly Fault[];
}

/** A run's outcome. */
export interface CellResult {
  readonly violation: Violation | undefined;
  readonly hash: string;
  readonly tally: Tally;
  /** The last lines, if requested. */
  readonly lines: readonly string[];
}

/** How a run differs from its plan: for a closer look, or for a firmware that is broken on purpose. */
export interface Watch {
  readonly make?: MakeClient | undefined;
  readonly records?: Records | undefined;
  readonly lines?: boolean;
  /** In the place of the app that asks for tokens now and then: a test's own. */
  readonly lives?: ((cell: Cell) => Lives) | undefined;
  readonly limits?: LimitOptions | undefined;
}

const RECORDS: Records = { readCredential, writeCredential };
/** After its faults a cell has this long to recover, ms: the bound, and a call's time. */
export const HEALED_MS = 1_000_000;
/** A revocation may be on its way for so long, ms. */
const LATELY_MS = 60_000;
/** The most pending events of a cell. */
const PENDING_MAX = 1_000;

enum Purpose {
  DEVICE = 1,
  NETWORK,
  BROKER,
  CLOUD,
  APP,
  KEY,
}

const keyOf = (random: Random): string =>
  Array.from({ length: 8 }, () => random.word().toString(16).padStart(8, "0"))
    .join("")
    .slice(0, 43);

/** One device and its world, from the plan: nothing happens in it before it starts. */
export class Cell {
  readonly queue = new Queue();
  readonly verdict = new Verdict(this.queue);
  readonly conditions = new Conditions();
  readonly trace = new Trace(this.queue);
  readonly tally = new Tally();
  readonly cloud: Cloud;
  readonly broker: Broker;
  readonly app: App;
  readonly device: Device;

  private readonly streams: Random[] = [];

  constructor(
    readonly plan: Plan,
    watch: Watch = {},
  ) {
    const { queue, conditions, trace, tally, verdict } = this;
    const random = (purpose: Purpose): Random => {
      const stream = new Random(plan.seed, plan.device, purpose);
      this.streams.push(stream);
      return stream;
    };
    if (watch.lines === true) trace.lines = [];
    const id = `device_${plan.device}`;
    const psk = keyOf(random(Purpose.KEY));
    this.cloud = new Cloud(queue, random(Purpose.CLOUD), conditions, id, psk, plan.proof, {
      accepted: () => {
        // Behind the end all faults end at once, and all ask at once: that is the check's doing.
        if (queue.nowMs <= plan.forMs) tally.accepted(queue.nowMs);
      },
      issued: () => {
        tally.issued++;
      },
      stale: (counter) => {
        // After a failed store, or a torn erase, the count is lost.
        if (!this.device.isDecayed && this.device.flash.failures === 0)
          verdict.wrong("counter", `counter ${counter} was used before`);
      },
      doubled: (host, sinceMs) => {
        if (!this.app.isRefusedLately(host, sinceMs))
          verdict.wrong("pace", `two requests for the token of ${host} were sent at once`);
      },
    });
    this.cloud.lifetimeS = plan.lifetimeS;
    this.broker = new Broker(queue, random(Purpose.BROKER), conditions, PROFILES[plan.profile], this.cloud);
    this.app = new App(
      Array.from({ length: plan.hosts }, (_, i) => `app${i}.example.com`),
      plan.periodMs,
      plan.spreadMs ?? 0,
      queue,
      random(Purpose.APP),
      this.cloud,
      trace,
      verdict,
      tally,
      () => this.device,
    );
    const auth: AuthOptions = {
      // Espruino's core has clean sessions only.
      cloud: {
        host: "cloud.example.com",
        ...(plan.core === "byte" ? { cleanSession: plan.cleanSession } : {}),
      },
      proof: plan.proof,
      allowInsecure: true,
      limits: watch.limits ?? (plan.spreadMs === undefined ? {} : { spreadMs: plan.spreadMs }),
    };
    const { proof, core, clockRate } = plan;
    this.device = new Device(
      { id, psk, proof, core, auth, clockRate, make: watch.make, records: watch.records ?? RECORDS },
      queue,
      random(Purpose.DEVICE),
      random(Purpose.NETWORK),
      conditions,
      this.broker,
      trace,
      verdict,
      tally,
      watch.lives?.(this) ?? this.app,
    );
  }

  /** How many random numbers each part drew. */
  get positions(): readonly number[] {
    return this.streams.map(({ position }) => position);
  }

  /** Everything must be well now: the device is on, connected and idle, and silent once closed. */
  checkEnd(): void {
    const { device, app, cloud, queue, verdict } = this;
    if (verdict.violation === undefined) checkRest(device, app, cloud, queue, verdict);
    if (verdict.violation === undefined) checkClose(device, app, queue, verdict);
  }

  /** Its outcome. */
  get result(): CellResult {
    const { tally, trace, device, queue, plan, verdict } = this;
    tally.devices = 1;
    tally.deviceMs = queue.nowMs;
    tally.boots = device.boots;
    tally.writes = device.flash.writes;
    tally.faults = plan.faults.length;
    return { violation: verdict.violation, hash: trace.hash, tally, lines: trace.lines ?? [] };
  }
}

/** Runs a plan from its first boot to its end, with every check after every turn. */
export function runCell(plan: Plan, watch: Watch = {}): CellResult {
  const cell = new Cell(plan, watch);
  const { queue, conditions, broker, cloud, device, app, trace } = cell;
  const effects = new Effects(plan.faults, queue, conditions, broker, cloud, device, app, trace);
  device.provision();
  device.bootAfter(plan.bootAtMs);
  effects.start();
  queue.run(plan.forMs);
  const restMs = HEALED_MS + SPREADS * (plan.spreadMs ?? 0);
  queue.run(effects.heal() + restMs);
  // Power may go long after the fault that armed its cut, and a boot waits for its turn.
  queue.run(Math.max(queue.nowMs, device.bootedAtMs + restMs));
  cell.checkEnd();
  return cell.result;
}

/** Everything has recovered and rests: it is connected, revoked tokens are gone, nothing grows. */
function checkRest(device: Device, app: App, cloud: Cloud, queue: Queue, verdict: Verdict): void {
  const { client } = device;
  app.checkOpen();
  if (client === null) verdict.wrong("service", "the device is off though it was to boot");
  else if (client.state !== State.READY)
    verdict.wrong("service", `the client is ${State[client.state]}: ${explain(client).name}`);
  for (const host of app.revoked)
    if (cloud.has(host) && !device.isDecayed && !app.isRevokedLately(host, queue.nowMs - LATELY_MS))
      verdict.wrong("token", `the cloud still has a token of ${host}, which was revoked`);
  if (queue.pending > PENDING_MAX) verdict.wrong("ends", `${queue.pending} events are pending`);
  for (const host of app.hosts) app.want("get", host);
  queue.run(queue.nowMs + 30_000);
  app.checkOpen();
}

/** A closed client does nothing. */
function checkClose(device: Device, app: App, queue: Queue, verdict: Verdict): void {
  const { opens, client } = device;
  app.rest();
  device.enter(() => client?.close());
  if (device.client === null) return; // the power failed during it, and the device boots again
  if (app.calls > 0) verdict.wrong("ends", `${app.calls} calls have no end`);
  queue.run(queue.nowMs + 600_000);
  if (device.opens !== opens) verdict.wrong("ends", "a client that is closed connects");
}
