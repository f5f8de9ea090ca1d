/**
 * The C of `firmware/native` beside the TypeScript that it stands for, inside XS: equal inputs, equal bytes; and what
 * it must refuse. The bundle has the TypeScript at its own names and the C at the adapter's.
 */

import * as nativeCopy from "../../../firmware/adapters/moddable/native/copy.js";
import * as nativeDecimal from "../../../firmware/adapters/moddable/native/decimal.js";
import { JsonText as NativeText } from "../../../firmware/adapters/moddable/native/json-text.js";
import * as nativeRun from "../../../firmware/adapters/moddable/native/run.js";
import { Sha256 as NativeSha256 } from "../../../firmware/adapters/moddable/native/sha256.js";
import { readWhole } from "../../../firmware/adapters/moddable/native/whole.js";
import * as run from "../../../firmware/adapters/moddable/run.js";
import { Sha256 } from "../../../firmware/crypto/sha256.js";
import { Status } from "../../../firmware/status.js";
import { bytesOf } from "../../../firmware/wire/bytes.js";
import * as copy from "../../../firmware/wire/copy.js";
import * as decimal from "../../../firmware/wire/decimal.js";
import { FrameEvent } from "../../../firmware/wire/frame/event.js";
import { FrameReader } from "../../../firmware/wire/frame/frame.js";
import { JsonText } from "../../../firmware/wire/json/text.js";
import { bytesOfHex, hex } from "../suite-store.js";
import { HOSTILE, type Hostile } from "./hostile.js";

/** A generator of numbers (xorshift32): the seed of a failure brings it back. */
let state = 1;
function below(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

function seeded(seed: number): void {
  state = seed | 0 || 1;
  for (let i = 0; i < 8; i++) below(1);
}

const oneOf = <T>(items: readonly T[]): T => items[below(items.length)] as T;

/** Bytes as they stand in strings, and what breaks them. */
const PIECES = [
  ..."abcXYZ019 -_./".split(""),
  ...['"', "\\", "\\n", "\\u", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\q", "\\/", "\n", "\u007f"],
  ...["\u00e9", "\u20ac", "\u{1f600}"],
].map((text) => [...bytesOf(text)]);
const BROKEN = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5], [0xe2, 0x82], [0xf0, 0x80], [0x1f], [0]];

/** Up to `most` bytes of text; behind an offset within its buffer, so that addresses are odd, too. */
function text(most: number): Uint8Array {
  const bytes: number[] = [];
  const length = below(most + 1);
  while (bytes.length < length) {
    const isLong = below(4) === 0;
    if (isLong) for (let i = below(40); i > 0; i--) bytes.push(0x61 + below(26));
    else bytes.push(...(below(24) === 0 ? oneOf(BROKEN) : oneOf(PIECES)));
  }
  return placed(bytes.slice(0, length));
}

function placed(bytes: readonly number[]): Uint8Array {
  const offset = below(9);
  const view = new Uint8Array(new ArrayBuffer(offset + bytes.length), offset, bytes.length);
  view.set(bytes);
  return view;
}

/** What both did: the result, or that it threw; and the bytes that they wrote. */
const shown = (result: unknown, ...buffers: Uint8Array[]): string =>
  `${String(result)} ${buffers.map((bytes) => hex(bytes, 0, bytes.length)).join(" ")}`;

type Twin = (isNative: boolean) => string;

/** Does something by the TypeScript or by the C, on the input that the seed gives. */
const TWINS: Record<string, Twin> = {
  runs(isNative) {
    const { copyPlain, skipPlain } = isNative ? nativeRun : run;
    const bytes = text(80);
    const from = below(bytes.length + 1);
    const to = from + below(bytes.length - from + 1);
    const at = below(8);
    const isSame = below(8) === 0;
    const out = isSame ? bytes : placed(new Array(at + to - from).fill(0xee));
    const start = isSame ? below(bytes.length - (to - from) + 1) : at;
    return shown(`${skipPlain(bytes, from, to)} ${copyPlain(bytes, from, to, out, start)}`, out);
  },
  copies(isNative) {
    const { copyBytes } = isNative ? nativeCopy : copy;
    const bytes = text(80);
    const from = below(bytes.length + 1);
    const to = below(4) === 0 ? below(from + 1) : from + below(bytes.length - from + 1);
    const length = to > from ? to - from : 0;
    const isSame = below(3) === 0;
    const at = isSame ? below(bytes.length - length + 1) : below(8);
    const out = isSame ? bytes : placed(new Array(at + length).fill(0xee));
    return shown(copyBytes(out, at, bytes, from, to), out);
  },
  compares(isNative) {
    const { sameBytes } = isNative ? nativeCopy : copy;
    const a = text(20);
    const b = below(2) === 0 ? text(20) : placed([...a]);
    if (b.length > 0 && below(2) === 0) b[below(b.length)] ^= 1 << below(8);
    const aFrom = below(a.length + 1);
    const bFrom = below(2) === 0 ? Math.min(aFrom, b.length) : below(b.length + 1);
    // One of the two may end before the length does, not both.
    const length = Math.min(below(24), Math.max(a.length - aFrom, b.length - bFrom));
    return shown(sameBytes(a, aFrom, b, bFrom, length));
  },
  decimals(isNative) {
    const { decimalLength, writeDecimal } = isNative ? nativeDecimal : decimal;
    const edge = 10 ** below(16) - below(2);
    const value = below(2) === 0 ? edge : Math.floor((below(2 ** 31) / 2 ** 31) * 10 ** below(16));
    const at = below(4);
    const out = placed(new Array(at + decimalLength(value)).fill(0xee));
    return shown(`${decimalLength(value)} ${writeDecimal(out, at, value)}`, out);
  },
  texts(isNative) {
    const reader = isNative ? new NativeText() : new JsonText();
    const bytes = text(120);
    const outFrom = below(4);
    const outTo = outFrom + below(90);
    const out = placed(new Array(outTo + 2).fill(0xee));
    const step = below(3) === 0 ? 1 : 1 + below(40);
    let status = Status.JSON_TRUNCATED;
    let at = 0;
    reader.start(0);
    while (status === Status.JSON_TRUNCATED && at < bytes.length) {
      status = reader.read(bytes, at, Math.min(bytes.length, at + step), out, outFrom, outTo);
      at = reader.at;
    }
    const isRead = status === Status.OK || status === Status.JSON_TRUNCATED;
    return isRead ? shown(`${status} ${at} ${reader.length}`, out) : shown(`${status} ${at}`);
  },
  hashes(isNative) {
    const hash = isNative ? new NativeSha256() : new Sha256();
    const midstate = new Int32Array(8);
    const out = placed(new Array(40).fill(0xee));
    for (let i = 0; i < 64; i++) hash.push(below(256));
    hash.store(midstate);
    for (let turn = below(3); turn >= 0; turn--) {
      if (below(3) === 0) hash.load(midstate);
      else if (below(2) === 0) hash.reset();
      for (let part = below(6); part > 0; part--) {
        const bytes = text(150);
        const from = below(bytes.length + 1);
        if (below(4) === 0) hash.pushU32(below(2 ** 31) * 2);
        hash.update(bytes, from, from + below(bytes.length - from + 1));
      }
      hash.digest(out, below(9));
    }
    return shown(hex(new Uint8Array(midstate.buffer), 0, 32), out);
  },
};

/** The names of the twins. */
export const twins = Object.keys(TWINS);

/** The first seed from `seed` on, of `count`, at which the two differ, and how; "" when they do not. */
export function compare(name: string, seed: number, count: number): string {
  const twin = TWINS[name] as Twin;
  for (let i = 0; i < count; i++) {
    const shownBy = [false, true].map((isNative) => {
      seeded(seed + i);
      return twin(isNative);
    });
    if (shownBy[0] !== shownBy[1]) return `${name}, seed ${seed + i}: ${shownBy.join(" became ")}`;
  }
  return "";
}

const TOKEN_BYTES = 48;

/** As the device `d1` reads what the cloud sends. */
const reader = (): FrameReader =>
  new FrameReader(bytesOf("d1"), bytesOf("cloud"), 16, 16, TOKEN_BYTES, false);

const answerOf = (frame: FrameReader): string =>
  shown(
    [frame.id, frame.src, frame.dst, frame.result, frame.tokenLength, frame.expiresInS].join(),
    frame.staging,
  );

/**
 * A frame in hexadecimal, by the C and by the strict reader.
 *
 * @returns "left" where the C leaves it to the strict reader, having changed nothing; "read" where both read the
 *   same; else what differs
 */
export function compareWhole(text: string, isCounter: boolean): string {
  const bytes = bytesOfHex(text);
  const whole = reader();
  whole.isCounter = isCounter;
  const end = readWhole(whole, bytes, 0, bytes.length);
  const strict = reader();
  strict.isCounter = isCounter;
  if (end < 0) return answerOf(whole) === answerOf(strict) ? "left" : "changed, though left";
  const event = strict.read(bytes, 0, bytes.length);
  const isSame = event === FrameEvent.END && strict.at === end && answerOf(strict) === answerOf(whole);
  return isSame
    ? "read"
    : `read to ${end}: ${answerOf(whole)}; strictly ${event} at ${strict.at}: ${answerOf(strict)}`;
}

/** A call of the C with one thing in it that is wrong. */
interface Call {
  readonly name: string;
  /** By the kind that each argument is. */
  readonly kinds: readonly Kind[];
  make(): unknown[];
}

type Kind = "read" | "written" | "index" | "object";

const CALLS: readonly Call[] = [
  {
    name: "copyPlain",
    kinds: ["read", "index", "index", "written", "index"],
    make: () => [text(40), 0, 8, placed(new Array(16).fill(0)), 2],
  },
  { name: "skipPlain", kinds: ["read", "index", "index"], make: () => [text(40), 0, 8] },
  {
    name: "copyBytes",
    kinds: ["written", "index", "read", "index", "index"],
    make: () => [placed(new Array(16).fill(0)), 2, text(40), 1, 8],
  },
  {
    name: "sameBytes",
    kinds: ["read", "index", "read", "index", "index"],
    make: () => [text(40), 1, text(40), 0, 8],
  },
  { name: "decimalLength", kinds: ["index"], make: () => [12345] },
  {
    name: "writeDecimal",
    kinds: ["written", "index", "index"],
    make: () => [placed(new Array(16).fill(0)), 1, 12345],
  },
  {
    name: "readAnswer",
    kinds: ["object", "read", "index", "index", "read", "read", "written"],
    make: () => [
      reader(),
      placed([...bytesOf('{"v":2,"src":"c","dst":"d","id":7,"result":{"token":"abc","expires_in":9}}')]),
      0,
      74,
      placed([0x63]),
      placed([0x64]),
      placed(new Array(8).fill(0)),
    ],
  },
  {
    name: "readText",
    kinds: ["object", "read", "index", "index", "written", "index", "index"],
    make: () => [new NativeText(), text(40), 0, 8, placed(new Array(16).fill(0)), 1, 12],
  },
  { name: "hashReset", kinds: ["written"], make: () => [new Uint8Array(104)] },
  { name: "hashPush", kinds: ["written", "index"], make: () => [new Uint8Array(104), 7] },
  {
    name: "hashUpdate",
    kinds: ["written", "read", "index", "index"],
    make: () => [new Uint8Array(104), text(200), 0, 8],
  },
  {
    name: "hashDigest",
    kinds: ["written", "written", "index"],
    make: () => [new Uint8Array(104), new Uint8Array(40), 3],
  },
  {
    name: "hashLoad",
    kinds: ["written", "read"],
    make: () => [new Uint8Array(104), new Int32Array(8).buffer],
  },
  {
    name: "hashStore",
    kinds: ["written", "written"],
    make: () => [new Uint8Array(104), new Int32Array(8).buffer],
  },
];

/** Every function of the C that the calls below know. */
export const called = CALLS.map(({ name }) => `xs_motekey_${name}`);

const outcome = (call: Call, values: readonly unknown[]): string => {
  const made: (...values: readonly unknown[]) => unknown = native(`xs_motekey_${call.name}`);
  try {
    made(...values);
    return "";
  } catch (thrown) {
    return thrown instanceof TypeError || thrown instanceof RangeError
      ? (thrown as Error).name
      : String(thrown);
  }
};

/** Hands each function each hostile thing in each place, and too few things. Returns what was taken, or "". */
export function refusals(): string {
  const taken: string[] = [];
  for (const call of CALLS) {
    for (let place = 0; place < call.kinds.length; place++) {
      for (const hostile of HOSTILE as readonly Hostile[]) {
        if (!hostile.against.includes(call.kinds[place] as Kind)) continue;
        const values = call.make();
        values[place] = hostile.make();
        const told = outcome(call, values);
        if (!/^(Type|Range)Error$/.test(told)) taken.push(`${call.name}, ${place}: ${hostile.name}: ${told}`);
      }
      const few = call.make().slice(0, place);
      if (outcome(call, few) === "") taken.push(`${call.name} with ${place} arguments`);
    }
  }
  return taken.join("\n");
}

const SIZES = [0, 1, 7, 8, 31, 32, 63, 64, 104, 105];

/** Numbers and buffers of every size in all places at once: what the C makes of them is its own; it must not crash. */
export function storm(seed: number, count: number): void {
  seeded(seed);
  const NUMBERS = [
    0,
    1,
    2,
    7,
    8,
    16,
    63,
    64,
    104,
    255,
    256,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    -1,
    0.5,
    Number.NaN,
    2 ** 53,
  ];
  const member = (): number => oneOf([...NUMBERS, below(16), below(2 ** 21)]);
  for (let i = 0; i < count; i++) {
    const call = oneOf(CALLS);
    const shared = placed(new Array(oneOf(SIZES)).fill(0x61));
    const values = call.kinds.map((kind) => {
      if (below(12) === 0) return oneOf(HOSTILE as readonly Hostile[]).make();
      if (kind === "index") return oneOf([...NUMBERS, below(70), below(70)]);
      if (kind === "object")
        return {
          step: member(),
          scalar: member(),
          high: member(),
          length: member(),
          at: 0,
          id: 0,
          tokenLength: 0,
          expiresInS: 0,
        };
      if (below(4) === 0) return shared;
      return below(3) === 0 ? new Uint8Array(oneOf(SIZES)).fill(below(256)) : text(oneOf(SIZES));
    });
    outcome(call, values.slice(0, values.length - (below(16) === 0 ? 1 : 0)));
  }
}
