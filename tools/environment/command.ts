import { Command } from "commander";
import { type Act, withFields } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { VARIABLES } from "../cli/variables.js";

/** The fields of its answer, a list with one entry for each variable. */
export const ENVIRONMENT_FIELDS = ["variable", "meaning", "set"];

/** `motekey environment`, and the topic of `motekey help environment` */
export function environmentCommand(act: Act): Command {
  const command = new Command("environment")
    .summary("list the environment variables that count")
    .description("Lists the environment variables that count, and which of them are set. No value is shown.");
  act<object>(command, async () => (await import("./run.js")).environment);
  withFields(command, ENVIRONMENT_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey environment", "What is set?"],
      ["motekey environment --json=variable,set", "For a program"],
    ],
    variables: VARIABLES,
    notes: ["An empty variable counts as not set."],
  });
}
