/**
 * A connect proof that motekey has not, as one would be added: the password is derived from the key, so that the broker
 * never has that. `added.test.ts` puts it in, and `tidy.test.ts` holds it to the rules of `firmware/proof/`.
 */
import { writeBase64url } from "../../firmware/crypto/base64.js";
import { hmacBegin, hmacEnd } from "../../firmware/crypto/hmac.js";
import { DIGEST_BYTES } from "../../firmware/crypto/sha256.js";
import { type ConnectProof, type Login, type ProofParts, Strength } from "../../firmware/proof/proof.js";

const PASSWORD_BYTES = 43;

class DerivedLogin implements Login {
  readonly userName: Uint8Array;
  readonly password: Uint8Array;
  readonly passwordLength: number;
  readonly exchange: null;
  private readonly parts: ProofParts;

  constructor(parts: ProofParts) {
    this.parts = parts;
    this.userName = parts.config.deviceId;
    this.password = new Uint8Array(PASSWORD_BYTES);
    this.passwordLength = PASSWORD_BYTES;
    this.exchange = null;
  }

  /** base64url(HMAC-SHA-256(psk, device id)). */
  renew(): void {
    const deviceId = this.parts.config.deviceId;
    const psk = this.parts.config.psk;
    const hash = this.parts.scratch.hash;
    const key = this.parts.scratch.key;
    key.set(hash, psk, psk.length);
    hmacBegin(hash, key);
    hash.update(deviceId, 0, deviceId.length);
    hmacEnd(hash, key, key.digest, 0);
    writeBase64url(this.password, 0, key.digest, 0, DIGEST_BYTES);
    key.wipe();
  }

  wipe(): void {
    this.password.fill(0);
  }
}

/** base64url(HMAC-SHA-256(PSK, device id)) as password: whoever reads the link can log in with it. */
export const derived: ConnectProof = {
  name: "derived",
  strength: Strength.BEARER,
  needsKey: true,
  /** @construction */
  login: (parts: ProofParts) => new DerivedLogin(parts),
};
