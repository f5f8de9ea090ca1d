/**
 * Audit logs: a JSON object a line, and each line with the SHA-256 of what stands before its own hash, in which is the
 * hash of the line before. Who changes, removes or adds a line breaks the chain there. What is cut off the end breaks
 * nothing: the last hash, kept elsewhere, shows that.
 */
import { createHash } from "node:crypto";
import { printable } from "../cli/failure.js";

/** What a line holds beside its place in the chain. */
export type Entry = Readonly<Record<string, unknown>> & { readonly did: string };

/** The hash before the first line. */
export const BEGINNING = "0".repeat(64);
const LINE_BYTES_MAX = 64 * 1024;
const LINE = /^(\{"n":(\d+),.*"prev":"([0-9a-f]{64})"),"hash":"([0-9a-f]{64})"\}$/s;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The lines of a log, made one behind the other. */
export class Chain {
  /** @param lines how many there are @param head the last one's hash */
  constructor(
    private lines = 0,
    private last: string = BEGINNING,
  ) {}

  /** How many lines there are. */
  get count(): number {
    return this.lines;
  }

  /** The hash of the last line. */
  get head(): string {
    return this.last;
  }

  /** The next line, with its line feed. */
  add(entry: Entry): string {
    const rest = JSON.stringify({ n: ++this.lines, ...entry, prev: this.last });
    const open = rest.slice(0, -1);
    this.last = sha256(open);
    return `${open},"hash":"${this.last}"}\n`;
  }

  /** Takes the next line that was read; what is wrong with it, or null. */
  take(line: string): { entry: Entry } | { wrong: string } {
    const [, open = "", number = "", before = "", hash = ""] = LINE.exec(line) ?? [];
    if (open === "") return { wrong: "it is no line of an audit log" };
    if (Number(number) !== this.lines + 1) return { wrong: `it has the number ${number} in this place` };
    if (before !== this.last) return { wrong: "it does not follow the line before" };
    if (sha256(open) !== hash) return { wrong: "it was changed: its hash does not fit" };
    const entry = entryIn(`${open}}`);
    if (entry === null) return { wrong: "it is no line of an audit log" };
    this.lines++;
    this.last = hash;
    return { entry };
  }
}

function entryIn(text: string): Entry | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof (value as Entry).did === "string" ? (value as Entry) : null;
  } catch {
    return null;
  }
}

/** What was read of a log. */
export interface Verified {
  readonly lines: number;
  readonly head: string;
  /** Where the chain breaks: from 1; null: it is whole. */
  readonly broken: { readonly line: number; readonly why: string } | null;
  /** Bytes of whole lines, up to the break. */
  readonly bytes: number;
  /** Behind them: what a write that was cut left, without its line feed. */
  readonly tornBytes: number;
}

/** Goes through a log, as far as its chain holds. @param each is given every entry, in order */
export async function verify(
  chunks: AsyncIterable<Uint8Array>,
  each: (entry: Entry, line: number) => void | Promise<void>,
): Promise<Verified> {
  const chain = new Chain();
  let rest = Buffer.alloc(0);
  let bytes = 0;
  const found = (wrong: string | null): Verified => ({
    lines: chain.count,
    head: chain.head,
    broken: wrong === null ? null : { line: chain.count + 1, why: printable(wrong, 200) },
    bytes,
    tornBytes: rest.length,
  });
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10, from)) {
      const taken = chain.take(rest.toString("utf8", from, end));
      if ("wrong" in taken) return found(taken.wrong);
      await each(taken.entry, chain.count);
      bytes += end + 1 - from;
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > LINE_BYTES_MAX) return found("it is no line of an audit log");
  }
  return found(null);
}
