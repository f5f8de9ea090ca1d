import type { Ports } from "../../ports.js";
import { EspruinoClock } from "./clock.js";
import { EspruinoEntropy } from "./entropy.js";
import { EspruinoLink, type TlsOptions } from "./link.js";

export type { TlsOptions } from "./link.js";

/** What the ports need to know. */
export interface EspruinoOptions {
  /** The device's key as provisioned; it seeds the random numbers and is not kept. */
  readonly psk: string | Uint8Array;
  /** The first counter of this boot, as in the credential: it must rise over reboots. */
  readonly counter: number;
  /** With it the link is TLS: hidden from who only listens, but the server is never verified. */
  readonly tls?: TlsOptions;
}

/**
 * Everything the firmware needs to run on Espruino.
 * @construction
 */
export const espruinoPorts = (options: EspruinoOptions): Ports => {
  return {
    link: new EspruinoLink(options.tls === undefined ? null : options.tls),
    clock: new EspruinoClock(),
    entropy: new EspruinoEntropy(options.psk, options.counter),
  };
};
