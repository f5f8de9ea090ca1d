/** What a device's records are sealed with (firmware/RECORD.md, "Sealed records"). */
import { createCipheriv, createHmac, randomFillSync, timingSafeEqual } from "node:crypto";
import { Status } from "../../firmware/index.js";
import { obfuscated, SealedStore, type SealKey, Strength, type Suite } from "../../firmware/seal.js";
import { usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { secretBytes } from "./files.js";
import type { Shelf } from "./provision.js";
import { keyFingerprint } from "./record.js";
import type { SealFlags } from "./seal-flags.js";

const EFUSE_KEY_BYTES = 32;
const SUITE_AT = 10;
const MAC_ADDRESS = /^([0-9a-f]{2}[:-]?){5}[0-9a-f]{2}$/i;
const SECRET_FILE = "--seal-secret-file";

/** The key that the flags name; null: the records are not sealed. */
export async function sealKeyOf(
  system: System,
  { sealSecretFile: file, sealMac: address }: SealFlags,
): Promise<SealKey | null> {
  if (file === undefined) {
    if (address === undefined) return null;
    throw usage("--seal-mac goes with the build's secret.", `Give ${SECRET_FILE} too.`);
  }
  const bytes = await secretBytes(system, SECRET_FILE, file);
  try {
    return address === undefined ? ofEfuse(bytes) : ofBuild(bytes, address);
  } finally {
    bytes.fill(0);
  }
}

/** The secret of many devices: one key in the eFuses of all their chips, or a build's, with each chip's MAC address. */
export class SealSecret {
  private constructor(
    private readonly bytes: Buffer,
    private readonly isOfBuild: boolean,
  ) {}

  /** @param isOfBuild each device's MAC address is part of its key */
  static async open(system: System, file: string, isOfBuild: boolean): Promise<SealSecret> {
    const secret = new SealSecret(await secretBytes(system, SECRET_FILE, file), isOfBuild);
    secret.keyOf("00:00:00:00:00:00"); // a secret that is none is refused before anything is made
    return secret;
  }

  /** What it is known by, and what it does: another one makes another batch. */
  get source(): string {
    return `${this.isOfBuild ? "obfuscated" : "sealed"} ${keyFingerprint(this.bytes)}`;
  }

  /** @param address of the device's chip; a key of the chips' eFuses is the same for all */
  keyOf(address: string): SealKey {
    return this.isOfBuild ? ofBuild(this.bytes, address) : ofEfuse(this.bytes);
  }

  wipe(): void {
    this.bytes.fill(0);
  }
}

/** As the chip makes it of the key in its eFuses. */
function ofEfuse(key: Buffer): SealKey {
  if (key.length !== EFUSE_KEY_BYTES)
    throw usage(
      `The HMAC key of a chip has ${EFUSE_KEY_BYTES} bytes, and not ${key.length}.`,
      `Give the file that was burned as it is; a build's secret needs --seal-mac.`,
    );
  const secret = new Uint8Array(createHmac("sha256", key).update("motekey/seal").digest());
  return { strength: Strength.SEALED, secret };
}

export const isMacAddress = (text: string): boolean => MAC_ADDRESS.test(text);

function ofBuild(bytes: Buffer, address: string): SealKey {
  if (!isMacAddress(address))
    throw usage("--seal-mac is no MAC address.", "It has six bytes in hex: a4:cf:12:34:56:78.");
  try {
    const text = bytes.subarray(0, bytes.length - endOf(bytes));
    return obfuscated(
      new Uint8Array(text),
      Uint8Array.from(Buffer.from(address.replace(/[:-]/g, ""), "hex")),
    );
  } catch {
    throw usage("A build's secret has 16 bytes or more, which are random.", "Make a longer one.");
  }
}

/** A secret is text in the firmware: the end of its line in a file is no part of it. */
function endOf(bytes: Buffer): number {
  const [end = ""] = /\r?\n$/.exec(bytes.toString("latin1")) ?? [];
  return end.length;
}

/** What is said of records that nothing seals. */
export const UNSEALED = "unsealed";

/** What is said of records with this key. */
export const sealingOf = (key: SealKey | null): string => {
  if (key === null) return UNSEALED;
  return key.strength === Strength.SEALED ? "sealed" : "obfuscated";
};

const hmac = (key: Uint8Array, bytes: string | Uint8Array): Buffer =>
  createHmac("sha256", key).update(bytes).digest();

const combined = (key: Uint8Array, bytes: Uint8Array): Buffer =>
  createCipheriv("aes-256-ctr", hmac(key, "aes"), Buffer.alloc(16)).update(bytes);

/** The suite that Espruino can compute (RECORD.md): records of it are shown, none is made. */
const espruinoSuite: Suite = {
  number: 2,
  tagBytes: 32,
  seal(key, _nonce, plain) {
    const text = combined(key, plain);
    return new Uint8Array(Buffer.concat([text, hmac(hmac(key, "mac"), text)]));
  },
  open(key, _nonce, sealed) {
    const text = sealed.subarray(0, -this.tagBytes);
    const isOurs = timingSafeEqual(hmac(hmac(key, "mac"), text), sealed.subarray(-this.tagBytes));
    return isOurs ? new Uint8Array(combined(key, text)) : null;
  },
};

const entropy = {
  fill(bytes: Uint8Array, from: number, to: number): void {
    randomFillSync(bytes, from, to - from);
  },
};

/** A shelf whose secrets are sealed, those too that lay there as they are. */
export class SealedShelf extends SealedStore implements Shelf {
  constructor(
    private readonly shelf: Shelf,
    key: SealKey,
  ) {
    super(shelf, { key, entropy });
  }

  names(): string[] {
    return this.shelf.names();
  }

  delete(name: string): void {
    this.shelf.delete(name);
  }
}

/** The shelf itself, or sealed where there is a key. */
export const shelfOf = (shelf: Shelf, key: SealKey | null): Shelf =>
  key === null ? shelf : new SealedShelf(shelf, key);

/** A sealed record as it was before, or the name of the status that says why it does not open. */
export function openedRecord(name: string, sealed: Uint8Array, key: SealKey): Uint8Array | string {
  const store = new SealedStore(
    {
      read: (asked, out) => {
        if (asked !== name) return -1;
        out.set(sealed.subarray(0, out.length));
        return sealed.length;
      },
      write: () => false,
    },
    { key, entropy, ...(sealed[SUITE_AT] === espruinoSuite.number ? { suite: espruinoSuite } : {}) },
  );
  const out = new Uint8Array(sealed.length);
  const length = store.read(name, out);
  return store.refused === Status.OK ? out.subarray(0, length) : (Status[store.refused] as string);
}
