import type { Config } from "../config.js";
import type { Scratch } from "../crypto/scratch.js";
import { ConnectProof } from "../policy.js";
import { COUNTER_PASSWORD_BYTES_MAX, counterKey, writeCounterPassword } from "../proof/counter.js";

/** The user name and password that a connection begins with. */
export class Login {
  /** null: the proof needs none. */
  readonly userName: Uint8Array | null;
  /** null: the proof needs none. Its first `passwordLength` bytes count. */
  password: Uint8Array | null;
  passwordLength: number;
  private readonly config: Config;
  private readonly scratch: Scratch;

  constructor(config: Config, scratch: Scratch) {
    const proof = config.connectProof;
    this.config = config;
    this.scratch = scratch;
    const hasPassword = proof === ConnectProof.PASSWORD || proof === ConnectProof.COUNTER;
    this.userName = hasPassword ? config.deviceId : null;
    if (proof === ConnectProof.PASSWORD) this.password = config.psk;
    else this.password = proof === ConnectProof.COUNTER ? new Uint8Array(COUNTER_PASSWORD_BYTES_MAX) : null;
    this.passwordLength = this.password === null ? 0 : this.password.length;
  }

  /** A new connection: takes the present key, and a counter where the proof needs one. The counter must be reserved before. */
  renew(): void {
    const config = this.config;
    if (config.connectProof === ConnectProof.PASSWORD) {
      this.password = config.psk;
      this.passwordLength = config.psk.length;
    }
    if (config.connectProof !== ConnectProof.COUNTER || this.password === null) return;
    const hash = this.scratch.hash;
    const key = this.scratch.key;
    counterKey(hash, key, config.psk, 0, config.psk.length);
    this.passwordLength = writeCounterPassword(
      this.password,
      0,
      hash,
      key,
      config.deviceId,
      config.counterBlock.next(),
    );
    key.wipe();
  }

  wipe(): void {
    if (this.password !== null) this.password.fill(0);
  }
}
