/** A device's credential in its NVS partition: written by the firmware's own code, through a store of the partition. */
import { type CredentialFields, readCredential, Status, writeCredential } from "../../firmware/index.js";
import type { Store } from "../../firmware/ports.js";
import { Keeper } from "../../firmware/store/keeper.js";
import {
  KeptRecord,
  PAYLOAD_AT,
  RECORD_BYTES_MIN,
  RecordKind,
  writeUint32,
} from "../../firmware/store/record.js";
import { usage } from "../cli/failure.js";
import type { StorageImage } from "../espruino/storage.js";
import type { NvsKeys } from "../nvs/keys.js";
import type { Partition, Usage } from "../nvs/partition.js";
import { blobValue } from "../nvs/value.js";
import { unfit } from "../nvs/writer.js";
import { isSealedRecord } from "./sealed-record.js";

/** The domain of the firmware's PreferenceStore. */
export const NAMESPACE = "motekey";
/** The names of the firmware's values (RECORD.md); the app's own may lie in the same namespace. */
const NAMES = /^motekey-(cred[ab]|ctr[ab]|h\d+[ab]|next[ab]|mark)$/;
const COUNTER_NAME = "motekey-ctr";
const COUNTER_BYTES = 8;
/** Devices refuse higher ones. */
const COUNTER_MAX = 2 ** 52;

/** A store of the firmware's whose names can be listed and removed. */
export interface Shelf extends Store {
  /** All names, the app's own among them. */
  names(): string[];
  delete(name: string): void;
}

/** A shelf over a shelf, which seals what lies in it. */
export type Cover = (shelf: Shelf) => Shelf;

const asItIs: Cover = (shelf) => shelf;

/** The firmware's store over a partition, as its PreferenceStore over NVS: blobs only. */
export class PartitionStore implements Shelf {
  constructor(private readonly partition: Partition) {}

  names(): string[] {
    return [...this.partition.items()]
      .filter(({ namespace }) => namespace === NAMESPACE)
      .map(({ key }) => key);
  }

  delete(name: string): void {
    this.partition.delete(NAMESPACE, name);
  }

  read(name: string, out: Uint8Array): number {
    const value = this.partition.get(NAMESPACE, name);
    if (value === null || value.type !== "blob") return -1;
    out.set(value.data.subarray(0, out.length));
    return value.data.length;
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    this.partition.set(NAMESPACE, name, blobValue(Uint8Array.from(bytes.subarray(0, length))));
    return true;
  }
}

/** Where an image has a certificate: a namespace of its own, which the app gives its TLS link. */
const TLS_NAMESPACE = "motekey-tls";

/** A client's certificate with its key (PKCS #8), and the authority that the cloud's is checked against: all DER. */
export interface ClientCertificate {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly ca: Uint8Array | null;
}

/** The firmware's store over Espruino's Storage: its files have the names of the values. */
export class StorageStore implements Shelf {
  constructor(private readonly image: StorageImage) {}

  read(name: string, out: Uint8Array): number {
    const data = this.image.get(name);
    if (data === null) return -1;
    out.set(data.subarray(0, out.length));
    return data.length;
  }

  write(name: string, bytes: Uint8Array, length: number): boolean {
    this.image.set(name, Uint8Array.from(bytes.subarray(0, length)));
    return true;
  }

  names(): string[] {
    return [...this.image.items()].map(({ name }) => name);
  }

  delete(name: string): void {
    this.image.delete(name);
  }
}

/** Who a device is: by a key, or by a certificate. */
export interface Identity {
  readonly id: string;
  readonly psk?: string;
  readonly certificate?: ClientCertificate;
  /** The highest counter that the cloud has accepted of it. */
  readonly counter: number;
}

/** What writing a credential came to. */
export interface Provisioned {
  /** Whether the partition had another credential, or a damaged one, which is gone. */
  readonly isReplaced: boolean;
  /** The device begins above this. */
  readonly counter: number;
}

/**
 * Puts a credential into both of its slots. What the device had kept for another credential goes, so that no record of
 * a higher generation wins over this one; all else of the partition stays. The counter never goes back.
 * @param cover seals its records; without it they lie as they are
 */
export function provision(partition: Partition, identity: Identity, cover: Cover = asItIs): Provisioned {
  const provisioned = provisionShelf(cover(new PartitionStore(partition)), identity);
  for (const name of ["cert", "key", "ca"] as const) {
    const der = identity.certificate?.[name] ?? null;
    if (der === null) partition.delete(TLS_NAMESPACE, name);
    else partition.set(TLS_NAMESPACE, name, blobValue(der));
  }
  return provisioned;
}

/** The records alone, whatever keeps them. */
export function provisionShelf(store: Shelf, { id, psk, certificate, counter }: Identity): Provisioned {
  if (!Number.isSafeInteger(counter) || counter < 0 || counter > COUNTER_MAX)
    throw usage("The counter is a number from 0 to 2^52.", "It is the highest that the cloud has accepted.");
  refuseSealed(store);
  const before = readCredential(store);
  const isSame =
    before.credential?.deviceId === id && Buffer.from(before.credential.psk).toString() === (psk ?? "");
  const begin = Math.max(counter, counterIn(store));
  for (const name of store.names())
    if (NAMES.test(name) && !(isSame && /-(h\d+|next)[ab]$/.test(name))) store.delete(name);
  checked(() => writeCredential(store, fieldsOf(id, psk, certificate)));
  writeCounter(store, begin);
  const isReplaced = !isSame && before.status !== Status.CREDENTIAL_MISSING;
  return { isReplaced, counter: begin };
}

/** Who seals a device's records goes on: its firmware may refuse what is not sealed, and its key would lie open. */
function refuseSealed(store: Shelf): void {
  if (store.sealing !== undefined) return;
  const head = new Uint8Array(RECORD_BYTES_MIN);
  for (const name of store.names())
    if (NAMES.test(name) && store.read(name, head) >= head.length && isSealedRecord(head))
      throw usage(
        "The device's records are sealed.",
        "Give --seal-secret-file, and --seal-mac where they are obfuscated.",
      );
}

/** With a certificate nothing weaker is good enough for the device, whatever the app's options say. */
function fieldsOf(
  id: string,
  psk: string | undefined,
  certificate: ClientCertificate | undefined,
): CredentialFields {
  const key = psk === undefined ? {} : { psk };
  if (certificate === undefined) return { deviceId: id, ...key };
  const names = { certificate: `${TLS_NAMESPACE}/cert`, key: `${TLS_NAMESPACE}/key` };
  return { deviceId: id, ...key, ...names, floor: { proof: "link" } };
}

/**
 * The bytes of a device's partition, and how full it is. Beyond three quarters ESP-IDF tidies up all the time, and a cut
 * of power while it erases a sector takes values with it (RECORD.md).
 * @param keys with them it is encrypted
 * @throws Failure where it is fuller than that
 */
export function imageOf(partition: Partition, keys: NvsKeys | null): { bytes: Buffer; usage: Usage } {
  const image = partition.write(keys);
  const { used, usable } = image.usage;
  if (used * 4 <= usable * 3) return image;
  const percent = Math.floor((used * 100) / usable);
  throw unfit(
    `The partition would be ${percent}% full: ${used} of ${usable} entries. At most 75% is safe against cuts of power.`,
    "Give the partition more pages in the partition table, or store less.",
  );
}

/** The firmware's complaints about an id or a key, for people. */
function checked(write: () => Status): void {
  try {
    write();
  } catch (failure) {
    const text = (failure as Error).message.replace(/^motekey: /, "");
    throw usage(`The device cannot be made: ${text}.`, "Check its id and its key.");
  }
}

const recordOf = (store: Store): KeptRecord =>
  new KeptRecord(new Keeper(store), COUNTER_NAME, RecordKind.COUNTER, RecordKind.COUNTER);

/** The counter that a device would begin above by what it keeps; 0: it keeps none. */
export function counterIn(store: Store): number {
  const buffer = Buffer.alloc(RECORD_BYTES_MIN + COUNTER_BYTES);
  return recordOf(store).load(buffer) === COUNTER_BYTES ? Number(buffer.readBigUInt64BE(PAYLOAD_AT)) : 0;
}

/** In both slots: of one copy any bit that rots would send the device back to counter 1. */
function writeCounter(store: Store, counter: number): void {
  const buffer = new Uint8Array(RECORD_BYTES_MIN + COUNTER_BYTES);
  const record = recordOf(store);
  record.load(buffer);
  const payload = {
    layOut(into: Uint8Array): number {
      writeUint32(into, PAYLOAD_AT, Math.floor(counter / 2 ** 32));
      writeUint32(into, PAYLOAD_AT + 4, counter % 2 ** 32);
      return COUNTER_BYTES;
    },
  };
  for (let slot = 0; slot < 2; slot++) record.save(RecordKind.COUNTER, buffer, payload);
}
