/** Identities of age's, by its own program. */
import { spawnSync } from "node:child_process";

/** A new one, and its recipient. */
export function newIdentity(): { identity: string; recipient: string } {
  const text = spawnSync("age-keygen").stdout.toString();
  return {
    identity: /^AGE-SECRET-KEY-1\S+$/m.exec(text)?.[0] ?? "",
    recipient: /age1\S+/.exec(text)?.[0] ?? "",
  };
}
