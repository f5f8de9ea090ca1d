import { createHmac, type KeyObject, sign } from "node:crypto";
import { Tag } from "cbor-x";
import { encodeCbor } from "./encoding.js";

/** CBOR tags: a CWT (RFC 8392, 6), and the COSE structures in it (RFC 9052, 2). */
const CWT_TAG = 61;
const MAC0_TAG = 17;
const SIGN1_TAG = 18;
/** Header parameters (RFC 9052, 3.1) and algorithms (RFC 9053, 2 and 3.1). */
const ALG = 1;
const KID = 4;
const ALGORITHMS = { ES256: -7, EdDSA: -8, HMAC_256_256: 5 };

/** The claims of a token; times in unix seconds. */
export interface CwtClaims {
  iss: string;
  sub: string;
  aud: string;
  exp: number;
  iat: number;
  cti: Uint8Array;
  /** Seconds from issue to end, for who has no clock (RFC 9200, 5.10.3). */
  exi: number;
}

/** Claims by their numbers (RFC 8392, 3.1; RFC 9200, 8.14). */
function encodeClaims({ iss, sub, aud, exp, iat, cti, exi }: CwtClaims): Buffer {
  const pairs: [number, unknown][] = [
    ...([
      [1, iss],
      [2, sub],
      [3, aud],
      [4, exp],
      [6, iat],
      [7, cti],
      [40, exi],
    ] as [number, unknown][]),
  ];
  return encodeCbor(new Map(pairs));
}

/** A COSE_Mac0 with HMAC 256/256 (RFC 9052, 6.2), tagged as a CWT. */
export function macCwt(claims: CwtClaims, key: Uint8Array): Buffer {
  const header = encodeCbor(new Map([[ALG, ALGORITHMS.HMAC_256_256]]));
  const payload = encodeClaims(claims);
  const covered = encodeCbor(["MAC0", header, Buffer.alloc(0), payload]);
  const tag = createHmac("sha256", key).update(covered).digest();
  return tagged(MAC0_TAG, [header, new Map(), payload, tag]);
}

/** A COSE_Sign1 (RFC 9052, 4.2), tagged as a CWT. */
export function signCwt(
  claims: CwtClaims,
  key: KeyObject,
  algorithm: "ES256" | "EdDSA",
  kid: string,
): Buffer {
  const header = encodeCbor(new Map([[ALG, ALGORITHMS[algorithm]]]));
  const payload = encodeClaims(claims);
  const covered = encodeCbor(["Signature1", header, Buffer.alloc(0), payload]);
  const hash = algorithm === "ES256" ? "sha256" : null;
  const signature = sign(hash, covered, { key, dsaEncoding: "ieee-p1363" });
  return tagged(SIGN1_TAG, [header, new Map([[KID, Buffer.from(kid)]]), payload, signature]);
}

function tagged(tag: number, structure: unknown[]): Buffer {
  return encodeCbor(new Tag(new Tag(structure, tag), CWT_TAG));
}
