import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

const COST = { N: 2 ** 14, r: 8, p: 1 } satisfies ScryptOptions;
const KEY_BYTES = 32;
/** No 0/O, 1/l/I: it is read from a terminal and typed into a page. */
const LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const RANDOM_LENGTH = 20;

/** A password for a person: 20 random letters and digits, about 116 bits. */
export function newPassword(): string {
  let text = "";
  while (text.length < RANDOM_LENGTH) {
    for (const byte of randomBytes(RANDOM_LENGTH)) {
      // Bytes beyond the last whole run of letters would make the first letters likelier.
      if (byte < 256 - (256 % LETTERS.length) && text.length < RANDOM_LENGTH)
        text += LETTERS[byte % LETTERS.length];
    }
  }
  return text;
}

/** `scrypt$N$r$p$salt$key`, RFC 7914, salt and key in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ["scrypt", COST.N, COST.r, COST.p, salt.toString("base64url"), key.toString("base64url")].join("$");
}

/** Is this the password of the hash? Without a hash it takes as long, so that the time reveals no user names. */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [, n, r, p, salt, key] = (hash ?? "").split("$");
  if (salt === undefined || key === undefined) {
    await derive(password, randomBytes(16), COST);
    return false;
  }
  const cost = { N: Number(n), r: Number(r), p: Number(p) };
  const derived = await derive(password, Buffer.from(salt, "base64url"), cost);
  return timingSafeEqual(derived, Buffer.from(key, "base64url"));
}

function derive(password: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, KEY_BYTES, cost, (failure, key) => {
      if (failure === null) resolve(key);
      else reject(failure);
    });
  });
}
