import type { Context } from "../../cli/act.js";
import { Failure, printable } from "../../cli/failure.js";
import { Authority } from "../authority.js";
import type { AuthorityFlags } from "../flags.js";

/** The flags of `motekey ca revoke`. */
export interface RevokeCaFlags extends AuthorityFlags {
  readonly dryRun?: boolean;
}

/** How long a list of what was revoked is good: who reads it must fetch it more often. */
export const CRL_DAYS = 30;

/** Takes a device's certificates back, or the one of a serial number. */
export async function revokeCertificates(
  { system, output }: Context,
  flags: RevokeCaFlags,
  words: readonly string[],
): Promise<void> {
  const [which = ""] = words;
  const authority = await Authority.open(system, flags);
  try {
    const wanted = authority.ledger
      .good(system.now())
      .filter(({ device, serial }) => device === which || serial === which.replaceAll(":", "").toUpperCase());
    if (wanted.length === 0)
      throw new Failure(
        "device_unknown",
        `No certificate of '${printable(which, 128)}' is good.`,
        "'motekey ca show' lists those that are.",
      );
    const isDone = flags.dryRun !== true;
    if (isDone) await authority.revoke(wanted, CRL_DAYS);
    const serials = wanted.map(({ serial }) => serial);
    output.answer(
      { revoked: serials, crl: `${flags.ca ?? "ca"}/ca.crl.pem`, done: isDone },
      `${isDone ? "Revoked" : "Would revoke"} ${serials.join(", ")}`,
    );
    if (isDone)
      output.note("Give brokers the new ca.crl.pem. 'motekey device revoke' bars the device at the cloud.");
  } finally {
    await authority.close();
  }
}
