import type { Duplex } from "node:stream";

/** A CONNECT's longest way to its protocol level: type, four bytes of length, the name `MQTT` behind its length. */
const HEAD_BYTES = 1 + 4 + 6 + 1;
const CONNECT = 0x10;

/** The protocol level of a CONNECT that begins with these bytes; undefined: more of them are needed. */
function levelOf(head: Buffer): number | undefined {
  if (head.length > 0 && head[0] !== CONNECT) return 0;
  let at = 1;
  while (at < 5 && (head[at] ?? 0) > 127) at++;
  const level = head[at + 7];
  return level === undefined && head.length >= HEAD_BYTES ? 0 : level;
}

/**
 * Looks at the protocol level that a new connection asks for, and leaves its bytes unread.
 * @param limitMs a connection that names none by then is ended
 * @param then called once; not at all when the connection ends before
 */
export function withLevel(stream: Duplex, limitMs: number, then: (level: number) => void): void {
  const heads: Buffer[] = [];
  const timer = setTimeout(() => stream.destroy(), limitMs);
  const stop = (): void => clearTimeout(timer);
  const look = (): void => {
    const piece = stream.read() as Buffer | null;
    if (piece === null) return;
    heads.push(piece);
    const head = Buffer.concat(heads);
    const level = levelOf(head);
    if (level === undefined) return;
    stream.off("readable", look);
    stream.off("error", ignore);
    stream.off("close", stop);
    stop();
    stream.unshift(head);
    then(level);
  };
  stream.on("error", ignore);
  stream.on("close", stop);
  stream.on("readable", look);
}

function ignore(): void {}
