/** Above which counter a device begins. */
import type { Context } from "../cli/act.js";
import { Failure } from "../cli/failure.js";
import { variable } from "../cli/system.js";
import { DeviceCloud } from "./cloud.js";
import type { CloudFlags as Flags } from "./cloud-flag.js";
import { keyFingerprint } from "./record.js";
import { numberOf } from "./settings.js";

/** The flags that say it. */
export interface CloudFlags extends Flags {
  readonly counter?: string;
}

/**
 * The counter that `--counter` names; else the cloud's, where one is named: the device must be in its registry, with
 * this key; else 0.
 * @throws Failure where the cloud does not let this device in with this key
 */
export async function counterOf(
  context: Context,
  flags: CloudFlags,
  id: string,
  psk: string,
): Promise<number> {
  if (flags.counter !== undefined) return numberOf("--counter", flags.counter);
  if (flags.cloud === undefined && variable(context.system, "MOTEKEY_CLOUD") === undefined) return 0;
  const device = await (await DeviceCloud.open(context, flags)).show(id);
  if (device.state !== "active")
    throw new Failure("device_exists", `${id} was revoked.`, "A device that comes back needs a new id.");
  if (device.key_fingerprint !== keyFingerprint(psk))
    throw new Failure(
      "device_exists",
      `The cloud has another key of ${id}: its fingerprint is ${device.key_fingerprint}.`,
      "Give --psk-file the key that the device was created with.",
    );
  return device.counter;
}
