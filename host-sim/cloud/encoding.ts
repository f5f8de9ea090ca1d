import { Decoder, Encoder, Tag } from "cbor-x";
import { isPlainCbor } from "./cbor-scan.js";

/** How a message spells its frame. */
export type Encoding = "json" | "cbor";
/** All of them. */
export const ENCODINGS: readonly Encoding[] = ["json", "cbor"];

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Maps are not tagged 259: an option that cbor-x's types lack. */
const options = { useRecords: false, variableMapSize: true, useTag259ForMaps: false };
const encoder = new Encoder(options);
const decoder = new Decoder({ mapsAsObjects: true });

/** The value in these bytes. Throws when they are not one whole value. */
export function decodeValue(bytes: Uint8Array, encoding: Encoding): unknown {
  if (encoding === "json") return JSON.parse(utf8.decode(bytes));
  if (!isPlainCbor(bytes)) throw new Error("This is no CBOR, or it has tags, or it is nested without end");
  return mapNumbers(decoder.decode(bytes), fromWide);
}

/** A frame that was made as JSON's text, in the wanted encoding; what is no JSON stays as it is. */
export function encodeText(text: string, encoding: Encoding): Buffer {
  if (encoding === "json") return Buffer.from(text);
  try {
    return encodeCbor(JSON.parse(text));
  } catch {
    return Buffer.from(text);
  }
}

/** CBOR with whole numbers as integers: by itself cbor-x writes those beyond 32 bits as floats. */
export function encodeCbor(value: unknown): Buffer {
  return encoder.encode(mapNumbers(value, toWide));
}

function toWide(value: unknown): unknown {
  const isWide = typeof value === "number" && Number.isSafeInteger(value) && Math.abs(value) > 0x7fffffff;
  return isWide ? BigInt(value) : value;
}

function fromWide(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

/** The same value with each of its leaves changed. */
function mapNumbers(value: unknown, change: (leaf: unknown) => unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return change(value);
  if (Array.isArray(value)) return value.map((item) => mapNumbers(item, change));
  if (value instanceof Tag) return new Tag(mapNumbers(value.value, change), value.tag);
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [key, mapNumbers(item, change)]));
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapNumbers(item, change)]));
}
