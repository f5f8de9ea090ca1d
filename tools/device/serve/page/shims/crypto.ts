/** What the page's code takes from node:crypto, by a library that browsers run: they have no MD5, and no waiting hash. */
import { hmac } from "@noble/hashes/hmac.js";
import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";

const HASHES = { md5, sha256 };
type Name = keyof typeof HASHES;

interface Hashing {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

class Digest {
  constructor(private readonly hash: Hashing) {}

  update(data: Uint8Array | string): this {
    this.hash.update(typeof data === "string" ? Buffer.from(data) : Uint8Array.from(data));
    return this;
  }

  digest(encoding?: BufferEncoding): Buffer | string {
    const bytes = Buffer.from(this.hash.digest());
    return encoding === undefined ? bytes : bytes.toString(encoding);
  }
}

export const createHash = (name: Name): Digest => new Digest(HASHES[name].create());

export const createHmac = (name: Name, key: Uint8Array | string): Digest =>
  new Digest(hmac.create(HASHES[name], typeof key === "string" ? Buffer.from(key) : Uint8Array.from(key)));

/** Of keys for encrypted partitions, which the page refuses. */
const absent = (): never => {
  throw new Error("the page has no AES-XTS");
};
export const createCipheriv = absent;
export const createDecipheriv = absent;
export const timingSafeEqual = absent;
