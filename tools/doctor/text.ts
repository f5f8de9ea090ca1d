/** What flags let doctor read. */
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { printable, systemReason, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";

/** The next step where a flag is wrong. */
export const HELP = "See 'motekey doctor --help'.";

/** Far more than a bundle of CAs has. */
const BYTES_MAX = 1024 * 1024;

/**
 * The text of a file that a flag names, from UTF-8.
 * @throws Failure `usage`: it cannot be read, or is longer than 1 MiB
 */
export function fileText(system: System, flag: string, path: string): Promise<string> {
  return textOf(createReadStream(resolve(system.directory, path)), `${flag}: ${printable(path)}`);
}

/** The same of standard input. */
export function pipedText(system: System, flag: string): Promise<string> {
  return textOf(system.stdin, `${flag}: standard input`);
}

async function textOf(source: NodeJS.ReadableStream, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source) {
      chunks.push(Buffer.from(chunk as Buffer));
      size += chunk.length;
      if (size > BYTES_MAX) break;
    }
  } catch (failure) {
    throw usage(`${name} cannot be read: ${systemReason(failure)}.`, HELP);
  }
  if (size > BYTES_MAX) throw usage(`${name} is longer than ${BYTES_MAX} bytes.`, HELP);
  return new TextDecoder().decode(Buffer.concat(chunks));
}
