/** The tree of commands, and one run of it. */
import { Command, CommanderError, Option } from "commander";
import { authCommand } from "./auth/command.js";
import { caCommand } from "./ca/command.js";
import { type Act, actOn } from "./cli/act.js";
import { endsByItself } from "./cli/ending.js";
import { Exit, Failure, printable, usage } from "./cli/failure.js";
import { keepGiven } from "./cli/given.js";
import { nameOf, withHelp } from "./cli/help.js";
import { tellFailure } from "./cli/output.js";
import { interrupted } from "./cli/prompt.js";
import type { System } from "./cli/system.js";
import { normalWords, ownWords } from "./cli/words.js";
import { cloudCommand } from "./cloud/command.js";
import { completionCommand } from "./completion/command.js";
import { deviceCommand } from "./device/command.js";
import { doctorCommand } from "./doctor/command.js";
import { environmentCommand } from "./environment/command.js";
import { simCommand } from "./sim/command.js";
import { VERSION } from "./version.js";

/** All commands. `act` hangs the runs on them. */
export function program(act: Act): Command {
  const root = new Command("motekey")
    .description("Logs operators in to their teams, and says what keeps them or their devices out.")
    .version(VERSION, "-V, --version", "print the version")
    .helpCommand("help [command]", "show help of a command")
    .option("--team <name>", "the team to work in (MOTEKEY_TEAM, or the directory's .motekey.json)")
    .option("--config <file>", "where logins are kept (MOTEKEY_CONFIG_PATH)")
    .option("--issuer <url>", "the identity provider (MOTEKEY_ISSUER, or the team's)")
    .option("--json", "print the answer as JSON; --json=a,b prints these fields only")
    .option("--quiet", "print neither hints nor progress, nor the answer unless --json")
    .addOption(new Option("--fields <names>").hideHelp());
  withHelp(root, {
    examples: [
      ["motekey auth login --team acme --issuer https://id.example.com", "Log in with the browser"],
      ["motekey auth status", "Is the login still good?"],
      [
        `printf 'Authorization: Bearer %s' "$(motekey auth token)" | curl -H @- https://api.example.com/`,
        "Use the token",
      ],
      ["motekey cloud start", "A mock cloud with an identity provider, on this machine"],
    ],
    notes: [
      "A flag goes before an environment variable, that before the directory's .motekey.json, that before the active account.",
      "Environment variables: 'motekey help environment'.",
      "Exit: 0 done, 1 failed, 2 wrong usage, 4 authentication needed, 130 interrupted.",
    ],
  });
  root.addCommand(authCommand(act));
  root.addCommand(deviceCommand(act));
  root.addCommand(caCommand(act));
  root.addCommand(doctorCommand(act));
  root.addCommand(cloudCommand(act));
  root.addCommand(simCommand(act));
  root.addCommand(completionCommand(act, () => root));
  root.addCommand(environmentCommand(act));
  return root;
}

/** Runs a command line (without the interpreter's words). Resolves to the exit status; never rejects. */
export async function run(words: readonly string[], system: System): Promise<number> {
  keepGiven(system.secrets, words, system.env);
  let exit: number = Exit.DONE;
  try {
    const root = program(actOn(system, (status) => (exit = status)));
    adopt(root, system);
    if (words.length === 0) root.outputHelp();
    else await unlessInterrupted(system, root.parseAsync(normalWords(words), { from: "user" }));
    return exit;
  } catch (failure) {
    const told = asFailure(failure, system);
    if (told === null) return Exit.DONE;
    tellFailure(
      system,
      told,
      ownWords(words).some((word) => /^--json(=|$)/.test(word)),
    );
    return told.exit;
  }
}

/** What may be tidied up after Ctrl-C takes at most so long. Locks are released when the process ends. */
const GRACE_MS = 500;

/** Ctrl-C ends the run, whatever it waits for. */
function unlessInterrupted(system: System, work: Promise<unknown>): Promise<unknown> {
  const ended = new Promise<never>((_resolve, reject) => {
    const end = () => {
      if (!endsByItself(system)) setTimeout(() => reject(interrupted()), GRACE_MS);
    };
    system.interrupted.addEventListener("abort", end, { once: true });
  });
  return Promise.race([work, ended]);
}

/** Every command speaks through the system's streams, and throws instead of ending the process. */
function adopt(command: Command, system: System): void {
  command.configureHelp({ showGlobalOptions: true }).helpOption("-h, --help", "show help");
  command
    .exitOverride((failure) => refuse(command, failure))
    .configureOutput({
      writeOut: (text) => system.stdout.write(text),
      writeErr: () => undefined,
      getOutHasColors: () => false,
    });
  for (const child of command.commands) adopt(child, system);
}

/** What commander found wrong with a command's line, and where that command's help is. */
function refuse(command: Command, failure: CommanderError): never {
  if (failure.exitCode === 0) throw failure;
  const help = `See '${nameOf(command)} --help'.`;
  if (failure.code === "commander.help") throw usage("A command is missing.", help);
  const [message = "", hint = ""] = failure.message.replace(/^error: /, "").split("\n");
  // What follows a flag that nobody knows may be a secret.
  throw usage(
    sentence(message.replace(/(unknown option '-[^'=]*)=.*'/s, "$1'")),
    meantBy(command, failure) || hint.replace(/^\(|\)$/g, "") || help,
  );
}

/** A command of that name elsewhere, or a flag that begins so: commander knows similar words only. */
function meantBy(command: Command, { code, message }: CommanderError): string {
  const word = /'([^'=]*)/.exec(message)?.[1] ?? "";
  if (code === "commander.unknownCommand") {
    const path = pathsTo(command, word)[0];
    return path === undefined ? "" : `Did you mean '${path}'?`;
  }
  if (code !== "commander.unknownOption") return "";
  const longs = [...command.options, ...rootOf(command).options].map(({ long }) => long ?? "");
  const meant = longs.find((long) => word.length > SHORTEST_SLIP && long.startsWith(word));
  return meant === undefined ? "" : `Did you mean ${meant}?`;
}

/** `--us` may be anything. */
const SHORTEST_SLIP = 4;

/** The commands below this one that have a name, in full. */
function pathsTo(command: Command, name: string): string[] {
  return command.commands.flatMap((child) => [
    ...([child.name(), ...child.aliases()].includes(name) ? [nameOf(child)] : []),
    ...pathsTo(child, name),
  ]);
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));

/** Null where there is nothing to run: the line asked for help or the version, and has it. */
function asFailure(failure: unknown, system: System): Failure | null {
  if (failure instanceof Failure) return failure;
  if (system.interrupted.aborted) return interrupted();
  return failure instanceof CommanderError ? null : unexpected(failure, system);
}

/** A mistake of ours, or of a library: shown without its stack, which few can use. */
export function unexpected(failure: unknown, system: System): Failure {
  const message = failure instanceof Error ? failure.message : String(failure);
  const stack = system.env.MOTEKEY_DEBUG === undefined ? "" : `\n${(failure as Error).stack}`;
  const next = "MOTEKEY_DEBUG=1 shows where; please report it.";
  return new Failure("failed", `Unexpected: ${printable(message)}.`, `${next}${stack}`, { cause: failure });
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
