import type { FleetReport } from "../fleet/index.js";

/**
 * The story's events, in this order; with `--json` each is one line, its numbers rounded to thousandths. No event
 * carries a secret.
 */
export type StoryEvent =
  | { event: "started"; cloud: string; devices: number; proof: string }
  /** `ms` since the start of the device; `pipelined`: its first request left with CONNECT. */
  | { event: "connected"; device: string; pipelined: boolean; ms: number }
  | {
      event: "token";
      host: string;
      /** Seconds; null where nobody says. */
      expiresIn: number | null;
      generation: number;
      bytes: number;
      /** From the device's memory, without a word to the cloud. */
      cached: boolean;
      /** How long the call took; the first one waited for the connection too. */
      ms: number;
    }
  | {
      event: "refreshed";
      host: string;
      expiresIn: number | null;
      generation: number;
      /** Seconds that the token before it was still good. */
      aheadOfExpiry: number;
      /** Calls that were answered from memory while it came, and the slowest of them. */
      answers: number;
      slowestMs: number;
      /** Since the token before it came. */
      ms: number;
    }
  | { event: "revoked"; host: string; ms: number }
  /** The cloud lost the broker of others that it is attached to, or (null) has it again. At any time. */
  | { event: "broker"; trouble: string | null }
  | {
      event: "gone";
      host: string;
      /** Hosts that the cloud keeps tokens of this device for. */
      listed: number;
      /** How many of the device's tokens an app's server would still take. */
      active: number;
      ms: number;
    }
  | { event: "closed"; connects: number; requests: number /** Life of the device. */; ms: number }
  | ({ event: "fleet" } & FleetReport)
  | { event: "done"; ok: true; ms: number }
  | { event: "done"; ok: false; reason: string; ms: number };

/** Takes the events. */
export type Tell = (event: StoryEvent) => void;
