import { open, rm } from "node:fs/promises";
import { resolve } from "node:path";
import type { Context } from "../../cli/act.js";
import { Failure, printable, systemReason } from "../../cli/failure.js";
import { type ServiceFlags, serviceOptions } from "../serve/settings.js";

const OWNER_ONLY = 0o600;

/** The flags of `motekey cloud export`. */
export interface ExportFlags extends ServiceFlags {
  readonly out: string;
}

/** Writes what the service knows to a file. */
export async function exportDevices(context: Context, flags: ExportFlags): Promise<void> {
  const { system, output } = context;
  const { exportEntities } = await import("../../../host-sim/service/index.js");
  const file = resolve(system.directory, flags.out);
  const options = await serviceOptions(context, flags);
  const handle = await open(file, "wx", OWNER_ONLY).catch((failure: Error) => {
    const next = "Choose another --out, or check its folder.";
    throw new Failure("failed", `Cannot write ${file}: ${systemReason(failure)}.`, next, { cause: failure });
  });
  try {
    const content = await exportEntities(options);
    await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
    await handle.sync();
    const count = content.entities.length;
    output.answer({ file, entities: count }, `${count} written to ${file}`);
  } catch (failure) {
    await rm(file, { force: true });
    const { message } = failure as Error;
    throw new Failure("failed", `${printable(message, 400)}.`, "Try 'motekey cloud serve --check'.", {
      cause: failure,
    });
  } finally {
    await handle.close();
  }
}
