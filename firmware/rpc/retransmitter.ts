import type { Config } from "../config.js";
import type { Counters } from "../counters.js";
import { Status } from "../status.js";
import type { KeepAlive } from "../time/keep-alive.js";
import { Method } from "../wire/frame/methods.js";
import { type Call, CallPhase, type CallTable } from "./calls.js";
import type { RpcParts } from "./parts.js";
import type { Requests } from "./requests.js";
import type { Responses } from "./responses.js";

/** Publishes the calls, repeats them when no answer comes, and ends them at their deadline. */
export class Retransmitter {
  private readonly config: Config;
  private readonly calls: CallTable;
  private readonly responses: Responses;
  private readonly requests: Requests;
  private readonly keepAlive: KeepAlive;
  private readonly counters: Counters;

  constructor(parts: RpcParts, responses: Responses, requests: Requests, keepAlive: KeepAlive) {
    this.config = parts.config;
    this.calls = parts.deliveries;
    this.responses = responses;
    this.requests = requests;
    this.keepAlive = keepAlive;
    this.counters = parts.counters;
  }

  /**
   * Ends calls that cannot succeed with `excuse`; queues unanswered ones again.
   * @param chanceMs the next moment at which something can be sent
   */
  tend(nowMs: number, chanceMs: number, excuse: Status): void {
    const table = this.calls;
    const calls = table.calls;
    while (table.used > 0 && calls[table.used - 1].phase === CallPhase.FREE) table.used--;
    const count = table.used;
    for (let i = 0; i < count; i++) {
      const call = calls[i];
      if (call.phase !== CallPhase.QUEUED && call.phase !== CallPhase.SENT) continue;
      if (chanceMs >= call.deadlineMs) this.responses.end(call, excuse);
      else if (call.phase === CallPhase.SENT && nowMs >= call.attemptAtMs) {
        call.phase = CallPhase.QUEUED;
        this.requests.doubt();
        // A link that is silent since the request left may be dead.
        if (this.keepAlive.heardAtMs < call.attemptAtMs - this.patienceMs(call)) this.keepAlive.doubt();
      }
    }
  }

  /**
   * Publishes what is queued, while there is room. Hello has the first slot and goes last: it delays no request.
   * @returns whether that was all
   */
  publish(nowMs: number): boolean {
    const calls = this.calls.calls;
    for (let i = this.calls.used - 1; i >= 0; i--) {
      if (calls[i].phase === CallPhase.QUEUED && !this.publishOne(calls[i], nowMs)) return false;
    }
    return true;
  }

  /** The connection is gone: prepares the pending calls for the next one. */
  recall(): void {
    const calls = this.calls.calls;
    const count = calls.length;
    for (let i = 0; i < count; i++) {
      const call = calls[i];
      if (call.phase !== CallPhase.QUEUED && call.phase !== CallPhase.SENT) continue;
      if (call.method === Method.HELLO || call.method === Method.COUNTER) call.release();
      else if (call.hostsTold > 0 || call.isAbandoned) this.responses.end(call, Status.CONNECTION_LOST);
      else if (call.phase === CallPhase.SENT) {
        call.phase = CallPhase.QUEUED;
        call.absolve();
        call.isRedelivery = !this.config.cleanSession && !call.isAcknowledged;
      }
    }
  }

  /** When {@link tend} has something to do. */
  wakeAtMs(): number {
    let atMs = Infinity;
    const calls = this.calls.calls;
    const count = this.calls.used;
    for (let i = 0; i < count; i++) {
      const call = calls[i];
      if (call.phase === CallPhase.SENT) atMs = Math.min(atMs, call.attemptAtMs);
      if (call.phase === CallPhase.SENT || call.phase === CallPhase.QUEUED)
        atMs = Math.min(atMs, call.deadlineMs);
    }
    return atMs;
  }

  /** Returns whether there may be room for another. */
  private publishOne(call: Call, nowMs: number): boolean {
    if (!call.isRedelivery) call.packetIdentifier = this.calls.nextPacketIdentifier();
    const status = this.requests.publish(call);
    if (status === Status.BUSY) return false;
    if (status !== Status.OK) {
      this.responses.end(call, status);
      return true;
    }
    if (call.attempts === 0) call.sentAtMs = nowMs;
    else this.counters.retries++;
    this.counters.requests++;
    call.phase = CallPhase.SENT;
    call.attempts++;
    call.isAcknowledged = false;
    call.isRedelivery = false;
    // Nobody waits for Hello's answer: it is sent once.
    call.attemptAtMs = call.method === Method.HELLO ? Infinity : nowMs + this.patienceMs(call);
    return true;
  }

  /** Doubles with each attempt: under `mac` a new session loses the answer to the one before, and a slow cloud needs time. */
  private patienceMs(call: Call): number {
    return this.config.limits.callAttemptMs * Math.pow(2, call.attempts - 1);
  }
}
