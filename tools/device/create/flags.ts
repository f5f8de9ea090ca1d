import type { AuthorityFlags, ProfileFlags } from "../../ca/flags.js";
import type { CloudFlags } from "../cloud-flag.js";
import type { GroupKeyFlags } from "../group-key-flags.js";

/** The flags of `motekey device create`. */
export interface CreateFlags extends CloudFlags, GroupKeyFlags, AuthorityFlags, ProfileFlags {
  readonly cert?: string;
  readonly csr?: string;
  readonly id?: string;
  readonly out?: string;
  readonly psk?: string;
  readonly dryRun?: boolean;
}
