/** Well-formed CBOR (RFC 8949) as a plain value, in the fewest lines: an independent reader for fuzzing. */

const NOTHING = Symbol("break");

class Plain {
  at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  item(): unknown {
    const first = this.bytes[this.at++];
    if (first === 0xff) return NOTHING;
    const major = first >> 5;
    const information = first & 31;
    const length = information === 31 ? Infinity : this.argument(information);
    switch (major) {
      case 0:
        return length;
      case 1:
        return -1 - length;
      case 2:
      case 3:
        return this.string(major === 3, length);
      case 4:
        return this.items(length);
      case 5:
        return this.map(length);
      case 6:
        return this.item();
      default:
        return this.other(information, length);
    }
  }

  private argument(information: number): number {
    const at = this.at;
    if (information < 24) return information;
    this.at += 1 << (information - 24);
    if (information === 24) return this.view.getUint8(at);
    if (information === 25) return this.view.getUint16(at);
    return information === 26 ? this.view.getUint32(at) : Number(this.view.getBigUint64(at));
  }

  private string(isText: boolean, length: number): unknown {
    if (length === Infinity) {
      const chunks = this.items(length);
      return isText ? chunks.join("") : Buffer.concat(chunks as Buffer[]);
    }
    const content = Buffer.from(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return isText ? content.toString() : content;
  }

  private items(length: number): unknown[] {
    const items: unknown[] = [];
    while (items.length < length) {
      const item = this.item();
      if (item === NOTHING) break;
      items.push(item);
    }
    return items;
  }

  private map(length: number): object {
    const map = {};
    for (let i = 0; i < length; i++) {
      const key = this.item();
      if (key === NOTHING) break;
      const name = typeof key === "string" ? key : `#${key}`;
      const value = this.item();
      Object.defineProperty(map, name, { value, enumerable: true, configurable: true });
    }
    return map;
  }

  private other(information: number, value: number): unknown {
    const at = this.at;
    if (information === 26) return this.view.getFloat32(at - 4);
    if (information === 27) return this.view.getFloat64(at - 8);
    if (information === 25) return halfOf(this.view.getUint16(at - 2));
    if (value === 20 || value === 21) return value === 21;
    return value === 22 ? null : undefined;
  }
}

function halfOf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 === 1 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The one item that `bytes` is well-formed of; tags are passed over, integer keys are told as `#1`. */
export const decodePlain = (bytes: Uint8Array): unknown => new Plain(bytes).item();
