import picocolors from "picocolors";
import type { Colors } from "picocolors/types.js";
import type { Failure } from "./failure.js";
import type { System } from "./system.js";

/** How a command was asked to speak. */
export interface Manner {
  readonly json: boolean;
  /** Top-level fields of the JSON answer; empty: all. */
  readonly fields: readonly string[];
  readonly quiet: boolean;
}

/** A command's answer for programs: one object, or a list of them. Nulls, never undefined. */
export type Json = Readonly<Record<string, unknown>> | readonly Readonly<Record<string, unknown>>[];

/**
 * The answer goes to stdout; all else that is said goes to stderr. This file, the questions in cli/prompt and
 * cli/clipboard are all that write there: what is said here leaves without the run's secrets, whoever made the text.
 */
export class Output {
  /** Colours of stdout and of stderr: none without a terminal, and none with NO_COLOR. */
  readonly colours: Colors;
  private readonly noteColours: Colors;
  private readonly warned = new Set<string>();

  constructor(
    private readonly system: System,
    readonly manner: Manner,
  ) {
    this.colours = coloursOf(system, system.stdout);
    this.noteColours = coloursOf(system, system.stderr);
  }

  /** How many columns the answer has; null: no terminal shows it. */
  get columns(): number | null {
    const { isTTY, columns } = this.system.stdout;
    return isTTY === true && columns !== undefined && columns > 0 ? columns : null;
  }

  /** The answer, given once. `text` is for people: lines without the last line break. */
  answer(json: Json, text: string): void {
    const { secrets } = this.system;
    if (this.manner.json) this.printJson(secrets.withoutIn(this.chosen(json)));
    else if (!this.manner.quiet && text !== "") this.system.stdout.write(`${secrets.without(text)}\n`);
  }

  /** The same for a secret that is asked for by name, such as a token: it is printed, even when quiet. */
  print(json: Json, text: string): void {
    if (this.manner.json) this.printJson(this.chosen(json));
    else this.system.stdout.write(`${text}\n`);
  }

  /** Progress and hints. */
  note(text: string): void {
    if (!this.manner.quiet) this.say(text);
  }

  /** Does a terminal show how far a work has come, in a line that changes? */
  get hasProgressLine(): boolean {
    return this.system.stderr.isTTY === true;
  }

  /** How far a work has come; null takes the line away. */
  progress(text: string | null): void {
    if (this.manner.quiet) return;
    if (this.hasProgressLine)
      this.system.stderr.write(`\r\u001b[2K${this.system.secrets.without(text ?? "")}`);
    else if (text !== null) this.say(text);
  }

  /** What somebody must do now for the command to go on: an address to open, a code to enter. Even when quiet. */
  request(text: string): void {
    this.say(text);
  }

  /** What must be seen even when quiet; once, however many find it. */
  warn(text: string): void {
    if (this.warned.has(text)) return;
    this.warned.add(text);
    this.say(`${this.noteColours.yellow("Warning:")} ${text}`);
  }

  private say(text: string): void {
    this.system.stderr.write(`${this.system.secrets.without(text)}\n`);
  }

  private printJson(json: unknown): void {
    this.system.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  }

  private chosen(json: Json): unknown {
    const { fields } = this.manner;
    if (fields.length === 0) return json;
    const pick = (item: object) =>
      Object.fromEntries(Object.entries(item).filter(([name]) => fields.includes(name)));
    return Array.isArray(json) ? json.map(pick) : pick(json);
  }
}

/** Prints a failure on stderr: a line for people, or one JSON object on a line of its own. */
export function tellFailure(system: System, failure: Failure, json: boolean): void {
  const { code, exit } = failure;
  const [message, next] = [system.secrets.without(failure.message), system.secrets.without(failure.next)];
  if (json) {
    system.stderr.write(`${JSON.stringify({ error: { code, message, next, exit } })}\n`);
    return;
  }
  if (code === "interrupted") return void system.stderr.write("\n");
  const colours = coloursOf(system, system.stderr);
  const said = next === "" ? message : `${message}${/[.?!:]$/.test(message) ? " " : "; "}${next}`;
  system.stderr.write(`${colours.red("Error:")} ${said}\n`);
}

function coloursOf(system: System, sink: System["stdout"]): Colors {
  const wanted = sink.isTTY === true && (system.env.NO_COLOR ?? "") === "" && system.env.TERM !== "dumb";
  return picocolors.createColors(wanted);
}
