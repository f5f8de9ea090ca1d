import { readBase64url } from "../crypto/base64.js";
import { DIGEST_BYTES } from "../crypto/sha256.js";
import { X25519_BYTES } from "../crypto/x25519.js";
import { bytesOf, sameBytes } from "../wire/bytes.js";
import { JsonReader } from "../wire/json/json.js";
import { ValueEvent } from "../wire/value.js";
import { NEXT_KEY_BYTES_MAX } from "./next-key.js";

const DEPTH_MAX = 8;
const KEY_BYTES_MAX = 8;
/** Of a key of {@link NEXT_KEY_BYTES_MAX}; the others are shorter. */
const TEXT_BYTES_MAX = 171;

/** A member of the result: base64url, which becomes bytes in its place. */
export class Part {
  readonly bytes: Uint8Array;
  /** −1: it is not there, or is no base64url. */
  length: number;
  private readonly name: Uint8Array;

  constructor(name: string) {
    this.bytes = new Uint8Array(TEXT_BYTES_MAX);
    this.length = -1;
    this.name = bytesOf(name);
  }

  isNamed(key: Uint8Array, length: number): boolean {
    return length === this.name.length && sameBytes(key, 0, this.name, 0, length);
  }

  /** Its text came, `length` characters of it. */
  take(length: number): void {
    this.length = length > TEXT_BYTES_MAX ? -1 : readBase64url(this.bytes, 0, this.bytes, 0, length);
  }

  wipe(): void {
    this.bytes.fill(0);
    this.length = -1;
  }
}

/** The results of NextCredential and ProveCredential: `{"x", "sealed", "mac"}`, of which not all need be there. */
export class Answer {
  readonly x: Part;
  readonly sealed: Part;
  readonly mac: Part;
  private readonly json: JsonReader;

  constructor() {
    this.x = new Part("x");
    this.sealed = new Part("sealed");
    this.mac = new Part("mac");
    this.json = new JsonReader(DEPTH_MAX, KEY_BYTES_MAX);
  }

  /** Takes `bytes[0..length)`. @returns whether there is a MAC of the right length */
  read(bytes: Uint8Array, length: number): boolean {
    const json = this.json;
    this.wipe();
    json.reset();
    let part: Part | null = null;
    for (let at = 0; at < length; at = json.at) {
      const event = json.read(bytes, at, length);
      if (event === ValueEvent.REFUSED) return false;
      if (event === ValueEvent.END) break;
      if (event === ValueEvent.KEY) {
        part = json.depth === 1 ? this.partNamed(json.key, json.keyLength) : null;
        if (part === null) json.skip();
        else json.capture(part.bytes, 0, TEXT_BYTES_MAX);
      } else if (event === ValueEvent.STRING && part !== null) part.take(json.textLength);
    }
    return this.mac.length === DIGEST_BYTES;
  }

  /** Whether a key came with it, of a length that the store takes. */
  hasKey(): boolean {
    return (
      this.x.length === X25519_BYTES && this.sealed.length > 0 && this.sealed.length <= NEXT_KEY_BYTES_MAX
    );
  }

  /** Whether nothing came with the MAC. */
  isBare(): boolean {
    return this.x.length < 0 && this.sealed.length < 0;
  }

  wipe(): void {
    this.x.wipe();
    this.sealed.wipe();
    this.mac.wipe();
  }

  private partNamed(key: Uint8Array, length: number): Part | null {
    if (this.x.isNamed(key, length)) return this.x;
    if (this.sealed.isNamed(key, length)) return this.sealed;
    return this.mac.isNamed(key, length) ? this.mac : null;
  }
}
