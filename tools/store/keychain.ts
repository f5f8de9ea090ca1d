/** The system's keychain: Keychain on macOS, Credential Manager on Windows, the Secret Service on Linux. */
import { randomBytes } from "node:crypto";
import { Failure, type FailureCode, printable } from "../cli/failure.js";
import type { Keychain } from "../cli/system.js";

const SERVICE = "motekey";
/** Without it @napi-rs/keyring may take the kernel's keyring on Linux, which forgets at log-out. */
const OPTIONS = { linux: { store: "secret-service" } } as const;

const NAMES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "macOS Keychain",
  win32: "Windows Credential Manager",
};

/** How long a keychain may take; time enough for a person who is asked to unlock it. */
const LIMIT_MS = 60_000;

/** @param limitMs a call that takes longer fails */
export function systemKeychain(platform: NodeJS.Platform, limitMs = LIMIT_MS): Keychain {
  const entryOf = async (name: string) => {
    const { AsyncEntry } = await import("@napi-rs/keyring");
    return new AsyncEntry(SERVICE, name, OPTIONS);
  };
  const asked = async <T>(call: (entry: Awaited<ReturnType<typeof entryOf>>) => Promise<T>, name: string) => {
    try {
      return await within(limitMs, entryOf(name).then(call));
    } catch (failure) {
      throw failure instanceof Failure ? failure : keychainFailure(failure);
    }
  };
  return {
    name: NAMES[platform] ?? "Secret Service",
    get: async (name) => {
      const secret = await asked((entry) => entry.getSecret(), name);
      return secret === null ? null : Uint8Array.from(secret);
    },
    set: (name, secret) => asked((entry) => entry.setSecret(secret), name),
    delete: (name) => asked((entry) => entry.deleteCredential(), name),
  };
}

/**
 * Sets, gets and deletes an entry, so that a keychain that does not keep is found before somebody logs in.
 * @throws Failure that tells an absent keychain from a locked and from a silent one
 */
export async function probeKeychain(keychain: Keychain): Promise<void> {
  const name = `probe-${randomBytes(8).toString("hex")}`;
  const secret = randomBytes(16);
  await keychain.set(name, secret);
  const kept = await keychain.get(name);
  const wasThere = await keychain.delete(name);
  if (kept !== null && secret.equals(kept) && wasThere) return;
  throw noKeychain("keychain_absent", `The ${keychain.name} does not keep what it is given.`);
}

async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const seconds = Math.round(limitMs / 1000);
    const failure = noKeychain("keychain_silent", `The system keychain did not answer within ${seconds} s.`);
    timer = setTimeout(() => reject(failure), limitMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** The library tells kinds of failure by their sentences only: they come from keyring-rs' Error. */
function keychainFailure(failure: unknown): Failure {
  const said = printable(failure instanceof Error ? failure.message : String(failure));
  if (/^Couldn't access platform (secure )?storage|locked|dismissed/i.test(said)) {
    return new Failure(
      "keychain_locked",
      `The system keychain is locked (${said}).`,
      "Unlock it and try again.",
      { cause: failure },
    );
  }
  return noKeychain("keychain_absent", `No system keychain answers here (${said}).`, failure);
}

function noKeychain(code: FailureCode, message: string, cause?: unknown): Failure {
  const next =
    "Start one, or keep the login in a file that only you can read: --insecure-storage. In CI set MOTEKEY_AUTH_TOKEN.";
  return new Failure(code, message, next, { cause });
}
