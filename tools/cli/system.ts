/** What a command touches outside itself. Tests hand in their own. */
import type { SerialPorts } from "../serial/ports.js";
import type { Secrets } from "./secrets.js";

/** Where text goes. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Where text comes from; a terminal's can be read key by key. */
export type Source = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
};

/** The keeper of small secrets that the operating system has. All calls may fail with {@link Failure}. */
export interface Keychain {
  /** What people know it as, such as `GNOME Keyring (secret-service)`. */
  readonly name: string;
  get(entry: string): Promise<Uint8Array | null>;
  set(entry: string, secret: Uint8Array): Promise<void>;
  /** Was there any? */
  delete(entry: string): Promise<boolean>;
}

/** The machine and the person at it. */
export interface System {
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** The environment, with the secrets that {@link withoutSecrets} takes out for children. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly platform: NodeJS.Platform;
  readonly keychain: Keychain;
  readonly ports: SerialPorts;
  /** The script of the bench's page: a bundle of its own. */
  readonly benchPage: URL;
  /** Unix time in milliseconds. */
  now(): number;
  /** Resolves when the program that opens addresses has ended well, or still runs; rejects when it failed. */
  openBrowser(url: string): Promise<void>;
  /** Runs a program in the foreground. Resolves to its exit status; rejects when it cannot be started. */
  runProgram(
    program: string,
    words: readonly string[],
    env: Record<string, string | undefined>,
  ): Promise<number>;
  /** Runs a program with this for its input, and without our secrets. Rejects with why it failed, or did not end in time. */
  pipeTo(program: string, words: readonly string[], input: string): Promise<void>;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** What this run must not say. */
  readonly secrets: Secrets;
}

/** The variables that hold a secret: no child gets them, save the token that `auth exec` gives. */
export const SECRET_VARIABLES = ["MOTEKEY_PASSWORD", "MOTEKEY_CLIENT_SECRET", "MOTEKEY_AUTH_TOKEN"] as const;

/** The environment for a child. */
export function withoutSecrets(env: System["env"]): Record<string, string | undefined> {
  const rest: Record<string, string | undefined> = { ...env };
  for (const name of SECRET_VARIABLES) delete rest[name];
  return rest;
}

/** A variable that is set and not empty. */
export function variable(system: System, name: string): string | undefined {
  const value = system.env[name];
  return value === undefined || value === "" ? undefined : value;
}
