/**
 * Which UTF-8 is well-formed (RFC 3629, 4; the table of Unicode 3.9, D92), one byte at a time.
 *
 * States: 0 on a boundary; 1–3 that many continuation bytes to come; 4–7 behind E0, ED, F0, F4, whose
 * next byte has a narrower range (no overlong forms, no surrogates, nothing above U+10FFFF).
 */

/**
 * @param state 0, or what the last call returned
 * @param byte the next byte
 * @returns the next state: 0 at the end of a character, −1 when the byte cannot follow
 */
export function utf8Next(state: number, byte: number): number {
  if (state === 0) {
    if (byte < 0x80) return 0;
    if (byte < 0xc2) return -1;
    if (byte < 0xe0) return 1;
    if (byte < 0xf0) return byte === 0xe0 ? 4 : byte === 0xed ? 5 : 2;
    return byte === 0xf0 ? 6 : byte < 0xf4 ? 3 : byte === 0xf4 ? 7 : -1;
  }
  if (byte < 0x80 || byte > 0xbf) return -1;
  if (state <= 3) return state - 1;
  if (state === 4) return byte >= 0xa0 ? 1 : -1;
  if (state === 5) return byte < 0xa0 ? 1 : -1;
  if (state === 6) return byte >= 0x90 ? 2 : -1;
  return byte < 0x90 ? 2 : -1;
}
