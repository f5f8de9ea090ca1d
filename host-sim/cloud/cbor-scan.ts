/** Deeper than this nobody is answered: what decodes it recurses. */
const SCAN_DEPTH_MAX = 512;
const BREAK = 0xff;
const INDEFINITE = 31;
/** Major types (RFC 8949, 3.1). */
enum Major {
  BYTES = 2,
  TEXT = 3,
  ARRAY = 4,
  MAP = 5,
  TAG = 6,
}

/**
 * Is this one item of CBOR without tags, and not nested without end? A frame has no tags; to decoders they are
 * dates, big numbers, references to other items, tables of values: more than is bounded by the message's length.
 */
export function isPlainCbor(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Items that are still to come in each open container; Infinity: until its break. */
  const open: number[] = [];
  let at = 0;
  do {
    const head = bytes[at++];
    if (head === undefined || open.length > SCAN_DEPTH_MAX) return false;
    if (head === BREAK) {
      if (open.pop() !== Number.POSITIVE_INFINITY) return false;
    } else {
      const [major, info] = [head >> 5, head & 31];
      const argumentBytes = info >= 24 && info <= 27 ? 2 ** (info - 24) : 0;
      if (major === Major.TAG || (info > 27 && info !== INDEFINITE) || at + argumentBytes > bytes.length)
        return false;
      const argument = info === INDEFINITE ? Number.POSITIVE_INFINITY : argumentAt(view, at, info);
      at += argumentBytes;
      if (open.length > 0) open.push((open.pop() as number) - 1);
      if (major === Major.ARRAY) open.push(argument);
      else if (major === Major.MAP) open.push(argument * 2);
      else if (major === Major.BYTES || major === Major.TEXT) {
        if (info === INDEFINITE) open.push(argument);
        else at += argument;
      } else if (info === INDEFINITE) return false;
    }
    while (open.at(-1) === 0) open.pop();
  } while (open.length > 0);
  return at === bytes.length;
}

function argumentAt(view: DataView, at: number, info: number): number {
  if (info === 24) return view.getUint8(at);
  if (info === 25) return view.getUint16(at);
  if (info === 26) return view.getUint32(at);
  return info === 27 ? Number(view.getBigUint64(at)) : info;
}
