/** The Node adapter keeps the contract of ports.ts, whatever the peer does. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type LinkEvents, Status } from "../../firmware/index.js";
import { NodeLink } from "../../host-sim/node/link.js";
import { compiled } from "../compiled.js";
import { freePort } from "../servers/process.js";

/** What a link told, in order, and somebody to wait for it. */
class Log implements LinkEvents {
  readonly told: string[] = [];
  readonly bytes: Buffer[] = [];
  onReceived: () => void = () => {};
  private onEvent: () => void = () => {};

  opened(): void {
    this.tell("opened");
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    // A copy: the window is the link's again when this returns.
    this.bytes.push(Buffer.from(bytes.subarray(from, to)));
    this.onReceived();
    this.tell("received");
  }

  writable(): void {
    this.tell("writable");
  }

  closed(status: Status): void {
    this.tell(`closed ${Status[status]}`);
  }

  /** Resolves when this has been told. */
  async until(name: string): Promise<void> {
    while (!this.told.includes(name)) await new Promise<void>((resolve) => (this.onEvent = resolve));
  }

  private tell(name: string): void {
    this.told.push(name);
    this.onEvent();
  }
}

/** A moment in which anything that is still to come would come. */
const quiet = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe("the Node link", () => {
  let server: Server;
  let link: NodeLink;
  let log: Log;

  beforeEach(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    link = new NodeLink();
    log = new Log();
  });

  afterEach(async () => {
    link.close();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  });

  const address = (host = "127.0.0.1") => ({ host, port: (server.address() as AddressInfo).port });

  /** Opens the link and returns the peer's end of it. */
  async function open(): Promise<Socket> {
    const accepted = once(server, "connection");
    link.open(address(), log);
    const [peer] = (await accepted) as [Socket];
    peer.on("error", () => {});
    await log.until("opened");
    return peer;
  }

  /** All that the peer gets to its end. */
  async function all(peer: Socket): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of peer) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  const write = (text: string): number => {
    const bytes = Buffer.from(text);
    return link.write(bytes, 0, bytes.length);
  };

  describe("opening", () => {
    it("tells opened once, and not within the call", async () => {
      link.open(address(), log);
      assert.deepEqual(log.told, []);
      await log.until("opened");
      await quiet();
      assert.deepEqual(log.told, ["opened"]);
    });

    it("a refused port is UNREACHABLE, once, and not within the call", async () => {
      link.open({ host: "127.0.0.1", port: await freePort() }, log);
      assert.deepEqual(log.told, []);
      await log.until("closed UNREACHABLE");
      await quiet();
      assert.deepEqual(log.told, ["closed UNREACHABLE"]);
    });

    it("a name that nobody knows is HOST_UNKNOWN", async () => {
      link.open(address("nowhere.invalid"), log);
      assert.deepEqual(log.told, []);
      await log.until("closed HOST_UNKNOWN");
      await quiet();
      assert.deepEqual(log.told, ["closed HOST_UNKNOWN"]);
    });

    it("takes nothing before it is opened", () => {
      assert.equal(write("early"), 0);
    });

    it("closed before it opened, it tells nothing", async () => {
      link.open(address(), log);
      link.close();
      await quiet();
      link.open({ ...address(), host: "nowhere.invalid" }, log);
      link.close();
      await quiet();
      assert.deepEqual(log.told, []);
    });

    it("opened again, it tells nothing of the connection before", async () => {
      const first = await open();
      link.close();
      const later = log;
      log = new Log();
      const second = await open();
      first.write("late");
      second.write("new");
      await log.until("received");
      await quiet();
      assert.deepEqual([later.told, Buffer.concat(log.bytes).toString()], [["opened"], "new"]);
    });
  });

  describe("the peer's end", () => {
    it("a peer that closes at once is CONNECTION_LOST, once, and nothing follows", async () => {
      server.once("connection", (socket) => socket.end());
      link.open(address(), log);
      await log.until("closed CONNECTION_LOST");
      await quiet();
      assert.deepEqual(log.told, ["opened", "closed CONNECTION_LOST"]);
      assert.equal(write("into nothing"), 0);
    });

    it("a system without a socket left is NO_SOCKET, which names the limit", async () => {
      const script = await compiled("test/host-sim/no-descriptors.ts");
      const { port } = server.address() as AddressInfo;
      const shell = spawn("sh", ["-c", `ulimit -n 100; exec ${process.execPath} ${script} ${port}`]);
      const [told] = await Promise.all([text(shell.stdout), once(shell, "close")]);
      assert.match(told, /^closed NO_SOCKET: .*ulimit -n/);
    });

    it("a reset is CONNECTION_LOST", async () => {
      (await open()).resetAndDestroy();
      await log.until("closed CONNECTION_LOST");
      await quiet();
      assert.deepEqual(log.told, ["opened", "closed CONNECTION_LOST"]);
    });

    it("what it sent before its end is told before the end", async () => {
      (await open()).end("last words");
      await log.until("closed CONNECTION_LOST");
      assert.equal(Buffer.concat(log.bytes).toString(), "last words");
      assert.equal(log.told.at(-1), "closed CONNECTION_LOST");
    });

    it("200 kB come whole and in order, through a window of 64 kB at the most", async () => {
      const sent = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
      (await open()).end(sent);
      await log.until("closed CONNECTION_LOST");
      assert.ok(Buffer.concat(log.bytes).equals(sent));
      for (const piece of log.bytes) assert.ok(piece.length <= 65_536);
    });

    it("two links that share the window get their own bytes", async () => {
      const [first, firstLog, firstPeer] = [link, log, await open()];
      link = new NodeLink();
      log = new Log();
      const secondPeer = await open();
      for (let i = 0; i < 50; i++) {
        firstPeer.write("a".repeat(999));
        secondPeer.write("b".repeat(999));
      }
      firstPeer.end();
      secondPeer.end();
      await Promise.all([firstLog.until("closed CONNECTION_LOST"), log.until("closed CONNECTION_LOST")]);
      assert.equal(Buffer.concat(firstLog.bytes).toString(), "a".repeat(49_950));
      assert.equal(Buffer.concat(log.bytes).toString(), "b".repeat(49_950));
      first.close();
    });
  });

  describe("writing", () => {
    it("takes the part that is offered, and copies it: the bytes are the caller's again", async () => {
      const heard = all(await open());
      const bytes = Buffer.from("..hello..");
      assert.equal(link.write(bytes, 2, 7), 5);
      bytes.fill(0x21);
      link.close();
      assert.equal((await heard).toString(), "hello");
    });

    it("takes nothing while the peer reads nothing, says so, and goes on with writable: no byte is lost", async () => {
      const peer = await open();
      const piece = Buffer.alloc(64 * 1024);
      let taken = 0;
      peer.pause();
      for (;;) {
        piece.fill(taken / piece.length);
        const count = link.write(piece, 0, piece.length);
        if (count === 0) break;
        assert.equal(count, piece.length);
        taken += count;
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(!log.told.includes("writable"));
      const heard = all(peer);
      await log.until("writable");
      assert.equal(write("end"), 3);
      link.close();
      const bytes = await heard;
      assert.equal(bytes.length, taken + 3);
      for (let at = 0; at < taken; at += piece.length) assert.equal(bytes[at], (at / piece.length) & 0xff);
      assert.equal(bytes.subarray(taken).toString(), "end");
    });

    it("small writes leave at once: TCP_NODELAY is on", async () => {
      const delayed = connect({ ...address(), noDelay: false });
      const [slowPeer] = (await once(server, "connection")) as [Socket];
      const peer = await open();
      const shares: number[] = [];
      // Nagle's algorithm is slow every time; a pause of this process is not.
      for (let go = 0; go < 10 && !shares.some((share) => share < 1 / 4); go++) {
        const slowMs = await volleys(slowPeer, (text) => delayed.write(text), delayed);
        shares.push((await volleys(peer, write)) / slowMs);
      }
      delayed.destroy();
      assert.ok(Math.min(...shares) < 1 / 4, `of the time with Nagle's algorithm: ${shares.join(", ")}`);
    });
  });

  describe("closing", () => {
    it("sends what was taken, then ends, and tells nothing of it", async () => {
      const heard = all(await open());
      assert.equal(write("x".repeat(100_000)), 100_000);
      link.close();
      assert.equal((await heard).length, 100_000);
      await quiet();
      assert.deepEqual(log.told, ["opened"]);
    });

    it("tells nothing that comes after it, and takes nothing more", async () => {
      const peer = await open();
      link.close();
      peer.end("too late");
      await once(peer, "close");
      await quiet();
      assert.deepEqual([log.told, write("too late")], [["opened"], 0]);
    });

    it("may be closed twice, and before it was ever opened", async () => {
      link.close();
      await open();
      link.close();
      link.close();
      await quiet();
      assert.deepEqual(log.told, ["opened"]);
    });

    it("from within an event it tells nothing more", async () => {
      const peer = await open();
      log.onReceived = () => link.close();
      for (let i = 0; i < 10; i++) peer.write("x".repeat(50_000));
      await log.until("received");
      await quiet();
      assert.deepEqual(log.told, ["opened", "received"]);
    });
  });
});

/** Ten times: two small writes one after the other, answered when both have come. Milliseconds. */
async function volleys(peer: Socket, write: (text: string) => unknown, us?: Socket): Promise<number> {
  const atMs = performance.now();
  us?.resume();
  for (let i = 0; i < 10; i++) {
    let left = 2;
    const both = new Promise<void>((resolve) => {
      const take = (bytes: Buffer): void => {
        left -= bytes.length;
        if (left > 0) return;
        peer.off("data", take);
        peer.write("ok");
        resolve();
      };
      peer.on("data", take);
    });
    write("a");
    await new Promise((resolve) => setImmediate(resolve));
    write("b");
    await both;
  }
  return performance.now() - atMs;
}
