import { bundleLean, MESSAGES_ENTRY } from "../../build/lean.mjs";
import type {
  LeanAuth,
  LeanMessagesModule,
  LeanModule,
  LeanOptions,
  LeanToken,
} from "../../firmware/espruino/api.js";
import type { Status, Store } from "../../firmware/index.js";
import { type Natives, nativesOf, runEspruino } from "../../host-sim/espruino/natives.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { Flash } from "../../host-sim/world/flash.js";

let bundled: Promise<string> | undefined;

/** The core as the device gets it: minified, with shortened names. */
export const leanSource = (): Promise<string> => {
  bundled ??= bundleLean();
  return bundled;
};

let bundledMessages: Promise<string> | undefined;

/** The second file, which an app with messages of its own has beside it. */
export const messagesSource = (): Promise<string> => {
  bundledMessages ??= bundleLean({ entry: MESSAGES_ENTRY });
  return bundledMessages;
};

/** The module of the app's messages. */
export const messagesModule = async (natives: Natives): Promise<LeanMessagesModule> =>
  runEspruino<LeanMessagesModule>(await messagesSource(), natives);

/** Node's network, clock and dice as Espruino's. @param flash the device's Storage, which outlives it */
export const nodeNatives = (flash: Store = new Flash()): Natives =>
  nativesOf({ ...nodePorts(), store: flash });

/** A device of its own: the module runs anew, as after a boot. */
export const boot = async (natives: Natives): Promise<LeanModule> => runEspruino(await leanSource(), natives);

/** How a call ended. */
export interface Ended<Value> {
  readonly status: Status;
  readonly value: Value;
}

/** A call as a promise; one that is refused at once ends with that. */
export const ended = <Value>(
  start: (onEnd: (status: Status, value: Value) => void) => Status,
): Promise<Ended<Value | undefined>> =>
  new Promise((resolve) => {
    const status = start((told, value) => resolve({ status: told, value }));
    if (status !== 0) resolve({ status, value: undefined });
  });

/** A client, and a way to end it. */
export const startLean = async (options: LeanOptions, natives: Natives = nodeNatives()): Promise<LeanAuth> =>
  (await boot(natives)).createAuth(options);

/** A token or null, and the status. */
export type Told = Ended<LeanToken | null | undefined>;
