import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { answerExchange, EXCHANGE_CHALLENGE_BYTES } from "../../firmware/proof/exchange.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const DESIGN = readFileSync(new URL("../../firmware/DESIGN.md", import.meta.url), "utf8");

/** The exchange's MAC by node:crypto. */
function mac(psk: Uint8Array, side: "c" | "d", nonces: Uint8Array, clientId: Uint8Array): Buffer {
  const key = Buffer.from(hkdfSync("sha256", psk, new Uint8Array(0), "motekey auth5 v1", 32));
  return createHmac("sha256", key).update(side).update(nonces).update(clientId).digest();
}

/** What the device answers; null: it does not take the challenge for the cloud's. */
function answer(psk: Uint8Array, nonce: Uint8Array, challenge: Uint8Array, id: Uint8Array): Buffer | null {
  const out = Buffer.alloc(32);
  const isProved = answerExchange(out, new Scratch(), { psk, deviceId: id }, nonce, challenge);
  if (!isProved) assert.ok(out.every((byte) => byte === 0));
  return isProved ? out : null;
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ minLength: 1, maxLength: 100 });

describe("the proof auth5", () => {
  it("answers whoever knows the key, as node:crypto computes it", () => {
    fc.assert(
      fc.property(some, bytes(16), bytes(16), some, (psk, nonce, theirs, id) => {
        const nonces = Buffer.concat([nonce, theirs]);
        const challenge = Buffer.concat([theirs, mac(psk, "c", nonces, id)]);
        assert.equal(challenge.length, EXCHANGE_CHALLENGE_BYTES);
        assert.deepEqual(answer(psk, nonce, challenge, id), mac(psk, "d", nonces, id));
      }),
    );
  });

  it("says nothing to a challenge with one wrong bit, to its own answer, or to another's", () => {
    fc.assert(
      fc.property(bytes(16), bytes(16), fc.nat(47), fc.nat(7), (nonce, theirs, at, bit) => {
        const psk = Buffer.from(PSK);
        const id = Buffer.from("device_123");
        const nonces = Buffer.concat([nonce, theirs]);
        const good = Buffer.concat([theirs, mac(psk, "c", nonces, id)]);
        const wrong = Buffer.from(good);
        wrong[at] = (wrong[at] ?? 0) ^ (1 << bit);
        assert.equal(answer(psk, nonce, wrong, id), null);
        assert.equal(answer(psk, nonce, Buffer.concat([theirs, mac(psk, "d", nonces, id)]), id), null);
        assert.equal(answer(psk, nonce, good, Buffer.from("device_9")), null);
      }),
    );
  });

  it("has the vector that DESIGN.md tells", () => {
    const nonce = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
    const theirs = Buffer.from(Array.from({ length: 16 }, (_, i) => 0xf0 + i));
    const [psk, id] = [Buffer.from(PSK), Buffer.from("device_123")];
    const challenge = Buffer.concat([theirs, mac(psk, "c", Buffer.concat([nonce, theirs]), id)]);
    assert.ok(DESIGN.includes(challenge.subarray(16).toString("hex")));
    assert.ok(DESIGN.includes(answer(psk, nonce, challenge, id)?.toString("hex") ?? "no answer"));
  });
});
