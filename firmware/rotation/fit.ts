import type { Config, ConfigOptions } from "../config.js";
import { LinkSecurity } from "../ports.js";
import { refusalOf } from "../refusals.js";
import type { Encoding } from "../rpc/frames.js";
import { Status } from "../status.js";

/** @construction */
const refuse = (message: string): never => {
  throw new Error(`motekey: ${message}`);
};

/**
 * Refuses what rotation cannot go with.
 * @construction
 * @throws Error that names the option
 */
export const checkFit = (options: ConfigOptions & { readonly encoding?: Encoding }, config: Config): void => {
  if (config.keeper === null)
    refuse("rotation needs ports.store: the next key is kept there before it is used");
  if (options.credential !== undefined)
    refuse(
      "rotation is for a key that is in the store: write the credential there with writeCredential, and leave the option credential out",
    );
  if (options.encoding !== undefined) refuse("rotation speaks JSON: leave out either encoding or rotation");
  if (config.isMgRpc) refuse("rotation is nothing that the dialect mg-rpc has: leave it out");
  const isServed =
    config.psk.length > 0 && config.proof.connect.isExchange !== true && config.link !== LinkSecurity.PSK_TLS;
  if (!isServed)
    refuse(
      `rotation is for a device that proves its key to the cloud first, which the proof ${config.proof.name} over this link does not`,
    );
};

/** @construction */
export const unreadable = (): never => {
  const error = new Error(
    `motekey: the next key cannot be read. ${refusalOf(Status.STORE_FAILED)}`,
  ) as Error & {
    status: Status;
  };
  error.status = Status.STORE_FAILED;
  throw error;
};
