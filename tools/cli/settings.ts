/** Which team, provider and file a command works with, and where each came from. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { printable, systemCode, usage } from "./failure.js";
import { readOwnFile } from "./own-file.js";
import { type System, variable } from "./system.js";

/** A value and what it was set by: `--team`, `MOTEKEY_TEAM`, a file, `default`. */
export interface Setting {
  readonly value: string;
  readonly from: string;
}

/** The flags that every command has. */
export interface GlobalFlags {
  readonly team?: string;
  readonly config?: string;
  readonly issuer?: string;
  /** Of the commands that use an account. */
  readonly account?: string;
}

/** What is known before the store is read; null: the store, or a default, decides. */
export interface Settings {
  readonly config: Setting;
  readonly team: Setting | null;
  readonly issuer: Setting | null;
  /** The account that was named: it goes before any token that was handed in. */
  readonly account: Setting | null;
}

/** The file in a directory that pins the team of those who work there. */
export const DIRECTORY_FILE = ".motekey.json";
const DIRECTORY_FILE_BYTES_MAX = 64 * 1024;

const TEAM_NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u;

/**
 * Flag before environment before directory. Which account is active is the store's to say.
 * @param warn called with what a directory's file may not set
 */
export async function findSettings(
  flags: GlobalFlags,
  system: System,
  warn: (text: string) => void,
): Promise<Settings> {
  return {
    config: await configOf(flags, system),
    team: teamOf(flags, system) ?? (await directoryTeam(system, warn)),
    issuer: issuerOf(flags, system),
    account: flag("--account", flags.account),
  };
}

async function configOf(flags: GlobalFlags, system: System): Promise<Setting> {
  const given = flag("--config", flags.config) ?? inEnvironment(system, "MOTEKEY_CONFIG_PATH");
  if (given !== null) return { ...given, value: resolve(system.directory, given.value) };
  const { default: envPaths } = await import("env-paths");
  return { value: join(envPaths("motekey", { suffix: "" }).config, "config.json"), from: "default" };
}

function teamOf(flags: GlobalFlags, system: System): Setting | null {
  const team = flag("--team", flags.team) ?? inEnvironment(system, "MOTEKEY_TEAM");
  return team === null ? null : checkedTeam(team);
}

/** Names are kept as they are: two that differ in a letter's case or in a dash are two teams. */
function checkedTeam(team: Setting): Setting {
  if (TEAM_NAME.test(team.value)) return team;
  throw usage(
    `'${printable(team.value, 80)}' (${team.from}) is not a team's name.`,
    "A name has at most 64 letters, digits, spaces and . _ - @, and begins with a letter or digit.",
  );
}

function issuerOf(flags: GlobalFlags, system: System): Setting | null {
  const issuer = flag("--issuer", flags.issuer) ?? inEnvironment(system, "MOTEKEY_ISSUER");
  return issuer === null ? null : { ...issuer, value: checkedIssuer(issuer.value, issuer.from) };
}

/**
 * An issuer that may be asked: https, or http on this machine.
 * @throws Failure where it is anything else
 */
export function checkedIssuer(issuer: string, from: string): string {
  const url = URL.canParse(issuer) ? new URL(issuer) : null;
  const onThisMachine = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  const isPlain = url !== null && url.search === "" && url.hash === "" && url.username === "";
  if (isPlain && (url.protocol === "https:" || (url.protocol === "http:" && onThisMachine))) return issuer;
  throw usage(
    `'${printable(issuer, 200)}' (${from}) is not an issuer.`,
    "Give an https:// address; http:// is for this machine only.",
  );
}

/** Do two spellings name one issuer? As discovery compares the name in its document with the address asked for. */
export function isSameIssuer(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href);
}

/** Was the team named by who runs the command? A directory's file is another's word. */
export function isTeamNamed({ team }: Settings): boolean {
  return team !== null && ["--team", "MOTEKEY_TEAM"].includes(team.from);
}

/** The nearest `.motekey.json`, upwards from the directory: its author may name a team, nothing else. */
async function directoryTeam(system: System, warn: (text: string) => void): Promise<Setting | null> {
  for (const folder of foldersUpwards(system.directory)) {
    const path = join(folder, DIRECTORY_FILE);
    const text = await readOurs(path, warn);
    if (text !== null) return pinnedTeam(path, text, warn);
  }
  return null;
}

/** Up to the repository's root, else up to the home folder; outside of both the directory alone. */
function foldersUpwards(directory: string): string[] {
  const folders = [directory];
  while (dirname(folders[0] as string) !== folders[0]) folders.unshift(dirname(folders[0] as string));
  folders.reverse();
  const top = folders.findIndex((folder) => folder === homedir() || existsSync(join(folder, ".git")));
  return folders.slice(0, Math.max(top, 0) + 1);
}

/** A small file of this user, or of root; null where there is none. */
async function readOurs(path: string, warn: (text: string) => void): Promise<string | null> {
  const file = await readOwnFile(path, DIRECTORY_FILE_BYTES_MAX).catch((failure) => {
    if (["ENOENT", "ENOTDIR", "EACCES", "EISDIR"].includes(systemCode(failure))) return null;
    throw failure;
  });
  if (file === null || file.kind === "folder") return null;
  if (file.kind !== "file") throw usage(`${path} is not a regular file.`, 'It holds {"team":"name"}.');
  if (!file.isOurs) {
    warn(`${path} belongs to another user; ignored.`);
    return null;
  }
  if (file.text === null) throw usage(`${path} is too long to pin a team.`, 'It holds {"team":"name"}.');
  return file.text;
}

function pinnedTeam(path: string, text: string, warn: (text: string) => void): Setting | null {
  const content = parsed(path, text);
  const others = Object.keys(content).filter((name) => name !== "team" && name !== "$schema");
  if (others.length > 0) {
    warn(`${path} may pin a team only; ignored: ${printable(others.join(", "), 200)}.`);
  }
  const { team } = content;
  if (team === undefined) return null;
  if (typeof team !== "string") throw usage(`"team" in ${path} is not a text.`, 'It holds {"team":"name"}.');
  return checkedTeam({ value: team, from: path });
}

function parsed(path: string, text: string): Record<string, unknown> {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === "object" && content !== null && !Array.isArray(content))
      return content as Record<string, unknown>;
  } catch {
    // Reported below, without the parser's words: they would quote the file.
  }
  throw usage(`${path} is not a JSON object.`, 'It holds {"team":"name"}.');
}

function flag(name: string, value: string | undefined): Setting | null {
  return value === undefined ? null : { value, from: name };
}

function inEnvironment(system: System, name: string): Setting | null {
  const value = variable(system, name);
  return value === undefined ? null : { value, from: name };
}
