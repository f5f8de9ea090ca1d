import { type Encoding, encodeText } from "./encoding.js";
import { type Faults, strikes, strikesOnce } from "./faults.js";
import { type ReplyError, type ReplyParts, replyMembers, replyText } from "./frame.js";
import type { Interference, StruckRequest } from "./interference.js";
import type { CloudTime } from "./time.js";

/** The mock's knobs at work. */
export class FaultInterference implements Interference {
  constructor(
    private readonly faults: Faults,
    private readonly time: CloudTime,
  ) {}

  latency(): Promise<void> | null {
    return this.faults.latencyMs > 0 ? this.time.later(this.faults.latencyMs) : null;
  }

  during(work: Promise<void>): Promise<void> {
    return this.time.during(work);
  }

  losesRequest(request: StruckRequest): boolean {
    return strikes(this.faults, "dropRequests", request);
  }

  errorFor(request: StruckRequest): ReplyError | null {
    const fault = strikesOnce(this.faults, "error", request);
    if (fault === null) return null;
    const { code, message = "An error that was asked for; turn the knob back", retryAfter } = fault;
    const isHinted = retryAfter !== undefined && this.faults.extensions.retryAfter;
    return { code, message, ...(isHinted && { retry_after: retryAfter }) };
  }

  kicks(): boolean {
    if (this.faults.kickAfterConnack < 1) return false;
    this.faults.kickAfterConnack--;
    return true;
  }

  hosts(hosts: readonly string[]): readonly string[] {
    const madeUp = Array.from({ length: this.faults.listTokenHosts }, (_, at) => `app-${at}.example.com`);
    return [...hosts, ...madeUp];
  }

  losesReply(request: StruckRequest): boolean {
    return strikes(this.faults, "dropReplies", request);
  }

  replacement(request: StruckRequest): { bytes: Uint8Array; isBare: boolean } | null {
    const malformed = strikesOnce(this.faults, "malformedReply", request);
    return malformed && { bytes: Buffer.from(malformed.bytes), isBare: malformed.mac === false };
  }

  replyId(id: number, request: StruckRequest): number {
    return strikes(this.faults, "wrongId", request) ? id + 1 : id;
  }

  frame(parts: ReplyParts, method: string, encoding: Encoding): Buffer | null {
    const text = this.text(parts);
    const changed = this.faults.rawReply?.({ dst: parts.dst, id: parts.id, method, text });
    if (changed === null) return null;
    return changed instanceof Uint8Array ? Buffer.from(changed) : encodeText(changed ?? text, encoding);
  }

  corruptsMac(request: StruckRequest): boolean {
    return strikes(this.faults, "wrongMac", request);
  }

  doublesReply(request: StruckRequest): boolean {
    return strikes(this.faults, "doubleReplies", request);
  }

  private text(parts: ReplyParts): string {
    const { padReply, resultBeforeId } = this.faults;
    if (padReply <= 0 && !resultBeforeId) return replyText(parts);
    const { route, id, outcome } = replyMembers(parts);
    const padded = paddingText(padReply) + id;
    return resultBeforeId ? `{"v":2${outcome}${route}${padded}}` : `{"v":2${route}${padded}${outcome}}`;
  }
}

/** An unknown member, nested and with an escape, of about this many bytes. */
function paddingText(bytes: number): string {
  if (bytes <= 0) return "";
  const frame = `,"pad":{"deep":[{"text":"\\u00e9","rest":""}]}`;
  return `,"pad":{"deep":[{"text":"\\u00e9","rest":"${"x".repeat(Math.max(0, bytes - frame.length))}"}]}`;
}
