/** A page per command, made of what --help says. */
import type { Argument, Command, Option } from "commander";
import { fieldsOf } from "../../tools/cli/act.js";
import { FAILURES } from "../../tools/cli/failure.js";
import { moreOf, nameOf } from "../../tools/cli/help.js";
import { OBSTACLES, REASONS } from "../../tools/doctor/finding.js";

/** A file of the documentation: its name, and all of it in Markdown. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

/** A test: its file below a folder that the page names, and its title as it stands there. */
export type Test = readonly [file: string, title: string];

/** How pages name a test. */
export const heldBy = ([file, title]: Test): string => `${file}: ${title}`;

/** Whether a file's code has the test of this title; `{name}` stands for what a title is filled with. */
export function hasTest(code: string, title: string): boolean {
  const filled = title.replaceAll("{", "${");
  const quoted = [JSON.stringify(title), `'${title}'`, `\`${title}\``, `\`${filled}\``];
  return quoted.some((text) => code.includes(`it(${text}`));
}

/** All pages: one per command that runs, and the index. @param root the tree of commands */
export function pagesOf(root: Command): Page[] {
  const commands = leavesOf(root);
  return [indexOf(root, commands), ...commands.map((command) => pageOf(command))];
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap((child) => leavesOf(child));
}

const fileOf = (command: Command): string => `${nameOf(command).split(" ").slice(1).join("-")}.md`;

function pageOf(command: Command): Page {
  const name = nameOf(command);
  const { examples = [], variables = [], notes = [] } = moreOf(command) ?? {};
  const aliases = command.aliases().map((alias) => `\`${name.replace(/\S+$/, alias)}\``);
  const fields = fieldsOf(command).map((field) => `\`${field}\``);
  const parts = [
    `# ${name}`,
    command.description(),
    `\`\`\`\n${name} ${command.usage()}\n\`\`\``,
    aliases.length === 0 ? "" : `The same: ${aliases.join(", ")}.`,
    argumentsTable(command.registeredArguments),
    optionsTable(command.options),
    table(
      ["variable", "holds"],
      variables.map(([variable, meaning]) => [code(variable), meaning]),
    ),
    fields.length === 0 ? "" : `With \`--json\` the answer has ${fields.join(", ")}; \`--json=a,b\` chooses.`,
    name === "motekey doctor" ? reasons() : "",
    examples.length === 0 ? "" : "## Examples",
    ...examples.map(
      ([line, purpose]) => `${purpose}${purpose.endsWith("?") ? "" : ":"}\n\n\`\`\`sh\n${line}\n\`\`\``,
    ),
    notes.length === 0 ? "" : `## Notes\n\n${notes.join("\n\n")}`,
    "[All commands](README.md)",
  ];
  return { file: fileOf(command), text: joined(parts) };
}

function indexOf(root: Command, commands: readonly Command[]): Page {
  const rows = commands.map((command) => [`[${nameOf(command)}](${fileOf(command)})`, command.summary()]);
  const codes = Object.entries(FAILURES).map(([name, { exit, meaning }]) => [
    code(name),
    String(exit),
    meaning,
  ]);
  const parts = [
    "# motekey",
    root.description(),
    table(["command", "does"], rows),
    "Coming from another tool: [migration.md](migration.md). In CI: [ci.md](ci.md). What the tests hold: [contract.md](contract.md).",
    "## Flags of every command",
    optionsTable(root.options),
    ...(moreOf(root)?.notes ?? []),
    "## Error codes",
    'With `--json` a failure is one object on stderr: `{"error":{"code","message","next","exit"}}`.',
    table(["code", "exit", "meaning"], codes),
  ];
  return { file: "README.md", text: joined(parts) };
}

/** What doctor's findings may have as their reason, beside error codes of all commands. */
function reasons(): string {
  const own = Object.entries(REASONS).map(([name, meaning]) => [code(name), meaning]);
  const places = Object.entries(OBSTACLES).map(([name, meaning]) => [
    `${code(`issuer_${name}`)}, ${code(`cloud_${name}`)}`,
    meaning,
  ]);
  const device = [code("device_…"), "the firmware's status, in small letters: `device_bad_credentials`"];
  const intro =
    "Beside the [error codes](README.md#error-codes) of store, keychain and login, a reason is one of these:";
  return `## Reasons\n\n${intro}\n\n${table(["reason", "meaning"], [...own, ...places, device])}`;
}

function optionsTable(options: readonly Option[]): string {
  const shown = options.filter((option) => !option.hidden);
  return table(
    ["flag", "does"],
    shown.map(({ flags, description, defaultValue }) => {
      const usual = typeof defaultValue === "string" ? ` (default \`${defaultValue}\`)` : "";
      return [code(flags), `${description}${usual}`];
    }),
  );
}

function argumentsTable(words: readonly Argument[]): string {
  return table(
    ["argument", "is"],
    words.map((word) => [code(word.name()), word.description]),
  );
}

const code = (text: string): string => `\`${text}\``;

/** A table; the empty text where it has no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

const joined = (parts: readonly string[]): string => `${parts.filter((part) => part !== "").join("\n\n")}\n`;
