/** 0xEDB88320, the reflected polynomial of ISO-HDLC (zlib, PNG), as the signed number that all engines have alike. */
const POLYNOMIAL = -306_674_912;

/** CRC-32 of `bytes[0..to)`, 0…2^32−1. Bit by bit, without a table: it runs over tens of bytes, once a boot. */
export function crc32(bytes: Uint8Array, to: number): number {
  let crc = -1;
  for (let i = 0; i < to; i++) {
    crc ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : POLYNOMIAL);
  }
  return ~crc >>> 0;
}
