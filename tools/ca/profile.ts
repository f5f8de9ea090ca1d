import { printable, usage } from "../cli/failure.js";
import { PROFILES, type ProfileFlags } from "./flags.js";

/** How many days a certificate is good. */
export function daysOf({ profile = "standard" }: ProfileFlags): number {
  if (profile in PROFILES) return PROFILES[profile as keyof typeof PROFILES];
  throw usage(
    `There is no profile '${printable(profile, 40)}'.`,
    `There are ${Object.keys(PROFILES).join(", ")}.`,
  );
}
