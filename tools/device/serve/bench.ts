/** What the page may ask: who is logged in, a login, and a device with its key. */

import * as v from "valibot";
import { login } from "../../auth/login/run.js";
import type { Context } from "../../cli/act.js";
import { Exit, Failure, usage } from "../../cli/failure.js";
import { Output } from "../../cli/output.js";
import type { System } from "../../cli/system.js";
import { DeviceCloud } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";
import { DEVICE_ID, newDeviceId, registered } from "../register.js";
import type { Calls } from "./server.js";

const RegisterSchema = v.object({ id: v.string() });

/** A login under way. */
interface LoggingIn {
  readonly url: Promise<string>;
  readonly ended: Promise<void>;
}

/** One bench, in the name of whoever is logged in. */
export class Bench {
  readonly calls: Calls = {
    state: () => this.state(),
    login: () => this.login(),
    "logged-in": () => this.loggedIn(),
    register: (body) => this.register(body),
  };
  private loggingIn: LoggingIn | null = null;
  private readonly ending = new AbortController();

  constructor(
    private readonly context: Context,
    private readonly flags: CloudFlags,
    private readonly cloud: string,
  ) {}

  /** Ends a login that waits for somebody. */
  end(): void {
    this.ending.abort(new Failure("interrupted", "Interrupted."));
  }

  private async state(): Promise<object> {
    try {
      const { operator } = await DeviceCloud.open(this.context, this.flags);
      return { cloud: this.cloud, operator };
    } catch (failure) {
      if (failure instanceof Failure && failure.exit === Exit.AUTHENTICATION_NEEDED)
        return { cloud: this.cloud, operator: null };
      throw failure;
    }
  }

  /** `auth login` in the browser, whose address the page opens. One at a time: a second one is the same. */
  private async login(): Promise<object> {
    this.loggingIn ??= this.begun();
    return { url: await this.loggingIn.url };
  }

  private begun(): LoggingIn {
    const { context } = this;
    let open: (url: string) => void = () => undefined;
    const opened = new Promise<string>((resolve) => {
      open = resolve;
    });
    const system: System = Object.create(context.system, {
      openBrowser: { value: (url: string) => Promise.resolve(open(url)) },
      interrupted: { value: this.ending.signal },
    });
    const output = new Output(system, { json: false, fields: [], quiet: true });
    const ended = login({ ...context, system, output }, { browser: true }).finally(() => {
      this.loggingIn = null;
    });
    ended.catch(() => undefined);
    // A login that is still good asks nobody.
    const url = Promise.race([opened, ended.then(() => "")]);
    url.catch(() => undefined);
    return { url, ended };
  }

  private async loggedIn(): Promise<object> {
    await this.loggingIn?.ended;
    return this.state();
  }

  private async register(body: unknown): Promise<object> {
    const asked = v.safeParse(RegisterSchema, body);
    if (!asked.success) throw usage("The page asks for no device.", "Reload it.");
    const id = asked.output.id === "" ? newDeviceId() : asked.output.id;
    if (!DEVICE_ID.test(id)) throw usage("This is no device's id.", "It has 1 to 128 of A-Z a-z 0-9 _ -");
    const cloud = await DeviceCloud.open(this.context, this.flags);
    const { psk, device } = await registered(this.context, cloud, id, `${id}.psk`);
    this.context.output.note(`${device.created ? "Registered" : "Already registered:"} ${id}`);
    const { counter, key_fingerprint, created } = device;
    return { id, psk, counter, key_fingerprint, created };
  }
}
