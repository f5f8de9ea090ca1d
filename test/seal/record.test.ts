/** A sealed record is what RECORD.md says, and nothing else is one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Status } from "../../firmware/index.js";
import { obfuscated, SealedStore, type SealOptions, Strength } from "../../firmware/seal.js";
import { Flash } from "../../host-sim/world/flash.js";
import { mended, plainRecord, SealOracle, secretOf } from "./oracle.js";

const CREDENTIAL = 2;
const TOKEN = 6;
/** A kind that no release has yet. */
const LATER = 9;
const NAME = "motekey-creda";
const EFUSE_KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const RANDOM = Buffer.from(Array.from({ length: 16 }, (_, i) => 0xa0 + i));
const SECRET = secretOf(EFUSE_KEY);

const entropy = { fill: (bytes: Uint8Array, from: number) => bytes.set(RANDOM, from) };
const key = (secret: Uint8Array, strength = Strength.SEALED) => ({
  secret: new Uint8Array(secret),
  strength,
});

const storeOver = (flash: Flash, options: Partial<SealOptions> = {}): SealedStore =>
  new SealedStore(flash, { key: key(SECRET), entropy, ...options });

/** What a store finds under a name: the record, or the status that says why there is none. */
function found(flash: Flash, name = NAME, store = storeOver(flash)): Buffer | string {
  const out = new Uint8Array(600);
  const length = store.read(name, out);
  const record = Buffer.from(out.subarray(0, Math.max(0, length)));
  return record.length > 0 && record[0] === 0x6d ? record : (Status[store.refused] as string);
}

const flashWith = (value: Uint8Array, name = NAME): Flash => {
  const flash = new Flash();
  flash.values.set(name, Buffer.from(value));
  return flash;
};

const oracle = new SealOracle(SECRET, 1, Strength.SEALED);
const RECORD = plainRecord(CREDENTIAL, 1, 7, Buffer.from("a device's key"));

/** The blocks of hex in RECORD.md, by the text in front of them. */
function vectorIn(document: string, title: string): Buffer {
  const block = new RegExp(`${title}[^]*?\`\`\`\\n([0-9a-f\\n]+)\`\`\``).exec(document);
  assert.ok(block, `RECORD.md has a block of bytes behind "${title}"`);
  return Buffer.from((block[1] ?? "").replace(/\s/g, ""), "hex");
}

describe("a sealed record", () => {
  it("is byte for byte what RECORD.md shows, of both suites", () => {
    const document = readFileSync(new URL("../../firmware/RECORD.md", import.meta.url), "utf8");
    const plain = vectorIn(document, "Unsealed, the record is");
    const secretbox = vectorIn(document, "Sealed with secretbox");
    const espruino = vectorIn(document, "Sealed as Espruino does");
    assert.deepEqual(oracle.seal(NAME, plain, RANDOM), secretbox);
    const address = Buffer.from("a4cf12345678", "hex");
    const lean = new SealOracle(secretOf(Buffer.from("a build's secret"), address), 2, Strength.OBFUSCATED);
    assert.deepEqual(lean.seal(NAME, plain, RANDOM), espruino);
    const flash = new Flash();
    assert.ok(storeOver(flash).write(NAME, plain, plain.length));
    assert.deepEqual(flash.values.get(NAME), secretbox);
  });

  it("is opened by who follows RECORD.md with other implementations, and opens what those sealed", () => {
    const made = fc.record({
      kind: fc.constantFrom(CREDENTIAL, TOKEN, LATER),
      version: fc.integer({ min: 1, max: 5 }),
      generation: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      payload: fc.uint8Array({ maxLength: 400 }),
      name: fc.constantFrom(NAME, "motekey-credb", "motekey-h3a"),
      random: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    });
    fc.assert(
      fc.property(made, ({ kind, version, generation, payload, name, random }) => {
        const record = plainRecord(kind, version, generation, payload);
        const flash = new Flash();
        assert.ok(storeOver(flash).write(name, record, record.length));
        const sealed = flash.values.get(name) as Buffer;
        assert.deepEqual(oracle.open(name, sealed), record);
        assert.equal(sealed.length, record.length + 50, "as much longer as RECORD.md says");
        assert.deepEqual(found(flashWith(oracle.seal(name, record, random), name), name), record);
      }),
    );
  });

  it("hides its payload, the same one each time in other bytes", () => {
    const flash = new Flash();
    let fills = 0;
    const rising = { fill: (bytes: Uint8Array) => bytes.fill(fills++) };
    const store = storeOver(flash, { entropy: rising });
    const seen = new Set<string>();
    for (let times = 0; times < 3; times++) {
      store.write(NAME, RECORD, RECORD.length);
      const value = flash.values.get(NAME) as Buffer;
      assert.ok(!value.includes("device"));
      seen.add(value.subarray(44).toString("hex"));
    }
    assert.equal(seen.size, 3);
  });

  it("has a nonce of its own where random numbers repeat, as long as anything in it is another", () => {
    const nonces = new Set<string>();
    for (const [name, generation, text] of [
      [NAME, 7, "a"],
      [NAME, 7, "b"],
      [NAME, 8, "a"],
      ["motekey-credb", 7, "a"],
    ] as const) {
      const flash = new Flash();
      const record = plainRecord(CREDENTIAL, 1, generation, Buffer.from(text));
      storeOver(flash).write(name, record, record.length);
      nonces.add((flash.values.get(name) as Buffer).subarray(20, 44).toString("hex"));
    }
    assert.equal(nonces.size, 4);
  });

  it("with any bit changed is none, and with its check mended says which of three ways", () => {
    const sealed = oracle.seal(NAME, RECORD, RANDOM);
    const seen = new Set<string>();
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(found(flashWith(changed)), "OK", `bit ${bit}: damaged, and nobody's doing`);
      const at = bit >> 3;
      const isHead = at < 4 || at === 8 || at === 9;
      if (isHead || at >= sealed.length - 4) continue;
      const told = found(flashWith(mended(changed)));
      const expected =
        at >= 12 && at < 16 ? "SEAL_MISPLACED" : at >= 16 && at < 20 ? "SEAL_FOREIGN" : "SEAL_BROKEN";
      assert.equal(told, expected, `bit ${bit}`);
      seen.add(expected);
    }
    assert.equal(seen.size, 3);
  });

  it("of another kind or version than it was sealed as is none", () => {
    for (const [at, byte] of [
      [2, 0x82],
      [3, TOKEN],
      [3, LATER],
    ] as const) {
      const changed = oracle.seal(NAME, RECORD, RANDOM);
      changed[at] = byte;
      assert.equal(found(flashWith(mended(changed))), "SEAL_BROKEN");
    }
  });

  it("cut short or made longer is none, whatever its length says", () => {
    const sealed = oracle.seal(NAME, RECORD, RANDOM);
    for (let length = 14; length < sealed.length; length++) {
      const short = Buffer.from(sealed.subarray(0, length));
      short.writeUInt16BE(length - 14, 8);
      assert.equal(found(flashWith(mended(short))), "SEAL_BROKEN", `${length} bytes`);
    }
    const long = Buffer.concat([sealed.subarray(0, -4), Buffer.alloc(5)]);
    long.writeUInt16BE(long.length - 14, 8);
    assert.equal(found(flashWith(mended(long))), "SEAL_BROKEN");
  });

  it("in another slot, or in another thing's, is SEAL_MISPLACED", () => {
    for (const name of ["motekey-credb", "motekey-h0a"])
      assert.equal(found(flashWith(oracle.seal(NAME, RECORD, RANDOM), name), name), "SEAL_MISPLACED");
  });

  it("of another device is SEAL_FOREIGN, of another build too", () => {
    const address = Buffer.from("a4cf12345678", "hex");
    const own = obfuscated("a build's secret", new Uint8Array(address));
    assert.deepEqual(Buffer.from(own.secret), secretOf(Buffer.from("a build's secret"), address));
    const flash = new Flash();
    storeOver(flash, { key: own }).write(NAME, RECORD, RECORD.length);
    const others = [
      obfuscated("a build's secret", new Uint8Array([0xa4, 0xcf, 0x12, 0x34, 0x56, 0x79])),
      obfuscated("another build's secret", new Uint8Array(address)),
      key(SECRET),
    ];
    for (const other of others)
      assert.equal(found(flash, NAME, storeOver(flash, { key: other })), "SEAL_FOREIGN");
    assert.deepEqual(found(flash, NAME, storeOver(flash, { key: own })), RECORD);
  });

  it("that was obfuscated is never taken for one that is sealed, under the same secret", () => {
    const flash = flashWith(new SealOracle(SECRET, 1, Strength.OBFUSCATED).seal(NAME, RECORD, RANDOM));
    assert.equal(found(flash), "SEAL_BROKEN");
    const changed = Buffer.from(flash.values.get(NAME) as Buffer);
    changed[11] = Strength.SEALED;
    assert.equal(found(flashWith(mended(changed))), "SEAL_BROKEN");
  });
});

describe("the seal's key", () => {
  it("is refused where it is too short, or of no strength", () => {
    const address = new Uint8Array(6);
    assert.throws(() => obfuscated("short", address), /16 bytes or more/);
    assert.throws(() => obfuscated("a build's secret", new Uint8Array(5)), /MAC address has 6 bytes/);
    assert.throws(() => storeOver(new Flash(), { key: key(Buffer.alloc(31)) }), /32 bytes/);
    const strength = 3 as Strength;
    assert.throws(() => storeOver(new Flash(), { key: key(SECRET, strength) }), /strength/);
  });
});
