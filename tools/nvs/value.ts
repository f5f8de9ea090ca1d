/** Values as people write them, and as NVS stores them. */
import { printable, usage } from "../cli/failure.js";
import { NUMBERS, type NvsType, type NvsValue } from "./format.js";

const isNumber = (type: NvsType): type is keyof typeof NUMBERS => type in NUMBERS;

/** A whole number. @throws Failure where the type does not hold it */
export function numberValue(type: keyof typeof NUMBERS, number: bigint): NvsValue {
  const bits = NUMBERS[type].bytes * 8;
  const [least, most] = type.startsWith("i")
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n];
  if (number < least || number > most)
    throw usage(`${number} is no ${type}.`, `A ${type} is a number from ${least} to ${most}.`);
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64LE(BigInt.asUintN(64, number));
  return { type, data: wide.subarray(0, NUMBERS[type].bytes) };
}

/** A text; NVS ends it with a NUL, so it can hold none. */
export function stringValue(text: string): NvsValue {
  if (text.includes("\0"))
    throw usage("A string holds a NUL, which would end it.", "Store it as a blob, or without the NUL.");
  return { type: "string", data: Buffer.from(`${text}\0`) };
}

/** Bytes. */
export const blobValue = (bytes: Uint8Array): NvsValue => ({ type: "blob", data: bytes });

/** The number that is stored. */
export function numberOf({ type, data }: NvsValue): bigint {
  const wide = Buffer.alloc(8);
  wide.set(data);
  const bits = data.length * 8;
  const number = wide.readBigUInt64LE();
  return type.startsWith("i") ? BigInt.asIntN(bits, number) : number;
}

/** The text that is stored: up to its NUL. */
export function textOf({ data }: NvsValue): string {
  const end = data.indexOf(0);
  return Buffer.from(data.subarray(0, end === -1 ? data.length : end)).toString();
}

/** Whether a value is a number; else it is a string or a blob. */
export const isNumeric = ({ type }: NvsValue): boolean => isNumber(type);

/**
 * A value as `type:text`: `i32:-5`, `string:hello`, `hex:00ff`, `base64:AP8=`.
 * @throws Failure for what is none
 */
export function parseValue(text: string): NvsValue {
  const [, type = "", rest = ""] = /^(\w+):(.*)$/s.exec(text) ?? [];
  if (isNumber(type as NvsType)) {
    if (!/^[+-]?\d+$|^0x[\da-fA-F]+$/.test(rest))
      throw usage(`'${printable(rest, 40)}' is no whole number.`, "Write it as 42, -42 or 0x2a.");
    return numberValue(type as keyof typeof NUMBERS, BigInt(rest.replace(/^\+/, "")));
  }
  if (type === "string") return stringValue(rest);
  if (type === "hex" && /^([\da-fA-F]{2})*$/.test(rest)) return blobValue(Buffer.from(rest, "hex"));
  if (type === "base64" && Buffer.from(rest, "base64").toString("base64") === rest)
    return blobValue(Buffer.from(rest, "base64"));
  const types = [...Object.keys(NUMBERS), "string", "hex", "base64"];
  throw usage(
    "A value is not as its type wants it.",
    `Write it as type:value; types are ${types.join(", ")}.`,
  );
}
