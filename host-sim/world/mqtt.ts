/** The broker's side of MQTT 3.1.1 in bytes: reads a device's bytes in place, and writes whole packets. */

export const CONNECT = 1;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBSCRIBE = 8;
export const UNSUBSCRIBE = 10;
export const PINGREQ = 12;
export const DISCONNECT = 14;

export const PINGRESP = new Uint8Array([0xd0, 0]);

/** Where the first packet of these bytes is: `from` its body, `to` its end; `to` is −1 where it is not whole yet. */
export class Packet {
  type = 0;
  flags = 0;
  from = 0;
  to = -1;

  /** @returns whether there is a whole one from `at` on @throws Error where its length is malformed */
  find(bytes: Uint8Array, at: number, end: number): boolean {
    let length = 0;
    let place = at + 1;
    this.to = -1;
    for (let shift = 0; ; shift += 7) {
      if (place >= end) return false;
      const byte = bytes[place++] as number;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      if (shift === 21) throw new Error("a remaining length of more than four bytes");
    }
    if (place + length > end) return false;
    this.type = (bytes[at] as number) >> 4;
    this.flags = (bytes[at] as number) & 15;
    this.from = place;
    this.to = place + length;
    return true;
  }
}

/** Two bytes, the high one first. */
export const u16At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

const textAt = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + at + 2, u16At(bytes, at)).toString("utf8");

/** What a CONNECT says. */
export interface Connect {
  readonly level: number;
  readonly cleanSession: boolean;
  readonly keepAliveS: number;
  readonly client: string;
  readonly user: string;
  readonly password: string;
}

/** @param at of the packet's body */
export function readConnect(bytes: Uint8Array, at: number): Connect {
  const name = u16At(bytes, at);
  const level = bytes[at + 2 + name] as number;
  const flags = bytes[at + 3 + name] as number;
  const keepAliveS = u16At(bytes, at + 4 + name);
  const texts: string[] = [];
  let place = at + 6 + name;
  const count = 1 + (flags & 0x04 ? 2 : 0) + (flags & 0x80 ? 1 : 0) + (flags & 0x40 ? 1 : 0);
  for (let i = 0; i < count; i++) {
    texts.push(textAt(bytes, place));
    place += 2 + u16At(bytes, place);
  }
  const password = flags & 0x40 ? (texts.pop() as string) : "";
  const user = flags & 0x80 ? (texts.pop() as string) : "";
  const cleanSession = (flags & 0x02) !== 0;
  return { level, cleanSession, keepAliveS, client: texts[0] as string, user, password };
}

/** The filters of a SUBSCRIBE, or of an UNSUBSCRIBE. @param at of the packet's body @param behind bytes after each filter */
export function readFilters(bytes: Uint8Array, at: number, to: number, behind = 1): string[] {
  const filters: string[] = [];
  for (let place = at + 2; place < to; place += 2 + behind + u16At(bytes, place))
    filters.push(textAt(bytes, place));
  return filters;
}

/** The topic of a PUBLISH. @param at of the packet's body */
export const topicAt = textAt;

export const connack = (sessionPresent: boolean, code: number): Uint8Array =>
  new Uint8Array([0x20, 2, sessionPresent ? 1 : 0, code]);

export const puback = (identifier: number): Uint8Array =>
  new Uint8Array([0x40, 2, identifier >> 8, identifier & 0xff]);

export const suback = (identifier: number, codes: readonly number[]): Uint8Array =>
  new Uint8Array([0x90, 2 + codes.length, identifier >> 8, identifier & 0xff, ...codes]);

export const unsuback = (identifier: number): Uint8Array =>
  new Uint8Array([0xb0, 2, identifier >> 8, identifier & 0xff]);

/** A PUBLISH at QoS 1; without a number at QoS 0. */
export function publish(
  topic: string,
  payload: Uint8Array,
  identifier: number,
  isNumbered = true,
): Uint8Array {
  const topicBytes = Buffer.byteLength(topic);
  const behind = 2 + topicBytes + (isNumbered ? 2 : 0);
  const length = behind + payload.length;
  let head = 1;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 128)) head++;
  const packet = Buffer.allocUnsafe(head + length);
  packet[0] = isNumbered ? 0x32 : 0x30;
  let rest = length;
  for (let at = 1; at < head; at++) {
    packet[at] = (rest % 128) | (at + 1 < head ? 0x80 : 0);
    rest = Math.floor(rest / 128);
  }
  packet.writeUInt16BE(topicBytes, head);
  packet.write(topic, head + 2, "utf8");
  if (isNumbered) packet.writeUInt16BE(identifier, head + 2 + topicBytes);
  packet.set(payload, head + behind);
  return packet;
}

/** The same again: DUP is set. */
export function again(packet: Uint8Array): Uint8Array {
  const copy = new Uint8Array(packet); // a Buffer's slice() is a view
  copy[0] = (copy[0] as number) | 0x08;
  return copy;
}
