/** CBOR on every engine: what is read and what is written. This file runs inside the engines, as `suite.ts` does. */
import { cwt } from "../../firmware/cbor.js";
import { Scratch } from "../../firmware/index.js";
import { bytesOf } from "../../firmware/wire/bytes.js";
import { CborReader } from "../../firmware/wire/cbor/cbor.js";
import { CborWriter, cborText } from "../../firmware/wire/cbor/writer.js";
import { ValueEvent } from "../../firmware/wire/value.js";
import { bytesOfHex, hex } from "./suite-store.js";

/** Far from 1 the engines may differ in the last digit: V8's `Math.pow(10, n)` is not the nearest double from 26 on. */
export function shown(value: number): string {
  const magnitude = value < 0 ? -value : value;
  return magnitude === 0 || (magnitude >= 1e-7 && magnitude < 1e22) ? value.toString(10) : "far";
}

/** Reads CBOR given in hexadecimal, in windows of `size` bytes, and tells the events; strings and keys too. */
export function readCbor(item: string, size: number): string {
  const bytes = bytesOfHex(item);
  const kept = new Uint8Array(64);
  const reader = new CborReader(16, 16);
  let events = "";
  let at = 0;
  while (reader.status === 0) {
    const end = Math.min(at + size, bytes.length);
    reader.capture(kept, 0, kept.length);
    const event = at < bytes.length ? reader.read(bytes, at, end) : reader.finish();
    at = at < bytes.length ? reader.at : at;
    if (event === ValueEvent.MORE) continue;
    events += `${event}/${reader.depth} ${reader.tag} `;
    const keyLength = Math.min(reader.keyLength, 16);
    if (event === ValueEvent.KEY)
      events += keyLength < 0 ? `${reader.keyNumber} ` : `${hex(reader.key, 0, keyLength)} `;
    if (event === ValueEvent.STRING || event === ValueEvent.BYTES)
      events += `${hex(kept, 0, reader.textLength)} `;
    if (event === ValueEvent.NUMBER) events += `${shown(reader.number)} ${reader.isInteger} `;
    if (event === ValueEvent.END || event === ValueEvent.REFUSED) break;
  }
  return `${events}at ${at} status ${reader.status}`;
}

/** Integers at every edge, texts, byte strings, arrays and maps. */
export function cborItems(): string {
  const out = new Uint8Array(512);
  const cbor = new CborWriter();
  cbor.writer.write(out, 0);
  cbor.pairs(2);
  cbor.bytes(cborText("é"));
  cbor.string('中 "😀"');
  cbor.bytes(cborText("list"));
  cbor.items(54);
  let power = 1;
  for (let i = 0; i <= 53; i++) {
    cbor.integer(power - 1);
    power *= 2;
  }
  cbor.byteString(2);
  cbor.bytes(new Uint8Array([0, 255]));
  return hex(out, 0, cbor.writer.at);
}

/** A COSE_Mac0 made by node:crypto and cbor-x: read with its key, with another, and without. */
export function cwtLifetimes(): string {
  const token = bytesOf("0YRDoQEFoFKjBBplU_8QBhplU_EAGCgZA4RYIMNDD1CDctBygFi3ShGVEeBpwcvE-ZH5ETg4wwS34Lbz");
  let text = "";
  const keys = [undefined, "0123456789abcdefghijklmnopqrstuv", "another key"];
  for (let i = 0; i < keys.length; i++) {
    const reader = (keys[i] === undefined ? cwt() : cwt(keys[i])).reader(640, new Scratch());
    text += `${reader.read(token, token.length)} ${reader.lifetimeS} `;
  }
  return text;
}
