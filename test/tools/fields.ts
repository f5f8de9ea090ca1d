/** The fields that a command's page documents for --json. */
import assert from "node:assert/strict";
import type { Command } from "commander";
import { fieldsOf } from "../../tools/cli/act.js";
import { nameOf } from "../../tools/cli/help.js";
import { program } from "../../tools/program.js";

/** All commands, each with those below it. */
export const COMMANDS: readonly Command[] = commandsOf(program((command) => command));

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap((child) => commandsOf(child))];
}

/** The command of a line without `motekey`. */
export const commandOf = (line: string): Command =>
  COMMANDS.findLast((command) => `motekey ${line} `.startsWith(`${nameOf(command)} `)) as Command;

/** The answer, or each of a list, has the documented fields, in their order. */
export function hasItsFields(line: string, answer: unknown): void {
  for (const one of Array.isArray(answer) ? answer : [answer])
    assert.deepEqual(Object.keys(one), fieldsOf(commandOf(line)), line);
}
