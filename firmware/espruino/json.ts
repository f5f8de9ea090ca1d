import { Status } from "../status.js";
import { readPlain } from "./plain-json.js";
import { chr } from "./proofs.js";
import { my } from "./state.js";

/** What a text is read for: its known members depend on it. */
export enum Reading {
  FRAME,
  /** An answer to Counter. */
  COUNTER,
  /** A JWT's claims. */
  CLAIMS,
}

enum Next {
  VALUE,
  FIRST_ITEM,
  FIRST_NAME,
  NAME,
  COLON,
  COMMA,
}

/**
 * Reads one object by the rules of `wire/json/json`, without recursion: the engine's stack is short. What
 * it is made of is made when it runs: ordinary answers need none of it, and a function is RAM.
 * @returns it with its known members; `id` and `code` that are not whole numbers read −1 and 0
 * @throws Status why not
 */
export const readText = (from: string, reading: Reading): Frame => {
  const text = from;
  let code = 0;
  let wholeSoFar = false;

  /** Whether a name means something at its place, as `wire/frame/fields` has it; all others are skipped with their values. */
  const isKnown = (reading: Reading, names: string[], depth: number): boolean => {
    const section = depth < 2 ? "" : names[0];
    let known = "";
    if (depth < 2) known = reading === Reading.CLAIMS ? "iat,exp" : "v,src,dst,id,method,nr,result,error";
    else if (section === "error" && depth < 3) known = "code,message,retry_after";
    else if (section === "result" && depth < 3)
      known = reading === Reading.COUNTER ? "c,mac" : "token,sealed,exist,success,expires_in,time,ext";
    else if (section === "result" && depth < 4)
      known = names[1] === "" ? "host" : names[1] === "ext" ? "cbor,seal" : "";
    return known.split(",").indexOf(names[depth - 1]) >= 0;
  };

  const utf8 = (scalar: number): string => {
    const last = chr(128 | (scalar & 63));
    if (scalar < 128) return chr(scalar);
    if (scalar < 2048) return chr(192 | (scalar >> 6)) + last;
    const middle = chr(128 | ((scalar >> 6) & 63)) + last;
    if (scalar < 65536) return chr(224 | (scalar >> 12)) + middle;
    return chr(240 | (scalar >> 18), 128 | ((scalar >> 12) & 63)) + middle;
  };

  const byte = (): number => {
    if (my.end >= text.length) throw Status.JSON_TRUNCATED;
    return text.charCodeAt(my.end++);
  };

  const readUnit = (): number => {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      code = byte();
      const digit = code < 58 ? code - 48 : (code | 32) - 87;
      if (digit < 0 || digit > 15 || (code > 57 && digit < 10)) throw Status.JSON_SYNTAX;
      value = value * 16 + digit;
    }
    return value;
  };

  const readEscape = (): string => {
    code = byte();
    if (code !== 117) {
      const which = '"\\/bfnrt'.indexOf(chr(code), 0);
      if (which < 0) throw Status.JSON_SYNTAX;
      return '"\\/\b\f\n\r\t'[which];
    }
    let scalar = readUnit();
    if (scalar >> 11 !== 27) return utf8(scalar);
    if (scalar >= 0xdc00 || byte() !== 92 || byte() !== 117) throw Status.JSON_SURROGATE;
    scalar = (scalar - 0xd800) * 1024 + 0x10000 - 0xdc00;
    const low = readUnit();
    if (low >> 10 !== 55) throw Status.JSON_SURROGATE;
    return utf8(scalar + low);
  };

  /** A text from behind its quote on. */
  const readString = (): string => {
    let value = "";
    for (;;) {
      const from = my.end;
      do code = byte();
      while (code > 31 && code < 128 && code !== 34 && code !== 92);
      value += text.substr(from, my.end - from - 1);
      if (code === 34) return value;
      if (code < 32) throw Status.JSON_SYNTAX;
      if (code === 92) value += readEscape();
      else {
        let least = code === 224 ? 160 : code === 240 ? 144 : 128;
        let most = code === 237 ? 159 : code === 244 ? 143 : 191;
        if (code < 194 || code > 244) throw Status.JSON_UTF8;
        for (let left = code < 224 ? 1 : code < 240 ? 2 : 3; left > 0; left--) {
          value += chr(code);
          code = byte();
          if (code < least || code > most) throw Status.JSON_UTF8;
          least = 128;
          most = 191;
        }
        value += chr(code);
      }
    }
  };

  const skipDigits = (): void => {
    const from = my.end;
    do code = text.charCodeAt(my.end++);
    while (code > 47 && code < 58);
    if (my.end > text.length) throw Status.JSON_TRUNCATED;
    my.end--;
    if (my.end === from) throw Status.JSON_SYNTAX;
  };

  /** A number from its first character on; Infinity for a number that is not written whole. */
  const readNumber = (): number => {
    const from = my.end;
    let isWhole = true;
    let hasExponent = false;
    if (byte() !== 45) my.end--;
    const first = my.end;
    if (
      text[first] === "0" &&
      "0123456789".indexOf(text.substr(first + 1, 1), 0) >= 0 &&
      first + 1 < text.length
    )
      throw Status.JSON_SYNTAX;
    skipDigits();
    if (code === 46) {
      isWhole = false;
      my.end++;
      skipDigits();
    }
    if ((code | 32) === 101) {
      isWhole = false;
      hasExponent = true;
      my.end++;
      code = byte();
      if (code !== 43 && code !== 45) my.end--;
      skipDigits();
    }
    if (my.end - from > 64) throw Status.JSON_NUMBER;
    // The engine reads 63 characters and throws on the 64th: what it stands for makes no number ours.
    const length = Math.min(my.end - from, 63);
    const value = hasExponent && length < my.end - from ? Infinity : Number(text.substr(from, length));
    wholeSoFar = isWhole && Math.abs(value) <= 9007199254740991;
    return value;
  };
  const readWord = (word: string): void => {
    for (let i = 1; i < word.length; i++) if (byte() !== word.charCodeAt(i)) throw Status.JSON_SYNTAX;
  };

  const open: Container[] = [];
  const names: string[] = [];
  let next = Next.VALUE;
  my.end = 0;
  my.idSoFar = 0;
  for (;;) {
    const depth = open.length;
    const top = open[depth - 1];
    const isList = depth > 0 && Array.isArray(top);
    let value: unknown;
    do code = byte();
    while (code === 32 || code === 9 || code === 10 || code === 13);
    if (next === Next.COLON) {
      if (code !== 58) throw Status.JSON_SYNTAX;
      next = Next.VALUE;
      continue;
    }
    if (next === Next.COMMA && code === 44) {
      next = isList ? Next.VALUE : Next.NAME;
      continue;
    }
    const isClosing = isList
      ? code === 93 && (next === Next.COMMA || next === Next.FIRST_ITEM)
      : code === 125 && (next === Next.COMMA || next === Next.FIRST_NAME);
    if (isClosing) {
      value = open.pop();
      names.pop();
    } else if (next === Next.FIRST_NAME || next === Next.NAME) {
      if (code !== 34) throw Status.JSON_SYNTAX;
      names[depth - 1] = readString();
      if (isKnown(reading, names, depth) && (top as Given)[names[depth - 1]] !== undefined)
        throw Status.FRAME_DUPLICATE;
      next = Next.COLON;
      continue;
    } else if (next === Next.COMMA) throw Status.JSON_SYNTAX;
    else if (code === 123 || code === 91) {
      if (depth === 16) throw Status.JSON_DEPTH;
      if (depth === 0 && code === 91) throw Status.FRAME_MEMBER;
      open.push(code === 123 ? {} : []);
      names.push("");
      next = code === 123 ? Next.FIRST_NAME : Next.FIRST_ITEM;
      continue;
    } else if (code === 34) value = readString();
    else if (code === 45 || (code > 47 && code < 58)) {
      my.end--;
      value = readNumber();
      const name = names[depth - 1];
      if (!wholeSoFar && depth === 1 && name === "id") value = -1;
      if (!wholeSoFar && depth === 2 && name === "code") value = 0;
      if (depth === 1 && name === "id") my.idSoFar = value as number;
    } else if (code === 116) {
      readWord("true");
      value = true;
    } else if (code === 102) {
      readWord("false");
      value = false;
    } else if (code === 110) {
      readWord("null");
      value = null;
    } else throw Status.JSON_SYNTAX;
    const at = open.length;
    if (at === 0) {
      if (!isClosing) throw Status.FRAME_MEMBER;
      return value as Frame;
    }
    const into = open[at - 1];
    if (Array.isArray(into)) (into as unknown[]).push(value);
    else if (isKnown(reading, names, at)) (into as Given)[names[at - 1]] = value;
    next = Next.COMMA;
  }
};

/**
 * A frame (the wire's A1) at the beginning of a message; what stands behind it begins at `my.end`.
 * @throws Status why it is none
 */
export const readFrame = (message: string, reading: Reading): Frame => {
  // Before a MAC's trailer, which has some fifty bytes: to look from the end takes the engine as long as all else here.
  const to = message.indexOf("\n", Math.max(0, message.length - 60));
  const text = to < 0 ? message : message.substr(0, to);
  const plain = reading === Reading.FRAME ? readPlain(text) : undefined;
  my.end = text.length;
  my.idSoFar = plain !== undefined && typeof plain.id === "number" ? plain.id : 0;
  const frame = plain ?? readText(message, reading);
  const id = frame.id;
  const error = frame.error;
  if (frame.v !== undefined && frame.v !== 2) throw Status.FRAME_VERSION;
  let isRight =
    (frame.src === undefined || typeof frame.src === "string") &&
    (frame.dst === undefined || typeof frame.dst === "string") &&
    (frame.method === undefined || typeof frame.method === "string");
  if (id !== undefined && typeof id !== "string")
    isRight = isRight && typeof id === "number" && id >= 1 && id <= 9007199254740991 && id % 1 === 0;
  if (error !== undefined) {
    const code = typeof error === "object" && error !== null && !Array.isArray(error) ? error.code : 0;
    isRight =
      isRight &&
      typeof code === "number" &&
      code !== 0 &&
      code % 1 === 0 &&
      Math.abs(code) <= 9007199254740991;
  }
  if (!isRight) throw Status.FRAME_MEMBER;
  return frame;
};

/** Whether nothing but white space stands behind the value of a text (RFC 8259, 2). */
export const isRestBlank = (whole: string): boolean => {
  for (let i = my.end; i < whole.length; i++) if (" \t\r\n".indexOf(whole[i], 0) < 0) return false;
  return true;
};
