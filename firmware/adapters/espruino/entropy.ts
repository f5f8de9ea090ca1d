import type { Entropy, Store } from "../../ports.js";
import { DIGEST_BYTES, Sha256 } from "./sha256.js";

/** What is secret and what rises, by RECORD.md: the slots of the credential and of the counter. */
const KEPT = ["motekey-creda", "motekey-credb", "motekey-ctra", "motekey-ctrb"];
/** Longest of their values. */
const VALUE_BYTES_MAX = 384;
/** Usual records, nine numbers of 32 bits and a key fit; longer ones only cost time. */
const SEED_BYTES_MAX = 448;

/**
 * Random bytes where the engine has none: its generators start alike at every boot. A state of 32 bytes is made
 * of the device's secret, the counter that is kept in the store, and what the engine has of time and chance; from
 * it comes SHA-256(0 ‖ state) as output, and SHA-256(1 ‖ state) as the next state, so that a state that is read
 * later tells nothing about what came before. Whoever does not know the secret cannot foretell it, and the
 * counter keeps boots apart: each that proved itself with one has raised it.
 */
export class EspruinoEntropy implements Entropy {
  private readonly hash: Sha256;
  private readonly state: Uint8Array;
  private readonly output: Uint8Array;

  /**
   * @param store its credential and counter are mixed in as they lie there
   * @param secret the device's key where the store has none; it is not kept
   */
  constructor(store: Store, secret?: string | Uint8Array) {
    const hash = new Sha256(SEED_BYTES_MAX);
    this.hash = new Sha256(1 + DIGEST_BYTES);
    this.state = new Uint8Array(DIGEST_BYTES);
    this.output = new Uint8Array(DIGEST_BYTES);
    const value = new Uint8Array(VALUE_BYTES_MAX);
    for (let i = 0; i < KEPT.length; i++) {
      const length = store.read(KEPT[i], value);
      hash.update(value, 0, Math.min(Math.max(0, length), VALUE_BYTES_MAX));
    }
    value.fill(0);
    hash.pushU32((getTime() * 1000000) >>> 0);
    for (let i = 0; i < 8; i++) hash.pushU32(E.hwRand() >>> 0);
    if (secret instanceof Uint8Array) hash.update(secret, 0, secret.length);
    else if (secret !== undefined) for (let i = 0; i < secret.length; i++) hash.push(secret.charCodeAt(i));
    hash.digest(this.state, 0);
    hash.wipe();
  }

  fill(bytes: Uint8Array, from: number, to: number): void {
    const output = this.output;
    let at = from;
    while (at < to) {
      this.step(0, output);
      this.step(1, this.state);
      let i = 0;
      while (i < DIGEST_BYTES && at < to) bytes[at++] = output[i++];
    }
    output.fill(0);
  }

  private step(purpose: number, out: Uint8Array): void {
    const hash = this.hash;
    hash.push(purpose);
    hash.update(this.state, 0, DIGEST_BYTES);
    hash.digest(out, 0);
    hash.wipe();
  }
}
