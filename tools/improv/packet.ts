/**
 * Packets of Improv Serial (https://www.improv-wifi.com/serial/): `IMPROV`, version 1, type, length, data, and the sum
 * of all bytes before. They stand among whatever else a device prints.
 */

/** Types of packets. */
export const PacketType = { STATE: 1, ERROR: 2, COMMAND: 3, RESULT: 4 } as const;

/** Commands that a device may be sent. */
export const Command = { JOIN: 1, STATE: 2, INFO: 3, SCAN: 4 } as const;
/** One of them. */
export type CommandNumber = (typeof Command)[keyof typeof Command];

/** What a device's packet of type STATE says. */
export const DeviceState = { STOPPED: 0, WAITING: 1, READY: 2, JOINING: 3, JOINED: 4 } as const;

const HEADER = [...new TextEncoder().encode("IMPROV"), 1];
const TYPE_AT = HEADER.length;
const LENGTH_AT = TYPE_AT + 1;
const DATA_AT = LENGTH_AT + 1;
const NEWLINE = 10;

/** One packet. */
export interface Packet {
  readonly type: number;
  readonly data: Uint8Array;
}

/** A packet for the line. A device that reads lines finds it behind whatever stood there before. */
export function packetOf(type: number, data: Uint8Array): Uint8Array {
  const head = [...HEADER, type, data.length];
  const bytes = new Uint8Array(head.length + data.length + 2);
  bytes.set(head);
  bytes.set(data, DATA_AT);
  bytes[bytes.length - 2] = sumOf(bytes.subarray(0, -2));
  bytes[bytes.length - 1] = NEWLINE;
  return bytes;
}

/** The data of a command: its number, and texts with a length each. */
export function commandData(command: CommandNumber, texts: readonly Uint8Array[]): Uint8Array {
  const length = texts.reduce((sum, text) => sum + 1 + text.length, 0);
  const data = new Uint8Array(2 + length);
  data.set([command, length]);
  let at = 2;
  for (const text of texts) {
    data[at] = text.length;
    data.set(text, at + 1);
    at += 1 + text.length;
  }
  return data;
}

/** A command's result: which it was, and the texts. Null: the lengths do not fit. */
export function resultOf(data: Uint8Array): { command: number; texts: string[] } | null {
  const [command, length] = data;
  if (command === undefined || length === undefined || data.length < 2 + length) return null;
  const texts: string[] = [];
  const end = 2 + length;
  for (let at = 2; at < end; ) {
    const next = at + 1 + (data[at] as number);
    if (next > end) return null;
    texts.push(new TextDecoder().decode(data.subarray(at + 1, next)));
    at = next;
  }
  return { command, texts };
}

/** Finds packets in what comes over a line, however it is cut. What is none, or damaged, is dropped. */
export class Unpacker {
  private readonly held: number[] = [];

  /** The packets that end within these bytes. */
  *take(bytes: Uint8Array): IterableIterator<Packet> {
    for (const byte of bytes) {
      this.held.push(byte);
      yield* this.complete();
    }
  }

  /** Drops what begins no packet; a packet in what a damaged one held is found. */
  private *complete(): IterableIterator<Packet> {
    const { held } = this;
    while (held.length > 0) {
      if (held.some((byte, at) => at < HEADER.length && byte !== HEADER[at])) {
        held.shift();
        continue;
      }
      const end = DATA_AT + (held[LENGTH_AT] ?? Number.POSITIVE_INFINITY);
      if (held.length <= end) return;
      if (held[end] !== sumOf(held.slice(0, end))) {
        held.shift();
        continue;
      }
      const bytes = Uint8Array.from(held.splice(0, end + 1));
      yield { type: bytes[TYPE_AT] as number, data: bytes.subarray(DATA_AT, end) };
    }
  }
}

const sumOf = (bytes: ArrayLike<number>): number => {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at] as number;
  return sum & 0xff;
};
