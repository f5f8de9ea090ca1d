import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { sha256 } from "../../cloud/secret.js";

const VERSION = 1;
const KEY_BYTES = 32;
const NAME_BYTES = 8;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const IV_AT = 1 + NAME_BYTES;
const TAG_AT = IV_AT + IV_BYTES;
const TEXT_AT = TAG_AT + TAG_BYTES;

/** A key of the service as 43 characters of base64url. */
export function newSealKey(): string {
  return randomBytes(KEY_BYTES).toString("base64url");
}

interface Key {
  name: Buffer;
  bytes: Buffer;
}

/**
 * Seals what nobody may read in the database: AES-256-GCM under a key that the service alone has. A sealed
 * value is a version, the key's name, an IV, the tag and the ciphertext; bound to its purpose.
 */
export class Sealer {
  private readonly keys: readonly Key[];

  /** @param keys 32 bytes each: the first one seals, all of them open */
  constructor(keys: readonly Buffer[]) {
    this.keys = keys.map((bytes) => ({ bytes, name: sha256(bytes).subarray(0, NAME_BYTES) }));
  }

  /** With the keys in these files, the first one of which seals. Rejects with the file that holds none. */
  static async ofFiles(files: readonly string[]): Promise<Sealer> {
    const keys = await Promise.all(
      files.map(async (file) => {
        const bytes = Buffer.from((await readFile(file, "utf8")).trim(), "base64url");
        if (bytes.length === KEY_BYTES) return bytes;
        throw new Error(
          `${file} holds no key: it must be ${KEY_BYTES} random bytes as 43 characters of base64url`,
        );
      }),
    );
    return new Sealer(keys);
  }

  /** @param purpose whose it is, and what for: it opens only for the same */
  seal(purpose: string, text: string): Buffer {
    const key = this.current;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key.bytes, iv);
    cipher.setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([Uint8Array.of(VERSION), key.name, iv, cipher.getAuthTag(), sealed]);
  }

  /** @throws Error where no key of ours sealed it, or for another purpose */
  open(purpose: string, sealed: Uint8Array): string {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const name = nameIn(bytes);
    const key = this.keys.find((one) => one.name.equals(name));
    if (key === undefined || bytes[0] !== VERSION)
      throw new Error(
        `Nothing opens ${purpose}: the key ${name.toString("hex")} that sealed it is not given`,
      );
    const decipher = createDecipheriv("aes-256-gcm", key.bytes, bytes.subarray(IV_AT, TAG_AT));
    decipher.setAAD(Buffer.from(purpose));
    decipher.setAuthTag(bytes.subarray(TAG_AT, TEXT_AT));
    return Buffer.concat([decipher.update(bytes.subarray(TEXT_AT)), decipher.final()]).toString("utf8");
  }

  /** The first bytes of everything that the present key sealed. */
  get prefix(): Buffer {
    return Buffer.concat([Uint8Array.of(VERSION), this.current.name]);
  }

  /** Whether the present key sealed it. */
  isCurrent(sealed: Uint8Array): boolean {
    return this.prefix.equals(Buffer.from(sealed).subarray(0, IV_AT));
  }

  private get current(): Key {
    const [key] = this.keys;
    if (key === undefined) throw new Error("There is no key to seal with");
    return key;
  }
}

function nameIn(sealed: Buffer): Buffer {
  return sealed.subarray(1, IV_AT);
}
