import { bytesOf } from "../wire/bytes.js";
import type { FieldWriter } from "../wire/field-writer.js";
import { Unprotected } from "./none.js";
import { type FrameProof, type ProofParts, type Prover, Strength } from "./proof.js";

const KEY = bytesOf("key");

class KeyProtection extends Unprotected {
  private readonly prover: Prover;

  constructor(prover: Prover) {
    super();
    this.prover = prover;
  }

  override open(): number {
    return 1;
  }

  override write(fields: FieldWriter): void {
    fields.text(KEY, this.prover.psk);
  }
}

/** The PSK in a field `key`: whoever reads the link has it. */
export const key: FrameProof = {
  name: "key",
  strength: Strength.BEARER,
  needsKey: true,
  /** @construction */
  protection: (parts: ProofParts) => new KeyProtection(parts.config),
};
