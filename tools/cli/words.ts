import { usage } from "./failure.js";

const YES = new Set(["true", "yes", "1"]);
const NO = new Set(["false", "no", "0"]);

/**
 * The command line as commander reads it. `--json=a,b` chooses fields, and `--browser=false` is `--no-browser`:
 * as options with an optional value both would swallow the word after them. `help a b` is `a b --help`.
 * @throws Failure for a long flag with one dash, which would be read as short ones
 */
export function normalWords(words: readonly string[]): string[] {
  const ours = ownWords(words);
  const rest = words.slice(ours.length);
  const [first, ...named] = ours;
  if (ours.length === words.length) refuseBareProgram(ours);
  // Commander's own takes one name.
  if (first === "help" && named.length > 0) return [...named, "--help"];
  return [...ours.flatMap(normalWord), ...rest];
}

/** How `auth exec` distinguishes its own flags from the program's. */
const BEFORE_PROGRAM = "Write -- before the program: motekey auth exec -- PROGRAM ARGUMENTS.";

/** Without `--` the program's flags would be read as ours. */
function refuseBareProgram(words: readonly string[]): void {
  const [group, name, program] = words.slice(words.indexOf("auth"));
  if (group !== "auth" || name !== "exec" || program === undefined || program.startsWith("-")) return;
  throw usage("'auth exec' does not see where the program begins.", BEFORE_PROGRAM);
}

/** The words that are ours: what stands after `--` is another program's. */
export function ownWords(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end === -1 ? words : words.slice(0, end);
}

function normalWord(word: string): string[] {
  const slip = /^-([a-z][a-z-]{3,})(=.*)?$/.exec(word);
  if (slip !== null && LONG_FLAGS.has(slip[1] as string)) {
    throw usage(`'-${slip[1]}' has one dash too few.`, `Did you mean '--${slip[1]}'?`);
  }
  if (word.startsWith("--json=")) return ["--json", `--fields=${word.slice("--json=".length)}`];
  if (!word.startsWith("--browser=")) return [word];
  const value = word.slice("--browser=".length).toLowerCase();
  if (YES.has(value)) return ["--browser"];
  if (NO.has(value)) return ["--no-browser"];
  throw usage(`--browser is true or false, not '${value}'.`, "Give --browser or --no-browser.");
}

/** The long flags of the documents that people write with one dash. */
const LONG_FLAGS = new Set([
  "account",
  "browser",
  "clear",
  "client-id",
  "client-secret",
  "config",
  "force",
  "help",
  "issuer",
  "json",
  "password",
  "quiet",
  "secret-file",
  "team",
  "username",
]);
