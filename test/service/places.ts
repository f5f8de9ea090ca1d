import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newSealKey } from "../../host-sim/service/store/sealer.js";

/** A new folder. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "motekey-service-"));
}

/** A file with a new key that seals. */
export function newKeyFile(folder = newFolder()): string {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.key`);
  writeFileSync(file, `${newSealKey()}\n`, { mode: 0o600 });
  return file;
}

/** On free ports. */
export const FREE = { mqttPort: 0, httpPort: 0 };
