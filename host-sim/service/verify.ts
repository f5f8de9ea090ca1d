import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { KeysUnavailable, RemoteKeys } from "./openid/remote-keys.js";

export { KeysUnavailable };

const ALGORITHMS = ["ES256", "EdDSA", "Ed25519"];
const STALE_SECONDS = 3_600;

/** Whose tokens are taken, and for whom. */
export interface VerifierOptions {
  /** Of the service: `https://auth.example.com/.well-known/jwks.json`. */
  jwksUrl: string | URL;
  /** The service's `address`. */
  issuer: string;
  /** The host that tokens are for: this app's own. */
  audience: string;
  /** How long keys that cannot be refreshed stay in use, s, after their ten minutes. Default 3600. */
  staleSeconds?: number;
  /** How far this machine's clock may be from the service's, s. Default 0. */
  clockToleranceSeconds?: number;
}

/** The claims of a valid token. Times in unix seconds. */
export interface VerifiedToken {
  /** The device. */
  sub: string;
  iat: number;
  exp: number;
  claims: JWTPayload;
}

/** The token is not valid: answer 401. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
}

/**
 * Checks the service's JWTs by its public keys, which it reads when they are needed, and again when they change. It knows
 * a token's end and not its revocation: who must know that asks `/oauth2/introspect`.
 * @returns rejects with `TokenRefused` or `KeysUnavailable`
 */
export function createVerifier(options: VerifierOptions): (token: string) => Promise<VerifiedToken> {
  const url = new URL(options.jwksUrl);
  const keys = new RemoteKeys(url.href, () => url, (options.staleSeconds ?? STALE_SECONDS) * 1000);
  const terms = {
    issuer: options.issuer,
    audience: options.audience,
    algorithms: ALGORITHMS,
    requiredClaims: ["sub", "iat", "exp"],
    clockTolerance: options.clockToleranceSeconds ?? 0,
  };
  const getKey: JWTVerifyGetKey = (header, jws) => keys.find(header, jws);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, getKey, terms);
      const { sub = "", iat = 0, exp = 0 } = payload;
      return { sub, iat, exp, claims: payload };
    } catch (failure) {
      if (failure instanceof errors.JOSEError) throw new TokenRefused(failure.message, { cause: failure });
      throw failure;
    }
  };
}
