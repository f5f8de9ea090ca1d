/** For XS, with a chip's eFuses: what an app makes of them. */
import { efuseKey } from "../../../firmware/adapters/moddable/efuse.js";
import type { Store } from "../../../firmware/ports.js";
import { SealedStore } from "../../../firmware/seal.js";

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");

/** The key's strength and secret; the error's words. */
export const keyIn = (block: number): string => {
  try {
    const { strength, secret } = efuseKey(block);
    return `${strength} ${hexOf(secret)}`;
  } catch (error) {
    return (error as Error).message;
  }
};

/** Opens a record with the chip's key, in hex; what the store says where it does not. */
export const opened = (name: string, hex: string): string => {
  const bytes = bytesOf(hex);
  const flash: Store = {
    read: (asked, out) => {
      if (asked !== name) return -1;
      for (let i = 0; i < out.length && i < bytes.length; i++) out[i] = bytes[i] as number;
      return bytes.length;
    },
    write: () => false,
  };
  const store = new SealedStore(flash, { key: efuseKey(3), entropy: { fill: () => undefined } });
  const out = new Uint8Array(bytes.length);
  const length = store.read(name, out);
  return store.refused === 0 ? hexOf(out.subarray(0, length)) : `refused: ${store.refused}`;
};

/** The words of what is refused, one a line. */
export const refusals = (): string => {
  const hmac = native<(...values: unknown[]) => boolean>("xs_motekey_efuseHmac");
  const [message, digest] = [new Uint8Array(12), new Uint8Array(32)];
  const calls: unknown[][] = [
    [3, message],
    ["3", message, digest],
    [-1, message, digest],
    [6, message, digest],
    [3, "text", digest],
    [3, message, new Uint8Array(31)],
    [3, message, null],
  ];
  return calls
    .map((call) => {
      try {
        return String(hmac(...call));
      } catch (error) {
        return (error as Error).name;
      }
    })
    .join();
};
