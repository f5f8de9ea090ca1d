import {
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
  type JWTPayload,
  jwtVerify,
} from "jose";

const ALGORITHMS = ["ES256", "EdDSA", "Ed25519"];
/** The service's JWKS says how long it is good: ten minutes. */
const FRESH_MS = 600_000;
/** Tokens with made-up key ids cause no more queries than this. */
const COOLDOWN_MS = 30_000;
const STALE_SECONDS = 3_600;
const FETCH_LIMIT_MS = 5_000;
const SET_BYTES_MAX = 65_536;

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

/** Nobody can say whether the token is valid: answer 503. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/**
 * Checks the service's JWTs by its public keys, which it reads when they are needed, and again when they change. It knows
 * a token's end and not its revocation: who must know that asks `/oauth2/introspect`.
 * @returns rejects with `TokenRefused` or `KeysUnavailable`
 */
export function createVerifier(options: VerifierOptions): (token: string) => Promise<VerifiedToken> {
  const keys = new Keys(new URL(options.jwksUrl), (options.staleSeconds ?? STALE_SECONDS) * 1000);
  const terms = {
    issuer: options.issuer,
    audience: options.audience,
    algorithms: ALGORITHMS,
    requiredClaims: ["sub", "iat", "exp"],
    clockTolerance: options.clockToleranceSeconds ?? 0,
  };
  const getKey = (header: JWSHeaderParameters, jws: FlattenedJWSInput) => keys.find(header, jws);
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

type LocalSet = ReturnType<typeof createLocalJWKSet>;

interface Kept {
  kids: ReadonlySet<string | undefined>;
  set: LocalSet;
  readAtMs: number;
}

/** The service's public keys as they were read last. */
class Keys {
  private kept: Kept | null = null;
  private triedAtMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | null = null;

  constructor(
    private readonly url: URL,
    private readonly staleMs: number,
  ) {}

  async find(header: JWSHeaderParameters, jws: FlattenedJWSInput): ReturnType<LocalSet> {
    const now = performance.now();
    const ageMs = now - (this.kept?.readAtMs ?? Number.NEGATIVE_INFINITY);
    const isUnknown = this.kept?.kids.has(header.kid) !== true;
    const isCool = now - this.triedAtMs >= COOLDOWN_MS || this.kept === null;
    if (this.reading !== null || ((ageMs >= FRESH_MS || isUnknown) && isCool)) await this.read();
    const { kept } = this;
    if (kept === null || performance.now() - kept.readAtMs >= FRESH_MS + this.staleMs)
      throw new KeysUnavailable(`The keys at ${this.url} cannot be read; try again later`);
    return kept.set(header, jws);
  }

  /** Once for all who wait. Where it fails the present keys stay in use. */
  private read(): Promise<void> {
    this.reading ??= this.fetch()
      .catch(() => {})
      .finally(() => {
        this.reading = null;
      });
    return this.reading;
  }

  private async fetch(): Promise<void> {
    this.triedAtMs = performance.now();
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), FETCH_LIMIT_MS);
    let text: string;
    try {
      const headers = { accept: "application/json" };
      const response = await fetch(this.url, { headers, redirect: "error", signal: abort.signal });
      text = await response.text();
      if (!response.ok || text.length > SET_BYTES_MAX) throw new Error(`${response.status}`);
    } finally {
      clearTimeout(timer);
    }
    const read = JSON.parse(text) as JSONWebKeySet;
    const kids = new Set(read.keys.map(({ kid }) => kid));
    this.kept = { kids, set: createLocalJWKSet(read), readAtMs: performance.now() };
  }
}
