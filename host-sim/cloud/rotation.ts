import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Accounts } from "./accounts.js";
import type { Events } from "./events.js";
import { RpcError } from "./frame.js";
import { deriveKey, hmac, sameSecret } from "./secret.js";
import type { Entity } from "./types.js";

/** A device asks for the key that follows its own. */
export const NEXT_CREDENTIAL = "/v1/Auth.NextCredential";
/** A device shows that it holds that key; from then on it is the only one. */
export const PROVE_CREDENTIAL = "/v1/Auth.ProveCredential";
/** Beside a token's life: there is a next key. The number is the version of what follows. */
export const ROTATE_HINT = 1;

const POINT_BYTES = 32;
const NONCE_BYTES = 16;
const KEY_BLOCK_BYTES = 32;

/** The next key of a device, sealed for an ephemeral key of the device; only the MAC: there is none. */
export interface NextCredential {
  /** The cloud's ephemeral key. */
  x?: string;
  sealed?: string;
  mac: string;
}

/**
 * Rotation over the air (docs/cloud.md, "Another key for a device"): the device asks for its next key, keeps it, and
 * proves on a connection of that key that it has it. Every answer has a MAC of its own, so that nobody else can have a
 * device take a key, or drop one.
 */
export class Rotation {
  constructor(
    private readonly accounts: Accounts,
    private readonly events: Events,
    private readonly now: () => number,
  ) {}

  /** Seals the next key by both ephemeral keys and the present one. Changes nothing: who lost the answer asks anew. */
  next({ id, psk, nextPsk }: Entity, x: unknown): NextCredential {
    const theirs = bytesIn("x", x, POINT_BYTES);
    const key = deriveKey(psk, "motekey rotation v1");
    const who = Buffer.concat([Uint8Array.of(id.length), Buffer.from(id)]);
    if (nextPsk === undefined) return { mac: hmac(key, "n", who, theirs).toString("base64url") };
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    const ours = Buffer.from(publicKey.export({ format: "jwk" }).x as string, "base64url");
    const sealKey = hmac(key, "x", who, theirs, ours, agreed(privateKey, theirs));
    const sealed = Buffer.from(nextPsk, "utf8");
    for (const [at, byte] of sealed.entries()) {
      const block = hmac(sealKey, "k", Uint8Array.of(Math.floor(at / KEY_BLOCK_BYTES)));
      sealed[at] = byte ^ (block[at % KEY_BLOCK_BYTES] as number);
    }
    return {
      x: ours.toString("base64url"),
      sealed: sealed.toString("base64url"),
      mac: hmac(sealKey, "m", sealed).toString("base64url"),
    };
  }

  /** Makes the next key the only one, for whom proves that they hold it. The same again gets the same answer. */
  async prove(caller: Entity, n: unknown, mac: unknown): Promise<{ mac: string }> {
    const { id, psk, nextPsk } = caller;
    const nonce = bytesIn("n", n, NONCE_BYTES);
    const shown = typeof mac === "string" ? mac : "";
    if (nextPsk !== undefined && sameSecret(shown, proofOf("p", id, nextPsk, nonce))) {
      const deed = { did: "rotated", by: id, at: new Date(this.now()).toISOString() } as const;
      if (!(await this.accounts.promote(caller, deed))) throw unknownKey();
      this.events.emit({ event: "rotated", id });
      return { mac: proofOf("a", id, nextPsk, nonce) };
    }
    if (!sameSecret(shown, proofOf("p", id, psk, nonce))) throw unknownKey();
    return { mac: proofOf("a", id, psk, nonce) };
  }
}

function unknownKey(): RpcError {
  return new RpcError(403, "This is the proof of no key of this device; ask for the next one again");
}

function proofOf(kind: "p" | "a", id: string, psk: string, nonce: Uint8Array): string {
  const key = deriveKey(psk, "motekey rotation v1");
  return hmac(key, kind, Uint8Array.of(id.length), id, nonce).toString("base64url");
}

/** The shared secret of X25519 (RFC 7748, 6.1). */
function agreed(privateKey: KeyObject, theirs: Buffer): Buffer {
  try {
    const jwk = { kty: "OKP", crv: "X25519", x: theirs.toString("base64url") };
    const secret = diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) });
    if (secret.some((byte) => byte !== 0)) return secret;
  } catch {
    // OpenSSL refuses what agrees on zeros.
  }
  throw new RpcError(400, 'The argument "x" is a point of low order; draw another key');
}

function bytesIn(name: string, value: unknown, length: number): Buffer {
  const bytes = Buffer.from(typeof value === "string" ? value : "", "base64url");
  if (bytes.length === length && bytes.toString("base64url") === value) return bytes;
  throw new RpcError(400, `The argument "${name}" must be ${length} bytes in base64url`);
}
