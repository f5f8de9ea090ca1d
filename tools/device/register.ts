/** Registers a device by a key that is in a file first. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Context } from "../cli/act.js";
import type { DeviceCloud } from "./cloud.js";
import { secretLine, writeOwn } from "./files.js";

/** What a device's id is. */
export const DEVICE_ID = /^[A-Za-z0-9_-]{1,128}$/;
const KEY_BYTES = 32;
const ID_BYTES = 8;

/** An id that nobody has. */
export const newDeviceId = (): string => `device_${randomBytes(ID_BYTES).toString("hex")}`;

/**
 * Registers a device with the key in `file`, or with a new key that is put there, for its owner only. A run that dies
 * in between finds the key, and makes no second one: the same again is the same device.
 */
export async function registered(
  { system }: Context,
  cloud: DeviceCloud,
  id: string,
  file: string,
): Promise<{ psk: string; device: Awaited<ReturnType<DeviceCloud["create"]>> }> {
  const isThere = existsSync(resolve(system.directory, file));
  const psk = isThere
    ? await secretLine(system, "--out", file)
    : randomBytes(KEY_BYTES).toString("base64url");
  system.secrets.keep(psk);
  if (!isThere) await writeOwn(system, file, Buffer.from(`${psk}\n`), false);
  return { psk, device: await cloud.create(id, { psk }) };
}
