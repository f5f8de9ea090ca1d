import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SealOracle } from "../proof/seal-oracle.js";

/** The device's end of a MAC session (protocol.md B6), written anew for the tests. */
export class MacDevice {
  readonly sec: { c: number; n: string; e?: 1 };
  readonly seals: SealOracle;
  private key: Buffer;
  private sequence = 0;

  constructor(psk: string, counter: number, nonce = randomBytes(16)) {
    this.sec = { c: counter, n: nonce.toString("base64url") };
    const big = Buffer.alloc(8);
    big.writeBigUInt64BE(BigInt(counter));
    const masterKey = Buffer.from(hkdfSync("sha256", psk, "", "motekey mac v1", 32));
    this.key = createHmac("sha256", masterKey)
      .update(Buffer.concat([Buffer.from("s"), big, nonce]))
      .digest();
    this.seals = new SealOracle(this.key);
  }

  /** The same that asks for sealed tokens (B7). */
  asksForSeals(): this {
    this.sec.e = 1;
    return this;
  }

  /** The message for a frame; without `sequence` the next one is used. */
  seal(frame: object | string, sequence = this.sequence++): string {
    const text = typeof frame === "string" ? frame : JSON.stringify(frame);
    return `${text}\n${sequence}.${this.mac("d", `${text}\n${sequence}`)}`;
  }

  /** Takes a message of the cloud apart. */
  // biome-ignore lint/suspicious/noExplicitAny: a frame has the shape that the test asserts.
  open(message: string): { frame: any; text: string; sequence: number; right: boolean } {
    const match = /^(.*)\n(0|[1-9]\d*)\.([A-Za-z0-9_-]{43})$/s.exec(message);
    if (match === null) throw new Error(`No MAC in ${message}`);
    const [, text, sequence, mac] = match as unknown as [string, string, string, string];
    const right = this.mac("c", `${text}\n${sequence}`) === mac;
    return { frame: JSON.parse(text), text, sequence: Number(sequence), right };
  }

  /** The message for a frame in CBOR. */
  sealBytes(frame: Uint8Array, sequence = this.sequence++): Buffer {
    const covered = Buffer.concat([frame, Buffer.from(`\n${sequence}`)]);
    return Buffer.concat([covered, Buffer.from(`.${this.mac("d", covered)}`)]);
  }

  /** The frame in a message of the cloud whose MAC is right. */
  openBytes(message: Uint8Array): Buffer {
    const bytes = Buffer.from(message);
    const dotAt = bytes.lastIndexOf(".");
    const covered = bytes.subarray(0, dotAt);
    if (this.mac("c", covered) !== bytes.subarray(dotAt + 1).toString()) throw new Error("A wrong MAC");
    return covered.subarray(0, covered.lastIndexOf("\n"));
  }

  private mac(direction: "d" | "c", covered: string | Uint8Array): string {
    return createHmac("sha256", this.key).update(direction).update(covered).digest("base64url");
  }
}
