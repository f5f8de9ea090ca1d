/** A record outlives what flash and power do to it: what counted once is never lost, and nothing torn is believed. */
import assert from "node:assert/strict";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32 } from "../../firmware/store/crc32.js";
import { Keeper } from "../../firmware/store/keeper.js";
import { KeptRecord, PAYLOAD_AT, RECORD_BYTES_MIN, RecordKind, Unread } from "../../firmware/store/record.js";
import { Flash, isCut, TEARS, type Tear } from "../../host-sim/world/flash.js";

const PAYLOAD_BYTES = 8;
const RECORD_BYTES = RECORD_BYTES_MIN + PAYLOAD_BYTES;
/** Longer than a store that failed is left alone. */
const REST_MS = 20_000_000;
const tears = Object.keys(TEARS) as Tear[];

/** A payload that can be told from all others. */
const payloadOf = (number: number): Uint8Array => new Uint8Array(PAYLOAD_BYTES).fill(number);

/** A record in flash, with a buffer of its own. */
class Thing {
  readonly keeper: Keeper;
  readonly record: KeptRecord;
  readonly buffer = new Uint8Array(RECORD_BYTES);

  constructor(flash: Flash) {
    this.keeper = new Keeper(flash);
    this.record = new KeptRecord(this.keeper, "thing-", RecordKind.COUNTER, RecordKind.COUNTER);
  }

  load(payload: Uint8Array): number {
    const length = this.record.load(this.buffer);
    if (length > 0) payload.set(this.buffer.subarray(PAYLOAD_AT, PAYLOAD_AT + length));
    return length;
  }

  save(payload: Uint8Array, length: number): boolean {
    const layOut = (buffer: Uint8Array): number => {
      buffer.set(payload, PAYLOAD_AT);
      return length;
    };
    return this.record.save(RecordKind.COUNTER, this.buffer, { layOut });
  }
}

const recordIn = (flash: Flash): Thing => new Thing(flash);

/** What a boot finds: the payload's number, or undefined. */
function found(flash: Flash): number | undefined {
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const length = recordIn(flash).load(payload);
  if (length === Unread.ABSENT || length === Unread.BROKEN) return undefined;
  assert.equal(length, PAYLOAD_BYTES);
  assert.deepEqual(payload, payloadOf(payload[0]), "a payload that was saved, as a whole");
  return payload[0];
}

/** Flash in which the numbers from 1 on were saved, over boots. */
function flashWith(count: number): Flash {
  const flash = new Flash();
  for (let number = 1; number <= count; number++) {
    const record = recordIn(flash);
    record.load(new Uint8Array(PAYLOAD_BYTES));
    assert.ok(record.save(payloadOf(number), PAYLOAD_BYTES));
  }
  return flash;
}

describe("CRC-32", () => {
  it("is zlib's", () => {
    assert.equal(crc32(Buffer.from("123456789"), 9), 0xcbf43926);
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), (bytes, n) => {
        const to = n % (bytes.length + 1);
        assert.equal(crc32(bytes, to), zlibCrc32(bytes.subarray(0, to)));
      }),
    );
  });
});

describe("a record", () => {
  it("lies in flash as RECORD.md tells", () => {
    const flash = new Flash();
    recordIn(flash).save(new Uint8Array([1, 2, 3]), 3);
    const head = Buffer.from("6d6b0101000000010003010203", "hex");
    const check = Buffer.alloc(4);
    check.writeUInt32BE(zlibCrc32(head));
    assert.deepEqual(flash.values.get("thing-a"), Buffer.concat([head, check]));
  });

  it("is absent from empty flash, and the latest that was saved afterwards", () => {
    for (let count = 0; count < 6; count++) {
      assert.equal(found(flashWith(count)), count === 0 ? undefined : count);
    }
  });

  it("is written to the two names in turn, by one client and over boots", () => {
    const flash = new Flash();
    const record = recordIn(flash);
    for (let number = 1; number <= 4; number++) {
      record.save(payloadOf(number), PAYLOAD_BYTES);
      assert.equal(flash.values.get(number % 2 === 1 ? "thing-a" : "thing-b")?.[10], number);
    }
    assert.deepEqual([...flashWith(2).values.keys()], ["motekey-mark", "thing-a", "thing-b"]);
  });

  for (const tear of tears) {
    it(`that was counted is found though the next write is cut after any byte (${tear}), and saving goes on`, () => {
      for (let count = 0; count < 4; count++) {
        for (let n = 0; n <= RECORD_BYTES; n++) {
          const flash = flashWith(count);
          const record = recordIn(flash);
          record.load(new Uint8Array(PAYLOAD_BYTES));
          flash.cutNextWrite(n, tear);
          assert.ok(isCut(() => record.save(payloadOf(count + 1), PAYLOAD_BYTES)));
          const isWhole = n === RECORD_BYTES;
          assert.equal(found(flash), isWhole ? count + 1 : count || undefined, `cut after ${n} bytes`);
          const next = recordIn(flash);
          next.load(new Uint8Array(PAYLOAD_BYTES));
          assert.ok(next.save(payloadOf(9), PAYLOAD_BYTES));
          assert.equal(found(flash), 9);
        }
      }
    });
  }

  it("is never older than the latest that counted, whatever is cut, fails or lies", () => {
    const step = fc.record({
      what: fc.constantFrom("save", "cut", "fail", "lie"),
      n: fc.nat(RECORD_BYTES),
      tear: fc.constantFrom(...tears),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const flash = new Flash();
        let record = recordIn(flash);
        let counted = 0;
        for (const [i, { what, n, tear }] of steps.entries()) {
          record.keeper.nowMs += REST_MS;
          flash.isWritable = what !== "fail";
          flash.isLying = what === "lie";
          if (what === "cut") flash.cutNextWrite(n, tear);
          const wentOut = isCut(() => {
            const isSaved = record.save(payloadOf(i + 1), PAYLOAD_BYTES);
            assert.equal(isSaved, what === "save");
            if (isSaved) counted = i + 1;
          });
          Object.assign(flash, { isWritable: true, isLying: false });
          assert.ok((found(flash) ?? 0) >= counted);
          if (!wentOut) continue;
          record = recordIn(flash);
          record.load(new Uint8Array(PAYLOAD_BYTES));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("does not count when reading it back brings no bytes", () => {
    const flash = new Flash();
    const read = flash.read.bind(flash);
    flash.read = (name) => read(name, Buffer.alloc(RECORD_BYTES));
    assert.equal(recordIn(flash).save(payloadOf(1), PAYLOAD_BYTES), false);
  });

  it("does not count when an earlier attempt at its generation is what lies there", () => {
    const flash = flashWith(2);
    const record = recordIn(flash);
    record.load(new Uint8Array(PAYLOAD_BYTES));
    flash.isReadable = false;
    assert.equal(record.save(payloadOf(3), PAYLOAD_BYTES), false, "written, but who knows");
    Object.assign(flash, { isReadable: true, isLying: true });
    record.keeper.nowMs += REST_MS;
    assert.equal(record.save(payloadOf(4), PAYLOAD_BYTES), false);
    flash.isLying = false;
    record.keeper.nowMs += REST_MS;
    assert.equal(record.save(payloadOf(4), PAYLOAD_BYTES), true);
    assert.equal(found(flash), 4);
  });

  it("with any bit of it changed is not believed: the one before is found", () => {
    for (let bit = 0; bit < RECORD_BYTES * 8; bit++) {
      const flash = flashWith(4);
      const newest = flash.values.get("thing-b") as Buffer;
      newest[bit >> 3] ^= 1 << (bit & 7);
      assert.equal(found(flash), 3, `bit ${bit}`);
    }
  });

  it("of another kind, of another version, longer or shorter is none", () => {
    const changes: ((bytes: Buffer) => Buffer)[] = [
      (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
      (bytes) => bytes.subarray(0, RECORD_BYTES - 1),
      (bytes) => Buffer.concat([bytes, bytes]),
      (bytes) => resealed(bytes, 2, 2),
      (bytes) => resealed(bytes, 3, 2),
      (bytes) => resealed(bytes, 9, PAYLOAD_BYTES + 1),
      () => Buffer.alloc(RECORD_BYTES, 0xff),
      () => Buffer.alloc(0),
    ];
    for (const change of changes) {
      const flash = flashWith(1);
      flash.values.set("thing-a", change(flash.values.get("thing-a") as Buffer));
      assert.equal(found(flash), undefined);
    }
  });

  it("is read in the layout of the release before too, which is told, and written in the present one", () => {
    const flash = new Flash();
    const place = () => new KeptRecord(new Keeper(flash), "thing-", RecordKind.VACANT, RecordKind.TOKEN);
    const buffer = new Uint8Array(RECORD_BYTES);
    const record = place();
    record.load(buffer);
    record.save(RecordKind.HOST, buffer, { layOut: () => PAYLOAD_BYTES });
    assert.equal(record.isOld, false);
    const value = flash.values.get("thing-a") as Buffer;
    assert.equal(value[2], 2);
    flash.values.set("thing-a", resealed(value, 2, 1));
    const old = place();
    assert.equal(old.load(buffer), PAYLOAD_BYTES);
    assert.equal(old.isOld, true);
    assert.ok(old.save(RecordKind.HOST, buffer, { layOut: () => PAYLOAD_BYTES }));
    assert.equal(old.isOld, false);
    assert.equal(flash.values.get("thing-b")?.[2], 2);
    flash.values.clear();
    flash.values.set("thing-a", resealed(value, 2, 3));
    assert.equal(place().load(buffer), Unread.BROKEN, "of a release to come");
  });

  it("that the flash loses once, as after a cut, is written once more, and counts", () => {
    const losses = ["damaged", "unreadable", "absent"];
    const flash = flashWith(1);
    for (const [i, loss] of losses.entries()) {
      const record = recordIn(flash);
      record.load(new Uint8Array(PAYLOAD_BYTES));
      flash.cutNextWrite(3, "gone");
      assert.ok(isCut(() => record.save(payloadOf(99), PAYLOAD_BYTES)));
      const next = recordIn(flash);
      next.load(new Uint8Array(PAYLOAD_BYTES));
      const { writes } = flash;
      assert.equal(next.save(payloadOf(2 + i), PAYLOAD_BYTES), true, loss);
      assert.equal(flash.writes - writes, 2);
      assert.equal(found(flash), 2 + i);
    }
  });

  it("is not written at once again where the store says that it failed, but after waits that double up to four hours", () => {
    const flash = flashWith(1);
    flash.isFull = true;
    const record = recordIn(flash);
    record.load(new Uint8Array(PAYLOAD_BYTES));
    const triedAtS: number[] = [];
    for (let s = 0; s < 172_800; s++) {
      const { erases } = flash;
      record.keeper.nowMs = s * 1_000;
      assert.equal(record.save(payloadOf(2), PAYLOAD_BYTES), false);
      if (flash.erases > erases) triedAtS.push(s);
    }
    assert.deepEqual(triedAtS.slice(0, 5), [0, 1, 4, 11, 26]);
    assert.equal(triedAtS[triedAtS.length - 1] - triedAtS[triedAtS.length - 2], 14_400);
    assert.ok(triedAtS.filter((s) => s < 86_400).length < 20, `${triedAtS} on the first day`);
    assert.ok(triedAtS.filter((s) => s >= 86_400).length <= 6, `${triedAtS} on the second`);
    flash.isFull = false;
    record.keeper.nowMs += REST_MS;
    assert.equal(record.save(payloadOf(3), PAYLOAD_BYTES), true);
    assert.equal(record.save(payloadOf(4), PAYLOAD_BYTES), true, "and a success ends the waiting");
  });

  it("that a rotted namespace hides is found, and what is saved then counts: no old one comes back", () => {
    const flash = flashWith(5);
    flash.hideAll();
    const record = recordIn(flash);
    const payload = new Uint8Array(PAYLOAD_BYTES);
    assert.equal(record.load(payload), PAYLOAD_BYTES);
    assert.deepEqual(payload, payloadOf(5));
    assert.equal(record.save(payloadOf(6), PAYLOAD_BYTES), true);
    assert.equal(found(flash), 6);
  });

  it("that is absent costs one mark, once; without it nothing is saved", () => {
    const flash = new Flash();
    for (let boots = 0; boots < 3; boots++) assert.equal(found(flash), undefined);
    assert.equal(flash.marks, 1);
    const shaken = new Flash();
    shaken.cutNextWrite(0, "gone");
    assert.ok(isCut(() => found(shaken)));
    assert.equal(found(shaken), undefined);
    assert.equal(shaken.marks, 2, "the cut one, and one that can be read, damaged or not");
    const full = Object.assign(new Flash(), { isFull: true });
    const record = recordIn(full);
    assert.equal(record.load(new Uint8Array(PAYLOAD_BYTES)), Unread.UNREADABLE);
    assert.equal(record.load(new Uint8Array(PAYLOAD_BYTES)), Unread.UNREADABLE);
    assert.equal(full.erases, 1, "it rests");
  });

  it("that rots gives its place to the one before, at the latest when the store has said that it could not tell", () => {
    const flash = flashWith(4);
    flash.rot("thing-b");
    assert.equal(found(flash), 3, "damaged");
    assert.equal(recordIn(flash).load(new Uint8Array(PAYLOAD_BYTES)), Unread.UNREADABLE);
    assert.equal(found(flash), 3, "absent");
  });

  it("is UNREADABLE, not absent, while the store cannot tell", () => {
    const flash = flashWith(2);
    flash.isReadable = false;
    assert.equal(recordIn(flash).load(new Uint8Array(PAYLOAD_BYTES)), Unread.UNREADABLE);
  });
});

/** A record with one byte changed and the check right. */
function resealed(bytes: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = byte;
  changed.writeUInt32BE(zlibCrc32(changed.subarray(0, -4)), changed.length - 4);
  return changed;
}
