/** A sealed token as it streams in: alone, and as a member of a frame in JSON and in CBOR. */
import assert from "node:assert/strict";
import { Encoder } from "cbor-x";
import fc from "fast-check";
import { Status } from "../../firmware/status.js";
import { CborReader } from "../../firmware/wire/cbor/cbor.js";
import { FrameEvent } from "../../firmware/wire/frame/event.js";
import { FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX, FrameReader } from "../../firmware/wire/frame/frame.js";
import { SALT_BYTES, SealedText } from "../../firmware/wire/frame/sealed.js";
import { feedPieces, splitBytes, utf8 } from "../proof/oracle.js";

const TOKEN_BYTES = 48;
const SALT = new Uint8Array(SALT_BYTES).map((_, i) => 200 + i);

/** What the cloud sends for these bytes, sealed already. */
const textOf = (bytes: Uint8Array): string => Buffer.concat([SALT, bytes]).toString("base64url");

/** What a text came to: its length, and what of it was kept. */
function taken(text: string, cuts?: number[], room = TOKEN_BYTES): { length: number; bytes: Buffer } {
  const bytes = utf8(text);
  const out = new Uint8Array(room);
  const sink = new SealedText();
  sink.begin(out);
  feedPieces(cuts ?? [0, bytes.length], (from, to) => {
    if (sink.take(bytes, from, to) < to) sink.spoil();
  });
  const length = sink.end();
  if (length > 0) assert.deepEqual(Buffer.from(sink.salt), Buffer.from(SALT));
  return { length, bytes: Buffer.from(out.subarray(0, Math.min(length, room))) };
}

describe("wire/frame/sealed", () => {
  it("decodes what Node encoded, in pieces of any size, beyond its room too", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 120 }), fc.array(fc.nat(180)), (token, places) => {
        const text = textOf(token);
        const cuts = [0, ...places.filter((at) => at < text.length).sort((a, b) => a - b), text.length];
        const { length, bytes } = taken(text, cuts);
        assert.equal(length, token.length);
        assert.deepEqual(bytes, Buffer.from(token.subarray(0, TOKEN_BYTES)));
      }),
    );
  });

  it("takes the one way to write bytes: not 4n + 1 characters, nor unused bits, padding, the other alphabet", () => {
    const right = textOf(utf8("token"));
    assert.equal(taken(right).length, 5);
    // 17 bytes are 23 characters: two bits of the last one are not used.
    const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const odd = ALPHABET[ALPHABET.indexOf(right[22] as string) + 1];
    for (const wrong of [right.slice(0, 21), `${right.slice(0, 22)}${odd}`, `${right}=`, `${right} `])
      assert.equal(taken(wrong).length, 0, wrong);
    for (const byte of "+/ .:@[`{\u007f\u0000\u00e9")
      assert.equal(taken(`${right.slice(0, 18)}${byte}${right.slice(19)}`).length, 0, byte);
  });

  it("has nothing in a salt alone, or less", () => {
    for (let length = 0; length <= 16; length++)
      assert.equal(taken(textOf(utf8("")).slice(0, length)).length, 0);
  });
});

/** Reads a frame in pieces. */
function read(bytes: Uint8Array, cuts: number[], isCbor: boolean): FrameReader {
  const frame = new FrameReader(utf8("device_1"), utf8("//cloud"), 16, 16, TOKEN_BYTES, false);
  frame.reset(isCbor ? new CborReader(FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX) : null);
  let event = FrameEvent.MORE;
  feedPieces(cuts, (from, to) => {
    if (event === FrameEvent.MORE) event = frame.read(bytes, from, to);
  });
  if (event === FrameEvent.MORE) event = frame.finish();
  assert.equal(event, frame.status === Status.OK ? FrameEvent.END : FrameEvent.REFUSED);
  return frame;
}

/** The staged bytes of a frame whose result is this, and how it ended. */
function staged(frame: FrameReader): { status: string; bytes: string; isSealed: boolean } {
  const status = Status[frame.status === Status.OK ? frame.overflow : frame.status] as string;
  const bytes = Buffer.from(frame.staging.subarray(0, frame.tokenLength)).toString();
  return { status, bytes, isSealed: frame.sealed.isPresent };
}

const encoder = new Encoder({ useRecords: false });

describe("a frame with a sealed token", () => {
  for (const isCbor of [false, true]) {
    const bytesOf = (frame: object): Uint8Array =>
      isCbor ? new Uint8Array(encoder.encode(frame)) : utf8(JSON.stringify(frame));
    const whole = (frame: object) => {
      const bytes = bytesOf(frame);
      return staged(read(bytes, [0, bytes.length], isCbor));
    };
    const how = isCbor ? "in CBOR" : "in JSON";

    it(`${how} leaves salt and token, wherever it is cut`, () => {
      fc.assert(
        fc.property(splitBytes(TOKEN_BYTES), fc.array(fc.nat(200)), ({ bytes: token }, places) => {
          fc.pre(token.length > 0);
          const bytes = bytesOf({ v: 2, result: { sealed: textOf(token), expires_in: 60 }, id: 7 });
          const cuts = [0, ...places.filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length];
          const frame = read(bytes, cuts, isCbor);
          assert.deepEqual(Buffer.from(frame.sealed.salt), Buffer.from(SALT));
          assert.deepEqual(Buffer.from(frame.staging.subarray(0, frame.tokenLength)), Buffer.from(token));
          assert.deepEqual([frame.sealed.isPresent, frame.expiresInS, frame.id], [true, 60, 7]);
        }),
      );
    });

    it(`${how} that comes in the clear as well, or cannot be opened, is none`, () => {
      const sealed = textOf(utf8("token"));
      const none = { status: "OK", bytes: "", isSealed: true };
      assert.deepEqual(whole({ id: 1, result: { sealed, token: "t" } }), none);
      assert.deepEqual(whole({ id: 1, result: { token: "t", sealed } }), none);
      for (const text of ["", "A", sealed.slice(0, 16), `${sealed}=`, `${sealed}\u00e9`])
        assert.deepEqual(whole({ id: 1, result: { sealed: text } }), none, text);
      assert.deepEqual(whole({ id: 1, result: { sealed: 5, token: "t" } }), none);
    });

    it(`${how} that is too long says so, and says whose it is not where no id came before`, () => {
      const sealed = textOf(new Uint8Array(TOKEN_BYTES + 1));
      assert.equal(whole({ id: 1, result: { sealed } }).status, "TOKEN_TOO_LONG");
      assert.equal(whole({ result: { sealed }, id: 1 }).status, "FRAME_ORDER");
      assert.equal(whole({ error: { code: 1 }, result: { sealed } }).status, "OK");
    });
  }

  it("twice, or with a character spelt as an escape, is not taken", () => {
    const sealed = textOf(utf8("token"));
    const json = (text: string) => {
      const bytes = utf8(text);
      return staged(read(bytes, [0, bytes.length], false));
    };
    assert.equal(json(`{"result":{"sealed":"${sealed}","sealed":"${sealed}"}}`).status, "FRAME_DUPLICATE");
    for (const spelt of ["\\u0041", "\\/", "\\n"])
      assert.equal(json(`{"id":1,"result":{"sealed":"${sealed}${spelt}"},"v":2}`).bytes, "");
    assert.equal(json(`{"id":1,"result":{"sealed":"${sealed}\\x"}}`).status, "JSON_SYNTAX");
    assert.equal(json(`{"id":1,"result":{"sealed":"${sealed}`).status, "JSON_TRUNCATED");
  });
});
