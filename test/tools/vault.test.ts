/** Sealing, checked against WebCrypto's AES-GCM. */
import assert from "node:assert/strict";
import { randomBytes, webcrypto } from "node:crypto";
import fc from "fast-check";
import { KEY_BYTES, seal, unseal } from "../../tools/store/vault.js";

const ANN = { team: "acme", name: "ann@example.com", id: "https://id.example.com/#motekey-cli/1" };
const key = randomBytes(KEY_BYTES);

/** What WebCrypto makes of it: IV of 12 bytes, then ciphertext with a tag of 16; the account as JSON is bound in. */
async function opened(sealed: string): Promise<string> {
  const bytes = Buffer.from(sealed, "base64url");
  const secret = await webcrypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const additionalData = Buffer.from('["motekey/2","acme","https://id.example.com/#motekey-cli/1"]');
  const algorithm = { name: "AES-GCM", iv: bytes.subarray(0, 12), additionalData };
  return Buffer.from(await webcrypto.subtle.decrypt(algorithm, secret, bytes.subarray(12))).toString("utf8");
}

describe("a sealed account", () => {
  it("is AES-256-GCM as WebCrypto opens it", async () => {
    assert.equal(await opened(seal(key, ANN, "a token ✓")), "a token ✓");
  });

  it("opens to what was sealed, whatever that was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        assert.equal(unseal(key, ANN, seal(key, ANN, text)), text);
      }),
    );
  });

  it("is another text each time", () => {
    const seen = new Set(Array.from({ length: 100 }, () => seal(key, ANN, "same").slice(0, 16)));
    assert.equal(seen.size, 100);
  });

  it("does not open with any bit changed", () => {
    const bytes = Buffer.from(seal(key, ANN, "token"), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(unseal(key, ANN, changed.toString("base64url")), null, `bit ${bit}`);
    }
  });

  it("does not open cut short, for another account, or with another key", () => {
    const sealed = seal(key, ANN, "token");
    for (let length = 0; length < sealed.length; length++)
      assert.equal(unseal(key, ANN, sealed.slice(0, length)), null, `${length} characters`);
    assert.equal(unseal(key, { ...ANN, team: "acm" }, sealed), null);
    assert.equal(unseal(key, { ...ANN, team: "acmeh", id: ANN.id.slice(1) }, sealed), null);
    assert.equal(unseal(randomBytes(KEY_BYTES), ANN, sealed), null);
  });
});
