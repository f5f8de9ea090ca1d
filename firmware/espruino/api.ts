import type { State } from "../auth.js";
import type { CloudOptions, Credential } from "../config.js";
import type { Limits } from "../limits.js";
import type { Proof } from "../policy.js";
import type { Status } from "../status.js";

/** The bounds that this core has; their meaning and their defaults are those of {@link Limits}. */
export type LeanLimits = {
  readonly [name in Exclude<keyof Limits, "slots" | "idBytes">]?: number;
} & {
  /** Longest frame that is taken, bytes; 1,536 when absent. A longer one is skipped, and a list ends with TOO_LONG. */
  readonly frameBytes?: number;
};

/** What TLS takes: DER, its base64, or the name of a file. Nothing makes the engine verify the server. */
export interface TlsOptions {
  readonly key?: string;
  readonly cert?: string;
  /** The engine loads it and does not look at it. */
  readonly ca?: string;
}

/** What the core needs to know. Texts hold one byte per character, UTF-8 where they are not ASCII. */
export interface LeanOptions {
  /** Absent where the credential in Storage names it. */
  readonly deviceId?: string;
  readonly cloud: Omit<CloudOptions, "dialect" | "user" | "cleanSession">;
  /** That of Storage when absent (`writeCredential`). */
  readonly credential?: Omit<Credential, "psk"> & { readonly psk?: string };
  /** `counter+mac` when absent. */
  readonly proof?: Proof;
  readonly allowInsecure?: boolean;
  readonly limits?: LeanLimits;
  /** How long the device slept, ms, as for `createAuth` of the other engines. */
  readonly sleptMs?: number;
  /** With it the link is TLS: hidden from who only listens, but the server is never verified. */
  readonly tls?: TlsOptions;
}

/** A token as a callback is told it. */
export interface LeanToken {
  readonly token: string;
  /** Counts the tokens of this host; `rejected` asks for it. */
  readonly generation: number;
  /** Milliseconds it is still good. */
  readonly remainingMs: number;
}

/** Told at the end of a token call, once; null unless the status is OK and the call was for a token. */
export type OnToken = (status: Status, token: LeanToken | null) => void;
/** Told at the end of any other call, once, with what the cloud answered. */
export type OnAnswer<Value> = (status: Status, value: Value) => void;

/** One app's tokens. Each call returns a status at once, and tells its callback after it only with OK. */
export interface LeanHost {
  getToken(onToken: OnToken): Status;
  generateToken(onToken: OnToken): Status;
  revokeToken(onToken: OnToken | null): Status;
  rejected(generation: number): Status;
}

/** What keeps the client from its work: `motekey doctor --status N` has the sentence. */
export interface LeanExplanation {
  readonly status: Status;
  /** The cloud's error code; 0: it answered none. */
  readonly code: number;
}

/** The credential as `writeCredential` takes it. */
export interface LeanCredential {
  readonly deviceId: string;
  readonly psk?: string;
  readonly floor?: Credential["floor"];
  readonly certificate?: string;
  readonly key?: string;
}

/** What an app on Espruino has, with the words of `motekey` on the other engines. */
export interface LeanAuth {
  readonly state: State;
  set onState(onState: ((state: State) => void) | null);
  host(name: string): LeanHost;
  /** The hosts that the cloud keeps tokens of ours for; TOO_LONG where they do not fit `limits.frameBytes`. */
  listTokens(onDone: OnAnswer<readonly string[] | null>): Status;
  authenticate(id: string, credentials: { psk?: string; cert?: string }, onDone: OnAnswer<boolean>): Status;
  authorizeCommand(src: string, dst: string, command: string, onDone: OnAnswer<boolean>): Status;
  suspend(): void;
  resume(): void;
  explain(): LeanExplanation;
  close(): void;
}

/** The module `motekey` of Espruino. */
export interface LeanModule {
  createAuth(options: LeanOptions): LeanAuth;
  writeCredential(fields: LeanCredential): Status;
}
