/** The file of logins, and the keychain that opens it. */
import { existsSync } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openStore } from "../auth/current.js";
import type { Context } from "../cli/act.js";
import { Failure, systemCode } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import type { Account } from "../store/account.js";
import { awaitUnlocked } from "../store/file.js";
import { probeKeychain } from "../store/keychain.js";
import type { Logins } from "../store/store.js";
import { type Finding, fine, note, ofFailure, problem } from "./finding.js";

/** What was found out, and the logins where they could be read. */
export interface Examined {
  readonly findings: readonly Finding[];
  readonly logins: Logins | null;
}

/** The file, whether it can be written, and the keychain. */
export async function examineStore(context: Context): Promise<Examined> {
  const path = context.settings.config.value;
  const evidence = { file: path, from: context.settings.config.from };
  let logins: Logins;
  try {
    logins = await openStore(context).read();
  } catch (failure) {
    const isKeychain = failure instanceof Failure && /^key/.test(failure.code);
    if (!isKeychain) return { findings: [ofFailure("store", failure, evidence)], logins: null };
    const findings = [await saveable(path, evidence), await examineKeychain(context.system, failure)];
    return { findings, logins: null };
  }
  const file = logins.warning === null ? await saveable(path, evidence) : exposed(logins.warning, path);
  const isInFile = (account: Account) => logins.storageOf(account) === "file";
  const open = logins.accounts.filter(isInFile);
  const isAllOpen = open.length > 0 && open.length === logins.accounts.length;
  const keeper = isAllOpen ? insecure(path) : await examineKeychain(context.system, null);
  if (open.length > 0 && !isAllOpen) return { findings: [file, insecure(path), keeper], logins };
  return { findings: [file, keeper], logins };
}

/** A refresh is over in less. */
const LOCK_MS = 5_000;

/** Can the file be saved? */
async function saveable(path: string, evidence: { file: string; from: string }): Promise<Finding> {
  try {
    await awaitUnlocked(path, LOCK_MS);
    return await writable(path, evidence);
  } catch (failure) {
    return ofFailure("store", failure, { ...evidence, lock: `${path}.lock` });
  }
}

/** Saving puts a new file in the old one's place: it is the folder that must be writable. */
async function writable(path: string, evidence: { file: string; from: string }): Promise<Finding> {
  const folder = dirname(path);
  if (!existsSync(folder)) return fine("store", `${path} will be made by the first login.`, evidence);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (failure) {
    const code = systemCode(failure);
    const denied = new Failure("storage_denied", `${folder} cannot be written.`, `Run chmod 700 ${folder}.`);
    return ofFailure("store", denied, { ...evidence, folder, mode: await modeOf(folder), code });
  }
  if (!existsSync(path)) return fine("store", `${path} will be made by the first login.`, evidence);
  return fine("store", `${path} can be read and written.`, { ...evidence, mode: await modeOf(path) });
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

function exposed(warning: string, path: string): Finding {
  return problem("store", "storage_exposed", warning, `Run chmod 600 ${path}.`, { file: path });
}

function insecure(path: string): Finding {
  return note(
    "keychain",
    "storage_insecure",
    `Tokens are readable in ${path}: --insecure-storage was given.`,
    "Where there is a keychain, log in again without --insecure-storage: 'motekey auth login'.",
    { file: path },
  );
}

/** @param known why the keychain did not open the file; null: not tried yet */
async function examineKeychain(system: System, known: Failure | null): Promise<Finding> {
  const { keychain } = system;
  const evidence = { keychain: keychain.name };
  try {
    if (known !== null) throw known;
    await probeKeychain(keychain);
    return fine("keychain", `The ${keychain.name} keeps what it is given.`, evidence);
  } catch (failure) {
    return lacksBus(system) && !isKeyMissing(failure)
      ? noBus(keychain.name)
      : ofFailure("keychain", failure, evidence);
  }
}

const isKeyMissing = (failure: unknown): boolean =>
  failure instanceof Failure && failure.code === "key_missing";

/** Is there no D-Bus session where Linux looks for one (sd-bus(3), sd_bus_open_user)? */
function lacksBus({ platform, env }: System): boolean {
  if (platform !== "linux" || (env.DBUS_SESSION_BUS_ADDRESS ?? "") !== "") return false;
  return env.XDG_RUNTIME_DIR === undefined || !existsSync(join(env.XDG_RUNTIME_DIR, "bus"));
}

function noBus(keychain: string): Finding {
  return problem(
    "keychain",
    "no_session_bus",
    `The ${keychain} cannot be reached: there is no D-Bus session here.`,
    "Run it in 'dbus-run-session', or log in with --insecure-storage; in CI set MOTEKEY_AUTH_TOKEN.",
    { keychain, DBUS_SESSION_BUS_ADDRESS: null },
  );
}
