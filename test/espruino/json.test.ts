import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { bytesOf } from "../../firmware/wire/bytes.js";
import { FrameEvent } from "../../firmware/wire/frame/event.js";
import { FrameReader } from "../../firmware/wire/frame/frame.js";
import { runEspruino } from "../../host-sim/espruino/natives.js";
import { SeededEntropy } from "../auth/time.js";
import { ACCEPTED, REFUSALS } from "../wire/json-cases.js";
import { nodeNatives } from "./device.js";
import { verdictSource } from "./verdict.js";

const ID = "device_123";
const CLOUD = "//api.mongoose-iot.com";
const SPACES = " \t\r\n";

interface Verdict {
  readonly status: Status;
  readonly id: number;
  readonly frame?: { id?: unknown; error?: { code?: number }; result?: { token?: unknown } };
}

/** The strict reader of the other core. */
class Strict {
  private readonly reader = new FrameReader(bytesOf(ID), bytesOf(CLOUD), 64, 64, 4096, false);

  read(text: Buffer): { status: Status; id: number; code: number; token: string } {
    const { reader } = this;
    reader.reset(null);
    let at = 0;
    let event = reader.read(text, 0, text.length);
    while (event === FrameEvent.HOST) {
      at = reader.at;
      event = reader.read(text, at, text.length);
    }
    if (event === FrameEvent.MORE) event = reader.finish();
    const rest = event === FrameEvent.END ? text.subarray(reader.at).toString("latin1") : "";
    const isBlank = [...rest].every((c) => SPACES.includes(c));
    const status = event === FrameEvent.END ? (isBlank ? Status.OK : Status.FRAME_TRAILING) : reader.status;
    const token = Buffer.from(reader.staging.subarray(0, reader.tokenLength)).toString("latin1");
    return { status, id: reader.id, code: reader.code, token };
  }
}

describe("Espruino's core reads frames as the strict reader does", () => {
  const strict = new Strict();
  let verdict: (text: string) => Verdict;
  before(async () => {
    const source = await verdictSource();
    verdict = runEspruino<{ verdict: (text: string) => Verdict }>(source, nodeNatives()).verdict;
  });

  const compare = (text: Buffer, what: string): Status => {
    const expected = strict.read(text);
    const given = verdict(text.toString("latin1"));
    const words = `${what}: ${JSON.stringify(text.toString("latin1"))}`;
    // A text is read to its end before the frame in it is judged: of two faults the text's is told.
    const isFramesFault =
      expected.status === Status.FRAME_MEMBER ||
      expected.status === Status.FRAME_VERSION ||
      (expected.status === Status.JSON_NUMBER && given.status === Status.JSON_TRUNCATED);
    if (isFramesFault && given.status !== expected.status) assert.notEqual(given.status, Status.OK, words);
    else assert.equal(Status[given.status], Status[expected.status], words);
    if (expected.status !== Status.OK) return expected.status;
    const id = given.frame?.id;
    assert.equal(typeof id === "number" ? id : 0, expected.id, what);
    if (given.frame?.error !== undefined) assert.equal(given.frame.error.code, expected.code, what);
    const token = given.frame?.result?.token;
    if (typeof token === "string" && given.frame?.error === undefined)
      assert.equal(token, expected.token, what);
    return expected.status;
  };

  const texts = [...ACCEPTED, ...REFUSALS.flatMap((refusal) => refusal.texts)].map((text) =>
    Buffer.from(text as string),
  );
  const CONTEXTS: readonly (readonly [string, string])[] = [
    ["", ""],
    ['{"v":2,"x":', "}"],
    ['{"id":', ',"result":{"token":"t"}}'],
    ['{"v":2,"id":7,"result":', "}"],
    ['{"v":2,"id":7,"result":{"token":', "}}"],
    ['{"v":2,"id":7,"result":[{"host":', "}]}"],
    ['{"v":2,"id":7,"error":{"code":', "}}"],
    ['{"v":2,"id":7,"error":', "}"],
  ];
  for (const [head, tail] of CONTEXTS) {
    it(`${texts.length} texts, right and wrong, in ${head}…${tail}`, () => {
      for (const text of texts)
        compare(Buffer.concat([Buffer.from(head), text, Buffer.from(tail)]), "a text of the JSON suite");
    });
  }

  it("known members twice are refused, in any spelling, and others are skipped", () => {
    const refused = [
      '{"v":2,"v":2}',
      '{"id":1,"id":1}',
      '{"id":1,"i\\u0064":1}',
      '{"id":1,"result":{"token":"a","token":"b"}}',
      '{"id":1,"result":{"token":"a","tok\\u0065n":"b"}}',
      '{"id":1,"result":[{"host":"a","host":"b"}]}',
      '{"id":1,"error":{"code":1,"code":1}}',
      '{"id":1,"error":{"code":1},"error":{"code":1}}',
    ];
    for (const text of refused) assert.equal(compare(Buffer.from(text), "twice"), Status.FRAME_DUPLICATE);
    const taken = ['{"id":1,"x":1,"x":2}', '{"id":1,"result":{"x":{"token":1,"token":2},"token":"t"}}'];
    for (const text of taken) assert.equal(compare(Buffer.from(text), "unknown"), Status.OK);
  });

  it("a frame without an id has none, whatever came before it", () => {
    assert.equal(verdict('{"id":7,"x":[1]}').id, 7);
    assert.equal(verdict('{"v":2,"result":{"token":"t"}}').id, 0);
  });

  it("a name that objects of the engine have is only a name", () => {
    for (const name of ["__proto__", "constructor", "toString", "length"])
      for (const value of ['{"token":"x","exist":false}', '"x"', "1", "[]", "null"]) {
        compare(Buffer.from(`{"id":1,"result":{"${name}":${value}}}`), name);
        const given = verdict(`{"id":1,"result":{"${name}":${value}}}`);
        assert.equal(given.frame?.result?.token, undefined, name);
        compare(Buffer.from(`{"${name}":${value},"id":1}`), name);
      }
  });

  it("random changes of right frames", () => {
    const seed = Number(process.env.SEED ?? 20261128);
    const random = new SeededEntropy(seed);
    const below = (count: number): number => Math.floor(random.next() * count);
    const frames = [
      `{"v":2,"src":"${CLOUD}","dst":"${ID}","id":281474976710656,"result":{"token":"abc.def-_","expires_in":3600}}`,
      `{"v":2,"src":"${CLOUD}","dst":"${ID}","id":12,"error":{"code":401,"message":"no \\"way\\" \\u00e9"}}`,
      `{"v":2, "id":3, "result":[{"host":"a"},{"host":"b","x":[1,2,{"y":null}]}], "nr":false}`,
      `{"id":4,"result":{"time":1.5e9,"ext":{"mac":1,"cbor":1}},"tag":"é😀"}`,
    ].map((text) => Buffer.from(text));
    const parts = [
      '"',
      "\\",
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "0",
      "-",
      "1e5",
      ".",
      "\\u",
      "d800",
      " ",
      "\n",
      "\0",
      "é",
      "\xff",
      '"id":',
      "true",
      "nul",
    ];
    let accepted = 0;
    for (let round = 0; round < 6000; round++) {
      let text = frames[below(frames.length)];
      for (let changes = 1 + below(3); changes > 0; changes--) {
        const at = below(text.length + 1);
        const to = Math.min(text.length, at + below(4));
        const part =
          below(3) === 0
            ? Buffer.alloc(0)
            : Buffer.from(parts[below(parts.length)], below(2) === 0 ? "latin1" : "utf8");
        text = Buffer.concat([text.subarray(0, at), part, text.subarray(to)]);
      }
      if (compare(text, `seed ${seed}, round ${round}`) === Status.OK) accepted++;
    }
    assert.ok(accepted > 100, `${accepted} of them are frames`);
  });
});
