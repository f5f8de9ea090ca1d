import { randomBytes } from "node:crypto";
import { deriveKey, hmac, sameSecret } from "./secret.js";

/** The Authentication Method of the proof `auth5` (MQTT 5, 4.12). */
export const EXCHANGE_METHOD = "MOTEKEY-HMAC-SHA-256";
const NONCE_BYTES = 16;

/**
 * The cloud's side of `auth5`: HMAC-SHA-256 under a key of the PSK over both nonces and the client id, the cloud's
 * first, so that whoever answers in its place learns nothing.
 */
export class Exchange {
  private readonly nonce = randomBytes(NONCE_BYTES);
  private readonly key: Buffer;

  private constructor(
    psk: string,
    private readonly id: string,
    private readonly deviceNonce: Uint8Array,
  ) {
    this.key = deriveKey(psk, "motekey auth5 v1");
  }

  /** null: the nonce is not one. */
  static begin(psk: string, id: string, deviceNonce: Uint8Array | undefined): Exchange | null {
    return deviceNonce?.length === NONCE_BYTES ? new Exchange(psk, id, deviceNonce) : null;
  }

  /** Our nonce, and our proof. */
  get challenge(): Buffer {
    return Buffer.concat([this.nonce, this.prove("c")]);
  }

  /** Has the device proved itself? */
  accepts(answer: Uint8Array | undefined): boolean {
    return answer !== undefined && sameSecret(answer, this.prove("d"));
  }

  private prove(side: "c" | "d"): Buffer {
    return hmac(this.key, side, this.deviceNonce, this.nonce, this.id);
  }
}
