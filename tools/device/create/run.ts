import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Context } from "../../cli/act.js";
import { usage } from "../../cli/failure.js";
import { DeviceCloud } from "../cloud.js";
import { groupKeyOf } from "../group-key.js";
import { DEVICE_ID, newDeviceId, registered } from "../register.js";
import type { CreateFlags } from "./flags.js";

/** Registers a device with the cloud; its key is in a file first. */
export async function create(context: Context, flags: CreateFlags): Promise<void> {
  const { system, output } = context;
  if (flags.psk !== undefined)
    throw usage(
      "A key on the command line can be read by everybody on this machine.",
      "Put it into a file of its owner's alone, and name it with --out.",
    );
  const id = flags.id ?? newDeviceId();
  if (!DEVICE_ID.test(id)) throw usage("This is no device's id.", "It has 1 to 128 of A-Z a-z 0-9 _ -");
  if (flags.cert !== undefined || flags.csr !== undefined) {
    const { createCertified } = await import("./certified.js");
    return createCertified(context, id, flags);
  }
  const groupKey = await groupKeyOf(system, flags);
  const file = groupKey === null ? (flags.out ?? `${id}.psk`) : null;
  const cloud = await DeviceCloud.open(context, flags);
  const isThere = file !== null && existsSync(resolve(system.directory, file));
  if (flags.dryRun === true) {
    const known = await cloud.find(id);
    const plan =
      known === null
        ? `Would register ${id}, with ${file === null ? "its key of the group's" : `${isThere ? "the" : "a new"} key in ${file}`}.`
        : `${id} is registered: ${known.state}.`;
    const shown = known ?? {
      id,
      state: null,
      key_fingerprint: null,
      next_key_fingerprint: null,
      cert_fingerprint: null,
      counter: null,
      history: [],
    };
    return output.answer(
      { ...shown, created: false, psk_file: file, cert_file: null, key_file: null, done: false },
      plan,
    );
  }
  const derived = groupKey?.pskOf(id);
  groupKey?.wipe();
  if (derived !== undefined) system.secrets.keep(derived);
  const device =
    derived !== undefined || file === null
      ? await cloud.create(id, { psk: derived ?? "" })
      : (await registered(context, cloud, id, file)).device;
  output.answer(
    { ...device, psk_file: file, cert_file: null, key_file: null, done: true },
    `${device.created ? "Registered" : "Already registered:"} ${id}, its key ${file === null ? "of the group's" : `in ${file}`} (fingerprint ${device.key_fingerprint})`,
  );
  output.note(
    `Next: motekey device image --id ${id} ${file === null ? `--group-key-file ${flags.groupKeyFile}` : `--psk-file ${file}`} --counter ${device.counter} --out nvs.bin`,
  );
}
