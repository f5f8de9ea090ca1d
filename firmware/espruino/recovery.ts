import { derive } from "./keys.js";
import { base64url, chr, hmac } from "./proofs.js";
import { my } from "./state.js";

/** The MAC of the wire's B8: of a question, or with a counter of its answer. */
export function proofOfCounter(purpose: string, counter: string): string {
  const id = my.us;
  const proved = purpose + chr(id.length) + id + my.nonce + counter;
  return base64url(hmac(derive(my.secret, "recover"), proved), 43);
}
