/**
 * What encrypts a payload and proves that it is whole: a port, where the platform has better than
 * {@link secretbox}. Each key is for one payload.
 */
export interface Suite {
  /** As it lies in flash: 1 is secretbox, 2 is Espruino's; an app's own are from 128 to 255. */
  readonly number: number;
  /** What is added to a payload, bytes. */
  readonly tagBytes: number;
  /** @returns new bytes, as long as the payload and {@link tagBytes} */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Uint8Array;
  /** @returns the payload, new bytes; null: another key or nonce made these bytes, or they are damaged */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}
