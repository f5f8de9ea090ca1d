import {
  createLocalJWKSet,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from "jose";
import { readJson } from "./read-json.js";

/** Keys are read anew after ten minutes: the service's own JWKS says so, and others are seldom more patient. */
const FRESH_MS = 600_000;
/** Tokens with made-up key ids cause no more queries than this. */
const COOLDOWN_MS = 30_000;

type LocalSet = ReturnType<typeof createLocalJWKSet>;

interface Kept {
  kids: ReadonlySet<string | undefined>;
  set: LocalSet;
  readAtMs: number;
}

/** Nobody can say whether the token is valid: answer 503. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/** An issuer's public keys as they were read last; read when they are needed, and when a token names another one. */
export class RemoteKeys {
  private kept: Kept | null = null;
  private triedAtMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | null = null;
  private trouble = "";

  /**
   * @param place what errors call it
   * @param locate where its JWKS (RFC 7517) is
   * @param staleMs how long keys serve that cannot be read anew, behind the ten minutes that they are good
   */
  constructor(
    private readonly place: string,
    private readonly locate: () => URL | Promise<URL>,
    private readonly staleMs: number,
  ) {}

  /** The key of a token; rejects with `KeysUnavailable`, or with an error of jose's where there is none. */
  async find(header: JWSHeaderParameters, jws: FlattenedJWSInput): ReturnType<LocalSet> {
    const now = performance.now();
    const ageMs = now - (this.kept?.readAtMs ?? Number.NEGATIVE_INFINITY);
    const isUnknown = this.kept?.kids.has(header.kid) !== true;
    const isCool = now - this.triedAtMs >= COOLDOWN_MS || this.kept === null;
    if ((ageMs >= FRESH_MS || isUnknown) && (this.reading !== null || isCool)) {
      const reading = this.read();
      // An issuer that failed last holds nobody up whose key is there.
      const serves = !isUnknown && ageMs < FRESH_MS + this.staleMs;
      if (!serves || this.trouble === "") await reading;
    }
    const { kept } = this;
    if (kept === null || performance.now() - kept.readAtMs >= FRESH_MS + this.staleMs)
      throw new KeysUnavailable(`The keys of ${this.place} cannot be read${this.trouble}; try again later`);
    return kept.set(header, jws);
  }

  /** Once for all who wait. Where it fails the present keys stay in use; resolves with why, or "". */
  async read(): Promise<string> {
    this.reading ??= this.fetch()
      .then(
        () => "",
        (failure: Error) => `: ${failure.message}`,
      )
      .then((trouble) => {
        this.trouble = trouble;
        this.reading = null;
      });
    await this.reading;
    return this.trouble;
  }

  private async fetch(): Promise<void> {
    this.triedAtMs = performance.now();
    const read = (await readJson(await this.locate())) as Partial<JSONWebKeySet> | null;
    if (!Array.isArray(read?.keys)) throw new Error("it is no JWKS");
    const kids = new Set(read.keys.map(({ kid }) => kid));
    this.kept = { kids, set: createLocalJWKSet({ keys: read.keys }), readAtMs: performance.now() };
  }
}
