/** Accounts sealed with AES-256-GCM (NIST SP 800-38D): a random 96-bit IV each time, the account bound in. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** What a sealed text belongs to; `id`: see account's `idOf`. The first version's entries have a name only. */
export interface Owner {
  readonly team: string;
  readonly name: string;
  readonly id?: string | undefined;
}

/** The length of the key that the keychain holds. */
export const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

/** Returns base64url of IV, ciphertext and tag. */
export function seal(key: Uint8Array, owner: Owner, text: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(boundTo(owner));
  const sealed = [iv, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString("base64url");
}

/** What was sealed for this account with this key; null where it was not, or was changed. */
export function unseal(key: Uint8Array, owner: Owner, sealed: string): string | null {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < IV_BYTES + TAG_BYTES) return null;
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(owner)).setAuthTag(bytes.subarray(end));
  try {
    return decipher.update(bytes.subarray(IV_BYTES, end), undefined, "utf8") + decipher.final("utf8");
  } catch {
    return null;
  }
}

/** An entry cannot be moved to another account. JSON keeps `a` + `bc` apart from `ab` + `c`. */
function boundTo({ team, name, id }: Owner): Buffer {
  return Buffer.from(JSON.stringify(id === undefined ? ["motekey/1", team, name] : ["motekey/2", team, id]));
}
