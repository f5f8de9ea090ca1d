import {
  type AuthClient,
  type AuthOptions,
  type Clock,
  createAuth,
  type Encoding,
  type Entropy,
  type LimitOptions,
  type OnToken,
  type Proof,
  State,
  Status,
  type Transport,
} from "../../firmware/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { SteadyClock } from "./steady-clock.js";

/** Sizes as they ship, times short enough to be waited for. */
export const QUICK: LimitOptions = {
  callAttemptMs: 300,
  callDeadlineMs: 5_000,
  backoffBaseMs: 20,
  backoffCapMs: 80,
};

/** How a call ended: the status by its name, and the token where there was one. */
export interface Told {
  status: string;
  token: string;
  generation: number;
  remainingMs: number;
}

/** What a test says about its device; the rest is as it ships, with the times of {@link QUICK}. */
export interface DeviceOptions {
  proof?: Proof;
  counter?: number;
  limits?: LimitOptions;
  cloud?: Omit<AuthOptions["cloud"], "host" | "port">;
  entropy?: Entropy;
  /** Default: steady, so that an attempt is repeated where an answer was lost and nowhere else. */
  clock?: Clock;
  encoding?: Encoding;
  transport?: Transport;
  messages?: AuthOptions["messages"];
}

/** The firmware over TCP, with promises in place of callbacks. */
export class Device {
  readonly auth: AuthClient;
  /** Every state that was told, in order. */
  readonly states: State[] = [];
  private waiters: { state: State; resolve: () => void }[] = [];

  constructor(
    port: number,
    readonly identity: { id: string; psk: string },
    options: DeviceOptions = {},
  ) {
    const { entropy, clock = new SteadyClock() } = options;
    this.auth = createAuth(
      {
        deviceId: identity.id,
        cloud: { host: "127.0.0.1", port, ...options.cloud },
        credential: {
          psk: identity.psk,
          ...(options.counter === undefined ? {} : { counter: options.counter }),
        },
        allowInsecure: true,
        limits: { ...QUICK, ...options.limits },
        ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
        ...(options.transport === undefined ? {} : { transport: options.transport }),
        ...(options.messages === undefined ? {} : { messages: options.messages }),
        ...(options.proof === undefined ? {} : { proof: options.proof }),
      },
      { ...nodePorts(), clock, ...(entropy === undefined ? {} : { entropy }) },
    );
    this.auth.onState = (state) => this.enter(state);
  }

  getToken(host: string): Promise<Told> {
    const app = this.auth.host(host);
    return told((onToken) => app.getToken(onToken));
  }

  generateToken(host: string): Promise<Told> {
    const app = this.auth.host(host);
    return told((onToken) => app.generateToken(onToken));
  }

  revokeToken(host: string): Promise<Told> {
    const app = this.auth.host(host);
    return told((onToken) => app.revokeToken(onToken));
  }

  /** The hosts as they were told, and how the list ended. */
  listTokens(): Promise<{ status: string; hosts: string[] }> {
    const hosts: string[] = [];
    return new Promise((resolve) => {
      const status = this.auth.listTokens(
        (bytes, from, to) => hosts.push(Buffer.from(bytes.subarray(from, to)).toString()),
        (end) => resolve({ status: Status[end], hosts }),
      );
      if (status !== Status.OK) resolve({ status: Status[status], hosts });
    });
  }

  /** Resolves in this state, or when it is told next. */
  async reaches(state: State): Promise<void> {
    if (this.auth.state !== state) await this.next(state);
  }

  /** Resolves when this state is told next: ask before causing it. */
  next(state: State): Promise<void> {
    return new Promise((resolve) => this.waiters.push({ state, resolve }));
  }

  /** Resolves when the client is connected, and everything that was sent to it before now has been read. */
  async settled(): Promise<void> {
    await this.reaches(State.READY);
    await this.listTokens();
  }

  close(): void {
    this.auth.close();
  }

  private enter(state: State): void {
    this.states.push(state);
    const [due, later] = [this.waiters.filter((one) => one.state === state), this.waiters];
    this.waiters = later.filter((one) => one.state !== state);
    for (const { resolve } of due) resolve();
  }
}

function told(call: (onToken: OnToken) => Status): Promise<Told> {
  return new Promise((resolve) => {
    const onToken: OnToken = (status, token) =>
      resolve({
        status: Status[status],
        token: token === null ? "" : Buffer.from(token.bytes.subarray(0, token.length)).toString(),
        generation: token === null ? 0 : token.generation,
        remainingMs: token === null ? 0 : token.remainingMs,
      });
    const status = call(onToken);
    if (status !== Status.OK) onToken(status, null);
  });
}
