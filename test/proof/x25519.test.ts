/** X25519 in steps against @noble/curves and the vectors of RFC 7748. */
import assert from "node:assert/strict";
import { x25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { X25519, X25519_BYTES } from "../../firmware/crypto/x25519.js";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** The result, null where it is zeros; and how many steps it took. */
function run(ladder: X25519): { result: Buffer | null; steps: number } {
  const out = new Uint8Array(X25519_BYTES);
  let steps = 1;
  while (!ladder.step()) steps++;
  return { result: ladder.finish(out) ? Buffer.from(out) : null, steps };
}

const shared = (secret: Uint8Array, point: Uint8Array): Buffer | null => {
  const ladder = new X25519();
  ladder.beginShared(secret, point);
  return run(ladder).result;
};

const publicKey = (secret: Uint8Array): Buffer | null => {
  const ladder = new X25519();
  ladder.beginPublic(secret);
  return run(ladder).result;
};

describe("X25519 in steps", () => {
  it("gives the results of RFC 7748, 5.2 and 6.1", () => {
    const vectors = [
      [
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
      ],
      [
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
      ],
    ] as const;
    for (const [secret, point, result] of vectors)
      assert.equal(shared(hex(secret), hex(point))?.toString("hex"), result);
    const bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const point = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert.deepEqual(publicKey(bob), Buffer.from(point));
    const nine = Uint8Array.from({ length: X25519_BYTES }, (_, i) => (i === 0 ? 9 : 0));
    assert.equal(
      shared(nine, nine)?.toString("hex"),
      "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
    );
  });

  it("equals @noble/curves for any secret key and point", () => {
    const bytes = fc.uint8Array({ minLength: X25519_BYTES, maxLength: X25519_BYTES });
    fc.assert(
      fc.property(bytes, bytes, (secret, other) => {
        assert.deepEqual(publicKey(secret), Buffer.from(x25519.getPublicKey(secret)));
        const point = x25519.getPublicKey(other);
        assert.deepEqual(shared(secret, point), Buffer.from(x25519.getSharedSecret(secret, point)));
      }),
      { numRuns: 100 },
    );
  });

  it("takes points that are not below the modulus as those that they stand for, and drops their highest bit", () => {
    const secret = Uint8Array.from({ length: X25519_BYTES }, (_, i) => 7 * i + 1);
    for (const low of [9, 0xef, 0xff]) {
      const point = new Uint8Array(X25519_BYTES).fill(0xff);
      point[0] = low;
      point[31] = 0x7f;
      const expected = x25519.getSharedSecret(secret, point);
      assert.deepEqual(shared(secret, point), Buffer.from(expected));
      point[31] = 0xff;
      assert.deepEqual(shared(secret, point), Buffer.from(expected));
    }
  });

  it("tells points of low order, whose result is zeros", () => {
    const secret = Uint8Array.from({ length: X25519_BYTES }, (_, i) => i);
    const ofLowOrder = [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for (const point of ofLowOrder) assert.equal(shared(secret, hex(point)), null, point);
  });

  it("takes the same number of steps for every key, and nothing is left of it", () => {
    const ladder = new X25519();
    const counts = new Set<number>();
    for (const fill of [0, 1, 0x55, 0xff]) {
      ladder.beginPublic(new Uint8Array(X25519_BYTES).fill(fill));
      counts.add(run(ladder).steps);
    }
    assert.deepEqual([...counts], [255 + 51]);
    ladder.wipe();
    const left = Object.entries(ladder).filter(
      ([name, value]) =>
        name !== "a24" &&
        (Array.isArray(value) || value instanceof Uint8Array) &&
        value.some((it) => it !== 0),
    );
    assert.deepEqual(left, []);
  });
});
