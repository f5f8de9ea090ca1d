import { createHash, createHmac } from "node:crypto";

/** Bytes of the salt before what is sealed. */
export const SALT_BYTES = 12;

/** The seal of tokens by its definition (the wire's B7), written apart from the firmware's and the cloud's. */
export class SealOracle {
  /** Se. */
  readonly key: Buffer;

  /** @param sessionKey S */
  constructor(sessionKey: Uint8Array) {
    this.key = createHmac("sha256", sessionKey).update("motekey seal v1").digest();
  }

  /** What the cloud sends for a token under this salt. */
  seal(token: string | Uint8Array, salt: Uint8Array): string {
    const plain = Buffer.from(token);
    return Buffer.concat([salt, this.combined(plain, salt)]).toString("base64url");
  }

  /** The token in what the cloud sent. */
  open(sealed: string): string {
    const bytes = Buffer.from(sealed, "base64url");
    return this.combined(bytes.subarray(SALT_BYTES), bytes.subarray(0, SALT_BYTES)).toString();
  }

  private combined(bytes: Uint8Array, salt: Uint8Array): Buffer {
    const stream: Buffer[] = [];
    for (let block = 0; block * 32 < bytes.length; block++) {
      const place = new DataView(new ArrayBuffer(4));
      place.setUint32(0, block);
      const input = Buffer.concat([this.key, salt, new Uint8Array(place.buffer)]);
      stream.push(createHash("sha256").update(input).digest());
    }
    const key = Buffer.concat(stream);
    return Buffer.from(bytes.map((byte, at) => byte ^ (key[at] ?? 0)));
  }
}
