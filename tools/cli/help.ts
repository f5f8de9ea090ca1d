/** Help texts: written beside each command, shown by --help and by its page. */
import type { Command } from "commander";

/** One example: the command line, and what it is for. */
export type Example = readonly [line: string, purpose: string];

/** What help says beyond flags and arguments. */
export interface More {
  readonly examples: readonly Example[];
  /** Environment variables of this command, beside those that all have. */
  readonly variables?: readonly (readonly [name: string, meaning: string])[];
  /** Paragraphs that a reference needs. */
  readonly notes?: readonly string[];
}

const MORE = new WeakMap<Command, More>();

/** Adds examples, variables and notes to a command's help. */
export function withHelp(command: Command, more: More): Command {
  MORE.set(command, more);
  return command.addHelpText("after", () => `\n${text(more)}`);
}

/** What help says of a command beyond flags and arguments. */
export function moreOf(command: Command): More | undefined {
  return MORE.get(command);
}

/** The words that call a command, such as `motekey auth login`. */
export function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function text({ examples, variables = [], notes = [] }: More): string {
  const parts = [`Examples:\n${examples.map(([line, purpose]) => `  # ${purpose}\n  $ ${line}`).join("\n")}`];
  if (variables.length > 0) {
    const width = Math.max(...variables.map(([name]) => name.length));
    parts.push(
      `Environment:\n${variables.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`).join("\n")}`,
    );
  }
  return [...parts, ...notes.map((note) => wrapped(note))].join("\n\n");
}

const COLUMNS = 80;

function wrapped(note: string): string {
  const lines: string[] = [];
  for (const word of note.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
