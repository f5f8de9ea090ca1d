import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
} from "node:crypto";
import { type CwtClaims, macCwt, signCwt } from "./cwt.js";
import type { TokenOptions } from "./types.js";

/** What tokens are signed with, and the name under which its public half is published. */
export interface SigningKey {
  kid: string;
  algorithm: "ES256" | "EdDSA";
  key: KeyObject;
}

/** A public key as a JWKS holds it (RFC 7517). */
export type PublicJwk = JsonWebKey & { kid: string; alg: string; use: "sig" };

/** A new key pair under a name of its own. */
export function newSigningKey(algorithm: SigningKey["algorithm"]): SigningKey {
  const { privateKey } =
    algorithm === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("ed25519");
  return { kid: randomBytes(6).toString("base64url"), algorithm, key: privateKey };
}

/** The public half of a key. */
export function publicJwk({ kid, algorithm, key }: SigningKey): PublicJwk {
  return { ...createPublicKey(key).export({ format: "jwk" }), kid, alg: algorithm, use: "sig" };
}

/** A key as it is kept: the private JWK's text. */
export function signingKeyOf(
  kid: string,
  algorithm: SigningKey["algorithm"],
  privateJwk: string,
): SigningKey {
  return { kid, algorithm, key: createPrivateKey({ key: JSON.parse(privateJwk), format: "jwk" }) };
}

/** Whom a token is for, and how long. Times in unix seconds. */
export interface TokenClaims {
  sub: string;
  host: string;
  iat: number;
  lifetimeSeconds: number;
}

/** Makes the texts of tokens. */
export class Mint {
  private readonly macKey: Uint8Array;

  /** @param key asked for each token: keys change while the mint runs */
  constructor(
    private readonly options: Pick<TokenOptions, "format" | "macKey">,
    private readonly issuer: string,
    private readonly key: () => SigningKey,
  ) {
    this.macKey = Buffer.from(options.macKey ?? randomBytes(32));
  }

  /** The text of a new token. */
  make({ sub, host, iat, lifetimeSeconds }: TokenClaims): string {
    const { format } = this.options;
    if (format === "opaque") return randomBytes(32).toString("base64url");
    const exp = iat + lifetimeSeconds;
    const base = { iss: this.issuer, sub, aud: host, iat, exp };
    if (format !== "cwt-mac0" && format !== "cwt-sign1") return this.jwt({ ...base, jti: randomUUID() });
    const claims: CwtClaims = { ...base, exi: lifetimeSeconds, cti: randomBytes(16) };
    if (format === "cwt-mac0") return macCwt(claims, this.macKey).toString("base64url");
    const { key, algorithm, kid } = this.key();
    return signCwt(claims, key, algorithm, kid).toString("base64url");
  }

  /** A JWS in compact serialization (RFC 7515, 7.1), by node:crypto: a fifth of what WebCrypto takes. */
  private jwt(claims: object): string {
    const { key, algorithm, kid } = this.key();
    const header = { alg: algorithm, kid, typ: "JWT" };
    const covered = `${base64url(header)}.${base64url(claims)}`;
    const hash = algorithm === "ES256" ? "sha256" : null;
    const signature = sign(hash, Buffer.from(covered), { key, dsaEncoding: "ieee-p1363" });
    return `${covered}.${signature.toString("base64url")}`;
  }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
