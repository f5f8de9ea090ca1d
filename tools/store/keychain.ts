/** The system's keychain: Keychain on macOS, Credential Manager on Windows, the Secret Service on Linux. */
import { Failure, type FailureCode, printable } from "../cli/failure.js";
import { interrupted } from "../cli/prompt.js";
import type { Keychain } from "../cli/system.js";
import type { Answer, Question } from "./keychain-process.js";

const SERVICE = "motekey";

const NAMES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "macOS Keychain",
  win32: "Windows Credential Manager",
};

/** How long a keychain may take; time enough for a person who is asked to unlock it. */
const LIMIT_MS = 60_000;

/** How the system's keychain is asked. */
export interface Asking {
  /** What takes longer fails. Default: a minute. */
  readonly limitMs?: number;
  /** The environment of whoever asks. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly interrupted?: AbortSignal;
}

/** @param program the file of keychain-process, which asks */
export function systemKeychain(platform: NodeJS.Platform, program: URL, asking: Asking = {}): Keychain {
  const ask = async (question: Omit<Question, "service">) => {
    const answer = await answerOf(program, { service: SERVICE, ...question }, asking);
    if ("failure" in answer) throw keychainFailure(answer.failure);
    return answer.value;
  };
  return {
    name: NAMES[platform] ?? "Secret Service",
    async get(entry) {
      const secret = await ask({ verb: "get", entry });
      return typeof secret === "string" ? Uint8Array.from(Buffer.from(secret, "base64")) : null;
    },
    async set(entry, secret) {
      await ask({ verb: "set", entry, secret: Buffer.from(secret).toString("base64") });
    },
    delete: async (entry) => (await ask({ verb: "delete", entry })) === true,
  };
}

/** One process for one question, ended when it takes too long. */
async function answerOf(program: URL, question: Question, asking: Asking): Promise<Answer> {
  const { limitMs = LIMIT_MS, env, interrupted: signal } = asking;
  const { execFile } = await import("node:child_process");
  const { fileURLToPath } = await import("node:url");
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [...process.execArgv, fileURLToPath(program)],
      { timeout: limitMs, killSignal: "SIGKILL", ...(env && { env: { ...env } }), ...(signal && { signal }) },
      (failure, answer) => {
        if (signal?.aborted) reject(interrupted());
        else if (failure?.killed) reject(silent(`within ${Math.round(limitMs / 1000)} s`));
        else if (failure) reject(keychainFailure(failure.message));
        else resolve(JSON.parse(answer));
      },
    );
    // It may end before it has read the question; that is reported as its failure.
    child.stdin?.on("error", () => undefined).end(JSON.stringify(question));
  });
}

/**
 * Sets, gets and deletes an entry, so that a keychain that does not keep is found before somebody logs in.
 * @throws Failure that distinguishes an absent keychain from a locked and from a silent one
 */
export async function probeKeychain(keychain: Keychain): Promise<void> {
  const { randomBytes } = await import("node:crypto");
  const name = `probe-${randomBytes(8).toString("hex")}`;
  const secret = randomBytes(16);
  await keychain.set(name, secret);
  const kept = await keychain.get(name);
  const wasThere = await keychain.delete(name);
  if (kept !== null && secret.equals(kept) && wasThere) return;
  throw noKeychain("keychain_absent", `The ${keychain.name} does not keep what it is given.`);
}

/** The library distinguishes kinds of failure by their sentences only: they come from keyring-rs' Error, and from D-Bus. */
function keychainFailure(words: string): Failure {
  const said = printable(words);
  if (/did not receive a reply|timed? ?out/i.test(said)) return silent("in time");
  // The Secret Service answers, and nobody has made a collection yet.
  if (/no result found/i.test(said)) return noKeyring(said);
  if (/^Couldn't access platform (secure )?storage|\blocked\b|dismissed/i.test(said)) {
    return new Failure(
      "keychain_locked",
      `The system keychain is locked (${said}).`,
      "Unlock it and try again.",
    );
  }
  return noKeychain("keychain_absent", `No system keychain answers here (${said}).`);
}

const noKeyring = (said: string): Failure =>
  new Failure(
    "keyring_missing",
    `The system keychain has no keyring to keep anything in (${said}).`,
    "Make one: 'gnome-keyring-daemon --unlock' makes it from a password on its standard input, and so does a login to the desktop. Or keep the login in a file that only you can read: --insecure-storage.",
  );

const silent = (when: string): Failure =>
  noKeychain("keychain_silent", `The system keychain did not answer ${when}.`);

function noKeychain(code: FailureCode, message: string): Failure {
  const next =
    "Start one, or keep the login in a file that only you can read: --insecure-storage. In CI set MOTEKEY_AUTH_TOKEN.";
  return new Failure(code, message, next);
}
