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

/** The answer goes to stdout; all else that is said goes to stderr. */
export class Output {
  /** Colours of stdout and of stderr: none without a terminal, and none with NO_COLOR. */
  readonly colours: Colors;
  private readonly noteColours: Colors;

  constructor(
    private readonly system: System,
    readonly manner: Manner,
  ) {
    this.colours = coloursOf(system, system.stdout);
    this.noteColours = coloursOf(system, system.stderr);
  }

  /** The answer, told once. `text` is for people: lines without the last line break. */
  answer(json: Json, text: string): void {
    if (this.manner.json) this.system.stdout.write(`${JSON.stringify(this.chosen(json), null, 2)}\n`);
    else if (!this.manner.quiet && text !== "") this.system.stdout.write(`${text}\n`);
  }

  /** The same for what is asked for by name, such as a token: it is printed even when quiet. */
  print(json: Json, text: string): void {
    if (this.manner.json) this.answer(json, text);
    else this.system.stdout.write(`${text}\n`);
  }

  /** Progress and hints. */
  note(text: string): void {
    if (!this.manner.quiet) this.system.stderr.write(`${text}\n`);
  }

  /** What somebody must do now for the command to go on: an address to open, a code to enter. Even when quiet. */
  request(text: string): void {
    this.system.stderr.write(`${text}\n`);
  }

  /** What must be seen even when quiet. */
  warn(text: string): void {
    this.system.stderr.write(`${this.noteColours.yellow("Warning:")} ${text}\n`);
  }

  private chosen(json: Json): unknown {
    const { fields } = this.manner;
    if (fields.length === 0) return json;
    const pick = (item: object) =>
      Object.fromEntries(Object.entries(item).filter(([name]) => fields.includes(name)));
    return Array.isArray(json) ? json.map(pick) : pick(json);
  }
}

/** Tells a failure on stderr: a line for people, or one JSON object on a line of its own. */
export function tellFailure(system: System, failure: Failure, json: boolean): void {
  if (json) {
    const { code, message, next, exit } = failure;
    system.stderr.write(`${JSON.stringify({ error: { code, message, next, exit } })}\n`);
    return;
  }
  if (failure.code === "interrupted") return void system.stderr.write("\n");
  const colours = coloursOf(system, system.stderr);
  const { message, next } = failure;
  const said = next === "" ? message : `${message}${/[.?!:]$/.test(message) ? " " : "; "}${next}`;
  system.stderr.write(`${colours.red("Error:")} ${said}\n`);
}

function coloursOf(system: System, sink: System["stdout"]): Colors {
  const wanted = sink.isTTY === true && (system.env.NO_COLOR ?? "") === "" && system.env.TERM !== "dumb";
  return picocolors.createColors(wanted);
}
