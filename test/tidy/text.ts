/** Rules over plain lines, of code and of prose. The patterns are spelt so that they don't match themselves. */
import { isLimited } from "./limits.js";
import { isCode, isCore } from "./repository.js";
import { lineRule, type Rule } from "./rule.js";

/** The most lines of a file of code. */
export const LINES_MAX = 400;

/** Prose that is not made of tests' names. */
const READ_BY_USERS =
  /^(?:[A-Z]+\.md|docs\/(?!promises)[\w-]+\.md|docs\/cli\/(?!contract|migration)[\w-]+\.md|docs\/adr\/[\w-]+\.md|firmware\/[A-Z]+\.md|host-sim\/(?:samples\/|service\/)?README\.md|firmware\/sentences\.ts)$/;

/** The words, in their forms. */
const STUMBLES =
  /\b(?:reckone[d]|owe[sd]|[Ss]ee tha[t]|one tha[t] is|one's ow[n]|[Tt]ol[d]|[Tt]ell(?:s|ing)?)\b/;

const isOurText = (path: string): boolean => !/(^|\/)package-lock\.json$|^LICENSE$/.test(path);

const length: Rule = {
  name: "file-length",
  why: `a file has one job and at most ${LINES_MAX} lines: split it`,
  // What is too large there is a class or a function: limits.ts.
  holdsIn: (path) => isCode(path) && !isLimited(path),
  check: (file, report) => {
    const lines = file.text.split("\n").length - 1;
    if (lines > LINES_MAX) report(LINES_MAX + 1, `${lines} lines`);
  },
};

export const TEXT_RULES: readonly Rule[] = [
  length,
  lineRule(
    "no-machine-path",
    "a path of one machine: use os.tmpdir(), or a path from the repository's root",
    isOurText,
    /(?<![\w.$}])\/(?:work|tmp|home|Users|root)\/[\w.-]/,
  ),
  lineRule(
    "no-registry-host",
    "which registry serves the packages is the machine's matter",
    () => true,
    /\/\/[\w.-]*registry[\w-]*\.|\bregistry\.(?:npm|yarn)/,
  ),
  {
    name: "plain-words",
    why: "a native speaker stumbles over it: computed, calls, reports, says, pending, check that",
    holdsIn: (path) => READ_BY_USERS.test(path),
    check: (file, report) => {
      file.text.split("\n").forEach((line, index) => {
        if (STUMBLES.test(line.replace(/`[^`]*`/g, ""))) report(index + 1);
      });
    },
  },
  lineRule(
    "plain-comments",
    "a native speaker stumbles over it: computed, pending, check that; who does not speak calls, reports, says",
    (path) => isCode(path) && /^(?:firmware|host-sim|tools|site|build)\//.test(path),
    /(?:\/\/ |\/\*\* |^ *\* ).*(?<!@param )\b(?:reckone[d]|owe[sd]?|[Ss]ee tha[t]|one's ow[n]|[Tt]ol[d]|[Tt]ell(?:s|ing)?\b(?!.*\bapart))\b/,
  ),
  lineRule(
    "proof-is-a-value",
    "whose proof it is concerns proof/ alone: have the proof do it, by its interface in proof/proof.ts",
    (path) => isCore(path) && !path.startsWith("firmware/proof/"),
    /\b(?:Connect|Frame)Proof|\bproof(?:\.name|\.\w+\.name)? [=!]== "/,
  ),
  lineRule("no-later", "do it, or file an issue", isOurText, /\b(?:TO[D]O|FIX[M]E)\b/),
  lineRule(
    "no-weak-signal",
    "a garbage collection may remove it, and it never aborts: waitFor() and whichever() of tools/cli/wait.ts hold theirs",
    (path) => isCode(path) && path !== "tools/cli/wait.ts",
    /\bAbortSignal\.(?:timeout|any)\b/,
  ),
  lineRule(
    "no-spin",
    "what never comes is waited for for ever: await the event, or until() of test/until.ts",
    isCode,
    /\bwhile \(.*\) await new Promise\(.*\bsetImmediate\b/,
  ),
  lineRule("no-only", "one test alone hides the others", isCode, /\.only\(/),
  lineRule("no-ts-ignore", "mend the type instead", isCode, /@ts-(?:ignore|nocheck)\b/),
  lineRule("no-banner", "the licence is in LICENSE", isCode, /SPDX-License-Identifie[r]|Copyright \([cC]\)/),
];
