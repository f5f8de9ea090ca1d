/** What a platform gives its workloads to prove themselves by: a token in a file, such as Kubernetes' projected ones. */
import { Failure, printable, systemReason } from "../cli/failure.js";
import { type OwnFile, readOwnFile } from "../cli/own-file.js";
import type { System } from "../cli/system.js";

const BYTES_MAX = 64 * 1024;
const OTHERS_WRITE = 0o022;

/**
 * The token as it stands there now: the platform replaces it before it is over. It is kept nowhere else.
 * @throws Failure `invalid_credentials` where there is none, or others may have put it there
 */
export async function readWorkloadToken({ secrets }: Pick<System, "secrets">, path: string): Promise<string> {
  const file = await readOwnFile(path, BYTES_MAX).catch((failure) => {
    throw unfit(path, systemReason(failure));
  });
  const token = textOf(path, file).trim();
  secrets.keep(token);
  if (token === "") throw unfit(path, "it is empty");
  if (!/^[\x21-\x7e]+$/.test(token)) throw unfit(path, "it holds more than one token, or none");
  return token;
}

function textOf(path: string, file: OwnFile): string {
  if (file.kind !== "file") throw unfit(path, file.kind === "folder" ? "it is a folder" : "it is no file");
  if (!file.isOurs) throw unfit(path, "it belongs to another user");
  if ((file.mode & OTHERS_WRITE) !== 0)
    throw unfit(path, `others may write it (mode ${file.mode.toString(8)})`);
  if (file.text === null) throw unfit(path, `it is longer than ${BYTES_MAX / 1024} kB`);
  return file.text;
}

function unfit(path: string, why: string): Failure {
  return new Failure(
    "invalid_credentials",
    `The workload's token in ${printable(path)} cannot be used: ${why}.`,
    "Check --workload-token-file, and what the platform puts there.",
  );
}
