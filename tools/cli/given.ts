/** The secrets that a run is given by its command line and its environment. */
import type { Secrets } from "./secrets.js";
import { SECRET_VARIABLES, type System } from "./system.js";

/** What the command line and the environment hold when a run begins. */
export function keepGiven(secrets: Secrets, words: readonly string[], env: System["env"]): void {
  for (const [name, value] of Object.entries(env)) {
    if ((SECRET_VARIABLES as readonly string[]).includes(name)) secrets.keep(value);
    if (NAME_VARIABLES.includes(name)) secrets.show(value);
    keepPassword(secrets, value ?? "");
  }
  for (const [index, word] of words.entries()) {
    keepPassword(secrets, word.replace(/^-[^=]*=/, ""));
    const next = words[index + 1];
    if (/^--?[\w-]+=/.test(word) && SECRET_FLAG.test(word)) secrets.keep(word.slice(word.indexOf("=") + 1));
    else if (TAKES_SECRET.test(word)) secrets.keep(next);
    else if (SECRET_FLAG.test(word) && next?.startsWith("-") === false) secrets.keep(next);
    // The value of a short flag may stand in the same word.
    if (/^-[pc][^-]/.test(word)) secrets.keep(word.slice(2));
  }
}

const NAME_VARIABLES: readonly string[] = ["MOTEKEY_USERNAME", "MOTEKEY_TEAM", "MOTEKEY_CLIENT_ID"];
/** These take the next word, whatever it is. */
const TAKES_SECRET = /^(--password|-p|--client-secret|-c)$/;
/** By slip, or for other tools: what follows may be one. A file's path is none. */
const SECRET_FLAG = /^--?(?![\w-]*-file\b)[\w-]*(pass|pasw|pwd|secret|token|key|psk)/i;

/** The password in an address. */
function keepPassword(secrets: Secrets, text: string): void {
  if (!text.includes("://") || !text.includes("@")) return;
  const { password } = URL.canParse(text) ? new URL(text) : { password: /:\/\/[^:@]*:(.+)@/.exec(text)?.[1] };
  if (password === undefined || password === "") return;
  secrets.keep(password);
  try {
    secrets.keep(decodeURIComponent(password));
  } catch {
    // Not encoded: kept as it is.
  }
}
