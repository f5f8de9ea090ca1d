import type { Context } from "../../cli/act.js";
import { Failure, printable, startReason } from "../../cli/failure.js";
import { withoutSecrets } from "../../cli/system.js";
import type { AudienceFlags } from "../audience-flag.js";
import { freshToken } from "../token/run.js";

/** Runs a program with a fresh token in its environment. Resolves to its exit status. */
export async function exec(
  context: Context,
  { audience }: AudienceFlags,
  [program = "", ...words]: string[],
): Promise<number> {
  const { system } = context;
  const { token } = await freshToken(context, audience);
  const env = { ...withoutSecrets(system.env), MOTEKEY_AUTH_TOKEN: token };
  try {
    return await system.runProgram(program, words, env);
  } catch (failure) {
    throw new Failure(
      "command_failed",
      `Cannot run ${printable(program, 200)}: ${startReason(failure)}.`,
      "Check its name, PATH, and that it may be executed.",
    );
  }
}
