import { type Address, type LimitOptions, PROOFS, type Proof, Status } from "../../firmware/index.js";
import {
  checkOptions,
  either,
  FLAG,
  FUNCTION,
  NAME,
  NOTHING,
  needed,
  OBJECT,
  oneOf,
  type Rule,
  type Shape,
  whole,
} from "../cloud/options.js";
import type { StatusName } from "../device.js";
import { endpointOf } from "../transports.js";
import { FLEET_LIMITS } from "./limits.js";
import { Member, type MemberOptions, type Traffic } from "./member.js";
import { measureMemory } from "./memory.js";
import type { Credential } from "./provisioning.js";

const DEFAULT_CONNECTING_MAX = 200;
const DEFAULT_TOKEN_HOST = "app.example.com";

/** What `runFleet` takes. */
export interface FleetOptions {
  devices: number;
  /** `mqtt://host:port` of the broker. */
  url: string;
  /** Identity and key of the device at this index, from 0 on. */
  credential: (index: number) => Credential;
  /** Default {@link FLEET_LIMITS}. */
  limits?: LimitOptions;
  /** Default `counter+mac`. */
  proof?: Proof;
  allowInsecure?: boolean;
  /** The app whose token each device asks for; null: they only connect. */
  tokenHost?: string | null;
  /** So many devices are on their way at once, 200 by default: more only wait in the broker's queue. */
  connectingMax?: number;
  /** Ends the run: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each device that arrived. */
  onProgress?: (progress: FleetProgress) => void;
}

const SIGNAL: Rule = { allowed: ["an AbortSignal"], accepts: (value) => value instanceof AbortSignal };

const FLEET_OPTIONS: Shape<FleetOptions> = {
  devices: needed(whole(1)),
  url: needed(NAME),
  credential: needed(FUNCTION),
  limits: OBJECT,
  proof: oneOf(...PROOFS),
  allowInsecure: FLAG,
  tokenHost: either(NAME, NOTHING),
  connectingMax: whole(1),
  signal: SIGNAL,
  onProgress: FUNCTION,
};

/** How far a fleet is. */
export interface FleetProgress {
  readonly devices: number;
  /** At their goal: connected, and with a token where one is asked for. */
  readonly arrived: number;
  readonly failed: number;
}

/** What a fleet took. Where nothing arrived times are NaN. */
export interface FleetReport {
  readonly devices: number;
  readonly arrived: number;
  readonly tokens: number;
  /** How many devices failed with which status. */
  readonly failures: Partial<Record<StatusName, number>>;
  /** Time in which devices were on their way. */
  readonly seconds: number;
  readonly connectsPerSecond: number;
  /** From the opening of TCP to the token (or to READY). */
  readonly firstMs: { readonly p50: number; readonly p99: number };
  /** All traffic from CONNECT on by the devices that arrived, without the headers of TCP. */
  readonly bytesPerToken: { readonly sent: number; readonly received: number };
  /** Of the devices after the first fifth: what the process needs once, whoever connects, is not charged to them. */
  readonly memoryPerDevice: { readonly heapBytes: number; readonly rssBytes: number };
}

function plainAddressOf(url: string): Address {
  const { host, port, isSecure } = endpointOf(url);
  if (isSecure) throw new Error("motekey: a fleet speaks no TLS; give it mqtt://host:port");
  return { host, port };
}

/**
 * Connects devices from one process, each with its own connection, measures, and closes them all. Rejects with an error
 * that names an option which is unknown or of a wrong value.
 */
export async function runFleet(options: FleetOptions): Promise<FleetReport> {
  checkOptions("", options, FLEET_OPTIONS);
  const fleet = new Fleet(options);
  try {
    return await fleet.run();
  } finally {
    fleet.close();
  }
}

class Fleet {
  private readonly traffic: Traffic = { sentBytes: 0, receivedBytes: 0 };
  private readonly members: Member[] = [];
  private readonly times: Float64Array;
  private readonly failures: Partial<Record<StatusName, number>> = {};
  private readonly memberOptions: MemberOptions;
  private arrived = 0;
  private failed = 0;
  private goal = 0;
  private whenThere: () => void = () => {};

  constructor(private readonly options: FleetOptions) {
    const { devices, url, limits, proof, allowInsecure, tokenHost } = options;
    this.times = new Float64Array(devices);
    this.memberOptions = {
      address: plainAddressOf(url),
      limits: limits ?? FLEET_LIMITS,
      proof: proof ?? "counter+mac",
      allowInsecure: allowInsecure ?? false,
      tokenHost: tokenHost === undefined ? DEFAULT_TOKEN_HOST : tokenHost,
      traffic: this.traffic,
      onArrived: (member, status) => this.onArrived(member, status),
    };
  }

  async run(): Promise<FleetReport> {
    const { devices } = this.options;
    const firstFifth = Math.ceil(devices / 5);
    let ms = await this.bring(firstFifth);
    const before = measureMemory();
    ms += await this.bring(devices);
    const after = measureMemory();
    const charged = Math.max(1, devices - firstFifth);
    const arrived = this.arrived;
    const times = this.times.slice(0, arrived).sort();
    return {
      devices,
      arrived,
      tokens: this.memberOptions.tokenHost === null ? 0 : arrived,
      failures: this.failures,
      seconds: ms / 1000,
      connectsPerSecond: (arrived / ms) * 1000,
      firstMs: { p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
      bytesPerToken: {
        sent: this.traffic.sentBytes / arrived,
        received: this.traffic.receivedBytes / arrived,
      },
      memoryPerDevice: {
        heapBytes: (after.heapBytes - before.heapBytes) / charged,
        rssBytes: (after.rssBytes - before.rssBytes) / charged,
      },
    };
  }

  close(): void {
    this.whenThere = () => {};
    this.goal = 0;
    for (const member of this.members) member.close();
  }

  /** Starts devices until there are `goal` of them. Resolves with the milliseconds that it took. */
  private async bring(goal: number): Promise<number> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    const startedAtMs = performance.now();
    this.goal = goal;
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(signal?.reason);
      signal?.addEventListener("abort", stop, { once: true });
      this.whenThere = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      this.startMore();
    });
    return performance.now() - startedAtMs;
  }

  private startMore(): void {
    const { connectingMax = DEFAULT_CONNECTING_MAX, credential } = this.options;
    const started = this.members;
    while (started.length < this.goal && started.length - this.arrived - this.failed < connectingMax) {
      started.push(new Member(credential(started.length), this.memberOptions));
    }
    if (this.arrived + this.failed >= this.goal) this.whenThere();
  }

  private onArrived(member: Member, status: Status): void {
    if (status === Status.CLOSED) return;
    if (status === Status.OK) {
      this.times[this.arrived++] = performance.now() - member.startedAtMs;
    } else {
      const name = Status[status] as StatusName;
      this.failures[name] = (this.failures[name] ?? 0) + 1;
      this.failed++;
    }
    const { devices, onProgress } = this.options;
    onProgress?.({ devices, arrived: this.arrived, failed: this.failed });
    this.startMore();
  }
}

/** The value that this share of the sorted ones does not exceed (nearest rank). */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
