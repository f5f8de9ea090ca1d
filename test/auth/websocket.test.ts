/** WebSocket under the session: handshake, keep-alive, short writes and farewells, in virtual time. */
import assert from "node:assert/strict";
import { parser } from "mqtt-packet";
import { mqtt, type Status } from "../../firmware/index.js";
import { mqttOverWebSocket, rpcOverWebSocket } from "../../firmware/websocket.js";
import { Opcode } from "../../firmware/wire/websocket/websocket.js";
import { everySplit } from "../wire/transcript.js";
import { serverFrame } from "../wire/ws-oracle.js";
import { acceptOf, answerTo, WebSocketWorld } from "./websocket-world.js";

const HOST = "app.example.com";
const CONNACK_SUBACK = Buffer.from("200200009003000101", "hex");

const rpc = (limits = {}): WebSocketWorld =>
  new WebSocketWorld({ transport: rpcOverWebSocket("/rpc"), limits });
const overMqtt = (limits = {}): WebSocketWorld =>
  new WebSocketWorld({ transport: mqttOverWebSocket(mqtt, "/mqtt?a=b"), limits });

/** The methods of the frames that were sent, in order. */
const methodsIn = (frames: string[]): string[] =>
  frames.filter((line) => line.startsWith("TEXT {")).map((line) => JSON.parse(line.slice(5)).method);

/** The packets in binary messages, by mqtt-packet. */
function packetsIn(frames: string[]): string[] {
  const packets: string[] = [];
  const reader = parser();
  reader.on("packet", (packet) => packets.push(packet.cmd));
  for (const line of frames) {
    if (!line.startsWith("BINARY ")) continue;
    const text = line
      .slice("BINARY ".length)
      .replace(/\\x(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    reader.parse(Buffer.from(text, "latin1"));
  }
  return packets;
}

/** The answer to the first request that was sent. */
function tokenFor(frames: string[]): Buffer {
  const { id } = JSON.parse((frames.find((line) => line.startsWith("TEXT {")) ?? "").slice(5));
  const frame = {
    v: 2,
    src: "//api.mongoose-iot.com",
    dst: "device_123",
    id,
    result: { token: "ta\u00e9ta" },
  };
  return serverFrame(Opcode.TEXT, JSON.stringify(frame));
}

describe("RPC over a WebSocket", () => {
  it("begins with a handshake for its path and subprotocol, under a new key each time", () => {
    const world = rpc();
    world.time.advance(0);
    const lines = world.handshake().split("\r\n");
    assert.equal(lines[0], "GET /rpc HTTP/1.1");
    assert.ok(lines.includes("Host: cloud.example.com:8080"));
    assert.ok(lines.includes("Sec-WebSocket-Version: 13"));
    assert.ok(lines.includes("Sec-WebSocket-Protocol: clubby.cesanta.com"));
    assert.ok(!world.handshake().includes("Authorization"));
    const accept = acceptOf(world.handshake());
    world.receive(Buffer.from("HTTP/1.1 500 Oh\r\n\r\n"));
    world.time.advance(2_000);
    assert.equal(world.opens, 2);
    assert.notEqual(acceptOf(world.handshake()), accept);
  });

  it("puts a password into the handshake as HTTP Basic, and a counter anew each time", () => {
    const logins = (proof: "password" | "counter"): string[] => {
      const world = new WebSocketWorld({ transport: rpcOverWebSocket("/rpc"), proof });
      const seen: string[] = [];
      for (let i = 0; i < 2; i++) {
        world.time.advance(2_000);
        const basic = /^Authorization: Basic (.+)\r$/m.exec(world.handshake())?.[1] ?? "";
        seen.push(Buffer.from(basic, "base64").toString());
        world.receive(Buffer.from("HTTP/1.1 500 Oh\r\n\r\n"));
      }
      return seen;
    };
    assert.deepEqual(
      logins("password"),
      Array(2).fill("device_123:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
    );
    const [first, second] = logins("counter");
    assert.match(first, /^device_123:1\.[\w-]{43}$/);
    assert.match(second, /^device_123:2\.[\w-]{43}$/);
  });

  it("sends the first request when the handshake is done, and not before", async () => {
    const world = rpc();
    world.client.host(HOST).getToken(() => {});
    world.time.advance(0);
    assert.equal(world.sent().length, world.handshake().length);
    world.receive(answerTo(world.handshake()));
    assert.deepEqual(methodsIn(await world.frames()), ["/v1/Auth.GenerateToken", "/v1/Hello"]);
  });

  it("reads an answer at every split, in fragments with a Ping between them, and answers the Ping", async () => {
    const probe = rpc();
    probe.client.host(HOST).getToken(() => {});
    const message = tokenFor(await probe.connect().frames());
    const payload = message.subarray(message.length > 127 ? 4 : 2);
    const fragments = Buffer.concat([
      serverFrame(Opcode.TEXT, payload.subarray(0, 40), false),
      serverFrame(Opcode.PING, "are you there?"),
      serverFrame(Opcode.CONTINUATION, payload.subarray(40)),
    ]);
    for (const windows of everySplit(fragments)) {
      const world = rpc();
      let token = "";
      world.client.host(HOST).getToken((_status, got) => {
        token = got === null ? "" : Buffer.from(got.bytes.subarray(0, got.length)).toString();
      });
      world.connect().receive(...windows);
      world.time.advance(1);
      assert.equal(token, "ta\u00e9ta");
      assert.equal((await world.frames()).filter((line) => line === "PONG").length, 1);
    }
  });

  it("repeats the Ping's payload in its Pong", () => {
    const world = rpc().connect();
    world.writes = [];
    world.receive(serverFrame(Opcode.PING, "twenty-one characters"));
    const pong = world.sent();
    assert.deepEqual([pong[0], pong[1]], [0x8a, 0x80 | 21]);
    const payload = Buffer.from(pong.subarray(6).map((byte, i) => byte ^ pong[2 + (i & 3)]));
    assert.equal(payload.toString(), "twenty-one characters");
  });

  for (const writeMax of [1, 3, 7, 50]) {
    it(`sends the same when the link takes ${writeMax} bytes at a time`, async () => {
      const frames = async (writeMax: number): Promise<string[]> => {
        const world = rpc();
        world.client.host(HOST).getToken(() => {});
        world.connect().receive(serverFrame(Opcode.PING, "x".repeat(125)));
        const slow = rpc();
        slow.client.host(HOST).getToken(() => {});
        slow.writeMax = writeMax;
        slow.time.advance(0);
        slow.drain(writeMax);
        slow.receive(answerTo(slow.handshake()));
        slow.drain(writeMax);
        slow.receive(serverFrame(Opcode.PING, "x".repeat(125)));
        slow.drain(writeMax);
        assert.ok(slow.writes.every((write) => write.length <= writeMax));
        assert.deepEqual(await slow.frames(), await world.frames());
        return slow.frames();
      };
      assert.equal((await frames(writeMax)).filter((line) => line === "PONG").length, 1);
    });
  }

  it("owes the latest Ping its Pong while the link takes nothing", async () => {
    const world = rpc();
    for (const host of ["a", "b", "c"])
      world.client.host(`${host.repeat(50)}.example.com`).getToken(() => {});
    world.time.advance(0);
    world.writeMax = 0;
    world.receive(answerTo(world.handshake()));
    for (const text of ["one", "two", "x".repeat(125)]) world.receive(serverFrame(Opcode.PING, text));
    assert.equal(world.states.length, 2, "the connection lives");
    world.drain();
    const pongs = (await world.frames()).filter((line) => line === "PONG");
    assert.ok(pongs.length >= 1 && pongs.length <= 3, `${pongs.length} Pongs`);
    assert.ok((await world.frames()).every((line) => !line.startsWith("REFUSED")));
  });

  it("pings after 30 s of silence, and gives up 10 s after a Ping without its Pong", async () => {
    const world = rpc().connect();
    world.time.advance(29_990);
    assert.ok(!(await world.frames()).includes("PING"));
    world.time.advance(20);
    assert.ok((await world.frames()).includes("PING"));
    world.receive(serverFrame(Opcode.PONG, ""));
    world.time.advance(29_000);
    assert.equal(world.status, "OK");
    world.time.advance(1_100);
    world.time.advance(9_800);
    assert.equal(world.status, "OK");
    world.time.advance(200);
    assert.equal(world.status, "KEEP_ALIVE_TIMEOUT");
  });

  it("says goodbye with 1000, and before the handshake says nothing", async () => {
    const world = rpc().connect();
    world.client.close();
    assert.equal((await world.frames()).at(-1), "CLOSE 1000");
    const early = rpc();
    early.time.advance(0);
    const { length } = early.sent();
    early.client.close();
    assert.equal(early.sent().length, length);
    assert.equal(early.isOpen, false);
  });

  const closes: [code: number | null, status: keyof typeof Status, answer: number][] = [
    [1000, "CONNECTION_LOST", 1000],
    [1001, "CONNECTION_LOST", 1001],
    [1002, "WS_REFUSED", 1002],
    [1003, "WS_REFUSED", 1003],
    [1007, "WS_REFUSED", 1007],
    [1008, "NOT_AUTHORIZED", 1008],
    [1009, "WS_REFUSED", 1009],
    [1011, "CONNECTION_LOST", 1011],
    [1013, "SERVER_UNAVAILABLE", 1013],
    [4000, "CONNECTION_LOST", 4000],
    [null, "CONNECTION_LOST", 1005],
  ];
  for (const [code, status, answer] of closes) {
    it(`answers a Close ${code ?? "without a code"} with the same, and says ${status}`, async () => {
      const world = rpc().connect();
      world.receive(serverFrame(Opcode.CLOSE, code === null ? "" : Buffer.from([code >> 8, code & 255])));
      assert.equal((await world.frames()).at(-1), `CLOSE ${answer}`);
      assert.equal(world.isOpen, false);
      assert.equal(world.status, status);
    });
  }

  const broken: [name: string, frame: Buffer, status: keyof typeof Status, answer: number][] = [
    ["a masked frame", Buffer.from("818100000000ff", "hex"), "WS_FRAME", 1002],
    ["a reserved bit", Buffer.from("c100", "hex"), "WS_FRAME", 1002],
    ["a lonely continuation", Buffer.from("8000", "hex"), "WS_FRAGMENT", 1002],
    ["a padded length", Buffer.from("817e0001", "hex"), "WS_LENGTH", 1002],
    ["text that is not UTF-8", Buffer.from("8101ff", "hex"), "WS_PAYLOAD", 1007],
  ];
  for (const [name, frame, status, answer] of broken) {
    it(`fails the connection with ${answer} for ${name}, and says ${status}`, async () => {
      const world = rpc().connect();
      world.receive(frame);
      assert.equal((await world.frames()).at(-1), `CLOSE ${answer}`);
      assert.equal(world.isOpen, false);
      assert.equal(world.status, status);
      world.time.advance(2_000);
      assert.equal(world.opens, 2, "another connection is made by itself");
    });
  }

  it("keeps a Close to itself when the link takes nothing", () => {
    const world = rpc().connect();
    world.writeMax = 0;
    world.client.host(HOST).getToken(() => {});
    world.time.advance(1);
    world.receive(Buffer.from("c100", "hex"));
    assert.equal(world.isOpen, false);
    assert.equal(world.status, "WS_FRAME");
  });

  it("asks a server that refuses it after half the backoff's cap at the soonest", () => {
    for (const [line, status] of [
      ["404 Not Found", "WS_NOT_FOUND"],
      ["302 Found", "WS_REDIRECTED"],
      ["400 Bad Request", "WS_REFUSED"],
      ["401 Unauthorized", "BAD_CREDENTIALS"],
    ]) {
      const world = rpc({ backoffCapMs: 100_000 });
      world.time.advance(0);
      world.receive(Buffer.from(`HTTP/1.1 ${line}\r\n\r\n`));
      assert.equal(world.status, status);
      world.time.advance(49_990);
      assert.equal(world.opens, 1);
      world.time.advance(50_100);
      assert.ok(world.opens > 1);
    }
  });

  it("says which limit its handshake needs, and which paths it takes", () => {
    assert.throws(
      () => new WebSocketWorld({ transport: rpcOverWebSocket(`/${"x".repeat(500)}`) }),
      /limits\.sendBytes must be at least \d{3} for the WebSocket's handshake/,
    );
    assert.throws(() => rpcOverWebSocket(""), /path is ""; it must be text that is not empty/);
    for (const path of ["rpc", "/a b", "/a\r\nHost: b", "/\u00e9", "/a#b"]) {
      assert.throws(() => rpcOverWebSocket(path), /path .* must begin with \/ and be printable ASCII/s);
    }
  });
});

describe("MQTT over a WebSocket", () => {
  it("sends CONNECT, SUBSCRIBE and the first request in one write when the handshake is done", async () => {
    const world = overMqtt();
    world.client.host(HOST).getToken(() => {});
    world.connect();
    assert.match(world.handshake(), /^GET \/mqtt\?a=b HTTP\/1\.1\r\n/);
    assert.match(world.handshake(), /^Sec-WebSocket-Protocol: mqtt\r$/m);
    assert.equal(world.writes.length, 2);
    const frames = await world.frames();
    assert.deepEqual(packetsIn(frames), ["connect", "subscribe", "publish", "publish"]);
    assert.ok(frames.every((line) => line.startsWith("BINARY ")));
  });

  it("takes packets that do not end where messages do, at every split", async () => {
    const bytes = Buffer.concat([
      serverFrame(Opcode.BINARY, CONNACK_SUBACK.subarray(0, 5), false),
      serverFrame(Opcode.PING, "x"),
      serverFrame(Opcode.CONTINUATION, CONNACK_SUBACK.subarray(5, 7)),
      serverFrame(Opcode.BINARY, CONNACK_SUBACK.subarray(7)),
    ]);
    for (const windows of everySplit(bytes)) {
      const world = overMqtt().connect();
      world.receive(...windows);
      assert.equal(world.client.counters.connects, 1);
    }
  });

  it("pings with PINGREQ, says DISCONNECT and then Close 1000", async () => {
    const world = overMqtt().connect();
    world.receive(serverFrame(Opcode.BINARY, CONNACK_SUBACK));
    world.time.advance(46_000);
    assert.equal(packetsIn(await world.frames()).at(-1), "pingreq");
    world.client.close();
    const frames = await world.frames();
    assert.equal(packetsIn(frames).at(-1), "disconnect");
    assert.equal(frames.at(-1), "CLOSE 1000");
  });

  it("refuses text with 1003 (MQTT 3.1.1, 6), and broken MQTT with 1002", async () => {
    const text = overMqtt().connect();
    text.receive(serverFrame(Opcode.TEXT, ""));
    assert.deepEqual([text.status, (await text.frames()).at(-1)], ["WS_PAYLOAD", "CLOSE 1003"]);
    const packet = overMqtt().connect();
    packet.receive(serverFrame(Opcode.BINARY, Buffer.from("00", "hex")));
    assert.deepEqual([packet.status, (await packet.frames()).at(-1)], ["MQTT_PACKET_TYPE", "CLOSE 1002"]);
  });

  it("tells a refused CONNECT as MQTT does", () => {
    const world = overMqtt().connect();
    world.receive(serverFrame(Opcode.BINARY, Buffer.from("20020005", "hex")));
    assert.equal(world.status, "NOT_AUTHORIZED");
  });
});
