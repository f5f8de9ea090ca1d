import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Context } from "../../cli/act.js";
import { Failure, printable } from "../../cli/failure.js";
import { type ServiceFlags, serviceOptions } from "../serve/settings.js";

/** The mock cloud's file in its folder. */
const DEVICES_FILE = "devices.json";

/** The flags of `motekey cloud import`. */
export interface ImportFlags extends ServiceFlags {
  readonly from: string;
}

/** Takes over what a file holds. */
export async function importDevices(context: Context, flags: ImportFlags): Promise<void> {
  const { system, output } = context;
  const path = resolve(system.directory, flags.from);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = isFolder ? join(path, DEVICES_FILE) : path;
  const { readDevices } = await import("../../../host-sim/index.js");
  const { importEntities } = await import("../../../host-sim/service/index.js");
  const options = await serviceOptions(context, flags);
  try {
    const entities = await readDevices(file);
    await importEntities(options, entities);
    output.answer({ entities: entities.length }, `${entities.length} taken over from ${file}`);
  } catch (failure) {
    const { message } = failure as Error;
    throw new Failure("failed", `${printable(message, 400)}.`, "Try 'motekey cloud serve --check'.", {
      cause: failure,
    });
  }
}
