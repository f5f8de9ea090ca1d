import type { Context } from "../../cli/act.js";
import { Exit } from "../../cli/failure.js";
import { askYes, hasTerminal, needsTerminal } from "../../cli/prompt.js";
import { DeviceCloud } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";

/** The flags of `motekey device revoke`. */
export interface RevokeFlags extends CloudFlags {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** Bars a device for good. */
export async function revoke(
  context: Context,
  flags: RevokeFlags,
  words: readonly string[],
): Promise<number> {
  const { system, output } = context;
  const [id = ""] = words;
  const isAsked = flags.force !== true && flags.dryRun !== true;
  if (isAsked && !hasTerminal(system)) throw needsTerminal("Revoking asks first", "Give --force.");
  const cloud = await DeviceCloud.open(context, flags);
  const before = await cloud.show(id);
  const isActive = before.state === "active";
  if (flags.dryRun === true) {
    output.answer(
      { ...before, revoked: false },
      isActive ? `Would revoke ${id}.` : `${id} was revoked before.`,
    );
    return Exit.DONE;
  }
  if (isAsked && isActive && !(await askYes(system, `Revoke ${id} for good?`))) {
    output.note("Nothing was changed.");
    return Exit.FAILED;
  }
  const device = await cloud.revoke(id);
  output.answer(device, device.revoked ? `Revoked ${id}` : `${id} was revoked before`);
  return Exit.DONE;
}
