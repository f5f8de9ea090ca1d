/** Answers each message in a WebSocket from one row of PostgreSQL, found by its key: the least that any server does. */
import pg from "pg";
import { WebSocketServer } from "ws";
import { answer, task } from "./task.js";

/** Where the row is. */
export interface PeerTask {
  readonly url: string;
}

const { url } = await task<PeerTask>();
const pool = new pg.Pool({ connectionString: url, max: 16 });
const text = "SELECT id, role FROM motekey.devices WHERE id = $1";
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
  const { port } = server.address() as { port: number };
  answer(`ws://127.0.0.1:${port}/rpc`);
});
server.on("connection", (socket) =>
  socket.on("message", async (data) => {
    const { id, src } = JSON.parse(String(data)) as { id: number; src: string };
    const { rows } = await pool.query({ name: "find", text, values: [src] });
    socket.send(JSON.stringify({ v: 2, id, dst: src, result: rows[0] }));
  }),
);
