import { type ConnectProof, type Login, type ProofParts, type Prover, Strength } from "./proof.js";

/** The key as password. */
class PasswordLogin implements Login {
  readonly userName: Uint8Array;
  password: Uint8Array;
  passwordLength: number;
  readonly exchange: null;
  private readonly prover: Prover;

  constructor(prover: Prover) {
    this.prover = prover;
    this.userName = prover.deviceId;
    this.password = prover.psk;
    this.passwordLength = this.password.length;
    this.exchange = null;
  }

  renew(): void {
    this.password = this.prover.psk;
    this.passwordLength = this.password.length;
  }

  wipe(): void {
    this.password.fill(0);
  }
}

/** The PSK as password: whoever reads the link has it. */
export const password: ConnectProof = {
  name: "password",
  strength: Strength.BEARER,
  needsKey: true,
  /** @construction */
  login: (parts: ProofParts) => new PasswordLogin(parts.config),
};
