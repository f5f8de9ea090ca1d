import { PROOFS, type Proof } from "../firmware/index.js";

/** The proofs that a link without TLS and MQTT 3.1.1 can carry. */
export const PLAIN_PROOFS: readonly Proof[] = PROOFS.filter((proof) => !/^(link|auth5)/.test(proof));
