import assert from "node:assert/strict";
import fc from "fast-check";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import { MAC_TRAILER_BYTES_MAX, MacSession } from "../../firmware/proof/mac.js";
import { Status } from "../../firmware/status.js";
import { feedPieces, hkdf, hmac, isAllZero, latin1, splitBytes, typedArraysOf, utf8 } from "./oracle.js";

const PSK = utf8("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
const NONCE = new Uint8Array(16).map((_, i) => 0xf0 + i);
const COUNTER = 65;
const REPLY = utf8('{"v":2,"id":7,"result":{"token":"t"}}');

const hash = new Sha256();

function begun(counter = COUNTER, psk = PSK): MacSession {
  const session = new MacSession();
  session.begin(hash, psk, counter, NONCE);
  return session;
}

/** S by its definition. */
function sessionKey(counter = COUNTER, psk: Uint8Array = PSK): Buffer {
  const input = Buffer.alloc(25);
  input.write("s");
  input.writeBigUInt64BE(BigInt(counter), 1);
  input.set(NONCE, 9);
  return hmac(hkdf(psk, "motekey mac v1"), input);
}

/** The trailer of a frame by its definition; `sequence` is text, so that it can be malformed. */
function trailer(direction: "c" | "d", frame: Uint8Array, sequence: string, key = sessionKey()): string {
  return `\n${sequence}.${hmac(key, direction, frame, `\n${sequence}`).toString("base64url")}`;
}

/** Feeds a frame and what follows it, and gives the verdict: the first refusal, or that of the end. */
function receive(session: MacSession, frame: Uint8Array, rest: string, cuts?: number[]): string {
  const bytes = utf8(rest);
  const own = new Sha256();
  let status = Status.OK;
  session.receiveBegin(own);
  own.update(frame, 0, frame.length);
  feedPieces(cuts ?? [0, bytes.length], (from, to) => {
    const next = session.receiveTrailer(own, bytes, from, to);
    if (status === Status.OK) status = next;
  });
  const end = session.receiveEnd(own);
  if (status !== Status.OK && end === Status.OK) return "accepted after a refusal";
  return Status[status === Status.OK ? end : status];
}

function sign(session: MacSession, frame: Uint8Array): string {
  const out = new Uint8Array(3 + frame.length + MAC_TRAILER_BYTES_MAX);
  out.set(frame, 3);
  const foretold = session.trailerLength();
  const end = session.sign(hash, out, 3, 3 + frame.length);
  assert.equal(end, 3 + frame.length + foretold);
  assert.deepEqual(out.subarray(3, 3 + frame.length), frame);
  return latin1(out, 3 + frame.length, end);
}

describe("proof/mac, sending", () => {
  it("gives the golden trailers of DESIGN.md", () => {
    const frame = utf8(
      '{"v":2,"src":"device_123","id":1,"method":"/v1/Auth.GetToken","args":{"host":"app.example.com"},"sec":{"c":65,"n":"8PHy8_T19vf4-fr7_P3-_w"}}',
    );
    const session = begun();
    assert.equal(sign(session, frame), "\n0.W5Rf6SMwBjgqY53U6XejBiayGFrG4MNoO9YsZdQQBkA");
    assert.equal(sign(session, frame), "\n1.tuPSgGaPvJ1mgIj8ZRfGIZfn7q5XTsPzVW1_nu9IL-4");
  });

  it("signs every frame as its definition says, with sequences that rise from 0", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        fc.maxSafeNat(),
        fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 12 }),
        (psk, counter, frames) => {
          const session = begun(counter, psk);
          frames.forEach((frame, i) => {
            assert.equal(sign(session, frame), trailer("d", frame, String(i), sessionKey(counter, psk)));
          });
        },
      ),
    );
  });

  it("uses the last sequence, and then signs nothing instead of starting over", () => {
    const session = begun();
    session.sendSequence = 2 ** 32 - 1;
    assert.equal(session.trailerLength(), MAC_TRAILER_BYTES_MAX);
    assert.equal(sign(session, REPLY), trailer("d", REPLY, "4294967295"));
    const out = new Uint8Array(100);
    assert.equal(session.sign(hash, out, 0, 10), -1);
    assert.deepEqual(out, new Uint8Array(100));
  });
});

describe("proof/mac, receiving", () => {
  it("gives the golden trailer of a reply in DESIGN.md its due", () => {
    assert.equal(receive(begun(), REPLY, "\n0.TwDbYKUvHWLP-1DgL4EDGCfexyDlNO-pbdMbpNBWWgM"), "OK");
  });

  it("accepts what the cloud signed, however frame and trailer are cut", () => {
    fc.assert(
      fc.property(
        splitBytes(),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.nat(),
        ({ bytes, cuts }, n, seed) => {
          const session = begun();
          const own = new Sha256();
          const rest = utf8(trailer("c", bytes, String(n)));
          const cut = seed % rest.length;
          session.receiveBegin(own);
          feedPieces(cuts, (from, to) => own.update(bytes, from, to));
          feedPieces([0, cut, cut, rest.length], (from, to) => {
            assert.equal(session.receiveTrailer(own, rest, from, to), Status.OK);
          });
          assert.equal(session.receiveEnd(own), Status.OK);
          assert.equal(session.receiveSequence, n + 1);
        },
      ),
    );
  });

  it("accepts a trailer byte by byte", () => {
    const rest = trailer("c", REPLY, "0");
    const cuts = Array.from({ length: rest.length + 1 }, (_, i) => i);
    assert.equal(receive(begun(), REPLY, rest, cuts), "OK");
  });

  it("allows gaps, and refuses a repeat and an older one", () => {
    const session = begun();
    const verdicts = [0, 0, 1, 7, 3, 7, 8].map((n) =>
      receive(session, REPLY, trailer("c", REPLY, String(n))),
    );
    assert.deepEqual(verdicts, ["OK", "MAC_REPLAYED", "OK", "OK", "MAC_REPLAYED", "MAC_REPLAYED", "OK"]);
    assert.equal(session.receiveSequence, 9);
  });

  it("accepts the last sequence once, and then none", () => {
    const session = begun();
    assert.equal(receive(session, REPLY, trailer("c", REPLY, "4294967295")), "OK");
    assert.equal(receive(session, REPLY, trailer("c", REPLY, "4294967295")), "MAC_REPLAYED");
    assert.equal(receive(session, REPLY, trailer("c", REPLY, "4294967296")), "MAC_WRONG");
  });

  it("says that the MAC is missing when no trailer begins", () => {
    assert.equal(receive(begun(), REPLY, ""), "MAC_MISSING");
    assert.equal(receive(begun(), REPLY, trailer("c", REPLY, "0").substring(1)), "MAC_MISSING");
    assert.equal(receive(begun(), REPLY, "\r\n"), "MAC_MISSING");
  });

  it("refuses every trailer that is cut short or one byte too long", () => {
    const rest = trailer("c", REPLY, "10");
    for (let length = 1; length < rest.length; length++) {
      assert.equal(receive(begun(), REPLY, rest.substring(0, length)), "MAC_WRONG", `length ${length}`);
    }
    for (const more of ["A", "=", "\n"]) assert.equal(receive(begun(), REPLY, rest + more), "MAC_WRONG");
  });

  it("refuses a sequence that is not written the one way, even under a right MAC", () => {
    for (const sequence of [
      "",
      "00",
      "01",
      "-1",
      "+1",
      " 1",
      "1e3",
      "0x1",
      "4294967296",
      "99999999999999999999",
    ]) {
      assert.equal(
        receive(begun(), REPLY, trailer("c", REPLY, sequence)),
        "MAC_WRONG",
        `sequence ${sequence}`,
      );
    }
  });

  it("refuses a message with any one bit changed, and its sequence does not count", () => {
    const message = Buffer.concat([REPLY, utf8(trailer("c", REPLY, "3"))]);
    for (let bit = 0; bit < message.length * 8; bit++) {
      const changed = Buffer.from(message);
      changed[bit >> 3] ^= 1 << (bit & 7);
      const session = begun();
      const frame = new Uint8Array(changed.subarray(0, REPLY.length));
      const own = new Sha256();
      session.receiveBegin(own);
      own.update(frame, 0, frame.length);
      session.receiveTrailer(own, changed, REPLY.length, changed.length);
      assert.notEqual(session.receiveEnd(own), Status.OK, `bit ${bit}`);
      assert.equal(session.receiveSequence, 0, `bit ${bit}`);
    }
  });

  it("says wrong, not replayed, when an old sequence comes under a wrong MAC", () => {
    const session = begun();
    session.receiveSequence = 5;
    const foreign = trailer("c", REPLY, "2", sessionKey(COUNTER + 1));
    assert.equal(receive(session, REPLY, foreign), "MAC_WRONG");
  });

  it("refuses our own echo, another session's message and another device's", () => {
    assert.equal(receive(begun(), REPLY, trailer("d", REPLY, "0")), "MAC_WRONG");
    assert.equal(receive(begun(COUNTER + 1), REPLY, trailer("c", REPLY, "0")), "MAC_WRONG");
    assert.equal(receive(begun(COUNTER, utf8("another key")), REPLY, trailer("c", REPLY, "0")), "MAC_WRONG");
  });

  it("gives its verdict once: a second end of the same message is refused", () => {
    const session = begun();
    const own = new Sha256();
    const rest = utf8(trailer("c", REPLY, "0"));
    session.receiveBegin(own);
    own.update(REPLY, 0, REPLY.length);
    session.receiveTrailer(own, rest, 0, rest.length);
    assert.equal(session.receiveEnd(own), Status.OK);
    assert.equal(session.receiveEnd(own), Status.MAC_WRONG);
  });
});

describe("proof/mac, sessions", () => {
  it("signs a request in the middle of a reply, wherever that is cut", () => {
    const rest = utf8(trailer("c", REPLY, "0"));
    const message = new Uint8Array([...REPLY, ...rest]);
    for (let cut = 0; cut <= message.length; cut++) {
      const session = begun();
      const own = new Sha256();
      const feed = (from: number, to: number) => {
        const frameTo = Math.min(to, REPLY.length);
        if (from < frameTo) own.update(message, from, frameTo);
        session.receiveTrailer(own, message, Math.max(from, REPLY.length), Math.max(to, REPLY.length));
      };
      session.receiveBegin(own);
      feed(0, cut);
      assert.equal(sign(session, REPLY), trailer("d", REPLY, "0"));
      feed(cut, message.length);
      assert.equal(session.receiveEnd(own), Status.OK, `cut ${cut}`);
    }
  });

  it("starts both sequences anew, and a reply half received before is refused", () => {
    const session = begun();
    const own = new Sha256();
    const rest = utf8(trailer("c", REPLY, "0"));
    sign(session, REPLY);
    session.receiveBegin(own);
    own.update(REPLY, 0, REPLY.length);
    session.begin(hash, PSK, COUNTER + 1, NONCE);
    session.receiveTrailer(own, rest, 0, rest.length);
    assert.equal(session.receiveEnd(own), Status.MAC_WRONG);
    const key = sessionKey(COUNTER + 1);
    assert.equal(sign(session, REPLY), trailer("d", REPLY, "0", key));
    assert.equal(receive(session, REPLY, trailer("c", REPLY, "0", key)), "OK");
  });

  it("signs and accepts nothing before its beginning and after a wipe", () => {
    const wiped = begun();
    wiped.wipe();
    for (const session of [new MacSession(), wiped]) {
      assert.equal(session.sign(hash, new Uint8Array(100), 0, 10), -1);
      for (const sequence of ["0", "4294967295"]) {
        // What anyone can compute: the MAC under midstates of zeros.
        const forger = new MacSession();
        const own = new Sha256();
        const zeroKey = (forger as unknown as { key: { inner: Int32Array; outer: Int32Array } }).key;
        const mac = new Uint8Array(32);
        own.load(zeroKey.inner);
        own.push(0x63);
        own.update(REPLY, 0, REPLY.length);
        const line = utf8(`\n${sequence}`);
        own.update(line, 0, line.length);
        own.digest(mac, 0);
        own.load(zeroKey.outer);
        own.update(mac, 0, 32);
        own.digest(mac, 0);
        const rest = `\n${sequence}.${Buffer.from(mac).toString("base64url")}`;
        assert.equal(receive(session, REPLY, rest), "MAC_REPLAYED");
      }
    }
  });

  it("leaves no key bytes after a wipe, nor in the hash after its beginning", () => {
    const session = begun();
    assert.deepEqual(typedArraysOf(hash), typedArraysOf(new Sha256()));
    receive(session, REPLY, trailer("c", REPLY, "0"));
    sign(session, REPLY);
    assert.ok(!isAllZero(session));
    session.wipe();
    assert.ok(isAllZero(session));
  });
});
