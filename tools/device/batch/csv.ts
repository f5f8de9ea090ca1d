/** Rows of a CSV file (RFC 4180), strictly, as they come: a file of any length takes no memory. */
import { printable, usage } from "../../cli/failure.js";

/** A row, and the line of the file that it begins in, from 1. */
export interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

/** A row is refused beyond that: a quote that nobody closed would take in the rest of the file. */
const ROW_CHARACTERS_MAX = 64 * 1024;
const BYTE_ORDER_MARK = "\ufeff";

/** Where the reader is within a cell. */
type Place = "start" | "bare" | "quoted" | "after";

/**
 * The rows of a file, the header included. Lines end with CR LF or LF, and empty ones are skipped.
 * @param name the file's, for errors
 * @throws Failure that names the line: quotes out of place, bytes that are not UTF-8, control characters
 */
export async function* rowsOf(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Row> {
  const reader = new Reader(name);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decoded = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw reader.wrong("or a line soon after it is not UTF-8", "Save the file as UTF-8.");
    }
  };
  for await (const chunk of chunks) yield* reader.read(decoded(chunk));
  yield* reader.read(decoded());
  yield* reader.end();
}

class Reader {
  private line = 1;
  private startLine = 1;
  private cells: string[] = [];
  private cell = "";
  private place: Place = "start";
  private length = 0;
  private isFirst = true;
  /** A CR came, and only LF may follow. */
  private isAfterReturn = false;

  constructor(private readonly name: string) {}

  *read(text: string): Generator<Row> {
    for (const character of text) {
      if (this.isFirst) {
        this.isFirst = false;
        if (character === BYTE_ORDER_MARK) continue;
      }
      const row = this.take(character);
      if (row !== null) yield row;
    }
  }

  *end(): Generator<Row> {
    if (this.place === "quoted") {
      this.line = this.startLine;
      throw this.wrong("has a quote that nobody closes", 'Write a quote within quotes as "".');
    }
    const row = this.rowEnd();
    if (row !== null) yield row;
  }

  wrong(what: string, next: string): Error {
    return lineFailure(this.name, this.line, what, next);
  }

  private take(character: string): Row | null {
    if (++this.length > ROW_CHARACTERS_MAX) {
      this.line = this.startLine;
      throw this.wrong(`is longer than ${ROW_CHARACTERS_MAX} characters`, "Is a quote left open there?");
    }
    if (this.place === "quoted") return this.takeQuoted(character);
    if (this.isAfterReturn && character !== "\n")
      throw this.wrong("has a CR without LF", "Lines end with CR LF or LF.");
    if (character === "\n") return this.rowEnd();
    if (character === "\r") this.isAfterReturn = true;
    else if (character === ",") this.cellEnd();
    else if (character === '"') this.quote();
    else if (this.place === "after")
      throw this.wrong("has text behind a closing quote", 'Write a quote within quotes as "".');
    else this.add(character, "bare");
    return null;
  }

  private takeQuoted(character: string): null {
    if (character === '"') this.place = "after";
    else {
      if (character === "\n") this.line++;
      this.add(character, "quoted");
    }
    return null;
  }

  private quote(): void {
    if (this.place === "bare")
      throw this.wrong("has a quote within a value that has none around it", 'Write it as "a ""b"" c".');
    // The second of two within quotes.
    if (this.place === "after") this.add('"', "quoted");
    this.place = "quoted";
  }

  private add(character: string, place: Place): void {
    if (character < " " && !(place === "quoted" && "\t\r\n".includes(character)))
      throw this.wrong(
        `has the control character ${character.charCodeAt(0)}`,
        "Is it a CSV file? A tab belongs in quotes.",
      );
    this.cell += character;
    this.place = place;
  }

  private cellEnd(): void {
    this.cells.push(this.cell);
    this.cell = "";
    this.place = "start";
  }

  private rowEnd(): Row | null {
    const isEmpty = this.cells.length === 0 && this.cell === "" && this.place === "start";
    this.cellEnd();
    const row = { line: this.startLine, cells: this.cells };
    this.cells = [];
    this.length = 0;
    this.isAfterReturn = false;
    this.startLine = ++this.line;
    return isEmpty ? null : row;
  }
}

/** What is wrong with a line. */
export const lineFailure = (name: string, line: number, what: string, next: string): Error =>
  usage(`${printable(name)}, line ${line} ${what}.`, next);
