import { existsSync } from "node:fs";
import { Registry } from "./registry.js";
import type { Entity } from "./types.js";

/**
 * The devices, users and backends in a file as the mock cloud keeps it, with the counters of its journal. Rejects where
 * there is none, where it is none, and while a cloud has it.
 */
export async function readDevices(file: string): Promise<Entity[]> {
  if (!existsSync(file)) throw new Error(`There is no file ${file}`);
  const registry = await Registry.open({ file, isRestored: false, told() {} });
  const entities = registry.all;
  await registry.close();
  return entities;
}
