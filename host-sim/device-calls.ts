import { sentenceOf } from "../firmware/explain.js";
import { type Credentials, type Host, type OnToken, Status, type Token } from "../firmware/index.js";

/** The names of the firmware's statuses, such as `TIMEOUT`. */
export type StatusName = keyof typeof Status;

/** A token as a simulated device has it: text, since tests look at it. */
export interface DeviceToken {
  readonly token: string;
  /** Counts the host's tokens on this device; `rejected` asks for it. */
  readonly generation: number;
  readonly expiresInMs: number;
}

/** Why a call on a simulated device did not succeed. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";

  /**
   * @param status as the firmware names it, e.g. `TIMEOUT`
   * @param cause what the platform knows of it beside that; none: undefined
   */
  constructor(
    what: string,
    readonly status: StatusName,
    cause?: string,
  ) {
    super(`${what}: ${status}. ${sentenceOf(Status[status])}${cause === undefined ? "" : ` (${cause})`}`);
  }
}

/** What the platform knows of a failure beside its status. */
export type CauseOf = (status: StatusName) => string | undefined;

/** What a backend says that somebody has shown: at least one of both. */
export type DeviceCredentials = Credentials;

/** The calls of one device as promises: each ends once, at the latest when the device gives up. */
export class Calls {
  private readonly refusals = new Set<(status: Status) => void>();

  /** @param causeOf what the platform knows of a failure beside its status */
  constructor(private readonly causeOf: CauseOf) {}

  /**
   * @param start returns a status at once, and where that is OK `end` follows
   * @param read of the status and the result; called in the firmware's callback
   */
  run<Result>(
    what: string,
    start: (end: (status: Status, read: () => Result) => void) => Status,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const refuse = (status: Status): void => {
        this.refusals.delete(refuse);
        reject(new DeviceError(what, nameOf(status), this.causeOf(nameOf(status))));
      };
      this.refusals.add(refuse);
      const status = start((ended, read) => {
        if (ended !== Status.OK) return refuse(ended);
        this.refusals.delete(refuse);
        resolve(read());
      });
      if (status !== Status.OK) refuse(status);
    });
  }

  /** Ends all that wait. */
  refuse(status: Status): void {
    for (const refuse of [...this.refusals]) refuse(status);
  }
}

/** One app's tokens on a simulated device; promises reject with {@link DeviceError}. */
export class DeviceHost {
  /** Use `device.host(name)`. */
  constructor(
    readonly name: string,
    private readonly host: Host,
    private readonly calls: Calls,
  ) {}

  /** The token, from memory while it is good, else from the cloud. */
  getToken(): Promise<DeviceToken> {
    return this.token("getToken", (onToken) => this.host.getToken(onToken));
  }

  /** A new token. */
  generateToken(): Promise<DeviceToken> {
    return this.token("generateToken", (onToken) => this.host.generateToken(onToken));
  }

  /** Resolves when the cloud has ended all tokens of this host. */
  async revokeToken(): Promise<void> {
    await this.call("revokeToken", (onToken) => this.host.revokeToken(onToken), ignore);
  }

  /** The app's server refused the token of this generation; ask for another where this says OK. */
  rejected(generation: number): StatusName {
    return nameOf(this.host.rejected(generation));
  }

  private token(method: string, start: (onToken: OnToken) => Status): Promise<DeviceToken> {
    return this.call(method, start, (token) => {
      if (token === null) throw new Error("motekey: status OK without a token");
      return {
        token: Buffer.from(token.bytes.subarray(0, token.length)).toString(),
        generation: token.generation,
        expiresInMs: token.remainingMs,
      };
    });
  }

  /** @param read called in the callback: the token's bytes are the firmware's again afterwards */
  private call<Result>(
    method: string,
    start: (onToken: OnToken) => Status,
    read: (token: Token | null) => Result,
  ): Promise<Result> {
    return this.calls.run(`${method} for ${this.name}`, (end) =>
      start((status, token) => end(status, () => read(token))),
    );
  }
}

/** The name of a status. */
export function nameOf(status: Status): StatusName {
  return Status[status] as StatusName;
}

function ignore(): void {}
