/**
 * The library that all three engines share, and nothing else: `firmware/` compiles against this file
 * instead of TypeScript's own `lib`. What Espruino lacks (Map, Symbol, Math.imul, slice of a typed array …)
 * or what allocates where nobody expects it is left out, so that using it is a compile error.
 */
interface Array<T> {
  length: number;
  [index: number]: T;
  push(item: T): number;
  indexOf(item: T): number;
  fill(value: T): this;
}
interface ReadonlyArray<T> {
  readonly length: number;
  indexOf(item: T): number;
  join(separator: string): string;
  readonly [index: number]: T;
}
interface ArrayConstructor {
  isArray(value: unknown): value is readonly unknown[];
  new <T>(length: number): T[];
}
declare const Array: ArrayConstructor;

interface String {
  readonly length: number;
  charCodeAt(index: number): number;
  /** Of one character: Espruino 2v29 finds a longer text that the end cuts off too. */
  indexOf(character: string): number;
  substr(from: number, length: number): string;
  split(separator: string): string[];
}
interface StringConstructor {
  fromCharCode(code: number): string;
}
declare const String: StringConstructor;

// biome-ignore lint/complexity/noBannedTypes: the compiler asks for these interfaces by name
type Boolean = {};
interface Number {
  toString(radix: number): string;
}
// biome-ignore lint/complexity/noBannedTypes: see above
type Function = {};
interface CallableFunction extends Function {}
interface NewableFunction extends Function {}
type IArguments = {};
// biome-ignore lint/suspicious/noEmptyInterface: the compiler asks for it; an engine may add to it
interface RegExp {}
type Object = {};
interface ObjectConstructor {
  /** What is set on it hides what it has of the prototype, which it shares else. */
  create<T>(prototype: T): { -readonly [P in keyof T]: T[P] };
}
declare const Object: ObjectConstructor;

interface Error {
  message: string;
}
interface ErrorConstructor {
  new (message: string): Error;
}
declare const Error: ErrorConstructor;

interface Uint8Array {
  readonly length: number;
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  [index: number]: number;
  set(source: Uint8Array, at: number): void;
  fill(value: number): this;
  indexOf(byte: number): number;
}
interface Uint8ArrayConstructor {
  readonly prototype: Uint8Array;
  new (length: number): Uint8Array;
  new (values: number[]): Uint8Array;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): Uint8Array;
}
declare const Uint8Array: Uint8ArrayConstructor;

interface Int32Array {
  readonly length: number;
  [index: number]: number;
  set(source: Int32Array, at: number): void;
  fill(value: number): this;
}
interface Int32ArrayConstructor {
  new (length: number): Int32Array;
  new (values: number[]): Int32Array;
}
declare const Int32Array: Int32ArrayConstructor;

interface ArrayBuffer {
  readonly byteLength: number;
}

interface Math {
  floor(x: number): number;
  min(a: number, b: number): number;
  max(a: number, b: number): number;
  pow(base: number, exponent: number): number;
}
declare const Math: Math;
declare const Infinity: number;

type Partial<T> = { [P in keyof T]?: T[P] };
