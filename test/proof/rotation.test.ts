/** The vectors of rotation in DESIGN.md, by the definition in docs/cloud.md. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { isNone, openNextKey, ProofOf, proveNextKey } from "../../firmware/proof/rotation.js";
import { hex } from "./oracle.js";
import { pointOf, RotationOracle, sharedOf } from "./rotation-oracle.js";

const DESIGN = readFileSync("firmware/DESIGN.md", "utf8");
const row = (of: string): string =>
  DESIGN.split("\n").find((line) => line.startsWith(`| \`rotation\`, ${of} |`)) ?? "";
const utf8 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const bytesFrom = (first: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, at) => first + at);

describe("proof/rotation", () => {
  const psk = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  const next = Buffer.from(bytesFrom(0x20)).toString("base64url");
  const oracle = new RotationOracle(psk, "device_123");
  const [device, cloud] = [bytesFrom(0x40), bytesFrom(0x60)];

  it("the vectors of DESIGN.md are what the definition says", () => {
    const sealed = oracle.seal(next, pointOf(device), cloud);
    const shown = [Buffer.from(pointOf(device)).toString("base64url"), next, ...Object.values(sealed)];
    for (const text of shown) assert.ok(row("the key").includes(`\`${text}\``), text);
    assert.ok(row("no next key").includes(`\`${oracle.none(pointOf(device))}\``));
    const nonce = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    const proof = new RotationOracle(next, "device_123");
    for (const kind of ["p", "a"] as const)
      assert.ok(row("the proof").includes(`\`${proof.proof(kind, nonce)}\``), kind);
  });

  it("opens what the definition seals, for keys of any length, and nothing that was changed", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const key = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 128 });
    fc.assert(
      fc.property(bytes(32), bytes(32), key, fc.nat(4), fc.nat(), (ours, theirs, following, what, at) => {
        const answer = oracle.seal(following, pointOf(ours), theirs);
        const decoded = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64url"));
        const parts = [
          Uint8Array.from(pointOf(ours)),
          decoded(answer.x),
          Uint8Array.from(sharedOf(ours, decoded(answer.x))),
          decoded(answer.sealed),
          decoded(answer.mac),
        ] as const;
        const open = (): string | null => {
          const [x, cloudX, agreed, sealed, mac] = parts;
          const text = Uint8Array.from(sealed);
          return openNextKey(
            new Scratch(),
            utf8(psk),
            utf8("device_123"),
            x,
            cloudX,
            agreed,
            text,
            text.length,
            mac,
          )
            ? Buffer.from(text).toString()
            : null;
        };
        assert.equal(open(), following);
        const part = parts[what] as Uint8Array;
        (part as Uint8Array)[at % part.length] ^= 1 << (at % 8);
        assert.equal(open(), null);
      }),
      { numRuns: 60 },
    );
  });

  it("proves and checks as the definition has it", () => {
    const nonce = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    const id = utf8("device_123");
    const out = new Uint8Array(32);
    for (const [kind, of] of [
      ["p", ProofOf.DEVICE],
      ["a", ProofOf.CLOUD],
    ] as const) {
      proveNextKey(new Scratch(), utf8(next), id, of, nonce, out);
      assert.equal(
        Buffer.from(out).toString("base64url"),
        new RotationOracle(next, "device_123").proof(kind, nonce),
      );
    }
    const x = pointOf(device);
    const mac = Uint8Array.from(Buffer.from(oracle.none(x), "base64url"));
    assert.ok(isNone(new Scratch(), utf8(psk), id, x, mac));
    assert.ok(!isNone(new Scratch(), utf8(next), id, x, mac));
    assert.ok(!isNone(new Scratch(), utf8(psk), utf8("device_124"), x, mac));
  });
});
