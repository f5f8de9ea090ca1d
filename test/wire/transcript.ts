/**
 * Reads Markdown transcripts: each `## title` holds one, as prose and fenced blocks in the order in which things
 * happen on one connection.
 *
 * - `hex server`, `hex client`: pairs of hex digits, `"ASCII text"` for its bytes, `;` begins a comment
 * - `text server`, `text client`: the bytes as they stand, without the newline before the closing fence
 * - `events`: one expected event a line
 */
import { readFileSync } from "node:fs";

/** Bytes that one side sends in one go. */
export interface Piece {
  side: "server" | "client";
  bytes: Buffer;
  /** Line of the opening fence, from 1. */
  line: number;
}

/** One `##` section that has at least one block. */
export interface Transcript {
  title: string;
  pieces: Piece[];
  events: string[];
}

/** @throws Error naming the line of whatever it does not understand: a typing error must not pass as prose. */
export function readTranscripts(file: URL): Transcript[] {
  const transcripts: Transcript[] = [];
  const lines = readFileSync(file, "utf8").split("\n");
  let open: Transcript | undefined;
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].startsWith("## ")) {
      open = { title: lines[i].slice(3), pieces: [], events: [] };
      transcripts.push(open);
    }
    if (!lines[i].startsWith("```")) continue;
    const line = i + 1;
    const end = lines.indexOf("```", line);
    if (end < 0 || open === undefined)
      throw new Error(`${file}:${line}: a block without its end or its title`);
    const body = lines.slice(line, end);
    const [, kind, side] = /^```(\w+) ?(\w*)$/.exec(lines[i]) ?? [];
    if (kind === "events" && side === "") open.events.push(...body);
    else if ((kind === "hex" || kind === "text") && (side === "server" || side === "client")) {
      const bytes = kind === "hex" ? hexBytes(body, file, line) : Buffer.from(body.join("\n"));
      open.pieces.push({ side, bytes, line });
    } else throw new Error(`${file}:${line}: unknown block ${lines[i]}`);
    i = end;
  }
  return transcripts.filter((transcript) => transcript.pieces.length > 0);
}

function hexBytes(lines: string[], file: URL, line: number): Buffer {
  const words = lines.flatMap((text) => text.match(/"[^"]*"|;.*|[^\s";]+/g) ?? []);
  const bytes = words
    .filter((word) => !word.startsWith(";"))
    .map((word) => {
      if (word.startsWith('"')) return Buffer.from(word.slice(1, -1), "ascii");
      if (/^([0-9a-fA-F]{2})+$/.test(word)) return Buffer.from(word, "hex");
      throw new Error(`${file}:${line}: neither hex digits nor quoted text: ${word}`);
    });
  return Buffer.concat(bytes);
}

/** All that one side sends, joined. */
export function bytesFrom(side: Piece["side"], transcript: Transcript): Buffer {
  return Buffer.concat(transcript.pieces.filter((piece) => piece.side === side).map((piece) => piece.bytes));
}

/** The two halves at every inner index, and once byte by byte. */
export function* everySplit(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** Windows of these sizes in turn. */
export function cut(bytes: Uint8Array, sizes: number[]): Uint8Array[] {
  const windows: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += windows[windows.length - 1].length) {
    windows.push(bytes.subarray(at, at + sizes[windows.length % sizes.length]));
  }
  return windows;
}
