import assert from "node:assert/strict";
import fc from "fast-check";
import { Status } from "../../firmware/status.js";
import { WebSocketEvent, WebSocketReader } from "../../firmware/wire/websocket/reader.js";
import { Opcode } from "../../firmware/wire/websocket/websocket.js";
import { everySplit } from "./transcript.js";
import { eventsOf, shown } from "./websocket-events.js";
import { readByWs, serverFrame } from "./ws-oracle.js";

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50, size: "max" });
const control = fc.uint8Array({ maxLength: 125, size: "max" }).map((bytes) => Buffer.from(bytes));
const text = fc.string({ unit: "binary", maxLength: 200, size: "max" });

/** Frames that `ws` writes, and the lines that our reader must make of them. */
interface Told {
  frames: Buffer[];
  lines: string[];
}

const interlude = fc.oneof(
  control.map((payload) => ({
    frames: [serverFrame(Opcode.PING, payload)],
    lines: [`PING ${shown(payload)}`.trimEnd()],
  })),
  control.map((payload) => ({ frames: [serverFrame(Opcode.PONG, payload)], lines: ["PONG"] })),
);

/** One message in any number of frames, cut anywhere, each but the last followed by a control frame or none. */
const message: fc.Arbitrary<Told> = fc
  .tuple(
    fc.oneof(
      text.map((text) => ({ opcode: Opcode.TEXT, payload: Buffer.from(text) })),
      fc
        .uint8Array({ maxLength: 70_000 })
        .map((bytes) => ({ opcode: Opcode.BINARY, payload: Buffer.from(bytes) })),
    ),
    fc.array(fc.tuple(fc.nat(300), fc.option(interlude)), { maxLength: 4 }),
  )
  .map(([{ opcode, payload }, cuts]) => {
    const frames: Buffer[] = [];
    const lines: string[] = [Opcode[opcode]];
    let said = "";
    let left = payload;
    const say = (piece: Buffer): void => {
      said += shown(piece);
    };
    const flush = (): void => {
      if (said !== "") lines.push(`PAYLOAD ${said}`);
      said = "";
    };
    for (const [length, between] of cuts) {
      const piece = left.subarray(0, length);
      frames.push(serverFrame(frames.length === 0 ? opcode : Opcode.CONTINUATION, piece, false));
      say(piece);
      left = left.subarray(piece.length);
      if (between === null) continue;
      frames.push(...between.frames);
      flush();
      lines.push(...between.lines);
    }
    frames.push(serverFrame(frames.length === 0 ? opcode : Opcode.CONTINUATION, left));
    say(left);
    flush();
    return { frames, lines: [...lines, "MESSAGE"] };
  });

/** Windows of these sizes in turn. */
function cut(bytes: Uint8Array, sizes: number[]): Uint8Array[] {
  const windows: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += windows[windows.length - 1].length) {
    windows.push(bytes.subarray(at, at + sizes[windows.length % sizes.length]));
  }
  return windows;
}

/** Our events as {@link readByWs} tells them: a message when it is whole. */
function wholeOf(lines: string[]): string[] {
  const whole: string[] = [];
  let [type, payload] = ["", ""];
  for (const line of lines) {
    if (line === "TEXT" || line === "BINARY") [type, payload] = [line, ""];
    else if (line.startsWith("PAYLOAD ")) payload += line.slice("PAYLOAD ".length);
    else if (line === "MESSAGE") whole.push(`${type} ${payload}`);
    else if (!line.startsWith("REFUSED")) whole.push(line);
  }
  return whole;
}

describe("WebSocketReader", () => {
  it("reads what ws writes, whole or in fragments with control frames between, however it is split", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(message, interlude), { maxLength: 5 }), sizes, (told, sizes) => {
        const bytes = Buffer.concat(told.flatMap(({ frames }) => frames));
        const expected = told.flatMap(({ lines }) => lines);
        assert.deepEqual(eventsOf([bytes]), expected);
        assert.deepEqual(eventsOf(cut(bytes, sizes)), expected);
      }),
    );
  });

  it("reads of frames with wrong bytes what ws reads, and refuses what ws refuses, at the latest where ws does", async () => {
    const wrong = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const told = fc.array(fc.oneof(message, interlude), { minLength: 1, maxLength: 4 });
    const length = fc.integer({ min: 1, max: 400 });
    await fc.assert(
      fc.asyncProperty(told, wrong, length, sizes, async (told, wrong, length, sizes) => {
        const bytes = Buffer.concat(told.flatMap(({ frames }) => frames)).subarray(0, length);
        for (const [at, byte] of wrong) bytes[at % bytes.length] = byte;
        const ours = eventsOf([bytes]);
        assert.deepEqual(eventsOf(cut(bytes, sizes)), ours);
        const theirs = await readByWs("client", [bytes]);
        const isRefused = ours[ours.length - 1]?.startsWith("REFUSED") === true;
        if (theirs[theirs.length - 1]?.startsWith("REFUSED"))
          assert.ok(isRefused, `${ours} beside ${theirs}`);
        // We refuse a padded length and the first byte that is wrong; ws takes the one and waits for the frame's end.
        const read = wholeOf(ours);
        assert.deepEqual(read, isRefused ? theirs.slice(0, read.length) : theirs);
      }),
      { numRuns: 300 },
    );
  });

  const refusals: [name: string, status: Status, hex: string][] = [
    ...["c1", "a1", "91", "f1"].map((first): [string, Status, string] => [
      `reserved bits ${first} (5.2)`,
      Status.WS_FRAME,
      `${first}0168`,
    ]),
    ...["83", "84", "85", "86", "87", "8b", "8c", "8d", "8e", "8f"].map((first): [string, Status, string] => [
      `reserved opcode ${first} (5.2)`,
      Status.WS_FRAME,
      `${first}00`,
    ]),
    ["a masked frame (5.1)", Status.WS_FRAME, "818100000000"],
    ["a masked Close (5.1)", Status.WS_FRAME, "888000000000"],
    ["a continuation of nothing (5.4)", Status.WS_FRAGMENT, "800168"],
    ["a continuation of a message that is over (5.4)", Status.WS_FRAGMENT, "81016880016a"],
    ["a message inside another (5.4)", Status.WS_FRAGMENT, "0101688101"],
    ["a binary message inside a text (5.4)", Status.WS_FRAGMENT, "0101688201"],
    ["a Ping in fragments (5.5)", Status.WS_FRAGMENT, "0900"],
    ["a Close in fragments (5.5)", Status.WS_FRAGMENT, "0800"],
    ["a Ping of 126 bytes (5.5)", Status.WS_LENGTH, `897e007e${"00".repeat(126)}`],
    ["a Pong with a length of 64 bits (5.5)", Status.WS_LENGTH, "8a7f0000000000000000"],
    ["125 bytes whose length has 16 bits (5.2)", Status.WS_LENGTH, `827e007d${"00".repeat(125)}`],
    ["65,535 bytes whose length has 64 bits (5.2)", Status.WS_LENGTH, "827f000000000000ffff00"],
    ["a length with its highest bit set (5.2)", Status.WS_LENGTH, "827f8000000000010000"],
    ["a length beyond 2^53 - 1", Status.WS_LENGTH, "827f0020000000000000"],
    ["a Close of one byte (5.5.1)", Status.WS_FRAME, "880103"],
    ...["0000", "03e7", "03ec", "03ed", "03ee", "03f7", "03f8", "044c", "07d0", "0bb7", "1388", "ffff"].map(
      (code): [string, Status, string] => [
        `the close code ${parseInt(code, 16)} (7.4)`,
        Status.WS_FRAME,
        `8802${code}`,
      ],
    ),
    ["a Close reason that is not UTF-8 (5.5.1)", Status.WS_PAYLOAD, "880403e8c328"],
    ["a Close reason that ends inside a character", Status.WS_PAYLOAD, "880403e841c3"],
    ["text that is not UTF-8 (8.1)", Status.WS_PAYLOAD, "8103 61ff62"],
    ["text that ends inside a character", Status.WS_PAYLOAD, "8102 61c3"],
    ["text whose fragments do not fit together", Status.WS_PAYLOAD, "010261c3 800141"],
    ["a surrogate in text", Status.WS_PAYLOAD, "8103eda080"],
  ];

  for (const [name, status, hex] of refusals) {
    it(`refuses ${name} with ${Status[status]}`, () => {
      const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
      const expected = eventsOf([bytes]);
      assert.match(expected[expected.length - 1], new RegExp(`^REFUSED ${Status[status]} at \\d+$`));
      for (const windows of everySplit(bytes)) assert.deepEqual(eventsOf(windows), expected);
    });
  }

  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
    it(`takes the close code ${code}, with a reason or without`, () => {
      const payload = Buffer.from([code >> 8, code & 255]);
      assert.deepEqual(eventsOf([serverFrame(Opcode.CLOSE, payload)]), [`CLOSE ${code}`]);
      const reason = Buffer.concat([payload, Buffer.from("grüße")]);
      for (const windows of everySplit(serverFrame(Opcode.CLOSE, reason)))
        assert.deepEqual(eventsOf(windows), [`CLOSE ${code} gr\\xc3\\xbc\\xc3\\x9fe`]);
    });
  }

  it("takes a Close without a code as 1005 (7.1.5)", () => {
    assert.deepEqual(eventsOf([Buffer.from("8800", "hex")]), ["CLOSE 1005"]);
  });

  it("takes a character over fragments and over control frames between them", () => {
    const bytes = Buffer.concat([
      serverFrame(Opcode.TEXT, Buffer.from("e2", "hex"), false),
      serverFrame(Opcode.PING, ""),
      serverFrame(Opcode.CONTINUATION, Buffer.from("82", "hex"), false),
      serverFrame(Opcode.CONTINUATION, Buffer.from("ac", "hex")),
    ]);
    const expected = ["TEXT", "PAYLOAD \\xe2", "PING", "PAYLOAD \\x82\\xac", "MESSAGE"];
    for (const windows of everySplit(bytes)) assert.deepEqual(eventsOf(windows), expected);
  });

  it("keeps the latest Ping until it is answered, and forgets it when another begins", () => {
    const reader = new WebSocketReader();
    eventsOf([serverFrame(Opcode.PING, "one"), serverFrame(Opcode.PONG, "other")], reader);
    assert.equal(reader.hasPing, true);
    assert.equal(Buffer.from(reader.ping.subarray(0, reader.pingLength)).toString(), "one");
    eventsOf([serverFrame(Opcode.PING, "two").subarray(0, 3)], reader);
    assert.equal(reader.hasPing, false);
    reader.reset();
    assert.equal(reader.hasPing, false);
  });

  it("stays refused until reset, and begins anew wherever the old connection ended", () => {
    const reader = new WebSocketReader();
    const text = serverFrame(Opcode.TEXT, "héllo", false);
    for (let end = 0; end <= text.length; end++) {
      eventsOf([text.subarray(0, end)], reader);
      reader.reset();
      const ping = serverFrame(Opcode.PING, "x");
      assert.deepEqual(eventsOf([ping], reader), ["PING x"], `ended at ${end}`);
      assert.equal(reader.read(Buffer.from([0x80]), 0, 1), WebSocketEvent.REFUSED);
      assert.equal(reader.read(ping, 0, ping.length), WebSocketEvent.REFUSED);
      assert.equal(reader.at, 0);
      reader.reset();
    }
  });

  it("streams a message of 5 GiB through a 64 KiB window", () => {
    const reader = new WebSocketReader();
    const length = 5 * 2 ** 30;
    const head = Buffer.from("827f0000000140000000", "hex");
    assert.equal(reader.read(head, 0, head.length), WebSocketEvent.BINARY);
    const window = Buffer.alloc(65536);
    let got = 0;
    while (got < length) {
      assert.equal(reader.read(window, 0, window.length), WebSocketEvent.PAYLOAD);
      got += reader.payloadTo - reader.payloadFrom;
    }
    assert.equal(got, length);
    assert.equal(reader.read(window, reader.at, reader.at), WebSocketEvent.MESSAGE);
  });
});
