import { Argument, Command } from "commander";
import { type Act, withFields } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import type { Shell } from "./script.js";

const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** The fields of its answer. */
export const COMPLETION_FIELDS = ["shell", "script"];

/** `motekey completion`. `root` is the tree that the script completes. */
export function completionCommand(act: Act, root: () => Command): Command {
  const command = new Command("completion")
    .summary("print a script that completes command lines")
    .description("Prints a script that has a shell complete motekey's commands and flags.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS));
  act<object>(command, async () => {
    const { scriptOf } = await import("./script.js");
    return async ({ output }, _flags, [shell]) => {
      const script = scriptOf(root(), shell as Shell);
      output.print({ shell, script }, script);
    };
  });
  withFields(command, COMPLETION_FIELDS);
  return withHelp(command, {
    examples: [
      ["source <(motekey completion bash)", "In ~/.bashrc"],
      ["motekey completion zsh > ~/.zfunc/_motekey", "With fpath+=~/.zfunc before compinit in ~/.zshrc"],
      ["motekey completion fish > ~/.config/fish/completions/motekey.fish", "For fish"],
    ],
  });
}
