import { randomBytes } from "node:crypto";
import { deriveKey, hmac, sameSecret, sha256 } from "./secret.js";

const MAC_CHARACTERS = 43;
const NONCE_BYTES = 16;
/** Of the cloud, per sealing. */
const SALT_BYTES = 12;
const SEAL_BLOCK_BYTES = 32;
const SEQUENCE_MAX = 2 ** 32 - 1;
const LINE_FEED = 0x0a;
const TAIL_PATTERN = /^(0|[1-9]\d{0,9})\.([A-Za-z0-9_-]{43})$/;
/** Line feed, ten digits, dot, MAC. */
const TAIL_BYTES_MAX = 1 + 10 + 1 + MAC_CHARACTERS;

/** Which way a message goes; the letter is a part of what is MAC'd. */
export type Direction = "d" | "c";

/** A message taken apart; without a tail (`mac` null) all of it is the frame. */
export interface Envelope {
  frame: Uint8Array;
  /** Everything before the dot. */
  covered: Uint8Array;
  sequence: number;
  mac: string | null;
}

/** What a frame that opens a session carries: `"sec":{"c":counter,"n":nonce}`, and `"e":1` where tokens are to be sealed. */
export interface SessionOpening {
  counter: number;
  nonce: Buffer;
  /** Tokens come sealed under this session. */
  seals: boolean;
}

/** Splits `<frame> 0x0A <sequence> "." <43 characters>`. */
export function openEnvelope(message: Uint8Array): Envelope {
  const bare: Envelope = { frame: message, covered: message, sequence: -1, mac: null };
  const from = Math.max(0, message.length - TAIL_BYTES_MAX);
  const feedAt = message.lastIndexOf(LINE_FEED);
  if (feedAt < from) return bare;
  const tail = TAIL_PATTERN.exec(Buffer.from(message.subarray(feedAt + 1)).toString("latin1"));
  if (tail === null) return bare;
  const sequence = Number(tail[1]);
  if (sequence > SEQUENCE_MAX) return bare;
  const covered = message.subarray(0, message.length - MAC_CHARACTERS - 1);
  return { frame: message.subarray(0, feedAt), covered, sequence, mac: tail[2] ?? null };
}

/** The `sec` member, or null when it is malformed. */
export function parseOpening(sec: unknown): SessionOpening | null {
  if (typeof sec !== "object" || sec === null) return null;
  const { c, n, e } = sec as { c?: unknown; n?: unknown; e?: unknown };
  if (typeof c !== "number" || !Number.isSafeInteger(c) || c < 0 || typeof n !== "string") return null;
  const nonce = Buffer.from(n, "base64url");
  const isNonce = nonce.length === NONCE_BYTES && nonce.toString("base64url") === n;
  return isNonce ? { counter: c, nonce, seals: e === 1 } : null;
}

/** The keys of one session of MAC'd frames between a device and the cloud; its sequences are the peer's. */
export class MacSession {
  private key: Buffer;
  /** Resolves when its counter is on the disk; null: it is. */
  kept: Promise<void> | null = null;

  constructor(
    /** The key that it was opened with. */
    readonly psk: string,
    readonly opening: SessionOpening,
  ) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(opening.counter));
    this.key = hmac(deriveKey(psk, "motekey mac v1"), "s", counter, opening.nonce);
  }

  /** Is its counter on the disk? Resolves when that is known. */
  async isKept(): Promise<boolean> {
    try {
      await this.kept;
    } catch {
      return false;
    }
    this.kept = null;
    return true;
  }

  /** Is this the opening of this very session (its first frame again)? */
  isOpenedBy(opening: SessionOpening): boolean {
    return opening.counter === this.opening.counter && opening.nonce.equals(this.opening.nonce);
  }

  /** Is the MAC of this message from the device right? */
  verifies(envelope: Envelope): boolean {
    return envelope.mac !== null && sameSecret(envelope.mac, this.sign("d", envelope.covered));
  }

  /** The message to the device: the frame under a sequence. */
  seal(frame: Uint8Array, sequence: number, corrupt: boolean): Buffer {
    const covered = Buffer.concat([frame, Buffer.from(`\n${sequence}`, "latin1")]);
    const mac = this.sign("c", covered);
    const shown = corrupt ? (mac.startsWith("A") ? "B" : "A") + mac.slice(1) : mac;
    return Buffer.concat([covered, Buffer.from(`.${shown}`, "latin1")]);
  }

  /**
   * A token that only the device can read (B7): base64url(salt ‖ token ⊕ keystream), block i of the keystream being
   * SHA-256(Se ‖ salt ‖ u32be(i)), Se = HMAC-SHA-256(S, `motekey seal v1`). The salt is new each time: S comes again
   * where a cloud that was put back accepts an old counter.
   */
  sealToken(token: string): string {
    const key = hmac(this.key, "motekey seal v1");
    const salt = randomBytes(SALT_BYTES);
    const sealed = Buffer.from(token, "utf8");
    const place = Buffer.alloc(4);
    for (let from = 0, block = 0; from < sealed.length; from += SEAL_BLOCK_BYTES, block++) {
      place.writeUInt32BE(block);
      const stream = sha256(Buffer.concat([key, salt, place]));
      for (const [at, byte] of sealed.subarray(from, from + SEAL_BLOCK_BYTES).entries())
        sealed[from + at] = byte ^ (stream[at] as number);
    }
    return Buffer.concat([salt, sealed]).toString("base64url");
  }

  private sign(direction: Direction, covered: Uint8Array): string {
    return hmac(this.key, direction, covered).toString("base64url");
  }
}
