/**
 * Asks the system's keychain one question, in a process of its own: some keychains block whoever asks them, and what
 * blocks a thread can only be ended with its process. The question is JSON on stdin, the answer JSON on stdout.
 */
import { readFileSync, writeSync } from "node:fs";
import { Entry } from "@napi-rs/keyring";

/** What is asked; secrets are base64. */
export interface Question {
  readonly verb: "get" | "set" | "delete";
  readonly service: string;
  readonly entry: string;
  readonly secret?: string;
}

/** What it said: base64 or null for `get`, whether there was one for `delete`; or the library's words. */
export type Answer = { readonly value: string | boolean | null } | { readonly failure: string };

/** Without it @napi-rs/keyring may take the kernel's keyring on Linux, which forgets at log-out. */
const OPTIONS = { linux: { store: "secret-service" } } as const;

function answerTo({ verb, service, entry, secret = "" }: Question): Answer {
  try {
    const credential = new Entry(service, entry, OPTIONS);
    if (verb === "delete") return { value: credential.deleteCredential() };
    if (verb === "set") credential.setSecret(Buffer.from(secret, "base64"));
    const kept = verb === "get" ? credential.getSecret() : null;
    return { value: kept === null ? null : Buffer.from(kept).toString("base64") };
  } catch (failure) {
    return { failure: failure instanceof Error ? failure.message : String(failure) };
  }
}

// Without streams, which take as long as the question.
const [STDIN, STDOUT] = [0, 1];
writeSync(STDOUT, JSON.stringify(answerTo(JSON.parse(readFileSync(STDIN, "utf8")))));
