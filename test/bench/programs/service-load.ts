/** Devices that call a replica over WebSockets, each with one call at a time. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { answer, task } from "./task.js";

const HOST = "app.example.com";
const PROTOCOL = "clubby.cesanta.com";

/** Whom they call, and what for. */
export interface LoadTask {
  readonly rpcUrl: string;
  readonly credentials: readonly { id: string; psk: string }[];
}

/** One round of calls. */
export interface LoadRound {
  readonly method: string;
  readonly seconds: number;
  /** Calls per second of all; null: as many as are answered. */
  readonly perSecond: number | null;
}

/** What came of a round. */
export interface LoadAnswer {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const { rpcUrl, credentials } = await task<LoadTask>();
/** The latest request of each device. */
const ids = credentials.map(() => 0);

async function connect({ id, psk }: { id: string; psk: string }): Promise<WebSocket> {
  const authorization = `Basic ${Buffer.from(`${id}:${psk}`).toString("base64")}`;
  const socket = new WebSocket(rpcUrl, PROTOCOL, { headers: { authorization } });
  await once(socket, "open");
  return socket;
}

const sockets = await Promise.all(credentials.map(connect));

/** One device's calls, one after the other. Where there is a pace, a call that is late is not made up for. */
async function call(
  at: number,
  { method, seconds, perSecond }: LoadRound,
  startedAtMs: number,
): Promise<number[]> {
  const socket = sockets[at] as WebSocket;
  const src = credentials[at]?.id;
  const everyMs = perSecond === null ? 0 : (1000 * sockets.length) / perSecond;
  let dueMs = startedAtMs + (everyMs * at) / sockets.length;
  const times: number[] = [];
  for (;;) {
    const waitMs = dueMs - performance.now();
    if (everyMs > 0 && waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    dueMs = Math.max(dueMs + everyMs, performance.now());
    const sentMs = performance.now();
    if (sentMs >= startedAtMs + seconds * 1000) return times;
    const id = (ids[at] ?? 0) + 1;
    ids[at] = id;
    const answered = once(socket, "message");
    socket.send(JSON.stringify({ v: 2, src, id, method, args: { host: HOST } }));
    const [data] = await answered;
    const reply = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (reply.id !== id || reply.result === undefined) throw new Error(`${method} was answered ${data}`);
    times.push(performance.now() - sentMs);
  }
}

async function take(round: LoadRound): Promise<void> {
  const startedAtMs = performance.now();
  const times = (await Promise.all(sockets.map((_, at) => call(at, round, startedAtMs)))).flat();
  const elapsedMs = performance.now() - startedAtMs;
  times.sort((left, right) => left - right);
  const percentile = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  answer({
    calls: times.length,
    perSecond: (1000 * times.length) / elapsedMs,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  } satisfies LoadAnswer);
}

process.on("message", (round: LoadRound) => void take(round));
answer("ready");
