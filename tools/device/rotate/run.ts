import type { Context } from "../../cli/act.js";
import { DeviceCloud, type Rotated } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";

/** The flags of `motekey device rotate`. */
export interface RotateFlags extends CloudFlags {
  readonly cancel?: boolean;
  readonly dryRun?: boolean;
}

/** Has the cloud make a device's next key, or take it back. */
export async function rotate(context: Context, flags: RotateFlags, words: readonly string[]): Promise<void> {
  const { output } = context;
  const [id = ""] = words;
  const isCancelled = flags.cancel === true;
  const cloud = await DeviceCloud.open(context, flags);
  if (flags.dryRun === true) {
    const device = { ...(await cloud.show(id)), changed: false };
    output.answer(device, dryText(device, isCancelled));
    return;
  }
  const device = await cloud.rotate(id, isCancelled);
  output.answer(device, textOf(device, isCancelled));
}

function textOf({ id, changed, next_key_fingerprint }: Rotated, isCancelled: boolean): string {
  if (isCancelled) return changed ? `${id} keeps its key` : `There is no next key of ${id}; it keeps its key`;
  const next = `fingerprint ${next_key_fingerprint}`;
  return changed
    ? `${id} fetches its next key with its next token (${next})`
    : `${id} has a next key already, and has yet to prove it (${next})`;
}

function dryText(
  { id, state, next_key_fingerprint, cert_fingerprint }: Rotated,
  isCancelled: boolean,
): string {
  const hasNext = next_key_fingerprint !== null;
  if (isCancelled)
    return hasNext ? `Would take the next key of ${id} back.` : `There is no next key of ${id}.`;
  if (state === "revoked") return `${id} was revoked: it gets no other key.`;
  if (cert_fingerprint !== null) return `${id} is proved by its certificate: sign its next one.`;
  return hasNext ? `${id} has a next key already.` : `Would make a next key of ${id}.`;
}
