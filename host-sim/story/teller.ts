import { inspect } from "node:util";
import type { FleetProgress, FleetReport } from "../fleet/index.js";
import type { StoryEvent } from "./events.js";

const NAME_COLUMNS = 10;
const TIME_COLUMNS = 8;
const PROGRESS_EVERY_MS = 100;

/** Where it writes. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Prints events for people or, with `json`, for programs. */
export class Teller {
  private readonly hasColour: boolean;
  private readonly startedAtMs = performance.now();
  private progressAtMs = Number.NEGATIVE_INFINITY;
  private hasProgress = false;

  constructor(
    private readonly output: Output,
    private readonly json: boolean,
    environment: NodeJS.ProcessEnv,
  ) {
    this.hasColour = output.isTTY === true && (environment.NO_COLOR ?? "") === "";
  }

  tell(event: StoryEvent): void {
    this.clearProgress();
    this.output.write(this.json ? `${JSON.stringify(event, toThousandths)}\n` : this.lines(event));
  }

  /** One line that is written over again and again, on a terminal only. */
  progress({ devices, arrived, failed }: FleetProgress): void {
    const nowMs = performance.now();
    if (this.json || this.output.isTTY !== true || nowMs - this.progressAtMs < PROGRESS_EVERY_MS) return;
    this.progressAtMs = nowMs;
    this.hasProgress = true;
    const lost = failed === 0 ? "" : `, ${failed} failed`;
    this.output.write(
      `\r\x1b[K${" ".repeat(TIME_COLUMNS)}  ${arrived} of ${devices} have their token${lost}`,
    );
  }

  private clearProgress(): void {
    if (this.hasProgress) this.output.write("\r\x1b[K");
    this.hasProgress = false;
  }

  private lines(event: StoryEvent): string {
    if (event.event === "fleet") return this.fleet(event);
    const isBad =
      (event.event === "done" && !event.ok) || (event.event === "broker" && event.trouble !== null);
    const name =
      event.event === "done" && isBad ? "failed" : "cached" in event && event.cached ? "cached" : event.event;
    return this.line(name, sentence(event), isBad ? "red" : "green");
  }

  private fleet(report: FleetReport): string {
    const { firstMs, bytesPerToken: bytes, memoryPerDevice: memory } = report;
    return [
      this.line("tokens", `${report.tokens} of ${report.devices}, in ${report.seconds.toFixed(2)} s`),
      this.line("connects", `${Math.round(report.connectsPerSecond)} per second, token included`),
      this.line("first", `token after ${inMs(firstMs.p50)} (p50), ${inMs(firstMs.p99)} (p99)`),
      this.line(
        "bytes",
        `${Math.round(bytes.sent)} sent and ${Math.round(bytes.received)} received per token`,
      ),
      this.line("memory", `${inKiB(memory.heapBytes)} heap and ${inKiB(memory.rssBytes)} RSS per device`),
    ].join("");
  }

  /** How long the story runs, what happened, and the sentence about it. */
  private line(name: string, text: string, colour: "green" | "red" = "green"): string {
    const seconds = `${((performance.now() - this.startedAtMs) / 1000).toFixed(2)} s`.padStart(TIME_COLUMNS);
    const padded = name.padEnd(NAME_COLUMNS);
    if (!this.hasColour) return `${seconds}  ${padded}  ${text}\n`;
    return `${styled("dim", seconds)}  ${styled("bold", styled(colour, padded))}  ${text}\n`;
  }
}

/** What people read of an event. */
function sentence(event: Exclude<StoryEvent, { event: "fleet" }>): string {
  switch (event.event) {
    case "started":
      return `${event.cloud}, ${event.devices === 1 ? "a device" : `${event.devices} devices`} with ${event.proof}`;
    case "connected":
      return `${event.device} in ${inMs(event.ms)}${event.pipelined ? ", its first request in the same write as CONNECT" : ""}`;
    case "token":
      return event.cached
        ? `the same token again in ${inMs(event.ms)}, from memory`
        : `for ${event.host} in ${inMs(event.ms)}: ${event.bytes} bytes, ${lifeOf(event.expiresIn)}`;
    case "refreshed":
      return [
        `${event.aheadOfExpiry.toFixed(1)} s before its end;`,
        `${event.answers} calls answered meanwhile, the slowest in ${inMs(event.slowestMs)}`,
      ].join(" ");
    case "broker":
      return event.trouble ?? "the cloud is attached again";
    case "revoked":
      return `all tokens for ${event.host} in ${inMs(event.ms)}`;
    case "gone":
      return `the cloud lists ${event.listed} hosts, an app's server takes ${event.active} of the old tokens`;
    case "closed":
      return `${counted(event.requests, "request")} over ${counted(event.connects, "connection")}, secrets wiped`;
    case "done":
      return event.ok ? `in ${(event.ms / 1000).toFixed(2)} s` : event.reason;
  }
}

/** Node's styleText would look at the process's own output, whatever ours is. */
function styled(style: "bold" | "dim" | "green" | "red", text: string): string {
  const [on, off] = inspect.colors[style] ?? [0, 0];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}

function lifeOf(expiresIn: number | null): string {
  return expiresIn === null ? "no end named" : `good for ${expiresIn.toFixed(1)} s`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function inMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

function inKiB(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

/** For JSON.stringify: what lies below a thousandth is noise. */
function toThousandths(_name: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
}
