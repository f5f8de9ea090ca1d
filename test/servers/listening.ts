import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What Linux calls a socket that listens. */
const LISTEN = "0A";

/** Where a process listens for TCP, as `<hexadecimal address>:<port>`; null where the system does not say. */
export function listening(pid: number): string[] | null {
  if (process.platform !== "linux") return null;
  const folder = `/proc/${pid}/fd`;
  const sockets = new Set<string>();
  for (const name of readdirSync(folder)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1];
      if (inode !== undefined) sockets.add(inode);
    } catch {
      // It was closed meanwhile.
    }
  }
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode = ""]) => state === LISTEN && sockets.has(inode))
      .map(([, local = ""]) => local.replace(/:(.*)$/, (_, port: string) => `:${Number.parseInt(port, 16)}`)),
  );
}
