import { sameSecret } from "../crypto/compare.js";
import { deriveKey } from "../crypto/hkdf.js";
import { hmacBegin, hmacEnd } from "../crypto/hmac.js";
import type { Scratch } from "../crypto/scratch.js";
import { DIGEST_BYTES } from "../crypto/sha256.js";
import { bytesOf } from "../wire/bytes.js";
import {
  type ConnectProof,
  type Exchange,
  type Login,
  type ProofParts,
  type Proved,
  Strength,
} from "./proof.js";

const INFO = bytesOf("motekey auth5 v1");
const FROM_CLOUD = 0x63;
const FROM_DEVICE = 0x64;

/** The Authentication Method of MQTT 5's CONNECT (4.12). */
export const EXCHANGE_METHOD = bytesOf("MOTEKEY-HMAC-SHA-256");
/** Each side's nonce, bytes. */
export const EXCHANGE_NONCE_BYTES = 16;
/** What the cloud answers: its nonce and its MAC. */
export const EXCHANGE_CHALLENGE_BYTES = EXCHANGE_NONCE_BYTES + DIGEST_BYTES;

/**
 * Writes HMAC-SHA-256(Ke, side ‖ nonce of the device ‖ nonce of the cloud ‖ client id) into the scratch key's digest,
 * with Ke = HKDF-SHA-256(psk, salt empty, info `motekey auth5 v1`, 32 bytes). The side is `c` or `d`.
 */
const prove = (
  scratch: Scratch,
  of: Proved,
  side: number,
  nonce: Uint8Array,
  challenge: Uint8Array,
): void => {
  const hash = scratch.hash;
  const key = scratch.key;
  deriveKey(hash, key, of.psk, INFO);
  hmacBegin(hash, key);
  hash.push(side);
  hash.update(nonce, 0, EXCHANGE_NONCE_BYTES);
  hash.update(challenge, 0, EXCHANGE_NONCE_BYTES);
  hash.update(of.deviceId, 0, of.deviceId.length);
  hmacEnd(hash, key, key.digest, 0);
};

/**
 * Answers the cloud's challenge, {@link EXCHANGE_CHALLENGE_BYTES} long, once the cloud has proved that it knows
 * the key: writes 32 bytes to `out`. false: the proof is wrong, and `out` is untouched.
 * @param nonce what we sent, fresh for this connection
 */
export const answerExchange = (
  out: Uint8Array,
  scratch: Scratch,
  of: Proved,
  nonce: Uint8Array,
  challenge: Uint8Array,
): boolean => {
  const key = scratch.key;
  prove(scratch, of, FROM_CLOUD, nonce, challenge);
  const isProved = sameSecret(key.digest, 0, challenge, EXCHANGE_NONCE_BYTES, DIGEST_BYTES);
  if (isProved) {
    prove(scratch, of, FROM_DEVICE, nonce, challenge);
    out.set(key.digest, 0);
  }
  key.wipe();
  return isProved;
};

class HmacExchange implements Exchange {
  readonly method: Uint8Array;
  /** Our nonce. */
  readonly opening: Uint8Array;
  readonly answer: Uint8Array;
  isProved: boolean;
  private readonly parts: ProofParts;

  constructor(parts: ProofParts) {
    this.parts = parts;
    this.method = EXCHANGE_METHOD;
    this.opening = new Uint8Array(EXCHANGE_NONCE_BYTES);
    this.answer = new Uint8Array(DIGEST_BYTES);
    this.isProved = false;
  }

  renew(): void {
    this.isProved = false;
    this.parts.entropy.fill(this.opening, 0, EXCHANGE_NONCE_BYTES);
  }

  take(bytes: Uint8Array, length: number): boolean {
    const parts = this.parts;
    this.isProved =
      length === EXCHANGE_CHALLENGE_BYTES &&
      answerExchange(this.answer, parts.scratch, parts.config, this.opening, bytes);
    return this.isProved;
  }
}

class ExchangeLogin implements Login {
  readonly userName: null;
  readonly password: null;
  readonly passwordLength: number;
  readonly exchange: HmacExchange;

  constructor(parts: ProofParts) {
    this.userName = null;
    this.password = null;
    this.passwordLength = 0;
    this.exchange = new HmacExchange(parts);
  }

  renew(): void {
    this.exchange.renew();
  }

  wipe(): void {
    this.exchange.answer.fill(0);
  }
}

/** A challenge and response before the connection is accepted (MQTT 5, 4.12). */
export const auth5: ConnectProof = {
  name: "auth5",
  strength: Strength.EXCHANGE,
  needsKey: true,
  isExchange: true,
  /** @construction */
  login: (parts: ProofParts) => new ExchangeLogin(parts),
};
