import { type AuthClient, createAuth, type Token } from "../../../firmware/index.js";
import { Messages, type MessagesOptions } from "../../../firmware/messages.js";
import type { Cell } from "../cell.js";
import type { Lives, MakeClient } from "../device.js";
import { PowerCut } from "../flash.js";
import type { Actor } from "../queue.js";
import { Random } from "../random.js";
import { live, type Surroundings } from "./globals.js";
import { Life } from "./life.js";
import { isWanted } from "./topics.js";

/** A message of the app that the broker took. */
export interface WorldMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** The payload as UTF-8. */
  readonly text: string;
  /** When, ms since the world's start. */
  readonly atMs: number;
}

/** What a server makes of a token: the same words as `cloud.checkToken`. */
export interface WorldTokenCheck {
  readonly active: boolean;
  /** Why not: its life is over, somebody ended it, it is another host's, or the cloud never made it. */
  readonly reason?: "expired" | "revoked" | "audience" | "unknown";
}

/** A device that the app of a test runs on, over all its lives. */
export interface WorldDevice {
  readonly id: string;
  /** The seed that decides what happens to it. */
  readonly seed: number;
  /** How often it has started, this time too. */
  readonly boots: number;
  /** Since the world's start, ms. */
  readonly nowMs: number;
  /** The firmware's client, made anew at each boot. */
  readonly auth: AuthClient;
  /** Of `motekey/messages`, made anew at each boot. */
  readonly messages: Messages;
  /** What the app keeps over reboots, as in flash: all else that it had is gone with the power. */
  readonly flash: Map<string, string>;
  /** What it published and the broker took, in all its lives. At QoS 1 a message may be there twice. */
  readonly arrived: readonly WorldMessage[];
  /** What the app's server says of a token at this moment. */
  checkToken(token: string | Token, host: string): WorldTokenCheck;
  /** Somebody publishes a message: it comes to the device where that is connected and has subscribed. */
  send(topic: string, payload: string | Uint8Array): void;
}

/** The app: called at each boot. */
export type WorldApp = (device: WorldDevice) => void | Promise<void>;

/** The wall clock at a world's start, as its cloud has it, ms since 1970. */
const START_MS = 1_800_000_000_000;
/** How long the power stays off, ms. */
const OFF_MS = 5_000;
/** Apart from those of the cell. */
const PURPOSE = 100;

/** Runs the app of a test in the place of the cell's own, and holds what it sees. */
export class OwnDevice implements WorldDevice, Surroundings, Lives, Actor {
  readonly flash = new Map<string, string>();
  readonly arrived: WorldMessage[] = [];
  /** The app may have promises that can go on. */
  isStirred = false;
  /** What it threw; undefined: nothing. */
  thrown: { readonly error: unknown } | undefined;
  /** That it asked for tokens of. */
  readonly hosts: string[] = [];
  /** Faults are at work until then. */
  troubleUntilMs = 0;
  private readonly timers = new Map<number, () => void>();
  private serial = 0;
  private readonly chance: Random;
  private isOn = false;
  private wasCut = false;
  private lifeNow: Life | null = null;
  private authNow: AuthClient | null = null;
  private messagesNow: Messages | null = null;

  constructor(
    private readonly cell: Cell,
    private readonly boot: WorldApp,
    private readonly sizes: MessagesOptions | undefined,
  ) {
    this.chance = new Random(cell.plan.seed, cell.plan.device, PURPOSE);
    cell.broker.taken = (topic, payload) => this.take(topic, payload);
  }

  get id(): string {
    return this.cell.device.spec.id;
  }

  get seed(): number {
    return this.cell.plan.seed;
  }

  get boots(): number {
    return this.cell.device.boots;
  }

  get nowMs(): number {
    return this.cell.queue.nowMs;
  }

  get auth(): AuthClient {
    return this.authNow as AuthClient;
  }

  get messages(): Messages {
    return this.messagesNow as Messages;
  }

  checkToken(token: string | Token, host: string): WorldTokenCheck {
    const text =
      typeof token === "string" ? token : Buffer.from(token.bytes.subarray(0, token.length)).toString();
    const issue = this.cell.cloud.issues.get(text);
    // The cloud forgets those that are over.
    if (issue === undefined) return { active: false, reason: text.startsWith("tk.") ? "expired" : "unknown" };
    if (issue.host !== host) return { active: false, reason: "audience" };
    // A device cannot know how far its clock is wrong: a server has its leeway for that.
    const leewayMs = this.cell.device.clock.slackMs(issue.askedAtMs);
    if (issue.endsAtMs + leewayMs < this.nowMs) return { active: false, reason: "expired" };
    return issue.isEnded ? { active: false, reason: "revoked" } : { active: true };
  }

  send(topic: string, payload: string | Uint8Array): void {
    const bytes = typeof payload === "string" ? Buffer.from(payload, "utf8") : payload;
    this.cell.broker.send(this.id, topic, bytes, (filter) => isWanted(filter, topic));
  }

  /** What the firmware is made by: with messages, and with ports that end with the life. */
  readonly make: MakeClient = (auth, outer) => {
    const life = new Life(outer, {
      stirred: () => {
        this.isStirred = true;
      },
      cut: () => {
        this.wasCut = true;
      },
    });
    const messages = new Messages(this.sizes);
    const client = createAuth({ ...auth, messages }, life.ports);
    const host = client.host.bind(client);
    client.host = (name) => {
      if (!this.hosts.includes(name)) this.hosts.push(name);
      return host(name);
    };
    this.lifeNow = life;
    this.messagesNow = messages;
    return client;
  };

  began(client: AuthClient): void {
    this.authNow = client;
    this.isOn = true;
    this.wasCut = false;
    this.run(() => this.boot(this));
  }

  ended(): void {
    if (this.lifeNow !== null) this.lifeNow.isOver = true;
    this.isOn = false;
    this.timers.clear();
  }

  /** Has the world do something, and the app's promises what follows from it. */
  async turn(run: () => void): Promise<void> {
    this.isStirred = false;
    await live(this, run, () => this.isStirred);
    // The device has not heard of it where the app, or a promise, took what was thrown.
    if (this.wasCut && this.isOn) this.cell.device.crash(OFF_MS);
  }

  /** A timer of the app. */
  happen(_kind: number, id: number): void {
    const run = this.timers.get(id);
    if (run === undefined) return;
    const { busyUntilMs } = this.cell.device.clock;
    if (busyUntilMs > this.nowMs) {
      this.cell.queue.after(busyUntilMs - this.nowMs, this, 0, id);
      return;
    }
    this.timers.delete(id);
    this.cell.device.enter(() => this.run(run));
  }

  /** Code of the app. What it throws fails the seed, a promise that is rejected too. */
  run(code: () => unknown): void {
    this.isStirred = true;
    const done = code();
    if (done instanceof Promise) done.catch((error: unknown) => this.rejected(error));
  }

  threw(error: unknown): void {
    this.thrown ??= { error };
  }

  rejected(reason: unknown): void {
    if (reason instanceof PowerCut) return;
    this.threw(reason);
    this.cell.verdict.wrong("ends", "a promise of the app was rejected");
  }

  wallMs(): number {
    return START_MS + this.nowMs;
  }

  uptimeMs(): number {
    return this.cell.device.clock.now();
  }

  random(): number {
    return this.chance.unit();
  }

  after(ms: number, run: () => void): number {
    const id = ++this.serial;
    // Code of a life that is over sets timers, too: none of them comes.
    if (this.lifeNow?.isOver === true) return id;
    this.timers.set(id, run);
    this.cell.queue.after(ms, this, 0, id);
    return id;
  }

  forget(timer: number): void {
    this.timers.delete(timer);
  }

  private take(topic: string, payload: Uint8Array): void {
    const bytes = new Uint8Array(payload);
    this.arrived.push({
      topic,
      payload: bytes,
      text: Buffer.from(bytes).toString("utf8"),
      atMs: this.nowMs,
    });
  }
}
