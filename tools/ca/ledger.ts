/** What an authority signed and took back, from its log. */
import type { Entry } from "../audit/chain.js";

/** A certificate that was signed. */
export interface Issued {
  readonly device: string;
  /** Hex, in capitals as node:crypto has it. */
  readonly serial: string;
  /** SHA-256 of its DER, as `AA:BB:…`. */
  readonly fingerprint: string;
  /** RFC 3339. */
  readonly not_after: string;
}

export class Ledger {
  private readonly bySerial = new Map<string, Issued>();
  private readonly byDevice = new Map<string, Issued[]>();
  private readonly takenBack = new Map<string, string>();

  /** Takes the log's next line. */
  take(entry: Entry): void {
    const { did } = entry;
    const issued = entry as unknown as Issued & { at: string };
    if (did === "signed" || did === "renewed") {
      this.bySerial.set(issued.serial, issued);
      const before = this.byDevice.get(issued.device);
      if (before === undefined) this.byDevice.set(issued.device, [issued]);
      else before.push(issued);
    }
    if (did === "revoked") this.takenBack.set(issued.serial, issued.at);
  }

  /** All that were signed. */
  get count(): number {
    return this.bySerial.size;
  }

  /** Those that are good at a time, oldest first. @param nowMs Unix time */
  good(nowMs: number): Issued[] {
    return [...this.bySerial.values()].filter((one) => this.isGood(one, nowMs));
  }

  /** Those of one device. */
  goodOf(device: string, nowMs: number): Issued[] {
    return (this.byDevice.get(device) ?? []).filter((one) => this.isGood(one, nowMs));
  }

  private isGood({ serial, not_after }: Issued, nowMs: number): boolean {
    return !this.takenBack.has(serial) && Date.parse(not_after) > nowMs;
  }

  /** Those that were taken back and have not ended by themselves, with the time. */
  revoked(nowMs: number): { readonly serial: string; readonly at: string }[] {
    return [...this.takenBack].flatMap(([serial, at]) => {
      const { not_after = "" } = this.bySerial.get(serial) ?? {};
      return Date.parse(not_after) > nowMs ? [{ serial, at }] : [];
    });
  }
}
