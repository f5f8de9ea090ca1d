/**
 * age's way with passphrases (https://age-encryption.org/v1, "The scrypt recipient type"), by Node's own scrypt: in a
 * thread of its own, and three times as quick as the library's.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { type Identity, type Recipient, Stanza } from "age-encryption";

/** N = 2^17, the least that OWASP has: most of a second for each guess. age itself takes 2^18, and opens both. */
const WORK_FACTOR = 17;
/** More would keep the machine busy for minutes. */
const WORK_FACTOR_MAX = 20;
const BLOCK_SIZE = 8;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const FILE_KEY_BYTES = 16;
const LABEL = "age-encryption.org/v1/scrypt";
/** A key is used once. */
const NONCE = Buffer.alloc(12);

/** Seals for who knows the passphrase. */
export function passphraseRecipient(passphrase: string): Recipient {
  return {
    wrapFileKey: async (fileKey) => {
      const salt = randomBytes(SALT_BYTES);
      const key = await keyOf(passphrase, salt, WORK_FACTOR);
      const cipher = createCipheriv("chacha20-poly1305", key, NONCE, { authTagLength: TAG_BYTES });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [new Stanza(["scrypt", unpadded(salt), `${WORK_FACTOR}`], body)];
    },
  };
}

/** Opens what was sealed so. */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    unwrapFileKey: async ([stanza, ...others]) => {
      const [type, salt = "", factor = ""] = stanza?.args ?? [];
      if (stanza === undefined || type !== "scrypt") return null;
      const salted = Buffer.from(salt, "base64");
      const isWhole = salted.length === SALT_BYTES && stanza.body.length === FILE_KEY_BYTES + TAG_BYTES;
      if (others.length > 0 || !isWhole || !/^[1-9]\d?$/.test(factor) || Number(factor) > WORK_FACTOR_MAX)
        throw new Error("this is no passphrase's stanza");
      const key = await keyOf(passphrase, salted, Number(factor));
      const cipher = createDecipheriv("chacha20-poly1305", key, NONCE, { authTagLength: TAG_BYTES });
      cipher.setAuthTag(stanza.body.subarray(FILE_KEY_BYTES));
      const fileKey = cipher.update(stanza.body.subarray(0, FILE_KEY_BYTES));
      try {
        cipher.final();
        return fileKey;
      } catch {
        return null;
      }
    },
  };
}

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

function keyOf(passphrase: string, salt: Buffer, factor: number): Promise<Buffer> {
  const cost = 2 ** factor;
  const how = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 256 * cost * BLOCK_SIZE };
  return new Promise((resolve, reject) =>
    scrypt(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), KEY_BYTES, how, (failure, key) =>
      failure === null ? resolve(key) : reject(failure),
    ),
  );
}
