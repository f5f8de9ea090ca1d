import { checkGroup, Kind, type RowsOf } from "./options.js";
import { type Floor, floorGroup } from "./policy.js";
import { LinkSecurity, type Store } from "./ports.js";
import { PROOFS, type Proof } from "./proof/proofs.js";
import { Status } from "./status.js";
import { Keeper } from "./store/keeper.js";
import {
  KeptRecord,
  PAYLOAD_AT,
  type Payload,
  RECORD_BYTES_MIN,
  RecordKind,
  Unread,
} from "./store/record.js";
import { bytesOf, copyBytes, NO_BYTES, type Text } from "./wire/bytes.js";

/** The slots are `motekey-creda` and `motekey-credb`. */
const NAME = "motekey-cred";
/** The payload: the floor's link, a zero byte, and five texts, each after its length. */
const TEXTS_AT = PAYLOAD_AT + 2;
const NO_LINK = 255;
/** This bit of the floor's link is inverted where no token may come in the clear. */
const SEALED = 16;
const TEXT_NAMES = ["deviceId", "psk", "floor.proof", "certificate", "key"];
/** Longest of each, bytes. */
const TEXT_BYTES_MAX = [128, 128, 32, 32, 32];
const TEXTS = 5;
const BYTES_MAX = RECORD_BYTES_MIN + 2 + TEXTS + 2 * 128 + 3 * 32;

/** The device's identity and its proof, as provisioning writes them. */
export interface CredentialFields {
  readonly deviceId: string;
  /** Absent where the link alone proves the device. */
  readonly psk?: Text;
  /** The weakest proof and link that the device may use. */
  readonly floor?: Floor;
  /** Names under which the platform keeps a TLS client certificate and its private key. */
  readonly certificate?: string;
  readonly key?: string;
}

/** @construction */
const checkFields = (fields: CredentialFields): void => {
  const rows: RowsOf<CredentialFields> = {
    deviceId: Kind.NAME + Kind.NEEDED,
    psk: Kind.KEY,
    floor: floorGroup(),
    certificate: Kind.TEXT,
    key: Kind.TEXT,
  };
  checkGroup("", fields, { rows });
};

/** The same as stored; absent fields are empty. `createAuth` takes it as its `credential`. */
export interface StoredCredential {
  readonly deviceId: string;
  readonly psk: Uint8Array;
  readonly floor: Floor;
  readonly certificate: string;
  readonly key: string;
}

/** The result of {@link readCredential}. */
export interface CredentialReading {
  /**
   * OK, CREDENTIAL_MISSING, CREDENTIAL_BROKEN or a sealed store's status instead (SEAL_BROKEN, SEAL_MISPLACED,
   * SEAL_FOREIGN, SEAL_MISSING), or STORE_FAILED where the store failed.
   */
  readonly status: Status;
  /** null unless OK. */
  readonly credential: StoredCredential | null;
}

/** @construction */
const recordOf = (keeper: Keeper): KeptRecord =>
  new KeptRecord(keeper, NAME, RecordKind.CREDENTIAL, RecordKind.CREDENTIAL);

/** @construction */
const bytesAt = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = new Uint8Array(bytes[at]);
  copyBytes(copy, 0, bytes, at + 1, at + 1 + bytes[at]);
  return copy;
};

/** @construction */
const textAt = (bytes: Uint8Array, at: number): string => {
  let text = "";
  for (let i = at + 1; i <= at + bytes[at]; i++) text += String.fromCharCode(bytes[i]);
  return text;
};

/** null for an unknown floor: no floor is ever ignored. @construction */
const floorOf = (proof: string, byte: number): Floor | null => {
  const isSealed = byte === (NO_LINK ^ SEALED) || (byte >= SEALED && byte < 2 * SEALED);
  const link = isSealed ? byte ^ SEALED : byte;
  const hasProof = proof.length > 0;
  const hasLink = link !== NO_LINK;
  if (hasProof && PROOFS.indexOf(proof as Proof) < 0) return null;
  if (hasLink && link > LinkSecurity.PSK_TLS) return null;
  const floor: { -readonly [P in keyof Floor]: Floor[P] } = {};
  if (hasProof) floor.proof = proof as Proof;
  if (hasLink) floor.link = link;
  if (isSealed) floor.token = "sealed";
  return floor;
};

/** @construction */
const decode = (bytes: Uint8Array, to: number): StoredCredential | null => {
  const at = [TEXTS_AT];
  for (let i = 0; i < TEXTS; i++) at.push(at[i] + 1 + bytes[at[i]]);
  if (at[TEXTS] !== to) return null;
  const floor = floorOf(textAt(bytes, at[2]), bytes[PAYLOAD_AT]);
  if (floor === null) return null;
  return {
    deviceId: textAt(bytes, at[0]),
    psk: bytesAt(bytes, at[1]),
    floor,
    certificate: textAt(bytes, at[3]),
    key: textAt(bytes, at[4]),
  };
};

/**
 * The credential that provisioning wrote.
 * @construction
 */
export const readCredential = (store: Store): CredentialReading => {
  const buffer = new Uint8Array(BYTES_MAX);
  const length = recordOf(new Keeper(store)).load(buffer);
  const credential = length < 0 ? null : decode(buffer, PAYLOAD_AT + length);
  const refused = store.refused;
  let status = credential === null ? Status.CREDENTIAL_BROKEN : Status.OK;
  if (length === Unread.BROKEN && refused !== undefined && refused !== Status.OK) status = refused;
  if (length === Unread.ABSENT) status = Status.CREDENTIAL_MISSING;
  if (length === Unread.UNREADABLE) status = Status.STORE_FAILED;
  buffer.fill(0);
  return { status, credential };
};

const bytesOfText = (text: Text | undefined): Uint8Array => {
  if (text === undefined) return NO_BYTES;
  return text instanceof Uint8Array ? text : bytesOf(text);
};

/**
 * @construction
 * @param isTwice the previous one must be in no slot
 * @returns whether that is so; without `isTwice`, whether the new one counts from now on
 */
const save = (keeper: Keeper, fields: CredentialFields, isTwice: boolean): boolean => {
  const floor: Floor = fields.floor === undefined ? {} : fields.floor;
  const texts = [fields.deviceId, fields.psk, floor.proof, fields.certificate, fields.key];
  const values: Uint8Array[] = [];
  const buffer = new Uint8Array(BYTES_MAX);
  const record = recordOf(keeper);
  for (let i = 0; i < TEXTS; i++) {
    values.push(bytesOfText(texts[i]));
    if (values[i].length > TEXT_BYTES_MAX[i]) {
      throw new Error(`motekey: ${TEXT_NAMES[i]} is longer than ${TEXT_BYTES_MAX[i]} bytes`);
    }
  }
  const payload: Payload = {
    layOut: (into) => {
      let at = TEXTS_AT;
      into[PAYLOAD_AT] =
        (floor.link === undefined ? NO_LINK : floor.link) ^ (floor.token === undefined ? 0 : SEALED);
      into[PAYLOAD_AT + 1] = 0;
      for (let i = 0; i < TEXTS; i++) {
        into[at] = values[i].length;
        at = copyBytes(into, at + 1, values[i], 0, values[i].length);
      }
      return at - PAYLOAD_AT;
    },
  };
  const length = record.load(buffer);
  let isSaved = length !== Unread.UNREADABLE && record.save(RecordKind.CREDENTIAL, buffer, payload);
  // One rotten bit in a single copy would lose the device.
  if (isSaved && (isTwice || length < 0))
    isSaved = record.save(RecordKind.CREDENTIAL, buffer, payload) || !isTwice;
  buffer.fill(0);
  return isSaved;
};

/**
 * Replaces the stored credential's key, in both slots: the old key is in neither then. Whenever
 * power fails, a boot finds one or the other.
 * @construction
 * @returns false: the store failed, once or twice; do it again
 */
export const replaceKey = (keeper: Keeper, psk: Uint8Array): boolean => {
  const credential = readCredential(keeper.store).credential;
  if (credential === null) return false;
  credential.psk.fill(0);
  return save(
    keeper,
    {
      deviceId: credential.deviceId,
      psk,
      floor: credential.floor,
      certificate: credential.certificate,
      key: credential.key,
    },
    true,
  );
};

/**
 * Writes the credential to the older slot, reads it back and compares: whenever power fails, a boot
 * finds the previous one or this one, whole. Where there was none, both slots take it.
 * @construction
 * @returns OK, or STORE_FAILED: the previous one still counts
 * @throws Error that names the field which is missing, unknown, of a wrong type or value, or too long
 */
export const writeCredential = (store: Store, fields: CredentialFields): Status => {
  checkFields(fields);
  return save(new Keeper(store), fields, false) ? Status.OK : Status.STORE_FAILED;
};
