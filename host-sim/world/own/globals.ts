import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers";

/** Taken here: a runner may fake the module's own, too. */
const immediately = setImmediate;

/** What a simulated device's code sees of time and chance. */
export interface Surroundings {
  /** The wall clock, ms since 1970. */
  wallMs(): number;
  /** Since an earlier moment, ms. */
  uptimeMs(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls `run` after this long, unless the device is off by then. @returns its number */
  after(ms: number, run: () => void): number;
  forget(timer: number): void;
  /** A promise was rejected, and nobody looked. */
  rejected(reason: unknown): void;
}

type Run = (...args: unknown[]) => void;

/** What a device's `setTimeout` returns: Node's has these too. */
class VirtualTimer {
  private id: number;

  constructor(
    private readonly around: Surroundings,
    private readonly run: () => void,
    private readonly delayMs: number,
    private readonly isRepeated: boolean,
  ) {
    this.id = this.start();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.close();
    this.id = this.start();
    return this;
  }

  close(): this {
    this.around.forget(this.id);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private start(): number {
    return this.around.after(this.delayMs, () => {
      if (this.isRepeated) this.id = this.start();
      this.run();
    });
  }
}

const current = new AsyncLocalStorage<Surroundings>();

/** Resolves when no promise has anything to do but wait. The runner's own work goes on meanwhile. */
const settled = (): Promise<void> => new Promise((resolve) => void immediately(resolve));

/** Node's shortest and longest timer, ms. */
const delayOf = (ms: unknown): number => {
  const delay = Number(ms);
  return delay >= 1 && delay <= 0x7fffffff ? delay : 1;
};

/** A global that a runner may have faked, as it is for a device, and as it was for everybody else. */
type Replace = (before: Run) => unknown;

const timer =
  (isRepeated: boolean): Replace =>
  (before) =>
  (run: Run, ms?: unknown, ...args: unknown[]) => {
    const around = current.getStore();
    if (around === undefined) return before(run, ms, ...args);
    return new VirtualTimer(around, () => run(...args), delayOf(ms), isRepeated);
  };

const clear: Replace = (before) => (of: unknown) => (of instanceof VirtualTimer ? of.close() : before(of));

const GLOBALS: Readonly<Record<string, Replace>> = {
  setTimeout: timer(false),
  setInterval: timer(true),
  setImmediate:
    (before) =>
    (run: Run, ...args: unknown[]) => {
      const around = current.getStore();
      if (around === undefined) return before(run, ...args);
      return new VirtualTimer(around, () => run(...args), 1, false);
    },
  clearTimeout: clear,
  clearInterval: clear,
  clearImmediate: clear,
  Date: (before) =>
    new Proxy(before as unknown as DateConstructor, {
      construct: (target, args, made) => {
        const around = current.getStore();
        return Reflect.construct(
          target,
          around === undefined || args.length > 0 ? args : [around.wallMs()],
          made,
        );
      },
      apply: (target) => {
        const around = current.getStore();
        return around === undefined ? target() : new target(around.wallMs()).toString();
      },
      get: (target, name, receiver) => {
        const around = current.getStore();
        return around === undefined || name !== "now"
          ? Reflect.get(target, name, receiver)
          : () => around.wallMs();
      },
    }),
};

/** Puts something in a member's place. @returns what puts it back, unless somebody else has replaced it since */
function replace(object: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  return () => {
    if (Reflect.get(object, name) !== value) return;
    if (before === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, before);
  };
}

/** Members of objects that a device has of its own. */
function members(): (() => void)[] {
  // As tests see it: bundles have another one in the place of the global.
  const clock = globalThis.performance;
  const now = clock.now.bind(clock);
  const random = Math.random.bind(Math);
  return [
    replace(clock, "now", () => current.getStore()?.uptimeMs() ?? now()),
    replace(Math, "random", () => current.getStore()?.random() ?? random()),
  ];
}

/** Those whose code is being run, the latest last. */
const running: Surroundings[] = [];

let users = 0;
let undo: (() => void)[] = [];

/** Runners end a test by a rejection that nobody looked at: a world ends its seed by it, and names it. */
function takeRejections(): () => void {
  const theirs = process.listeners("unhandledRejection");
  const ours = (reason: unknown, promise: Promise<unknown>): void => {
    const around = running.at(-1);
    if (around !== undefined) around.rejected(reason);
    else for (const listener of theirs) listener(reason, promise);
  };
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", ours);
  return () => {
    process.off("unhandledRejection", ours);
    for (const listener of theirs) process.on("unhandledRejection", listener);
  };
}

/** Runs a device's code, then what its promises have to do, where it has any. */
export async function live(around: Surroundings, run: () => void, hasPromises: () => boolean): Promise<void> {
  running.push(around);
  try {
    current.run(around, run);
    if (hasPromises()) await settled();
  } finally {
    running.splice(running.indexOf(around), 1);
  }
}

/** From here on devices' code has its own time. @returns ends it */
export function virtualGlobals(): () => void {
  if (users++ === 0) {
    undo = Object.entries(GLOBALS).map(([name, make]) =>
      replace(globalThis, name, make(Reflect.get(globalThis, name) as Run)),
    );
    undo.push(...members(), takeRejections());
  }
  return () => {
    if (--users === 0) for (const put of undo.splice(0)) put();
  };
}
