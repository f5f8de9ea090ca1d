const QUOTE = 0x22;
/** Shorter runs are looked at byte by byte. */
const NATIVE_BYTES_MIN = 3;

const textOf = (bytes: Uint8Array, from: number, length: number): string =>
  E.toString(new Uint8Array(bytes.buffer, bytes.byteOffset + from, length));

/** The end of the run in `bytes[from..to)`, byte by byte. */
const endOf = (bytes: Uint8Array, from: number, to: number): number => {
  let i = from;
  while (i < to) {
    const byte = bytes[i];
    if (byte < 0x20 || byte > 0x7f || byte === QUOTE || byte === 0x5c) return i;
    i++;
  }
  return to;
};

/**
 * In the place of wire/run on this engine, where a native search costs as much as looking at four bytes. What lies
 * before the next quote is plain when the engine has nothing to escape in it.
 *
 * @returns the index behind the run: `to`, or that of the first byte which is not plain
 */
export function skipPlain(bytes: Uint8Array, from: number, to: number): number {
  const quote = bytes.indexOf(QUOTE, from);
  const end = quote < 0 || quote > to ? to : quote;
  const length = end - from;
  if (length < NATIVE_BYTES_MIN) return endOf(bytes, from, end);
  return E.toJS(textOf(bytes, from, length)).length === length + 2 ? end : endOf(bytes, from, end);
}

/** The same, and copies the run to `out[at…]`. */
export function copyPlain(bytes: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  const end = skipPlain(bytes, from, to);
  if (end > from) out.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from), at);
  return end;
}
