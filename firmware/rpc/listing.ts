import type { Config } from "../config.js";
import type { FrameReader } from "../wire/frame/frame.js";
import { Method } from "../wire/frame/methods.js";
import type { Call, CallTable } from "./calls.js";
import type { RpcParts } from "./parts.js";

/** The hosts of a list, on their way from the frame's staging area to the app. Nothing is read while some lie there. */
export class Listing {
  private readonly config: Config;
  private readonly calls: CallTable;
  private readonly frame: FrameReader;
  /** Whose list it is; null: no hosts are due. */
  private call: Call | null;
  /** The next host's length, and the host behind it, lie here in the staging area. */
  private at: number;

  constructor(parts: RpcParts) {
    this.config = parts.config;
    this.calls = parts.deliveries;
    this.frame = parts.inbox.frame;
    this.call = null;
    this.at = 0;
  }

  isPending(): boolean {
    return this.call !== null;
  }

  /** A host of a list is delivered at once when its call is known already; else it stays staged until the frame ends. */
  hostCame(nowMs: number): void {
    const frame = this.frame;
    if (frame.id === 0) return;
    const call = this.calls.sentWithId(frame.id);
    if (call === null || call.method !== Method.LIST_TOKEN) {
      frame.hostsTo = 0;
      return;
    }
    // A list may be long: as long as it comes it is in time, and what was delivered cannot be asked for again.
    call.attemptAtMs = Infinity;
    call.deadlineMs = nowMs + this.config.limits.callDeadlineMs;
    this.begin(call);
  }

  /** A frame ended, which answered this call: delivers what is staged of it. */
  frameEnded(call: Call): void {
    if (call.method === Method.LIST_TOKEN && this.frame.hostsTo > 0) this.begin(call);
  }

  /** Calls the app for one host. Returns whether there was one. */
  deliver(): boolean {
    const call = this.call;
    if (call === null) return false;
    const frame = this.frame;
    const from = this.at + 1;
    const to = from + frame.staging[from - 1];
    this.at = to;
    if (to >= frame.hostsTo) {
      this.call = null;
      frame.hostsTo = 0;
    }
    call.hostsTold++;
    if (call.onHost !== null) call.onHost(frame.staging, from, to);
    return true;
  }

  /** The connection is gone, and the frame with it. */
  forget(): void {
    this.call = null;
  }

  private begin(call: Call): void {
    this.call = call;
    this.at = 0;
  }
}
