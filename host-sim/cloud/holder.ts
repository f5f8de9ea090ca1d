import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Where `/proc/<pid>/stat` has the time of the process's start, counted behind its name's bracket (proc_pid_stat(5)). */
const START_FIELD = 19;

/** A process that has a file or a folder for itself, as the file beside it names it. */
export interface Holder {
  pid: number;
  host: string;
  /** What distinguishes this process from a later one with its number; null where the system does not say. */
  start: string | null;
  /** In which the number counts; null where the system has one only. */
  namespace: string | null;
}

/** This process. */
export function thisProcess(): Holder {
  return { pid: process.pid, host: hostname(), start: startOf("self"), namespace: namespace() };
}

/** Whom a file names; undefined: nobody, or it is not written yet. */
export function holderIn<Named extends Holder>(file: string): Named | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, "utf8")) as Named;
    return Number.isSafeInteger(holder.pid) && holder.pid > 0 && typeof holder.host === "string"
      ? holder
      : undefined;
  } catch {
    return undefined;
  }
}

/** Has this process certainly ended? What another machine or container runs cannot be seen from here. */
export function isGone(holder: Holder): boolean {
  if (holder.host !== hostname() || holder.namespace !== namespace()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ESRCH") return true;
  }
  const start = startOf(holder.pid);
  return start !== null && holder.start !== null && start !== holder.start;
}

/** For errors. */
export function nameOf(holder: Holder | undefined): string {
  return holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
}

function startOf(pid: number | "self"): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[START_FIELD] ?? null;
  } catch {
    return null;
  }
}

function namespace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}
