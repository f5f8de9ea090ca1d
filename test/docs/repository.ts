import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A path from the root as an absolute one. */
export const at = (path: string): string => join(ROOT, path);
