import type { Context } from "../../cli/act.js";
import { tableOf } from "../../cli/table.js";
import { type Device, DeviceCloud } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";

/** Lists the devices that the cloud knows. */
export async function list(context: Context, flags: CloudFlags): Promise<void> {
  const cloud = await DeviceCloud.open(context, flags);
  const devices: Device[] = [];
  for await (const device of cloud.devices()) devices.push(device);
  const rows = devices.map(({ id, state, key_fingerprint, counter }) => [
    id,
    state,
    key_fingerprint,
    `${counter}`,
  ]);
  const text =
    devices.length === 0
      ? "There is no device."
      : tableOf(["DEVICE", "STATE", "KEY", "COUNTER"], rows, context.output.columns);
  context.output.answer(devices, text);
}
