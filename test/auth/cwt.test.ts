/** CWTs (RFC 8392): made and checked by cbor-x and node:crypto, read by the firmware. */
import assert from "node:assert/strict";
import { createHmac, createPublicKey, verify } from "node:crypto";
import { Decoder, Encoder, Tag } from "cbor-x";
import fc from "fast-check";
import { cwt } from "../../firmware/cbor.js";
import { Scratch } from "../../firmware/index.js";
import { Status } from "../../firmware/status.js";
import { type Cloud, simulateDevice, startCloud } from "../../host-sim/index.js";
import { World } from "./world.js";

/** Maps are not tagged 259: an option that cbor-x's types lack. */
const options = { useRecords: false, variableMapSize: true, useTag259ForMaps: false };
const encoder = new Encoder(options);
const decoder = new Decoder({ mapsAsObjects: false });
const KEY = "0123456789abcdefghijklmnopqrstuv";
const HOST = "app.example.com";
const TOKEN_BYTES = 640;

/** RFC 8392, A.3 and A.4: signed, and MAC'd with HMAC 256/64 under the key of A.2.2. */
const RFC_SIGNED =
  "d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f85951ecee743a52b9b63632c57209120e1c9e30";
const RFC_MACED =
  "d83dd18443a10104a1044c53796d6d65747269633235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7148093101ef6d789200";
const RFC_KEY = Buffer.from("403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388", "hex");

/** A COSE_Mac0 with a right MAC around whatever stands in it, each part as encoded bytes. */
function maced({
  header = "a10105",
  unprotected = "a0",
  payload = "a2041a6553f910061a6553f100",
  tags = "d1",
}: {
  header?: string;
  unprotected?: string;
  payload?: string;
  tags?: string;
} = {}): Buffer {
  const [head, body] = [Buffer.from(header, "hex"), Buffer.from(payload, "hex")];
  const covered = encoder.encode(["MAC0", head, Buffer.alloc(0), body]);
  const mac = createHmac("sha256", KEY).update(covered).digest();
  const parts = [
    encoder.encode(head),
    Buffer.from(unprotected, "hex"),
    encoder.encode(body),
    encoder.encode(mac),
  ];
  return Buffer.concat([Buffer.from(`${tags}84`, "hex"), ...parts]);
}

interface Mac0 {
  claims?: Map<unknown, unknown>;
  alg?: number;
  key?: string;
  tag?: number;
  header?: Map<unknown, unknown>;
  cut?: number;
}

/** A COSE_Mac0 whose parts may be wrong. */
function mac0({ claims, alg = 5, key = KEY, tag = 17, header = new Map(), cut = 32 }: Mac0 = {}): Buffer {
  const protectedHeader = encoder.encode(new Map([[1, alg]]));
  const payload = encoder.encode(
    claims ??
      new Map([
        [4, 1_700_003_600],
        [6, 1_700_000_000],
      ]),
  );
  const covered = encoder.encode(["MAC0", protectedHeader, Buffer.alloc(0), payload]);
  const mac = createHmac("sha256", key).update(covered).digest().subarray(0, cut);
  return encoder.encode(new Tag([protectedHeader, header, payload, mac], tag));
}

/** How the firmware takes a token: status and lifetime. */
function read(token: Buffer | string, key?: string | Uint8Array): [string | undefined, number] {
  const text = typeof token === "string" ? token : token.toString("base64url");
  const reader = cwt(key).reader(TOKEN_BYTES, new Scratch());
  const status = reader.read(Buffer.from(text), text.length);
  return [Status[status], reader.lifetimeS];
}

describe("CWT", () => {
  it("of RFC 8392's examples: the lifetime is read; 64 bits of MAC are not enough for proof", () => {
    assert.deepEqual(read(Buffer.from(RFC_SIGNED, "hex")), ["OK", 120_000]);
    assert.deepEqual(read(Buffer.from(RFC_MACED, "hex")), ["OK", 120_000]);
    assert.deepEqual(read(Buffer.from(RFC_MACED, "hex"), RFC_KEY), ["CWT_REFUSED", -1]);
    assert.deepEqual(read(Buffer.from(RFC_SIGNED, "hex"), RFC_KEY), ["CWT_REFUSED", -1]);
  });

  it("says its lifetime by exi, else by exp − iat, else not at all", () => {
    const lifetime = (...claims: [unknown, unknown][]) => read(mac0({ claims: new Map(claims) }))[1];
    assert.equal(lifetime([40, 600], [4, 2_000], [6, 1_000]), 600);
    assert.equal(lifetime([40, 600]), 600);
    assert.equal(lifetime([4, 1_700_000_900.5], [6, 1_700_000_000]), 900.5);
    assert.equal(
      lifetime(
        [6, 1_000],
        ["exp", 5_000],
        [4, 1_900],
        [
          99,
          new Map([
            [4, 7],
            [40, 8],
          ]),
        ],
      ),
      900,
    );
    assert.equal(lifetime([4, 2_000]), -1);
    assert.equal(lifetime([4, 1_000], [6, 1_000]), -1);
    assert.equal(lifetime([4, "2000"], [6, 1_000]), -1);
    assert.equal(lifetime([40, -5], [4, 2_000], [6, 1_500]), 500);
    assert.equal(lifetime(), -1);
  });

  it("with the key: a right MAC is taken, whatever the unprotected header holds", () => {
    assert.deepEqual(read(mac0(), KEY), ["OK", 3_600]);
    assert.deepEqual(
      read(
        mac0({
          header: new Map<unknown, unknown>([
            [4, Buffer.from("kid")],
            ["x", [[1]]],
          ]),
        }),
        KEY,
      ),
      ["OK", 3_600],
    );
  });

  it("with the key: all else is refused", () => {
    const good = mac0();
    const refused: [string, Buffer | string][] = [
      ["another key", mac0({ key: `${KEY}x` })],
      ["another algorithm", mac0({ alg: 4 })],
      ["a signature's tag", mac0({ tag: 18 })],
      ["a short MAC", mac0({ cut: 16 })],
      ["one byte more", Buffer.concat([good, Buffer.of(0)])],
      ["one byte less", good.subarray(0, good.length - 1)],
      ["no CBOR", Buffer.from("an opaque token")],
      ["no base64url", "not a token!"],
      ["nothing", ""],
    ];
    for (let bit = 0; bit < good.length * 8; bit += 3) {
      const changed = Buffer.from(good);
      changed[bit >> 3] ^= 1 << (bit & 7);
      refused.push([`bit ${bit} turned`, changed]);
    }
    for (const [what, token] of refused) assert.deepEqual(read(token, KEY), ["CWT_REFUSED", -1], what);
  });

  const RIGHT: [what: string, token: Buffer][] = [
    ["in its plainest form", maced()],
    ["with the tag of a CWT", maced({ tags: "d83dd1" })],
    ["that marks alg as critical", maced({ header: "a2010502 8101".replace(" ", "") })],
    [
      "with a nested map whose labels are others'",
      maced({ payload: "a3041a6553f910061a6553f10007a2 0401 06a10401".replaceAll(" ", "") }),
    ],
    ["with the same label in two maps of a list", maced({ unprotected: "a10782a10101a10101" })],
    [
      "with labels of text",
      maced({ payload: "a4041a6553f910061a6553f1006161 01 6162 02".replaceAll(" ", "") }),
    ],
  ];
  for (const [what, token] of RIGHT)
    it(`with the key: one ${what} is taken`, () => assert.deepEqual(read(token, KEY), ["OK", 2_064]));

  const WRONG: [what: string, token: Buffer][] = [
    ["critical label that is unknown (RFC 9052, 3.1)", maced({ header: "a201050281 1863".replace(" ", "") })],
    ["critical label of text", maced({ header: "a20105028161 78".replace(" ", "") })],
    ["critical label beside one that is known", maced({ header: "a2010502820104" })],
    ["list of critical labels that is empty", maced({ header: "a201050280" })],
    ["list of critical labels that is a number", maced({ header: "a201050201" })],
    ["list of critical labels in a list", maced({ header: "a20105028 18101".replace(" ", "") })],
    ["list of critical labels that is a map", maced({ header: "a2010502a10101" })],
    ["list of critical labels that is not protected", maced({ unprotected: "a1028101" })],
    ["algorithm in a list", maced({ header: "a1018105" })],
    ["algorithm that is not protected", maced({ header: "a0", unprotected: "a10105" })],
    ["header of no bytes", maced({ header: "", unprotected: "a10105" })],
    ["header that is a list", maced({ header: "820105" })],
    ["header with bytes behind it", maced({ header: "a1010500" })],
    ["label twice in the protected header", maced({ header: "a201050105" })],
    ["label twice in the unprotected header", maced({ unprotected: "a204410104 4102".replace(" ", "") })],
    ["label in both headers", maced({ unprotected: "a10105" })],
    ["label twice in a map of the unprotected header", maced({ unprotected: "a107a201010102" })],
    ["payload that is a list", maced({ payload: "8204 1a6553f910".replace(" ", "") })],
    ["payload that is a number", maced({ payload: "01" })],
    ["payload of no bytes", maced({ payload: "" })],
    ["payload with another map behind it", maced({ payload: "a0a0" })],
    ["payload that breaks off", maced({ payload: "a204 01".replace(" ", "") })],
    ["exp twice", maced({ payload: "a3041a6553f910041a7fffffff061a6553f100" })],
    ["exp twice, spelt in two ways", maced({ payload: "a3041a6553f91018041a7fffffff061a6553f100" })],
    ["claim twice", maced({ payload: "a2070107 02".replace(" ", "") })],
    ["claim of text twice", maced({ payload: "a3616101616201616102" })],
    ["claim whose name comes in chunks", maced({ payload: "a17f6161ff01" })],
    ["label twice in a map inside a claim", maced({ payload: "a107a26161016161 02".replace(" ", "") })],
    [
      "label twice in a map inside a list in a claim",
      maced({ payload: "a1078101".replace("01", "a201000100") }),
    ],
    ["exp of text", maced({ payload: "a104613 1".replace(" ", "") })],
    ["exp in a list", maced({ payload: "a2048101061a6553f100" })],
    ["exp with the tag of a time (RFC 8392, 2)", maced({ payload: "a104c11a6553f910" })],
    ["exp without end", maced({ payload: "a204f97c000600" })],
    ["foreign tag around it", maced({ tags: "d903e7d1" })],
    ["CBOR's own tag around it", maced({ tags: "d9d9f7d1" })],
    ["CWT's tag twice", maced({ tags: "d83dd83dd1" })],
    ["tag of a COSE_Mac0 twice", maced({ tags: "d1d1" })],
    ["no tag", maced({ tags: "" })],
    ["CWT's tag alone", maced({ tags: "d83d" })],
  ];
  for (const [what, token] of WRONG)
    it(`with the key and a right MAC: ${what} is refused`, () =>
      assert.deepEqual(read(token, KEY), ["CWT_REFUSED", -1]));

  it("with the key: labels are unique at every depth, whatever the maps hold", () => {
    const plain = fc.oneof(fc.nat(50), fc.constantFrom("a", "b", "c"), fc.boolean());
    const key = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom("a", "b", "ab"));
    const { map } = fc.letrec<{ map: [unknown, unknown][]; value: unknown }>((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, plain, tie("map"), fc.array(plain, { maxLength: 2 })),
      map: fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }),
    }));
    const isMap = (value: unknown): value is [unknown, unknown][] =>
      Array.isArray(value) && value.every((entry) => Array.isArray(entry) && entry.length === 2);
    // A list of pairs is a map with all of them: cbor-x encodes what is no map itself.
    const encode = (value: unknown): Buffer =>
      isMap(value)
        ? Buffer.concat([Buffer.of(0xa0 + value.length), ...value.flat().map(encode)])
        : encoder.encode(value);
    const hasTwins = (value: unknown): boolean =>
      isMap(value) &&
      (new Set(value.map(([label]) => label)).size < value.length ||
        value.some(([, inner]) => hasTwins(inner)));
    fc.assert(
      fc.property(map, (claims) => {
        const token = maced({ payload: encode([[99, claims]]).toString("hex") });
        assert.equal(read(token, KEY)[0], hasTwins(claims) ? "CWT_REFUSED" : "OK");
      }),
    );
  });

  it("without the key: a token that is none of these is used as it is", () => {
    for (const token of [
      "an.opaque.token",
      "abc",
      Buffer.from("d28440", "hex"),
      Buffer.from("5f41ffff", "hex"),
    ])
      assert.deepEqual(read(token), ["OK", -1]);
  });

  it("plans the refresh where the cloud names no lifetime, and a forged one never reaches the app", () => {
    const world = new World({ tokenFormat: cwt(KEY) });
    world.service.lifetimeS = undefined;
    world.service.make = () => mac0({ claims: new Map([[40, 1_000]]) }).toString("base64url");
    const first = world.get();
    world.ready().advance(100);
    assert.equal(first.name, "OK");
    assert.ok(first.remainingMs > 999_000 && first.remainingMs <= 1_000_000, `${first.remainingMs}`);
    world.service.make = () => mac0({ key: "a forger's" }).toString("base64url");
    const second = world.generate();
    world.advance(1_000);
    assert.equal(second.name, "CWT_REFUSED");
  });
});

describe("CWTs of the cloud", () => {
  let cloud: Cloud;

  afterEach(() => cloud.close());

  async function tokenOf(
    format: "cwt-mac0" | "cwt-sign1",
    algorithm: "ES256" | "EdDSA" = "ES256",
  ): Promise<string> {
    cloud = await startCloud({
      tokens: { format, algorithm, macKey: KEY, lifetimeSeconds: 900 },
      extensions: { expiresIn: false },
    });
    const device = simulateDevice({
      cloud,
      ...(await cloud.addDevice({ id: "device_1" })),
      tokenFormat: cwt(format === "cwt-mac0" ? KEY : undefined),
    });
    const { token, expiresInMs } = await device.host(HOST).getToken();
    device.close();
    assert.ok(expiresInMs > 890_000 && expiresInMs <= 900_000, `${expiresInMs}`);
    return token;
  }

  /** The COSE structure's parts and the claims, by cbor-x. */
  function parts(token: string): { tag: number; list: Buffer[]; claims: Map<number, unknown> } {
    const outer = decoder.decode(Buffer.from(token, "base64url")) as Tag;
    assert.equal(outer.tag, 61);
    const inner = outer.value as Tag;
    const list = inner.value as Buffer[];
    return { tag: inner.tag, list, claims: decoder.decode(list[2]) };
  }

  it("cwt-mac0 is a COSE_Mac0 under the shared key, verified by the device", async () => {
    const token = await tokenOf("cwt-mac0");
    const { tag, list, claims } = parts(token);
    assert.equal(tag, 17);
    assert.equal(list[0].toString("hex"), "a10105");
    const covered = encoder.encode(["MAC0", list[0], Buffer.alloc(0), list[2]]);
    assert.deepEqual(list[3], createHmac("sha256", KEY).update(covered).digest());
    assert.deepEqual([claims.get(2), claims.get(3), claims.get(40)], ["device_1", HOST, 900]);
    assert.equal(Number(claims.get(4)) - Number(claims.get(6)), 900);
    assert.equal(cloud.checkToken(token, HOST).active, true);
  });

  for (const [algorithm, alg] of [
    ["ES256", -7],
    ["EdDSA", -8],
  ] as const) {
    it(`cwt-sign1 is a COSE_Sign1 with ${algorithm} that the published key verifies`, async () => {
      const token = await tokenOf("cwt-sign1", algorithm);
      const { tag, list, claims } = parts(token);
      assert.equal(tag, 18);
      assert.deepEqual(decoder.decode(list[0]), new Map([[1, alg]]));
      const { keys } = (await (await fetch(`${cloud.httpUrl}/.well-known/jwks.json`)).json()) as {
        keys: { kid: string }[];
      };
      assert.deepEqual((list[1] as unknown as Map<number, Buffer>).get(4)?.toString(), keys[0].kid);
      const covered = encoder.encode(["Signature1", list[0], Buffer.alloc(0), list[2]]);
      const key = createPublicKey({ key: keys[0], format: "jwk" });
      const hash = algorithm === "ES256" ? "sha256" : null;
      assert.ok(verify(hash, covered, { key, dsaEncoding: "ieee-p1363" }, list[3]));
      assert.equal(claims.get(3), HOST);
    });
  }
});
