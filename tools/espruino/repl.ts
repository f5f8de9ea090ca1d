/** Espruino's prompt over a serial line: an expression goes in, its value comes back between marks of this line's own. */
import { randomBytes } from "node:crypto";
import { Failure, printable } from "../cli/failure.js";
import { waitFor } from "../cli/wait.js";
import type { SerialLine } from "../serial/ports.js";

const CTRL_C = "\x03";
/** At the beginning of a line: it is not echoed, so that no secret stands in what comes back. */
const NO_ECHO = "\x10";
const ANSWER_MS_MAX = 10_000;
const FIRST_ANSWER_MS_MAX = 3_000;
/** The engine's lines are few hundred characters on small boards. */
const PIECE_BYTES = 192;

/** One prompt. */
export class Repl {
  private text = "";
  private heard: () => void = () => undefined;

  constructor(
    private readonly line: SerialLine,
    private readonly interrupted: AbortSignal,
  ) {
    line.onData((bytes) => {
      this.text += Buffer.from(bytes).toString("latin1");
      this.heard();
    });
  }

  /** Stops what is typed half, and has the engine say its version. */
  async connect(): Promise<string> {
    await this.send(`${CTRL_C}\n`);
    const version = await this.value("process.version", FIRST_ANSWER_MS_MAX);
    return printable(String(version), 40);
  }

  /** The value of an expression, through JSON. @throws Failure for what it throws */
  async value(expression: string, limitMs = ANSWER_MS_MAX): Promise<unknown> {
    const mark = randomBytes(6).toString("hex");
    // Apart, so that an echo of the line is not taken for its answer.
    const say = `print("<"+"${mark}"+">"+`;
    this.text = "";
    await this.send(
      `${NO_ECHO}try{${say}JSON.stringify(${expression})+"</"+"${mark}>")}catch(e){${say}"!"+e+"</"+"${mark}>")}\n`,
    );
    const said = await this.until(new RegExp(`<${mark}>([^]*?)</${mark}>`), limitMs);
    if (!said.startsWith("!")) return said === "undefined" ? undefined : JSON.parse(said);
    throw new Failure(
      "device_unverified",
      `Espruino refuses: ${printable(said.slice(1), 120)}.`,
      "Free some of its Storage, or update it.",
    );
  }

  /** A file's bytes; null: there is none. */
  async read(name: string): Promise<Buffer | null> {
    const file = `require("Storage").read(${JSON.stringify(name)})`;
    const text = await this.value(`${file}===undefined?null:btoa(${file})`);
    return typeof text === "string" ? Buffer.from(text, "base64") : null;
  }

  /** Writes a file in pieces; the first one makes it. */
  async write(name: string, data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; at += PIECE_BYTES) {
      const piece = data.toString("base64", at, Math.min(at + PIECE_BYTES, data.length));
      await this.value(
        `require("Storage").write(${JSON.stringify(name)},atob("${piece}"),${at},${data.length})`,
      );
    }
  }

  private send(text: string): Promise<void> {
    return waitFor(
      ANSWER_MS_MAX,
      this.silent(),
      () => this.line.write(Buffer.from(text, "latin1")),
      this.interrupted,
    );
  }

  private until(pattern: RegExp, limitMs: number): Promise<string> {
    const found = new Promise<string>((resolve) => {
      this.heard = () => {
        const match = pattern.exec(this.text);
        if (match !== null) resolve(match[1] ?? "");
      };
      this.heard();
    });
    const gone = this.line.ended.then(() => Promise.reject(this.silent()));
    return waitFor(limitMs, this.silent(), () => Promise.race([found, gone]), this.interrupted);
  }

  private silent(): Failure {
    return new Failure(
      "device_silent",
      `No Espruino answers at ${this.line.info.path}.`,
      "Check --port and --baud, and that the board runs Espruino with its prompt on that port.",
    );
  }
}
