/**
 * The frames that a client sends, RFC 6455. A frame is made in the place of its payload; nothing is allocated and
 * room is the caller's matter: ask {@link frameHeaderLength} first.
 */

/** What a frame carries (5.2). */
export enum Opcode {
  CONTINUATION = 0,
  TEXT = 1,
  BINARY = 2,
  CLOSE = 8,
  PING = 9,
  PONG = 10,
}

/** Why a connection ends (7.4.1). */
export enum CloseCode {
  NORMAL = 1000,
  GOING_AWAY = 1001,
  PROTOCOL_ERROR = 1002,
  UNSUPPORTED_DATA = 1003,
  /** A Close frame without a code; it is never sent (7.1.5). */
  NO_STATUS = 1005,
  INVALID_PAYLOAD = 1007,
  POLICY_VIOLATION = 1008,
  MESSAGE_TOO_BIG = 1009,
  INTERNAL_ERROR = 1011,
  SERVICE_RESTART = 1012,
  TRY_AGAIN_LATER = 1013,
}

/** Longest payload of a control frame (5.5). */
export const CONTROL_BYTES_MAX = 125;
/** Bytes of a masking key (5.3). */
export const MASK_BYTES = 4;

const FINAL = 0x80;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Bytes that stand before a payload of this length, the masking key included (5.2): 6, 8 or 14. */
export function frameHeaderLength(payloadLength: number): number {
  if (payloadLength < LENGTH_16) return 2 + MASK_BYTES;
  return (payloadLength < 65536 ? 4 : 10) + MASK_BYTES;
}

/**
 * Makes a message of one frame from the payload that lies in `bytes[from..to)`: moves it behind its header and
 * masks it (5.3). What is masked once may be sent in any number of writes.
 *
 * @param mask {@link MASK_BYTES} bytes that the server's side of the network cannot foretell
 * @returns where the frame ends
 */
export function writeFrame(
  bytes: Uint8Array,
  from: number,
  to: number,
  opcode: Opcode,
  mask: Uint8Array,
): number {
  const length = to - from;
  const payloadFrom = from + frameHeaderLength(length);
  let i = length;
  while (i > 0) {
    i--;
    bytes[payloadFrom + i] = bytes[from + i] ^ mask[i & 3];
  }
  let at = from;
  bytes[at++] = FINAL | opcode;
  if (length < LENGTH_16) bytes[at++] = MASKED | length;
  else {
    let lengthBytes = length < 65536 ? 2 : 8;
    bytes[at++] = MASKED | (lengthBytes === 2 ? LENGTH_16 : LENGTH_64);
    while (lengthBytes > 0) {
      lengthBytes--;
      bytes[at++] = Math.floor(length / Math.pow(256, lengthBytes)) & 255;
    }
  }
  for (i = 0; i < MASK_BYTES; i++) bytes[at + i] = mask[i];
  return payloadFrom + length;
}

/** Whether an endpoint may send this code in a Close frame (7.4): defined ones, and those from 3000 to 4999. */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code < 5000;
  return code >= CloseCode.NORMAL && code <= 1014 && !(code >= 1004 && code <= 1006);
}
