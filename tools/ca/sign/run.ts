import { createHash } from "node:crypto";
import type { Context } from "../../cli/act.js";
import { DeviceCloud } from "../../device/cloud.js";
import type { CloudFlags } from "../../device/cloud-flag.js";
import { writeOwn } from "../../device/files.js";
import { Authority } from "../authority.js";
import type { AuthorityFlags, ProfileFlags } from "../flags.js";
import { daysOf } from "../profile.js";
import { keyOfRequest } from "../request.js";

/** The flags of `motekey ca sign`. */
export interface SignFlags extends AuthorityFlags, ProfileFlags, CloudFlags {
  readonly csr: string;
  readonly id: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly certify?: boolean;
  readonly dryRun?: boolean;
}

/** Signs the key of a request for a device. */
export async function signRequest(context: Context, flags: SignFlags): Promise<void> {
  const { system, output } = context;
  const days = daysOf(flags);
  const key = await keyOfRequest(system, flags.csr);
  const file = flags.out ?? `${flags.id}.crt`;
  const cloud = flags.certify === true ? await DeviceCloud.open(context, flags) : null;
  const authority = await Authority.open(system, flags);
  try {
    if (flags.dryRun === true) {
      const print = createHash("sha256").update(new Uint8Array(key.rawData)).digest("hex");
      const none = { device: flags.id, serial: null, fingerprint: null, not_after: null, file };
      return output.answer(
        { ...none, certified: false, done: false },
        `Would sign the key ${print} for ${flags.id}.`,
      );
    }
    const { cert, ...issued } = await authority.sign(flags.id, key, days);
    await writeOwn(system, file, Buffer.from(cert), flags.force === true);
    // The device has it first: a cloud that takes the new one only would lock the device out meanwhile.
    const certified = cloud === null ? false : (await cloud.certify(flags.id, issued.fingerprint)).certified;
    output.answer(
      { ...issued, file, certified, done: true },
      `Signed for ${flags.id} until ${issued.not_after}: ${file}\nSerial ${issued.serial}`,
    );
  } finally {
    await authority.close();
  }
}
