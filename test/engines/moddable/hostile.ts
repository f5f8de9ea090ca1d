/** What a script must not be able to hand to C, for each kind of argument. This file runs inside XS. */

/** One thing that is wrong. */
export interface Hostile {
  readonly name: string;
  /** The kinds of argument that it is wrong for. */
  readonly against: readonly string[];
  make(): unknown;
}

/** What XS has, and this library has not yet: ECMAScript 2024. */
type Movable = ArrayBuffer & { transfer(): ArrayBuffer; resize(length: number): void };
type Resizable = new (length: number, options: { maxByteLength: number }) => Movable;

const BUFFERS = ["read", "written"];
const ALL = [...BUFFERS, "index"];

const detached = (bytes: Uint8Array): Uint8Array => {
  (bytes.buffer as Movable).transfer();
  return bytes;
};

const shrunk = (): Uint8Array => {
  const buffer = new (ArrayBuffer as unknown as Resizable)(32, { maxByteLength: 64 });
  const bytes = new Uint8Array(buffer, 4, 16);
  buffer.resize(8);
  return bytes;
};

const hostile = (name: string, against: readonly string[], make: () => unknown): Hostile => ({
  name,
  against,
  make,
});

export const HOSTILE: readonly Hostile[] = [
  hostile("undefined", ALL, () => undefined),
  hostile("null", ALL, () => null),
  hostile("true", ALL, () => true),
  hostile("a text", ALL, () => "8"),
  hostile("an object", ALL, () => ({})),
  hostile("a function", ALL, () => () => 1),
  hostile("a symbol", ALL, () => Symbol("x")),
  hostile("a bigint", ALL, () => BigInt(8)),
  hostile("an object that is a number", ALL, () => ({ valueOf: () => 8 })),
  hostile("a list", ALL, () => [1, 2, 3]),
  hostile("a proxy of bytes", BUFFERS, () => new Proxy(new Uint8Array(104), {})),
  hostile("an heir of bytes", BUFFERS, () => Object.create(new Uint8Array(104))),
  hostile("a detached buffer", BUFFERS, () => detached(new Uint8Array(104)).buffer),
  hostile("bytes of a detached buffer", BUFFERS, () => detached(new Uint8Array(104))),
  hostile("bytes that a resize left outside", BUFFERS, shrunk),
  hostile("words of 16 bits", BUFFERS, () => new Uint16Array(104)),
  hostile("doubles", BUFFERS, () => new Float64Array(104)),
  hostile("a number", BUFFERS, () => 8),
  hostile("minus one", ["index"], () => -1),
  hostile("minus infinity", ["index"], () => -Infinity),
  hostile("infinity", ["index"], () => Infinity),
  hostile("not a number", ["index"], () => Number.NaN),
  hostile("a fraction", ["index"], () => 1.5),
  hostile("the least fraction", ["index"], () => 5e-324),
  hostile("2^53", ["index"], () => 2 ** 53),
  hostile("1e300", ["index"], () => 1e300),
  hostile("bytes", ["index"], () => new Uint8Array(8)),
  hostile("undefined where an object is", ["object"], () => undefined),
  hostile("a number where an object is", ["object"], () => 8),
];
