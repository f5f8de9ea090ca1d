/** Git's credential helper protocol (git-credential(1), "INPUT/OUTPUT FORMAT"): lines of key=value, both ways. */
import type { Context } from "../../cli/act.js";
import { Failure, usage } from "../../cli/failure.js";
import { refuseAudienceToken } from "../audience.js";
import type { AudienceFlags } from "../audience-flag.js";
import { needCredential, openStore } from "../current.js";
import { freshAccount } from "../renew.js";
import { freshToken } from "../token/run.js";

/** The flags of `motekey auth credential git`. */
export interface GitFlags extends AudienceFlags {
  readonly host: readonly string[];
  readonly gitUser: string;
}

const INPUT_LENGTH_MAX = 64 * 1024;
const LOOPBACK = /^(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?$/;

/** Answers git; nothing where the host is not among those that were named. */
export async function gitCredential(
  context: Context,
  { host: hosts, gitUser, audience }: GitFlags,
  [operation]: string[],
): Promise<void> {
  const asked = await readAttributes(context);
  if (!isServed(asked, hosts)) return;
  if (operation === "get") await answer(context, gitUser, audience);
  // What git stores is the token that came from here.
  else if (operation === "erase") await replaced(context, asked.get("password") ?? "");
}

function isServed(asked: ReadonlyMap<string, string>, hosts: readonly string[]): boolean {
  const host = asked.get("host")?.toLowerCase() ?? "";
  const protocol = asked.get("protocol");
  return hosts.includes(host) && (protocol === "https" || (protocol === "http" && LOOPBACK.test(host)));
}

async function answer(context: Context, username: string, audience: string | undefined): Promise<void> {
  const { token, expiresAtMs } = await freshToken(context, audience);
  if (/[\n\0]/.test(token + username)) throw usage("A credential for git has one line.", "Check --git-user.");
  // Git from 2.41 on asks anew when this is over.
  const end = expiresAtMs === null ? {} : { password_expiry_utc: Math.floor(expiresAtMs / 1000) };
  const attributes = { username, password: token, ...end };
  const lines = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  context.output.print(attributes, lines.join("\n"));
}

/** The server refused the token: unless it is another by now, it is refreshed, so that the next try has a new one. */
async function replaced(context: Context, refused: string): Promise<void> {
  const store = openStore(context);
  try {
    const credential = await needCredential(context, store);
    if (credential.source !== "login") return;
    if (await refuseAudienceToken(store, credential.account, refused)) return;
    if (credential.account.accessToken !== refused) return;
    await freshAccount(context, store, credential.account, { refused: true });
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    context.output.note(
      `The token was refused, and no new one could be had: ${failure.message} ${failure.next}`,
    );
  }
}

async function readAttributes({ system: { stdin } }: Context): Promise<Map<string, string>> {
  let text = "";
  for await (const chunk of stdin) {
    text += chunk.toString();
    if (text.length > INPUT_LENGTH_MAX) throw usage("What git says is too long.", "It is a few lines.");
    if (/\n\n/.test(text)) break;
  }
  const pairs = text.split("\n").map((line): [string, string] => {
    const at = line.indexOf("=");
    return [line.slice(0, Math.max(at, 0)), line.slice(at + 1)];
  });
  return new Map(pairs);
}
