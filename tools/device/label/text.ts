/** What a label says. */

/** A device, as its label has it. */
export interface Label {
  readonly id: string;
  /** What its key is known by; null: not known, or a certificate's. */
  readonly fingerprint: string | null;
  /** Its key; null: not on the label. */
  readonly psk: string | null;
}

/** What a label's code says: `motekey:1:ID:FINGERPRINT`, and with a secret `:KEY` behind it. */
export function textOf({ id, fingerprint, psk }: Label): string {
  return ["motekey:1", id, fingerprint ?? "", ...(psk === null ? [] : [psk])].join(":");
}
