import { Status } from "../status.js";
import type { FieldWriter } from "../wire/field-writer.js";
import type { FrameReader } from "../wire/frame/frame.js";
import {
  type ConnectProof,
  type FrameProof,
  type Login,
  type ProofUse,
  type Protection,
  Strength,
} from "./proof.js";

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** Nothing of ours proves the connection. */
export class NoLogin implements Login {
  readonly userName: null;
  readonly password: null;
  readonly passwordLength: number;
  readonly exchange: null;

  constructor() {
    this.userName = null;
    this.password = null;
    this.passwordLength = 0;
    this.exchange = null;
  }

  renew(): void {}

  wipe(): void {}
}

/** Frames go as they are, and come so. Proofs that are nothing but a field build on it. */
export class Unprotected implements Protection {
  renew(_isCounterFresh: boolean): void {}

  prepare(): boolean {
    return true;
  }

  open(): number {
    return 0;
  }

  write(_fields: FieldWriter): void {}

  trailerLength(): number {
    return 0;
  }

  close(_use: ProofUse, _out: Uint8Array, _from: number, to: number): number {
    return to;
  }

  refused(status: Status, _use: ProofUse, _frame: FrameReader): Status {
    return status;
  }

  receive(): void {}

  update(_bytes: Uint8Array, _from: number, _to: number): void {}

  /** White space may stand behind a JSON text (RFC 8259, section 2), and nothing behind CBOR. */
  behind(bytes: Uint8Array, from: number, to: number, isText: boolean): Status {
    for (let i = from; i < to; i++) {
      const c = bytes[i];
      const isSpace = c === SPACE || c === TAB || c === LINE_FEED || c === CARRIAGE_RETURN;
      if (!isSpace || !isText) return Status.FRAME_TRAILING;
    }
    return Status.OK;
  }

  end(): Status {
    return Status.OK;
  }

  openToken(frame: FrameReader): void {
    frame.tokenLength = 0;
  }

  isUnheard(): boolean {
    return false;
  }

  wipe(): void {}
}

/** The connection proves nothing: the frames do. */
export const noConnectProof: ConnectProof = {
  name: "",
  strength: Strength.NONE,
  /** @construction */
  login: () => new NoLogin(),
};

/** The frames prove nothing: the connection does. */
export const noFrameProof: FrameProof = {
  name: "",
  strength: Strength.NONE,
  /** @construction */
  protection: () => new Unprotected(),
};
