/** What devices show when they connect, written anew for tests. */
import { createHmac, hkdfSync } from "node:crypto";

const keyOf = (psk: string, purpose: string): Buffer => Buffer.from(hkdfSync("sha256", psk, "", purpose, 32));

/** The password of `counter`. */
export function counterPassword(psk: string, id: string, counter: number | string): string {
  const mac = createHmac("sha256", keyOf(psk, "motekey counter v1")).update(`${id}:${counter}`);
  return `${counter}.${mac.digest("base64url")}`;
}

/** The password of `<id>-recover`, under a nonce of 16 equal bytes. */
export function recoveryPassword(psk: string, id: string, fill: number): string {
  const nonce = Buffer.alloc(16, fill);
  const mac = createHmac("sha256", keyOf(psk, "motekey recover v1"));
  mac.update("q").update(Uint8Array.of(id.length)).update(id).update(nonce);
  return `${nonce.toString("base64url")}.${mac.digest("base64url")}`;
}
