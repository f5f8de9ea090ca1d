import { Status } from "../status.js";
import { RecordKind } from "../store/record.js";
import type { LeanCredential } from "./api.js";
import { LEVELS } from "./levels.js";
import { chr } from "./proofs.js";
import { load, type Slots, save, slotsOf, Unread } from "./records.js";

const NO_LINK = 255;
/** In the byte of the floor's link this bit is turned over where tokens are to come sealed. */
const SEALED = 16;

/** The credential of Storage, or why there is none. */
export interface KeptCredential {
  readonly status: Status;
  readonly deviceId: string;
  readonly psk: string;
  /** "": none. */
  readonly proof: string;
  readonly link: number;
  readonly mustSeal: boolean;
}

const slots = (): Slots => slotsOf("motekey-cred", RecordKind.CREDENTIAL, RecordKind.CREDENTIAL);

/** What the policy says of a proof over this engine's links; undefined: there is no such proof. */
export const levelOf = (proof: string): string | undefined => LEVELS.split(`,${proof}:`)[1];

/** The credential that Storage has. */
export const readCredential = (): KeptCredential => {
  const payload = load(slots(), 0);
  const texts: string[] = [];
  let status = Status.OK;
  let link = NO_LINK;
  let mustSeal = false;
  if (typeof payload === "string") {
    let at = 2;
    for (let i = 0; i < 5; i++) {
      const length = payload.charCodeAt(at);
      texts.push(payload.substr(at + 1, length));
      at += 1 + length;
    }
    link = payload.charCodeAt(0);
    mustSeal = link === (NO_LINK ^ SEALED) || (link >= SEALED && link < 2 * SEALED);
    if (mustSeal) link ^= SEALED;
    const isFloor = (link < 5 || link === NO_LINK) && (texts[2] === "" || levelOf(texts[2]) !== undefined);
    if (at !== payload.length || !isFloor) status = Status.CREDENTIAL_BROKEN;
  } else {
    status = Status.CREDENTIAL_BROKEN;
    if (payload === Unread.ABSENT) status = Status.CREDENTIAL_MISSING;
    if (payload === Unread.UNREADABLE) status = Status.STORE_FAILED;
  }
  return { status, deviceId: texts[0], psk: texts[1], proof: texts[2], link, mustSeal };
};

/** Provisions the device; `createAuth` reads it where the options name no credential. OK or STORE_FAILED. */
export const writeCredential = (fields: LeanCredential): Status => {
  const floor = fields.floor === undefined ? {} : fields.floor;
  const texts = [fields.deviceId, fields.psk, floor.proof, fields.certificate, fields.key];
  const most = [128, 128, 32, 32, 32];
  let payload = chr(
    (floor.link === undefined ? NO_LINK : floor.link) ^ (floor.token === undefined ? 0 : SEALED),
    0,
  );
  if (floor.token !== undefined && floor.token !== "sealed") throw new Error("motekey: floor.token");
  for (let i = 0; i < 5; i++) {
    const text = texts[i];
    const value = text === undefined ? "" : text;
    if (
      typeof value !== "string" ||
      value.length > most[i] ||
      (i === 0 && value === "") ||
      (i === 2 && value !== "" && levelOf(value) === undefined)
    )
      throw new Error(`motekey: ${["deviceId", "psk", "floor.proof", "certificate", "key"][i]}`);
    payload += chr(value.length) + value;
  }
  const kept = slots();
  const before = load(kept, 0);
  if (before === Unread.UNREADABLE || !save(kept, RecordKind.CREDENTIAL, payload, 0))
    return Status.STORE_FAILED;
  if (typeof before !== "string") save(kept, RecordKind.CREDENTIAL, payload, 0);
  return Status.OK;
};
