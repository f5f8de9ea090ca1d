import type { Context } from "../../cli/act.js";
import { Authority } from "../authority.js";
import type { AuthorityFlags } from "../flags.js";
import { CRL_DAYS } from "../revoke/run.js";

/** Makes the list of what was revoked anew, before the one that there is ends. */
export async function renewCrl({ system, output }: Context, flags: AuthorityFlags): Promise<void> {
  const authority = await Authority.open(system, flags);
  try {
    await authority.renewCrl(CRL_DAYS);
    const revoked = authority.ledger.revoked(system.now()).map(({ serial }) => serial);
    output.answer(
      { revoked, crl: `${flags.ca ?? "ca"}/ca.crl.pem`, done: true },
      `The list names ${revoked.length} certificates, and is good for ${CRL_DAYS} days.`,
    );
  } finally {
    await authority.close();
  }
}
