import { askAbout } from "../auth/ask.js";
import { chosenTeam, findCredential, openStore } from "../auth/current.js";
import { isoTime } from "../auth/told.js";
import type { Context } from "../cli/act.js";
import { Exit, Failure } from "../cli/failure.js";
import type { Setting } from "../cli/settings.js";
import type { Logins } from "../store/store.js";
import { type DeviceFlags, examineDevice } from "./device.js";
import { type Finding, fine, note, ofFailure } from "./finding.js";
import { examineIssuer } from "./issuer.js";
import { examineAuthorities, examinePorts, examineProxy, examineTerminal } from "./machine.js";
import { examineStore } from "./store.js";
import { examineRecord, examineStatus } from "./told.js";

/** The flags of `motekey doctor`. */
export interface DoctorFlags extends DeviceFlags {
  readonly port?: readonly number[];
  readonly status?: string;
  readonly record?: string;
}

/** Looks for what keeps people or devices out. Resolves to 0 when nothing does, else to 1. */
export async function doctor(context: Context, flags: DoctorFlags): Promise<number> {
  const { system } = context;
  // First what may be wrong usage: nothing is tried then.
  const told = [...examineStatus(flags.status), ...(await examineRecord(system, flags.record))];
  const devices = await examineDevice(context, flags);
  const store = await examineStore(context);
  const issuer = await issuerFindings(context, store.logins);
  const findings = [
    ...store.findings,
    ...examineTerminal(system),
    ...(await examinePorts(flags.port ?? [])),
    ...issuer,
    ...examineProxy(system, isReached(devices)),
    ...(await examineAuthorities(system)),
    ...(await loginFindings(context, store.logins, isReached(issuer))),
    ...devices,
    ...told,
  ];
  context.output.answer(
    findings.map((finding) => ({ ...finding })),
    textOf(context, findings),
  );
  return findings.some(({ level }) => level === "problem") ? Exit.FAILED : Exit.DONE;
}

/** A clock that is off keeps nobody from asking. */
function isReached(findings: readonly Finding[]): boolean {
  return findings.every(({ check, level }) => level !== "problem" || check === "clock");
}

async function issuerFindings(context: Context, logins: Logins | null): Promise<Finding[]> {
  const { settings, system } = context;
  const issuer = settings.issuer ?? keptIssuer(context, logins);
  if (issuer !== null) return examineIssuer(issuer, system);
  const next = "Give --issuer URL, or set MOTEKEY_ISSUER.";
  return [note("issuer", "issuer_missing", "Nothing names the identity provider.", next)];
}

function keptIssuer(context: Context, logins: Logins | null): Setting | null {
  const team = logins === null ? undefined : chosenTeam(context, logins)?.value;
  const value = team === undefined ? undefined : logins?.teams[team]?.issuer;
  return value === undefined || !URL.canParse(value) ? null : { value, from: `team ${team}` };
}

/** The login, asked about at the provider where that is there to be asked. */
async function loginFindings(context: Context, logins: Logins | null, canAsk: boolean): Promise<Finding[]> {
  if (logins === null) return [];
  try {
    const store = openStore(context);
    const credential = await findCredential(context, store);
    if (credential === null) {
      return [note("login", "not_authenticated", "Nobody is logged in.", "Run 'motekey auth login'.")];
    }
    if (!canAsk) return [];
    const { account, person } = await askAbout(context, store, credential);
    const name = account?.name ?? person?.email ?? "the holder of the token";
    const evidence = { source: credential.source, expires_at: isoTime(account?.expiresAtMs ?? null) };
    return [fine("login", `${name} is logged in.`, evidence)];
  } catch (failure) {
    const isKnown = failure instanceof Failure && failure.code === "issuer_missing";
    return isKnown ? [] : [ofFailure("login", failure)];
  }
}

const INDENT = " ".repeat(12);

function textOf({ output }: Context, findings: readonly Finding[]): string {
  const { green, red, yellow, dim } = output.colours;
  const mark = { ok: green("✓"), note: yellow("!"), problem: red("✗") };
  const lines = findings.flatMap(({ check, level, reason, message, evidence, next }) => {
    const line = `${mark[level]} ${check.padEnd(8)}  ${message}`;
    if (next === null) return [line];
    const seen = Object.entries(evidence).map(
      ([name, value]) => `${name}=${value === null || value === "" ? "none" : value}`,
    );
    const shown = level === "problem" ? [dim(`${INDENT}${seen.join(" ")}`)] : [];
    return [line, ...shown, `${INDENT}${next} ${dim(`[${reason}]`)}`];
  });
  const count = findings.filter(({ level }) => level === "problem").length;
  const sum = count === 0 ? "Nothing keeps anybody out." : `${count} problem${count === 1 ? "" : "s"}.`;
  return [...lines, "", sum].join("\n");
}
