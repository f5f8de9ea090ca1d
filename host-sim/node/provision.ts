import { sentenceOf } from "../../firmware/explain.js";
import { readCredential, Status, type Store, writeCredential } from "../../firmware/index.js";
import type { DeviceOptions } from "../device-options.js";

/**
 * Writes the credential of the options into a store that has none, as a device gets it at a bench. One that has another
 * key by now keeps it.
 * @throws Error that says what is missing, or what is wrong with the store's
 */
export function provision(store: Store | undefined, { id, psk, floor, counter }: DeviceOptions): void {
  if (store === undefined)
    throw new Error("motekey: rotation needs store: the directory where the device keeps its keys");
  if (counter !== undefined)
    throw new Error("motekey: rotation needs no counter: the store has it; leave counter out");
  const { status, credential } = readCredential(store);
  if (credential !== null && credential.deviceId === id) return;
  if (credential !== null)
    throw new Error(
      `motekey: the store is of the device ${credential.deviceId}; give ${id} a directory of its own`,
    );
  if (status !== Status.CREDENTIAL_MISSING)
    throw new Error(`motekey: the store's credential cannot be read. ${sentenceOf(status)}`);
  const written = writeCredential(store, { deviceId: id, psk, ...(floor === undefined ? {} : { floor }) });
  if (written !== Status.OK)
    throw new Error(`motekey: the credential cannot be written. ${sentenceOf(written)}`);
}
