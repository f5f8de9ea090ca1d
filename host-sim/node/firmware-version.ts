import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const versionOf = (name: string): string =>
  (require(`${name}/package.json`) as { readonly version: string }).version;

/**
 * The firmware beside this package is of its version: ports, statuses and records of two versions do not fit.
 * @throws Error that names both versions
 */
export function checkFirmwareVersion(): void {
  if (SKEW !== null) throw new Error(SKEW);
}

/** What is wrong with two versions side by side; null when nothing is. */
export const skewOf = (firmware: string, simulator: string): string | null =>
  firmware === simulator
    ? null
    : `motekey ${firmware} and motekey-host-sim ${simulator} do not fit; install one version of both: npm install motekey@${simulator} motekey-host-sim@${simulator}`;

// Read with the program: a device made when no file can be opened any more (EMFILE) needs none.
const SKEW = skewOf(versionOf("motekey"), versionOf("motekey-host-sim"));
