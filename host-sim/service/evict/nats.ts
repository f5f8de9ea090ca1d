import { readFile } from "node:fs/promises";
import { writeWholeFile } from "../../cloud/whole-file.js";
import type { Evictor } from "./evictor.js";

/** The files of a NATS on this machine. */
export interface NatsFiles {
  /** Included in its configuration, with one user in each line. */
  usersFile: string;
  /** `pid_file` of its configuration. */
  pidFile: string;
}

/** NATS 2.9 on this machine: it reloads its file of users without the user, and closes that user's connections. */
export class NatsEvictor implements Evictor {
  private last: Promise<void> = Promise.resolve();
  private hasTold = false;

  constructor(private readonly files: NatsFiles) {}

  /** One after the other: each writes the whole file. */
  evict(id: string): Promise<void> {
    const done = this.last.then(() => this.remove(id));
    this.last = done.catch(() => {});
    return done;
  }

  private async remove(id: string): Promise<void> {
    const { usersFile, pidFile } = this.files;
    const isTheirs = new RegExp(`^\\s*\\{\\s*user\\s*[:=]\\s*"(?:CN=)?${id}"`);
    const lines = (await readFile(usersFile, "utf8")).split("\n");
    const left = lines.filter((line) => !isTheirs.test(line));
    if (left.length < lines.length) await writeWholeFile(usersFile, left.join("\n"));
    // An earlier writer may have died before the reload.
    else if (this.hasTold) return;
    process.kill(Number((await readFile(pidFile, "utf8")).trim()), "SIGHUP");
    this.hasTold = true;
  }
}
