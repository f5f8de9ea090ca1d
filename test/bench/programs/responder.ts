/** The far end of all clients: a broker and an Auth service of prepared bytes that believes everything. */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Packets } from "./packets.js";
import { answer, task } from "./task.js";

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const PINGRESP = Buffer.from([0xd0, 0]);
const TOPIC_START = "cloud/from/".length;
const TOPIC_END = "/rpc".length;
const ID = Buffer.from('"id":');
const HELLO = Buffer.from("/v1/Hello");
const TOKEN = "eyJhbGciOiJFUzI1NiJ9.".padEnd(200, "Zm9vYmFy");
const TOKEN_RESULT = JSON.stringify({ token: TOKEN, expires_in: 3600 });

/** The answer to a request in a PUBLISH of QoS 1: PUBACK, and a PUBLISH back. */
function writeAnswer(out: Buffer, at: number, bytes: Buffer, from: number, to: number): number {
  const topicTo = from + 2 + bytes.readUInt16BE(from);
  const device = bytes.toString("latin1", from + 2 + TOPIC_START, topicTo - TOPIC_END);
  const idFrom = bytes.indexOf(ID, topicTo) + ID.length;
  const id = Number.parseInt(bytes.toString("latin1", idFrom, Math.min(to, idFrom + 16)), 10);
  const hello = bytes.indexOf(HELLO, topicTo);
  const result = hello >= 0 && hello < to ? '"HAI"' : TOKEN_RESULT;
  const topic = `${device}/rpc`;
  const frame = `{"v":2,"src":"//api.mongoose-iot.com","dst":"${device}","id":${id},"result":${result}}`;
  const remaining = 2 + topic.length + 2 + frame.length;
  let o = at;
  o = out.writeUInt16BE(0x4002, o);
  o += bytes.copy(out, o, topicTo, topicTo + 2);
  out[o++] = 0x32;
  if (remaining > 127) out[o++] = (remaining & 127) | 128;
  out[o++] = remaining > 127 ? remaining >> 7 : remaining;
  o = out.writeUInt16BE(topic.length, o);
  o += out.write(topic, o, "latin1");
  o = out.writeUInt16BE(1, o);
  return o + out.write(frame, o, "latin1");
}

function serve(socket: Socket): void {
  const packets = new Packets();
  let out = Buffer.allocUnsafe(0);
  let at = 0;
  socket.on("error", () => socket.destroy());
  socket.on("data", (piece: Buffer) => {
    out = Buffer.allocUnsafe(piece.length * 8 + 1024);
    at = 0;
    packets.read(piece, (first, bytes, from, to) => {
      const type = first >> 4;
      if (type === 1) at += CONNACK.copy(out, at);
      else if (type === 8) {
        at = out.writeUInt16BE(0x9003, at);
        at += bytes.copy(out, at, from, from + 2);
        out[at++] = 1;
      } else if (type === 12) at += PINGRESP.copy(out, at);
      else if (type === 3) at = writeAnswer(out, at, bytes, from, to);
    });
    if (at > 0) socket.write(out.subarray(0, at));
  });
}

await task<object>();
const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  answer((server.address() as AddressInfo).port),
);
