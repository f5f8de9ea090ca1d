import assert from "node:assert/strict";
import fc from "fast-check";
import { copyBytes } from "../../firmware/wire/bytes.js";
import { HandshakeReader, writeHandshake } from "../../firmware/wire/websocket/handshake.js";
import { frameHeaderLength, Opcode, writeFrame } from "../../firmware/wire/websocket/websocket.js";
import { Writer } from "../../firmware/wire/writer.js";
import { bytesFrom, everySplit, readTranscripts } from "./transcript.js";
import { eventsOf, handshakeOf, shown } from "./websocket-events.js";
import { readByWs } from "./ws-oracle.js";

const MASK = Buffer.from("37fa213d", "hex");
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A frame in a buffer that is exactly as long as its companion said, behind two bytes that are not its. */
function frame(opcode: Opcode, payload: Uint8Array, mask: Uint8Array): Buffer {
  const length = frameHeaderLength(payload.length) + payload.length;
  const out = Buffer.alloc(2 + length, 0xee);
  const to = copyBytes(out, 2, payload, 0, payload.length);
  assert.equal(writeFrame(out, 2, to, opcode, mask), 2 + length, "the companion said the length");
  assert.equal(out.toString("hex", 0, 2), "eeee");
  return out.subarray(2);
}

describe("WebSocket frames of a client", () => {
  const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });

  it("are read back by ws, whatever they hold and however they are masked", async () => {
    const opcode = fc.constantFrom(Opcode.BINARY, Opcode.PING, Opcode.PONG);
    await fc.assert(
      fc.asyncProperty(
        opcode,
        fc.uint8Array({ maxLength: 125, size: "max" }),
        mask,
        async (opcode, payload, mask) => {
          const expected = opcode === Opcode.PONG ? "PONG" : `${Opcode[opcode]} ${shown(payload)}`;
          const read = await readByWs("server", [frame(opcode, payload, mask)]);
          assert.equal(read.length, 1);
          assert.equal(read[0].trimEnd(), expected.trimEnd());
        },
      ),
    );
  });

  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]) {
    it(`hold ${length} bytes with the shortest length field`, async () => {
      const payload = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 127));
      const bytes = frame(Opcode.TEXT, payload, MASK);
      assert.equal(bytes.length - length, length < 126 ? 6 : length < 65_536 ? 8 : 14);
      assert.deepEqual(await readByWs("server", [bytes]), [`TEXT ${shown(payload)}`]);
    });
  }

  it("do not show their payload, unless the mask is zero", () => {
    const payload = Buffer.from("a secret that stands in a frame");
    assert.equal(frame(Opcode.TEXT, payload, MASK).includes("secret"), false);
    assert.equal(frame(Opcode.TEXT, payload, Buffer.alloc(4)).includes("secret"), true);
  });
});

function handshake(path: string, subprotocol: string): Buffer {
  const fields = {
    path: Buffer.from(path),
    host: Buffer.from("cloud.example.com:8080"),
    subprotocol: Buffer.from(subprotocol),
    credentials: null,
    credentialsLength: 0,
    key: Buffer.from(`${KEY}and what is hashed with it`),
  };
  const writer = new Writer();
  writeHandshake(writer, fields);
  const out = Buffer.alloc(writer.at);
  writer.write(out, 0);
  writeHandshake(writer, fields);
  assert.equal(writer.at, out.length);
  return out;
}

/** What our client says in a transcript, by its title. */
const said: Record<string, () => Buffer> = {
  "A frame of v2 RPC and its answer": () =>
    Buffer.concat([
      handshake("/rpc", "clubby.cesanta.com"),
      frame(Opcode.TEXT, Buffer.from('{"v":2,"id":1}'), MASK),
      frame(Opcode.PONG, Buffer.from("hi"), MASK),
    ]),
  "MQTT in binary messages, and the end": () => frame(Opcode.CLOSE, Buffer.from([3, 0xe8]), MASK),
};

describe("WebSocket transcripts", () => {
  for (const transcript of readTranscripts(new URL("websocket.md", import.meta.url))) {
    it(transcript.title, () => {
      const server = bytesFrom("server", transcript);
      const head = server.indexOf("\r\n\r\n") + 4;
      const subprotocol = /protocol: (\S+)\r/i.exec(server.toString("latin1", 0, head))?.[1] ?? "";
      const [opened, ...events] = transcript.events;
      assert.equal(opened, "OPENED");
      for (const windows of everySplit(server.subarray(0, head))) {
        const reader = new HandshakeReader(Buffer.from(subprotocol), Buffer.from(ACCEPT));
        assert.equal(handshakeOf(windows, reader), `OPENED at ${head}`);
      }
      for (const windows of everySplit(server.subarray(head))) assert.deepEqual(eventsOf(windows), events);
      const client = said[transcript.title]?.() ?? Buffer.alloc(0);
      assert.equal(client.toString("latin1"), bytesFrom("client", transcript).toString("latin1"));
    });
  }
});
