import { checkGroup, Kind, type RowsOf } from "../../options.js";
import type { Ports, Store } from "../../ports.js";
import { EspruinoClock } from "./clock.js";
import { EspruinoEntropy } from "./entropy.js";
import { EspruinoLink, type TlsOptions } from "./link.js";
import { EspruinoStore } from "./store.js";

export type { TlsOptions } from "./link.js";

/** What the ports need to know. */
export interface EspruinoOptions {
  /** The device's key where Storage has no credential; it seeds the random numbers and is not kept. */
  readonly psk?: string | Uint8Array;
  /** With it the link is TLS: hidden from who only listens, but the server is never verified. */
  readonly tls?: TlsOptions;
}

/** Ports with the chip's Storage. */
export interface EspruinoPorts extends Ports {
  readonly store: Store;
}

/**
 * Everything the firmware needs to run on Espruino.
 * @construction
 * @throws Error that names the first option which cannot be right, and what is allowed
 */
export const espruinoPorts = (options: EspruinoOptions): EspruinoPorts => {
  const tls: RowsOf<TlsOptions> = { key: Kind.KEY, cert: Kind.TEXT, ca: Kind.TEXT };
  const rows: RowsOf<EspruinoOptions> = { psk: Kind.KEY, tls: { rows: tls } };
  checkGroup("espruinoPorts()", options, { rows });
  const store = new EspruinoStore();
  return {
    link: new EspruinoLink(options.tls === undefined ? null : options.tls),
    clock: new EspruinoClock(),
    entropy: new EspruinoEntropy(store, options.psk),
    store,
  };
};
