/** Where the keys of many devices come from: a secret of the line's, by which each device's key is made again. */
import { createHmac } from "node:crypto";
import { usage } from "../cli/failure.js";
import { keyFingerprint } from "./record.js";

/** HMAC-SHA-256 takes keys of any length, and those below its own are guessed sooner. */
const GROUP_KEY_BYTES_MIN = 32;

/** Makes devices' keys. The same id always has the same key: who was cut off makes no second one. */
export class PskSource {
  private constructor(
    private readonly secret: Buffer,
    private readonly pskFor: (secret: Buffer, id: string) => string,
  ) {}

  /** Of a run's own secret, which nobody keeps. @param seed 32 random bytes */
  static ofSeed(seed: Buffer): PskSource {
    const pskFor = (secret: Buffer, id: string): string =>
      createHmac("sha256", secret).update("motekey/batch\0").update(id).digest("base64url");
    return new PskSource(seed, pskFor);
  }

  /**
   * Of a group key, as Azure's device provisioning derives them: base64 of HMAC-SHA-256(group key, id).
   * @param text base64
   * @throws Failure where it is no base64, or too short
   */
  static ofGroupKey(text: string): PskSource {
    const key = Buffer.from(text, "base64");
    if (key.toString("base64") !== text.trim() || key.length < GROUP_KEY_BYTES_MIN)
      throw usage(
        "The group key is no base64 of 32 bytes or more.",
        "Make one: openssl rand -base64 64 | tr -d '\\n' > group.key, with umask 077.",
      );
    return new PskSource(key, (secret, id) => createHmac("sha256", secret).update(id).digest("base64"));
  }

  /** A device's key. */
  pskOf(id: string): string {
    return this.pskFor(this.secret, id);
  }

  /** What the secret is known by. */
  get fingerprint(): string {
    return keyFingerprint(this.secret);
  }

  /** Overwrites the secret; afterwards it makes no keys. */
  wipe(): void {
    this.secret.fill(0);
  }
}
