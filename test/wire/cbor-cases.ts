import { Status } from "../../firmware/status.js";

/** Encoded items of RFC 8949, Appendix A, and the values that they stand for. */
export const APPENDIX_A: readonly (readonly [hex: string, value: unknown])[] = [
  ["00", 0],
  ["01", 1],
  ["0a", 10],
  ["17", 23],
  ["1818", 24],
  ["1819", 25],
  ["1864", 100],
  ["1903e8", 1000],
  ["1a000f4240", 1000000],
  ["1b000000e8d4a51000", 1000000000000],
  ["1bffffffffffffffff", 18446744073709551615n],
  ["3bffffffffffffffff", -18446744073709551616n],
  ["20", -1],
  ["29", -10],
  ["3863", -100],
  ["3903e7", -1000],
  ["f90000", 0],
  ["f98000", -0],
  ["f93c00", 1],
  ["fb3ff199999999999a", 1.1],
  ["f93e00", 1.5],
  ["f97bff", 65504],
  ["fa47c35000", 100000],
  ["fa7f7fffff", 3.4028234663852886e38],
  ["fb7e37e43c8800759c", 1e300],
  ["f90001", 2 ** -24],
  ["f90400", 2 ** -14],
  ["f9c400", -4],
  ["fbc010666666666666", -4.1],
  ["f97c00", Number.POSITIVE_INFINITY],
  ["f97e00", Number.NaN],
  ["f9fc00", Number.NEGATIVE_INFINITY],
  ["fa7f800000", Number.POSITIVE_INFINITY],
  ["fa7fc00000", Number.NaN],
  ["faff800000", Number.NEGATIVE_INFINITY],
  ["fb7ff0000000000000", Number.POSITIVE_INFINITY],
  ["fb7ff8000000000000", Number.NaN],
  ["fbfff0000000000000", Number.NEGATIVE_INFINITY],
  ["f4", false],
  ["f5", true],
  ["f6", null],
  ["f7", undefined],
  ["40", Buffer.alloc(0)],
  ["4401020304", Buffer.from("01020304", "hex")],
  ["60", ""],
  ["6161", "a"],
  ["6449455446", "IETF"],
  ["62225c", '"\\'],
  ["62c3bc", "ü"],
  ["63e6b0b4", "水"],
  ["64f0908591", "\u{10151}"],
  ["80", []],
  ["83010203", [1, 2, 3]],
  ["8301820203820405", [1, [2, 3], [4, 5]]],
  [
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    Array.from({ length: 25 }, (_, index) => index + 1),
  ],
  ["a0", {}],
  ["a201020304", { "#1": 2, "#3": 4 }],
  ["a26161016162820203", { a: 1, b: [2, 3] }],
  ["826161a161626163", ["a", { b: "c" }]],
  ["a56161614161626142616361436164614461656145", { a: "A", b: "B", c: "C", d: "D", e: "E" }],
  ["5f42010243030405ff", Buffer.from("0102030405", "hex")],
  ["7f657374726561646d696e67ff", "streaming"],
  ["9fff", []],
  ["9f018202039f0405ffff", [1, [2, 3], [4, 5]]],
  ["9f01820203820405ff", [1, [2, 3], [4, 5]]],
  ["83018202039f0405ff", [1, [2, 3], [4, 5]]],
  ["83019f0203ff820405", [1, [2, 3], [4, 5]]],
  [
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
    Array.from({ length: 25 }, (_, index) => index + 1),
  ],
  ["bf61610161629f0203ffff", { a: 1, b: [2, 3] }],
  ["826161bf61626163ff", ["a", { b: "c" }]],
  ["bf6346756ef563416d7421ff", { Fun: true, Amt: -2 }],
];

/** The rest of Appendix A, whose values JavaScript has no literal for: tags and simple values, as events. */
export const APPENDIX_A_EVENTS: readonly (readonly [hex: string, events: string])[] = [
  ["c249010000000000000000", "2(BYTES 010000000000000000)"],
  ["c349010000000000000000", "3(BYTES 010000000000000000)"],
  ["f0", "SIMPLE 16"],
  ["f8ff", "SIMPLE 255"],
  ["c074323031332d30332d32315432303a30343a30305a", "0(STRING 2013-03-21T20:04:00Z)"],
  ["c11a514b67b0", "1(NUMBER 1363896240 true)"],
  ["c1fb41d452d9ec200000", "1(NUMBER 1363896240.5 false)"],
  ["d74401020304", "23(BYTES 01020304)"],
  ["d818456449455446", "24(BYTES 6449455446)"],
  ["d82076687474703a2f2f7777772e6578616d706c652e636f6d", "32(STRING http://www.example.com)"],
];

/** Malformed items (RFC 8949, Appendix F, and our limits), by the status that refuses them. */
export const REFUSALS: readonly { status: Status; items: readonly string[] }[] = [
  {
    status: Status.CBOR_ADDITIONAL,
    items: [
      ..."1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe".split(" "),
      ..."1f 3f df 5f5c 7f7e 811c a1001c c01f".split(" "),
    ],
  },
  {
    status: Status.CBOR_BREAK,
    items: [
      ..."ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff".split(" "),
      "9fc1ff",
      "bf00ff",
    ],
  },
  {
    status: Status.CBOR_CHUNK,
    items: "5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff".split(
      " ",
    ),
  },
  {
    status: Status.CBOR_SIMPLE,
    items: Array.from({ length: 32 }, (_, value) => `f8${value.toString(16).padStart(2, "0")}`),
  },
  {
    status: Status.CBOR_UTF8,
    items: [
      ..."6180 61c3 62c328 63e0809f 63eda080 64f0808080 64f4908080 61ff 7f61c361bcff 7f61f0ff".split(" "),
      "a161c300",
    ],
  },
  {
    status: Status.CBOR_KEY,
    items: "a14000 a1f600 a18000 a1a000 a1c16100 a1fb000000000000000000 bf5f4100ff00ff".split(" "),
  },
  {
    status: Status.CBOR_DEPTH,
    items: ["81".repeat(17), "9f".repeat(17), "a100".repeat(17), "bf00".repeat(17)],
  },
  {
    status: Status.CBOR_LENGTH,
    items: [
      ..."5a10000000 7a10000000 9a10000000 ba10000000 5bffffffffffffffff 7b8000000000000000".split(" "),
      ..."9bffffffffffffffff bb0000000100000000 5f5a10000000".split(" "),
    ],
  },
  {
    status: Status.CBOR_TRUNCATED,
    items: [
      ..."18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000".split(
        " ",
      ),
      ..."41 61 5affffff 5bffff 7affff 7b7fffffff 81 818181818181818181 8200 a1 a20102 a100 a2000000".split(
        " ",
      ),
      ..."5f4100 7f6100 9f 9f0102 bf bf01020102 819f 9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff c0 5f 7f".split(
        " ",
      ),
    ],
  },
];
