/** What is read of a JWT for scheduling: numbers of the claims themselves, each once (RFC 7519). */
import assert from "node:assert/strict";
import fc from "fast-check";
import { JWT_SCRATCH_BYTES, readJwtLifetime } from "../../firmware/tokens/jwt.js";
import { FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX } from "../../firmware/wire/frame/frame.js";
import { JsonReader } from "../../firmware/wire/json/json.js";

const json = new JsonReader(FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX);

function lifetimeOf(claims: string): number {
  const token = Buffer.from(`e30.${Buffer.from(claims).toString("base64url")}.c2ln`);
  json.reset();
  return readJwtLifetime(json, token, token.length, new Uint8Array(JWT_SCRATCH_BYTES));
}

/** The same by JSON.parse. */
function expected(claims: string): number {
  const { iat, exp } = JSON.parse(claims) as { iat?: unknown; exp?: unknown };
  const isNamed = typeof iat === "number" && typeof exp === "number" && iat >= 0 && exp > iat;
  return isNamed && exp - iat <= Number.MAX_SAFE_INTEGER ? exp - iat : -1;
}

/** A value of each type, and those that would mean something were they looked into. */
const VALUES = [
  "0",
  "600",
  "1600",
  "-1",
  "1e400",
  "null",
  "true",
  '"600"',
  "[600]",
  "[[600]]",
  "[1,600]",
  "{}",
  '{"exp":600,"iat":1}',
  '[{"exp":600,"iat":1}]',
  '{"exp":{"exp":600},"iat":[1]}',
];

describe("a JWT's lifetime", () => {
  it("is exp − iat, numbers of the claims themselves, whatever stands in their place or beside them", () => {
    for (const iat of VALUES)
      for (const exp of VALUES)
        for (const claims of [
          `{"iat":${iat},"exp":${exp}}`,
          `{"exp":${exp},"aud":${iat},"iat":${iat}}`,
          `{"a":{"iat":1},"iat":${iat},"b":[{"exp":9}],"exp":${exp},"c":[[7]]} `,
          `[{"iat":${iat},"exp":${exp}}]`,
        ])
          assert.equal(lifetimeOf(claims), expected(claims), claims);
  });

  it("is none where a time comes twice, or the claims do not end, or something follows them", () => {
    for (const claims of [
      '{"iat":1,"exp":601,"exp":601}',
      '{"iat":1,"iat":1,"exp":601}',
      '{"iat":1,"exp":601',
      '{"iat":1,"exp":601,',
      '{"iat":1,"exp":601}}',
      '{"iat":1,"exp":601}{"exp":9999}',
      `{"iat":1,"exp":601}${" ".repeat(40)}x`,
      "",
      "7",
    ])
      assert.equal(lifetimeOf(claims), -1, claims);
    assert.equal(lifetimeOf(`{"iat":1,"exp":601}${" \n".repeat(40)}`), 600);
    assert.equal(lifetimeOf('{"x":{"exp":1,"exp":2},"iat":1,"exp":601}'), 600);
  });

  it("is what JSON.parse reads, of any claims", () => {
    const names = fc.constantFrom("iat", "exp", "sub", "aud", "x");
    const value = fc.oneof(
      fc.constantFrom(...VALUES.map((text) => JSON.parse(text))),
      fc.nat(5_000),
      fc.jsonValue(),
    );
    const claims = fc.uniqueArray(fc.tuple(names, value), { selector: ([name]) => name });
    fc.assert(
      fc.property(claims, fc.constantFrom(undefined, 1), (members, indent) => {
        const text = JSON.stringify(Object.fromEntries(members), null, indent);
        const [told, right] = [lifetimeOf(text), expected(text)];
        assert.ok(Math.abs(told - right) <= Math.abs(right) * 2 ** -40, `${text}: ${told}, not ${right}`);
      }),
    );
  });
});
