import { chr, u16 } from "./proofs.js";

/** A text as JSON; bytes beyond ASCII stay as they are. */
export const quoted = (plain: string): string => {
  let quote = '"';
  for (let i = 0; i < plain.length; i++) {
    const code = plain.charCodeAt(i);
    const isPlain = code > 31 && code !== 34 && code !== 92;
    const escaped = isPlain ? plain[i] : JSON.stringify(plain[i]);
    quote += isPlain ? escaped : escaped.substr(1, escaped.length - 2);
  }
  return `${quote}"`;
};

/** A text or binary data behind its length (MQTT 3.1.1, 1.5.3). */
export const text = (plain: string): string => u16(plain.length) + plain;

/** A control packet of up to 16,383 bytes (2.2). */
export const mqttPacket = (first: number, body: string): string => {
  const length = body.length;
  return (length < 128 ? chr(first, length) : chr(first, (length & 127) | 128, length >> 7)) + body;
};
