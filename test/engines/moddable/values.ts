/** A store that a test reads and writes from outside. */
import type { Store } from "motekey";
import { answer } from "./client.js";

export type StoreCommand =
  | { do: "write"; name: string; hex: string }
  | { do: "read"; name: string; room: number };

export const bytesOf = (hex: string): Uint8Array => {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
};

const hexOf = (bytes: Uint8Array): string => {
  let hex = "";
  for (const byte of bytes) hex += (byte + 256).toString(16).slice(1);
  return hex;
};

/** Answers what the store returned, and on reading what lies in the buffer then. */
export const obeyStore = (command: StoreCommand, store: Store): void => {
  if (command.do === "write") {
    const bytes = bytesOf(`${command.hex}ffff`); // more than is to be written
    answer(store.write(command.name, bytes, bytes.length - 2));
  } else {
    const out = new Uint8Array(command.room);
    const length = store.read(command.name, out);
    answer({ length, hex: hexOf(out) });
  }
};
