/** A sealed store on XS, to be measured: what a boot reads of it, and what a deep sleep puts into it. */
import { readCredential, Status, type Store, writeCredential } from "../../firmware/index.js";
import { finish } from "../../firmware/seal/envelope.js";
import { SealedStore, Strength } from "../../firmware/seal.js";
import { RecordKind } from "../../firmware/store/record.js";
import { copyBytes } from "../../firmware/wire/bytes.js";
import { entropy } from "./rig-ports.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const VALUE_BYTES = 640;
const HEAD_BYTES = 10;
/** A token's record: 350 bytes of token, its host's name and what is said of it. */
const TOKEN_PAYLOAD_BYTES = 13 + 15 + 350;

/** Flash of a few names that makes no garbage once they are there. */
class RigFlash implements Store {
  private readonly names: string[] = [];
  private readonly values: Uint8Array[] = [];
  private readonly lengths: number[] = [];

  read(name: string, out: Uint8Array): number {
    const at = this.names.indexOf(name);
    if (at < 0) return -1;
    copyBytes(out, 0, this.values[at], 0, Math.min(out.length, this.lengths[at]));
    return this.lengths[at];
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    let at = this.names.indexOf(name);
    if (at < 0) {
      at = this.names.length;
      this.names.push(name);
      this.values.push(new Uint8Array(VALUE_BYTES));
    }
    copyBytes(this.values[at], 0, bytes, 0, length);
    this.lengths[at] = length;
    return true;
  }
}

/** Each step is one of its calls. */
export class SealRig {
  private readonly flash = new RigFlash();
  private readonly token = new Uint8Array(HEAD_BYTES + TOKEN_PAYLOAD_BYTES + 4);
  private readonly out = new Uint8Array(VALUE_BYTES);
  private store: SealedStore;

  constructor() {
    this.store = this.opened();
    if (writeCredential(this.store, { deviceId: "device_123", psk: PSK }) !== Status.OK)
      throw new Error("rig: no credential was written");
    copyBytes(this.token, 0, new Uint8Array([0x6d, 0x6b, 2, RecordKind.TOKEN, 0, 0, 0, 1]), 0, 8);
    finish(this.token, TOKEN_PAYLOAD_BYTES);
    this.putAway();
    this.takeOut();
  }

  /** A boot: the store is made, and the credential read from its slots. */
  boot(): void {
    this.store = this.opened();
    if (readCredential(this.store).status !== Status.OK) throw new Error("rig: no credential was read");
  }

  /** `close()` writes a token. */
  putAway(): void {
    if (!this.store.write("motekey-h0a", this.token, this.token.length))
      throw new Error("rig: no token was written");
  }

  /** The next boot reads it. */
  takeOut(): void {
    if (this.store.read("motekey-h0a", this.out) !== this.token.length)
      throw new Error("rig: no token was read");
  }

  private opened(): SealedStore {
    const key = { strength: Strength.SEALED, secret: new Uint8Array(32) };
    return new SealedStore(this.flash, { key, entropy });
  }
}
