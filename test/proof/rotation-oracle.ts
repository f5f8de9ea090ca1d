import { x25519 } from "@noble/curves/ed25519.js";
import { hkdf, hmac } from "./oracle.js";

/** Rotation by its definition (docs/cloud.md), written apart from the firmware's and the cloud's, X25519 by noble. */
export class RotationOracle {
  private readonly key: Buffer;
  private readonly who: Buffer;

  constructor(
    readonly psk: string,
    readonly id: string,
  ) {
    this.key = hkdf(Buffer.from(psk), "motekey rotation v1");
    this.who = Buffer.concat([Buffer.from([id.length]), Buffer.from(id)]);
  }

  /** What the cloud answers with this key of its own. */
  seal(next: string, theirPoint: Uint8Array, ourSecret: Uint8Array) {
    const ours = pointOf(ourSecret);
    const key = this.sealKey(theirPoint, ours, ourSecret, theirPoint);
    const sealed = combined(Buffer.from(next), key);
    return {
      x: Buffer.from(ours).toString("base64url"),
      sealed: sealed.toString("base64url"),
      mac: hmac(key, "m", sealed).toString("base64url"),
    };
  }

  /** The next key in what the cloud answered; throws where its MAC is wrong. */
  open(answer: { x: string; sealed: string; mac: string }, ourSecret: Uint8Array): string {
    const theirs = Buffer.from(answer.x, "base64url");
    const key = this.sealKey(pointOf(ourSecret), theirs, ourSecret, theirs);
    const sealed = Buffer.from(answer.sealed, "base64url");
    if (hmac(key, "m", sealed).toString("base64url") !== answer.mac) throw new Error("A wrong MAC");
    return combined(sealed, key).toString();
  }

  /** The MAC of the answer that there is no next key. */
  none(point: Uint8Array): string {
    return hmac(this.key, "n", this.who, point).toString("base64url");
  }

  /** The proof of this key (`p`), and what the cloud answers to it (`a`). */
  proof(kind: "p" | "a", nonce: Uint8Array): string {
    return hmac(this.key, kind, this.who, nonce).toString("base64url");
  }

  private sealKey(xd: Uint8Array, xc: Uint8Array, secret: Uint8Array, point: Uint8Array): Buffer {
    return hmac(this.key, "x", this.who, xd, xc, x25519.getSharedSecret(secret, point));
  }
}

/** What both ends agree on. */
export function sharedOf(secret: Uint8Array, point: Uint8Array): Uint8Array {
  return x25519.getSharedSecret(secret, point);
}

/** The public key of a secret one. */
export function pointOf(secret: Uint8Array): Uint8Array {
  return x25519.getPublicKey(secret);
}

function combined(bytes: Buffer, key: Buffer): Buffer {
  const stream = [0, 1, 2, 3].map((block) => hmac(key, "k", Uint8Array.of(block)));
  const all = Buffer.concat(stream);
  return Buffer.from(bytes.map((byte, at) => byte ^ (all[at] ?? 0)));
}
