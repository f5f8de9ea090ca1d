import { PROOFS, type Proof } from "../firmware/index.js";

/** The proofs that a link without TLS and MQTT 3.1.1 can carry. */
export const PLAIN_PROOFS: readonly Proof[] = PROOFS.filter((proof) => !/^(link|auth5)/.test(proof));

const LEAN_PARTS = ["counter", "password", "mac", "key"];

/** Those of them that Espruino's core has; its policy refuses the others. */
export const LEAN_PROOFS: readonly Proof[] = PLAIN_PROOFS.filter((proof) =>
  proof.split("+").every((part) => LEAN_PARTS.includes(part)),
);
