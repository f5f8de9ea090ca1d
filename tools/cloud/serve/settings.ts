import { resolve } from "node:path";
import type { ServiceOptions } from "../../../host-sim/service/index.js";
import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import { variable } from "../../cli/system.js";

/** Which service a command is about. */
export interface ServiceFlags {
  readonly settings?: string;
  readonly folder?: string;
}

/** The options of the service that flags, environment and settings name. */
export async function serviceOptions({ system }: Context, flags: ServiceFlags): Promise<ServiceOptions> {
  // Loaded here: it takes longer than all other commands.
  const { readConfiguration } = await import("../../../host-sim/service/index.js");
  const file = flags.settings ?? variable(system, "MOTEKEY_SERVICE_SETTINGS");
  try {
    const options = await readConfiguration(file, system.env, system.directory);
    if (flags.folder === undefined) return options;
    return { ...options, database: { folder: resolve(system.directory, flags.folder) } };
  } catch (failure) {
    const message = (failure as Error).message.replace(/^motekey: /, "");
    throw usage(`${printable(message, 400)}.`, "docs/service.schema.json has all settings.");
  }
}
