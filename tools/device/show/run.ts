import type { Context } from "../../cli/act.js";
import { type Device, DeviceCloud } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";

/** Shows what the cloud knows of a device. */
export async function show(context: Context, flags: CloudFlags, words: readonly string[]): Promise<void> {
  const [id = ""] = words;
  const cloud = await DeviceCloud.open(context, flags);
  const device = await cloud.show(id);
  context.output.answer(device, textOf(device));
}

function textOf({ id, state, key_fingerprint, next_key_fingerprint, counter, history }: Device): string {
  const rows = [
    ["Device", id],
    ["State", state],
    ["Key", `fingerprint ${key_fingerprint}`],
    ...(next_key_fingerprint === null ? [] : [["Next", `fingerprint ${next_key_fingerprint}`]]),
    ["Counter", `${counter}`],
    ...history.map(({ did, by, at }) => [labelOf(did), `${at} by ${by}`]),
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length)) + 2;
  return rows.map(([name = "", value]) => `${name.padEnd(width)}${value}`).join("\n");
}

const labelOf = (did: string): string => did.charAt(0).toUpperCase() + did.slice(1).replace("-", " ");
