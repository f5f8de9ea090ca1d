/** The vectors of rotation in DESIGN.md, by the definition in docs/cloud.md. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { hex } from "./oracle.js";
import { pointOf, RotationOracle } from "./rotation-oracle.js";

const DESIGN = readFileSync("firmware/DESIGN.md", "utf8");
const row = (of: string): string =>
  DESIGN.split("\n").find((line) => line.startsWith(`| \`rotation\`, ${of} |`)) ?? "";
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
});
