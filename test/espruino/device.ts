import { bundleLean, MESSAGES_ENTRY } from "../../build/lean.mjs";
import type {
  LeanAuth,
  LeanMessagesModule,
  LeanModule,
  LeanOptions,
  LeanToken,
} from "../../firmware/espruino/api.js";
import type { Status } from "../../firmware/index.js";
import { connectNode, type Natives, runEspruino } from "./natives.js";

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

/** Node's network and clock as Espruino's, with the device's Storage in memory. */
export class NodeNatives implements Natives {
  readonly files = new Map<string, string>();
  private readonly timers = new Map<number, NodeJS.Timeout>();
  private lastTimer = 0;

  readonly connect = connectNode;

  read(name: string): string | undefined {
    return this.files.get(name);
  }

  write(name: string, value: string): boolean {
    this.files.set(name, value);
    return true;
  }

  getTime(): number {
    return Date.now() / 1000;
  }

  setTimeout(run: () => void, delayMs: number): number {
    const timer = ++this.lastTimer;
    this.timers.set(timer, setTimeout(run, delayMs));
    return timer;
  }

  clearTimeout(timer: number): void {
    clearTimeout(this.timers.get(timer));
  }

  hwRand(): number {
    return Math.floor(Math.random() * 2 ** 32) | 0;
  }
}

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
export const startLean = async (
  options: LeanOptions,
  natives: Natives = new NodeNatives(),
): Promise<LeanAuth> => (await boot(natives)).createAuth(options);

/** A token or null, and the status. */
export type Told = Ended<LeanToken | null | undefined>;
