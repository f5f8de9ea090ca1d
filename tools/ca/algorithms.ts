/** The kinds of keys that an authority and its devices have. */
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import { Failure, printable, usage } from "../cli/failure.js";

const RSA_BITS = 2048;

/** As WebCrypto names them. Moddable's TLS takes RSA only. */
export const ALGORITHMS = {
  ec: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: RSA_BITS,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ed25519: { name: "Ed25519" },
} as const;

/** EC on P-256, RSA of 2048 bits, Ed25519. */
export type KeyType = keyof typeof ALGORITHMS;

/** The kind that a flag names. */
export function keyTypeOf(flag: string, name: string): KeyType {
  if (name in ALGORITHMS) return name as KeyType;
  throw usage(`${flag} is no '${printable(name, 40)}'.`, "It is ec, rsa or ed25519.");
}

/** A new key. */
export function newKeys(type: KeyType): Promise<webcrypto.CryptoKeyPair> {
  const made = webcrypto.subtle.generateKey(ALGORITHMS[type], true, ["sign", "verify"]);
  return made as Promise<webcrypto.CryptoKeyPair>;
}

/** The same in PEM (PKCS #8), not sealed. */
export async function newKeyPem(type: KeyType): Promise<string> {
  const { privateKey } = await newKeys(type);
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
  const pem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({
    type: "pkcs8",
    format: "pem",
  });
  der.fill(0);
  return pem.toString();
}

/** The kind of a key of ours. */
export function typeOf(key: KeyObject): KeyType {
  const type = key.asymmetricKeyType ?? "";
  if (type in ALGORITHMS) return type as KeyType;
  throw new Failure("storage_broken", `The CA's key is of the kind ${type}.`, "Put the backup back.");
}

/** A key as the library signs with it. */
export function signingKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHMS[typeOf(key)], false, ["sign"]);
}

/** @throws Failure for a device's key that is too weak, or of a kind that nobody here takes. @param der SubjectPublicKeyInfo */
export function checkDeviceKey(der: Uint8Array): void {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
  } catch {
    throw usage(
      "The request's key cannot be read.",
      "Make it anew: EC on P-256, RSA of 2048 bits, or Ed25519.",
    );
  }
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  const good: Readonly<Record<string, boolean>> = {
    rsa: modulusLength >= RSA_BITS,
    ec: ["prime256v1", "secp384r1"].includes(namedCurve),
    ed25519: true,
  };
  if (good[key.asymmetricKeyType ?? ""] !== true)
    throw usage(
      `The request's key is not taken: ${key.asymmetricKeyType} ${modulusLength || namedCurve}.`,
      "Take EC on P-256 or P-384, RSA of 2048 bits or more, or Ed25519.",
    );
}
