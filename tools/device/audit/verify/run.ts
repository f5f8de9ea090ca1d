import { resolve } from "node:path";
import { readLog } from "../../../audit/log.js";
import type { Context } from "../../../cli/act.js";
import { Exit, printable, usage } from "../../../cli/failure.js";

/** The flags of `motekey device audit verify`. */
export interface VerifyFlags {
  readonly head?: string;
}

/** Follows a log's chain of hashes. Resolves to 1 where it breaks, or does not end as `--head` says. */
export async function verifyLog(
  { system, output }: Context,
  flags: VerifyFlags,
  words: readonly string[],
): Promise<number> {
  const [file = ""] = words;
  const wanted = flags.head?.toLowerCase() ?? null;
  if (wanted !== null && !/^[0-9a-f]{64}$/.test(wanted))
    throw usage("--head is no hash.", "It is the 64 digits of hex that 'device batch' printed.");
  const { lines, head, broken, tornBytes } = await readLog(resolve(system.directory, file));
  const hasEnd = wanted === null || wanted === head;
  const isIntact = broken === null && hasEnd;
  const why = broken?.why ?? (hasEnd ? null : "the log ends here, and not with the hash that was given");
  const line = broken?.line ?? (hasEnd ? null : lines + 1);
  output.answer(
    {
      file,
      lines,
      head,
      intact: isIntact,
      broken_line: line,
      broken_why: why,
      torn_bytes: tornBytes,
    },
    isIntact
      ? `${printable(file)}: ${lines} lines, each as it was written; the last one's hash is ${head}`
      : `${printable(file)} is broken in line ${line}: ${why}`,
  );
  if (isIntact && tornBytes > 0)
    output.note(
      `Behind the last line are ${tornBytes} bytes of a write that was cut; no answer rested on it.`,
    );
  return isIntact ? Exit.DONE : Exit.FAILED;
}
