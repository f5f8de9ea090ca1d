import type { Context } from "../../cli/act.js";
import { Authority } from "../authority.js";
import type { AuthorityFlags } from "../flags.js";
import { shown, textOf } from "../shown.js";

/** Shows an authority, and what it signed. Needs no key. */
export async function showCa({ system, output }: Context, flags: AuthorityFlags): Promise<void> {
  const authority = await Authority.open(system, flags);
  try {
    const now = system.now();
    const told = shown(authority, flags.ca ?? "ca", now);
    const certificates = authority.ledger.good(now).map(({ device, serial, fingerprint, not_after }) => ({
      device,
      serial,
      fingerprint,
      not_after,
    }));
    const lines = certificates.map(
      ({ device, serial, not_after }) => `${device}  ${serial}  until ${not_after}`,
    );
    output.answer({ ...told, certificates }, [textOf(told), ...lines].join("\n"));
  } finally {
    await authority.close();
  }
}
