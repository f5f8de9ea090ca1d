import { writeBase64url } from "../crypto/base64.js";
import { deriveKey } from "../crypto/hkdf.js";
import { type HmacKey, hmacBegin, hmacEnd } from "../crypto/hmac.js";
import { DIGEST_BYTES, type Sha256 } from "../crypto/sha256.js";
import { bytesOf, writeDecimal } from "../wire/bytes.js";
import { type ConnectProof, type Login, type ProofParts, Strength } from "./proof.js";

const INFO = bytesOf("motekey counter v1");
const COLON = 0x3a;
const DOT = 0x2e;

/** The longest password: a counter of 16 digits, the dot, 43 characters. */
export const COUNTER_PASSWORD_BYTES_MAX = 60;

/** Derives Kc, the key of the connect proof `counter`, from the pre-shared key `psk` into `key`. */
export function counterKey(hash: Sha256, key: HmacKey, psk: Uint8Array): void {
  deriveKey(hash, key, psk, INFO);
}

/**
 * Writes the MQTT password `<counter>.<base64url(HMAC-SHA-256(Kc, clientId ":" counter))>` to `out` from 0 on;
 * returns where it ends. The cloud takes each counter once and only upwards (after HOTP, RFC 4226): the
 * caller has reserved it, 0…2^53−1, before.
 */
export function writeCounterPassword(
  out: Uint8Array,
  hash: Sha256,
  key: HmacKey,
  clientId: Uint8Array,
  counter: number,
): number {
  const counterEnd = writeDecimal(out, 0, counter);
  hmacBegin(hash, key);
  hash.update(clientId, 0, clientId.length);
  hash.push(COLON);
  hash.update(out, 0, counterEnd);
  hmacEnd(hash, key, key.digest, 0);
  out[counterEnd] = DOT;
  return writeBase64url(out, counterEnd + 1, key.digest, 0, DIGEST_BYTES);
}

class CounterLogin implements Login {
  readonly userName: Uint8Array;
  readonly password: Uint8Array;
  passwordLength: number;
  readonly exchange: null;
  private readonly parts: ProofParts;

  constructor(parts: ProofParts) {
    this.parts = parts;
    this.userName = parts.config.deviceId;
    this.password = new Uint8Array(COUNTER_PASSWORD_BYTES_MAX);
    this.passwordLength = this.password.length;
    this.exchange = null;
  }

  renew(): void {
    const prover = this.parts.config;
    const hash = this.parts.scratch.hash;
    const key = this.parts.scratch.key;
    const counter = prover.counterBlock.next();
    counterKey(hash, key, prover.psk);
    this.passwordLength = writeCounterPassword(this.password, hash, key, prover.deviceId, counter);
    key.wipe();
  }

  wipe(): void {
    this.password.fill(0);
  }
}

/** A password that is good once: a counter and its MAC. */
export const counter: ConnectProof = {
  name: "counter",
  strength: Strength.COUNTER,
  needsKey: true,
  takesCounter: true,
  /** @construction */
  login: (parts: ProofParts) => new CounterLogin(parts),
};
