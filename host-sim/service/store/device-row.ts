import type { Entity, Role } from "../../cloud/types.js";
import type { Row } from "./database.js";
import type { Sealer } from "./sealer.js";

/** What a device is in the database. */
export interface DeviceRow extends Row {
  id: string;
  role: Role;
  psk: Uint8Array;
  next_psk: Uint8Array | null;
  owner: string | null;
  cert_fingerprint: string | null;
  connect_counter: number;
  mac_counter: number;
  disabled: boolean;
}

/** What a sealed PSK is bound to. */
export function pskOf(id: string): string {
  return `psk of ${id}`;
}

/** The device of a row, its keys opened. */
export function openEntity(row: DeviceRow, sealer: Sealer): Entity {
  const { id, role, psk, next_psk: nextPsk, owner, cert_fingerprint: certFingerprint, disabled } = row;
  return {
    id,
    role,
    psk: sealer.open(pskOf(id), psk),
    ...(nextPsk !== null && { nextPsk: sealer.open(pskOf(id), nextPsk) }),
    ...(owner !== null && { owner }),
    ...(certFingerprint !== null && { certFingerprint }),
    counters: { connect: row.connect_counter, mac: row.mac_counter },
    disabled,
  };
}
