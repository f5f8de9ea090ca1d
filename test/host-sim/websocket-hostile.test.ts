/** A server that breaks every MUST of RFC 6455, on real sockets: each ends the connection with its status. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type LimitOptions, State, type Status } from "../../firmware/index.js";
import { rpcOverWebSocket } from "../../firmware/websocket.js";
import { Opcode } from "../../firmware/wire/websocket/websocket.js";
import { explain } from "../../host-sim/explain.js";
import { answerTo } from "../auth/websocket-world.js";
import { readByWs, serverFrame } from "../wire/ws-oracle.js";
import { Device } from "./device.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };

/** What the server does with a handshake. */
type Script = (socket: Socket, request: string) => void;

const instead = (change: (answer: string) => string): Script => {
  return (socket, request) => socket.write(change(answerTo(request).toString("latin1")), "latin1");
};
const after = (hex: string): Script => {
  return (socket, request) => socket.write(Buffer.concat([answerTo(request), Buffer.from(hex, "hex")]));
};
const dripping = (script: (request: string) => Buffer): Script => {
  return (socket, request) => {
    const bytes = script(request);
    const drip = (at: number): void => {
      if (at < bytes.length) socket.write(bytes.subarray(at, at + 1), () => drip(at + 1));
    };
    drip(0);
  };
};
const endless = (head: string, more: Buffer): Script => {
  return (socket, request) => {
    socket.write(head === "" ? answerTo(request) : head);
    const pour = (): void => {
      while (!socket.destroyed && socket.write(more));
      socket.once("drain", pour);
    };
    pour();
  };
};

// biome-ignore format: a table
const ROWS: [what: string, script: Script, status: keyof typeof Status][] = [
  ["sends us elsewhere", instead(() => "HTTP/1.1 301 Moved\r\nLocation: ws://evil.example.com/\r\n\r\n"), "WS_REDIRECTED"],
  ["wants a login", instead(() => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n"), "BAD_CREDENTIALS"],
  ["knows nothing at the path", instead(() => "HTTP/1.1 404 Not Found\r\n\r\n"), "WS_NOT_FOUND"],
  ["serves a page", instead(() => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "WS_REFUSED"],
  ["speaks SSH", instead(() => "SSH-2.0-OpenSSH_9.2\r\n"), "WS_RESPONSE"],
  ["never ends its header", endless("HTTP/1.1 101 Yes\r\nX: ", Buffer.alloc(1000, "x")), "WS_RESPONSE"],
  ["sends headers without end", endless("HTTP/1.1 101 Yes\r\n", Buffer.from("X: y\r\n".repeat(100))), "WS_RESPONSE"],
  ["says 101 alone", instead(() => "HTTP/1.1 101 Switching Protocols\r\n\r\n"), "WS_ACCEPT"],
  ["answers another key", instead((answer) => answer.replace(/(Accept: ).{4}/, "$1AAAA")), "WS_ACCEPT"],
  ["upgrades to something else", instead((answer) => answer.replace("Upgrade: websocket", "Upgrade: h2c")), "WS_ACCEPT"],
  ["drops the subprotocol", instead((answer) => answer.replace(/Sec-WebSocket-Protocol: .*\r\n/, "")), "WS_NEGOTIATION"],
  ["chooses another subprotocol", instead((answer) => answer.replace("clubby.cesanta.com", "mqtt")), "WS_NEGOTIATION"],
  ["brings an extension", instead((answer) => answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")), "WS_NEGOTIATION"],
  ["masks its frames", after("81820000000068690000"), "WS_FRAME"],
  ["sets RSV1 without an extension", after("c1026869"), "WS_FRAME"],
  ["uses opcode 3", after("8300"), "WS_FRAME"],
  ["uses opcode 11", after("8b00"), "WS_FRAME"],
  ["sends a Ping in fragments", after("0900"), "WS_FRAGMENT"],
  ["begins a message inside another", after("01016881016a"), "WS_FRAGMENT"],
  ["goes on with nothing", after("800168"), "WS_FRAGMENT"],
  ["sends a Ping of 126 bytes", after(`897e007e${"00".repeat(126)}`), "WS_LENGTH"],
  ["pads a length", after("817e0001"), "WS_LENGTH"],
  ["sets the highest bit of a length", after("817fffffffffffffffff"), "WS_LENGTH"],
  ["sends text that is not UTF-8", after("8102c328"), "WS_PAYLOAD"],
  ["sends a Close of one byte", after("880103"), "WS_FRAME"],
  ["sends the close code 1005", after("880203ed"), "WS_FRAME"],
  ["closes at once", after("880203e8"), "CONNECTION_LOST"],
  ["says that it does not like us", after("880203f0"), "NOT_AUTHORIZED"],
  ["hangs up in the handshake", (socket) => socket.destroy(), "HUNG_UP"],
  ["breaks a MUST byte by byte", dripping((request) => Buffer.concat([answerTo(request), Buffer.from("8102c328", "hex")])), "WS_PAYLOAD"],
  ["gives early hints and no answer", instead(() => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "CONNECT_TIMEOUT"],
  ["gives early hints, then no WebSocket", instead(() => "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 No\r\n\r\n"), "WS_NOT_FOUND"],
  ["gives early hints without end", endless("HTTP/1.1 100 Continue\r\n\r\n", Buffer.from("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(20))), "WS_RESPONSE"],
  ["says nothing", () => {}, "CONNECT_TIMEOUT"],
  ["answers byte by byte and stops short", dripping((request) => answerTo(request).subarray(0, -1)), "CONNECT_TIMEOUT"],
];

describe("a hostile WebSocket server", () => {
  let server: Server;
  let sockets: Socket[];
  let closing: (() => unknown)[];
  /** What came behind the handshake, of the first connection. */
  let heard: Buffer[];

  beforeEach(async () => {
    sockets = [];
    heard = [];
    closing = [];
    server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    for (const close of closing) close();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });

  function serve(script: Script): void {
    server.on("connection", (socket) => {
      const isFirst = sockets.push(socket) === 1;
      socket.on("error", () => {});
      let request = "";
      socket.on("data", (bytes) => {
        if (request.endsWith("\r\n\r\n")) {
          if (isFirst) heard.push(bytes);
          return;
        }
        request += bytes.toString("latin1");
        if (request.endsWith("\r\n\r\n")) script(socket, request);
      });
    });
  }

  function start(limits: LimitOptions = {}): Device {
    const { port } = server.address() as AddressInfo;
    const transport = rpcOverWebSocket("/rpc");
    const device = new Device(port, DEVICE, { transport, proof: "digest", limits });
    closing.push(() => device.close());
    return device;
  }

  for (const [what, script, status] of ROWS) {
    it(`that ${what}: ${status}`, async () => {
      serve(script);
      // Only who says nothing more is to run into the limit.
      const connectTimeoutMs = status === "CONNECT_TIMEOUT" ? 500 : 8_000;
      const device = start({ connectTimeoutMs, backoffBaseMs: 60_000, backoffCapMs: 60_000 });
      await device.next(State.CONNECTING);
      await device.next(State.WAITING);
      assert.equal(explain(device.auth).name, status);
    });
  }

  it("that closes with words of its own is told with them", async () => {
    const words = "token expired, log in again";
    const payload = Buffer.concat([Buffer.from([4401 >> 8, 4401 & 255]), Buffer.from(words)]);
    serve((socket, request) =>
      socket.write(Buffer.concat([answerTo(request), serverFrame(Opcode.CLOSE, payload)])),
    );
    const device = start({ backoffBaseMs: 60_000, backoffCapMs: 60_000 });
    await device.next(State.WAITING);
    const { peerCode, peerReason } = explain(device.auth);
    assert.deepEqual([peerCode, peerReason], [4401, words]);
  });

  it("that gives hints before its answer is a WebSocket (RFC 9110, 15.2)", async () => {
    serve((socket, request) => {
      socket.write(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nUpgrade: h2c\r\nLink: </a>\r\n\r\n",
      );
      socket.write(answerTo(request));
    });
    await start().next(State.READY);
  });

  it("is told with a Close why it was left: 1002, or 1007 for text that is none", async () => {
    for (const [hex, code] of [
      ["c1026869", 1002],
      ["8102c328", 1007],
      ["880403e8c328", 1007],
      ["880161", 1002],
      ["88020000", 1002],
      ...[999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000].map(
        (wrong) => [`8802${wrong.toString(16).padStart(4, "0")}`, 1002] as const,
      ),
    ] as const) {
      sockets = [];
      heard = [];
      server.removeAllListeners("connection");
      serve(after(hex));
      const device = start({ backoffBaseMs: 60_000, backoffCapMs: 60_000 });
      await device.next(State.WAITING);
      await once(sockets[0] as Socket, "close");
      assert.equal((await readByWs("server", heard)).at(-1), `CLOSE ${code}`);
    }
  });

  /** Serves RPC by ws's own reading of what came, and says `more` before each answer. */
  function serveTokens(more: (connection: number) => Buffer[]): void {
    serve((socket, request) => {
      const connection = sockets.length;
      const said: Buffer[] = [];
      const answered = new Set<number>();
      socket.write(answerTo(request));
      for (const bytes of more(connection)) socket.write(bytes);
      socket.on("data", async (bytes) => {
        said.push(bytes);
        for (const line of await readByWs("server", said)) {
          const id = line.startsWith("TEXT {") ? JSON.parse(line.slice("TEXT ".length)).id : 0;
          if (id === 0 || answered.has(id)) continue;
          answered.add(id);
          const answer = { v: 2, id, result: { token: `of ${connection}` } };
          socket.write(serverFrame(Opcode.TEXT, JSON.stringify(answer)));
        }
      });
    });
  }

  it("that hangs up inside a character leaves nothing behind in the next connection", async () => {
    serveTokens((connection) => {
      if (connection > 1) return [];
      setImmediate(() => sockets[0]?.end());
      return [serverFrame(Opcode.TEXT, '{"id":1,"result":{"token":"', false), Buffer.from("8005c3", "hex")];
    });
    const device = start();
    const { remainingMs, ...token } = await device.getToken("app.example.com");
    assert.deepEqual(token, { status: "OK", token: "of 2", generation: 1 });
    // No end is known: the default maximum age.
    assert.ok(remainingMs > 3_500_000 && remainingMs <= 3_600_000, String(remainingMs));
  });

  it("that goes on behind its Close is not listened to", async () => {
    let id = 0;
    serve((socket, request) => {
      socket.write(answerTo(request));
      socket.once("data", async (bytes) => {
        const line = (await readByWs("server", [bytes])).find((one) => one.startsWith("TEXT {")) ?? "";
        id = JSON.parse(line.slice("TEXT ".length)).id;
        const answer = JSON.stringify({ v: 2, id, result: { token: "forged" } });
        socket.write(Buffer.concat([Buffer.from("880203e8", "hex"), serverFrame(Opcode.TEXT, answer)]));
      });
    });
    const device = start({ callDeadlineMs: 400, backoffBaseMs: 60_000, backoffCapMs: 60_000 });
    assert.equal((await device.getToken("app.example.com")).status, "CONNECTION_LOST");
    assert.ok(id > 0);
  });

  it("may send Pongs that nobody asked for, and messages and fragments without a byte, by the thousand", async () => {
    const empty = Buffer.from("8a00 8100 0100 0000 8000 8200 8900".replaceAll(" ", ""), "hex");
    serveTokens(() => [Buffer.concat(Array<Buffer>(2_000).fill(empty))]);
    const device = start();
    assert.equal((await device.getToken("app.example.com")).status, "OK");
    const { losses, malformed } = device.auth.counters;
    assert.deepEqual([losses, malformed], [0, 6_000]);
  });

  it("cannot make a device remember more than it has room for: 8 MB in one message", async () => {
    const pour = Buffer.alloc(65_536, '"');
    serve((socket, request) => {
      socket.write(answerTo(request));
      // One text message of 2^40 bytes that is a JSON string without end.
      socket.write(Buffer.from("817f0000010000000000", "hex"));
      socket.write('{"trace":"');
      let sent = 0;
      const more = (): void => {
        while (sent < 8_000_000 && !socket.destroyed) {
          sent += pour.length;
          if (!socket.write(pour.fill("x"))) {
            socket.once("drain", more);
            return;
          }
        }
        socket.end();
      };
      more();
    });
    const device = start({ backoffBaseMs: 60_000, backoffCapMs: 60_000 });
    await device.next(State.WAITING);
    assert.equal(explain(device.auth).name, "CONNECTION_LOST");
  });
});
