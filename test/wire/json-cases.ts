import { Status } from "../../firmware/status.js";
import { DEPTH_MAX } from "./json-events.js";

/** Bytes from Latin-1, for text that is not valid UTF-8. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

/** A reply to GenerateToken as it comes. */
export const REPLY = `{"v":2,"src":"//api.mongoose-iot.com","dst":"device_123","id":123456789012345,"result":{"token":"${"aBc-9_".repeat(33)}","expires_in":3600,"issued_at":1700000000}}`;

/** Texts that are JSON, after the categories of JSONTestSuite. */
export const ACCEPTED: readonly string[] = [
  ...["0", "-0", "1", "-1", "9007199254740991", "-9007199254740991", "1.5", "-0.0625", "1e5", "1E+5", "1e-5"],
  ...[
    "0e1",
    "0.0e+0",
    "100000000000000000000",
    "1e22",
    "123456789012345e-22",
    "1e400",
    "-1e400",
    "1e-400",
    "0e999",
  ],
  `[${"9".repeat(64)}]`,
  ...["true", "false", "null", '""', '"a"', "[]", "{}", "[[]]", '{"":0}', '{"a":{"b":[1,{"c":null}]}}'],
  ...[" [ ] ", "\t{\n}\r", ' { "a" : 1 , "b" : [ 1 , 2 ] } ', "[1 , 2]\n", " 1 ", "[0,-0,0.5,10]"],
  ...[
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\\u0000"',
    '"\\u00e9\\u4E2d\\uffff"',
    '"\\uD83D\\uDE00"',
    '"\\uD83D\\uDE00x"',
  ],
  ...['"\u007f"', '"é中😀\ufeff\uffff"', '{"é\\u0041😀":"x"}', '{"a":1,"a":2}', '{"__proto__":1}'],
  ...['"\ud7ff\ue000\u0080\u07ff\u0800\u{10000}\u{10ffff}"', nested(DEPTH_MAX), REPLY],
];

const SYNTAX: readonly string[] = [
  ...["[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[}", "{]", "[1}", '{"a":1]', "]", "}", ",", ":", "[-]"],
  ...[
    '{"a":1,}',
    "{,}",
    '{"a"}',
    '{"a",1}',
    '{"a":}',
    '{"a":1 "b":2}',
    '{"a"::1}',
    '{"a":1,,"b":2}',
    "{1:2}",
    "{a:1}",
  ],
  ...[
    "01",
    "-01",
    "[00]",
    "[1.]",
    "[.5]",
    "[1.e1]",
    "[1e]",
    "[1e+]",
    "[+1]",
    "[--1]",
    "[0x1]",
    "[1_0]",
    "[1e1.5]",
  ],
  ...["[1.2.3]", "[NaN]", "[Infinity]", "[-Infinity]", "[1a]", "[0a]", "[1-1]", "[-a]", "[1e--1]", "[0-]"],
  ...[
    "[True]",
    "[tru]",
    "[nul,1]",
    "[truefalse]",
    "[nulll]",
    "[TRUE]",
    "[undefined]",
    "tRue",
    "truex",
    "[fals1]",
  ],
  ...[
    "'a'",
    "['a']",
    '["\\a"]',
    '["\\x41"]',
    '["\\U0041"]',
    '["\\u12"]',
    '["\\u12G4"]',
    '["\\u 123"]',
    '["\\u-123"]',
  ],
  ...['["\u0000"]', '["\n"]', '["a\tb"]', '["\u001f"]', '{"a\n":1}', '["\\\u0000"]', '["\\\n"]', '["\\é"]'],
  ...[
    "/**/[]",
    "[]//",
    "[1/**/]",
    "#",
    "\ufeff[]",
    "[\u00a0]",
    "[\u2028]",
    "[\f]",
    "[\v]",
    "\u0000[]",
    "[é]",
    "\u007f",
  ],
  ...["{} {}", "[]]", "1 2", '"a" "b"', "{}x", "12x"],
];

const BAD_UTF8: readonly string[] = [
  ...["\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0", "\xe0\x9f\xbf", "\xe0\x80\x80"],
  ...[
    "\xe1\x80",
    "\xe1\x80\xc0",
    "\xed\xa0\x80",
    "\xed\xbf\xbf",
    "\xf0\x8f\xbf\xbf",
    "\xf0\x90\x80",
    "\xf4\x90\x80\x80",
  ],
  ...["\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xe4\xb8\xad\x80", "\xf0\x9f\x98\\"],
];

const SURROGATES: readonly string[] = [
  ...[
    "\\uD800",
    "\\uDBFF",
    "\\uDC00",
    "\\uDFFF",
    "\\ud800x",
    "\\uD800\\n",
    "\\uD800\\uD800",
    "\\uD800\\u0041",
  ],
  ...["\\uD800\\\\", "\\uDC00\\uD800", "\\uD83D\\uDE00\\uDE00", "\\uD83Dé"],
];

/** Texts that are refused with one status, wherever they are cut. */
export interface Refusal {
  readonly status: Status;
  readonly texts: readonly (string | Uint8Array)[];
  /** JSON.parse takes these: we are stricter, or have a limit. */
  readonly isOurs: boolean;
}

/** What each status is for. */
export const REFUSALS: readonly Refusal[] = [
  { status: Status.JSON_SYNTAX, isOurs: false, texts: SYNTAX },
  {
    status: Status.JSON_UTF8,
    isOurs: false,
    texts: BAD_UTF8.flatMap((bad) => [latin1(`["a${bad}"]`), latin1(`{"${bad}":0}`)]),
  },
  {
    status: Status.JSON_SURROGATE,
    isOurs: true,
    texts: SURROGATES.flatMap((bad) => [`["${bad}"]`, `{"${bad}":0}`]),
  },
  {
    status: Status.JSON_DEPTH,
    isOurs: true,
    texts: [nested(DEPTH_MAX + 1), `${'{"a":'.repeat(DEPTH_MAX)}[]${"}".repeat(DEPTH_MAX)}`],
  },
  {
    status: Status.JSON_NUMBER,
    isOurs: true,
    texts: ["9".repeat(65), `[-${"1".repeat(64)}]`, `[0.${"0".repeat(63)}]`, `[1e${"0".repeat(63)}]`],
  },
  {
    status: Status.JSON_TRUNCATED,
    isOurs: false,
    texts: [
      "",
      " ",
      "-",
      "1.",
      "1e",
      "1e+",
      "tru",
      '"',
      '"\\u12',
      '"\\',
      '"\\ud83d',
      "[",
      '{"a"',
      '{"a":',
      "[1",
    ],
  },
];
