/** From a parsed command line to a run: the only place that knows both commander and what runs. */
import type { Command } from "commander";
import { printable, usage } from "./failure.js";
import { Output } from "./output.js";
import { findSettings, type GlobalFlags, type Settings } from "./settings.js";
import type { System } from "./system.js";

/** What every run is given. */
export interface Context {
  readonly system: System;
  readonly settings: Settings;
  readonly output: Output;
}

/** Runs a command; the exit status is 0 unless it returns another one. */
// biome-ignore lint/suspicious/noConfusingVoidType: most runs return nothing
export type Run<Options> = (context: Context, options: Options, words: string[]) => Promise<number | void>;

/** Hangs a run on a command. The run's module is loaded when the command is chosen, so that others start quickly. */
export type Act = <Options>(command: Command, load: () => Promise<Run<Options>>) => Command;

interface ManyFlags extends GlobalFlags {
  readonly json?: boolean;
  readonly fields?: string;
  readonly quiet?: boolean;
}

const FIELDS = new WeakMap<Command, readonly string[]>();

/** Names the fields of a command's JSON answer, in their order: for `--json=a,b`, help and pages. */
export function withFields(command: Command, fields: readonly string[]): Command {
  FIELDS.set(command, fields);
  return command;
}

/** The fields of a command's JSON answer; empty where it has none. */
export function fieldsOf(command: Command): readonly string[] {
  return FIELDS.get(command) ?? [];
}

/** @param ended gets the exit status */
export function actOn(system: System, ended: (exit: number) => void): Act {
  return (command, load) =>
    command.action(async () => {
      const flags: ManyFlags = command.optsWithGlobals();
      const output = new Output(system, {
        json: flags.json === true,
        fields: chosenFields(command, flags.fields),
        quiet: flags.quiet === true,
      });
      refuseEmpty(command);
      const settings = await findSettings(flags, system, (text) => output.warn(text));
      const run = await load();
      ended((await run({ system, settings, output }, command.opts() as never, command.args)) ?? 0);
    });
}

/** A variable that a script forgot to set must not pass for a value. */
function refuseEmpty(command: Command): void {
  for (let owner: Command | null = command; owner !== null; owner = owner.parent) {
    for (const option of owner.options) {
      if (owner.getOptionValue(option.attributeName()) === "")
        throw usage(`${option.long} is empty.`, "Give it a value, or leave it out.");
    }
  }
}

function chosenFields(command: Command, list: string | undefined): readonly string[] {
  if (list === undefined) return [];
  const known = fieldsOf(command);
  const chosen = list.split(",").map((field) => field.trim());
  for (const field of chosen) {
    if (known.includes(field)) continue;
    const next = known.length === 0 ? "This command has no JSON answer." : `Choose from ${known.join(", ")}.`;
    throw usage(`There is no field '${printable(field, 80)}'.`, next);
  }
  return chosen;
}
