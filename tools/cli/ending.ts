import { once } from "node:events";
import type { System } from "./system.js";

const OWN_ENDS = new WeakSet<AbortSignal>();

/**
 * Resolves at Ctrl-C, and at the signal by which service managers end a program. From then on the command ends by
 * itself, however long that takes: a server answers what it has in hand.
 */
export async function untilEnded({ interrupted }: System): Promise<void> {
  OWN_ENDS.add(interrupted);
  if (!interrupted.aborted) await once(interrupted, "abort");
}

/** Whether the command that runs ends by itself. */
export const endsByItself = ({ interrupted }: System): boolean => OWN_ENDS.has(interrupted);
