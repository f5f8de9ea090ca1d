/** What a sealed record is known by (firmware/RECORD.md), apart from what needs Node: the bench's page reads it too. */

/** Added to the version of a record that is sealed. */
const SEALED = 0x80;

/** Whether a record, of which the head is enough, is sealed. */
export const isSealedRecord = (head: Uint8Array): boolean =>
  head[0] === 0x6d && head[1] === 0x6b && (head[2] ?? 0) > SEALED;
