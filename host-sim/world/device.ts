import {
  type Address,
  type AuthClient,
  type AuthOptions,
  createAuth,
  type Link,
  type LinkEvents,
  type Ports,
  type Proof,
  type readCredential,
  State,
  Status,
  type Waker,
  type writeCredential,
} from "../../firmware/index.js";
import { leanClient } from "../espruino/client.js";
import { nativesOf } from "../espruino/natives.js";
import type { Broker } from "./broker.js";
import type { Verdict } from "./checks.js";
import { DeviceClock } from "./clock.js";
import type { Conditions } from "./conditions.js";
import { Connection, type Ends, Told } from "./connection.js";
import { Flash, PowerCut } from "./flash.js";
import type { Actor, Queue } from "./queue.js";
import type { Random } from "./random.js";
import type { Tally } from "./tally.js";
import { Mark, type Trace } from "./trace.js";

/** The cores that a device can have. */
export type Core = "byte" | "espruino";

/** Makes the client of one boot. Tests pass another one for mutants of the firmware. */
export type MakeClient = (auth: AuthOptions, ports: Ports) => AuthClient;

/** How the bench writes a credential, and the app reads it. */
export interface Records {
  readonly readCredential: typeof readCredential;
  readonly writeCredential: typeof writeCredential;
}

/** What a device is made of. */
export interface DeviceSpec {
  readonly id: string;
  readonly psk: string;
  readonly proof: Proof;
  readonly core: Core;
  readonly auth: AuthOptions;
  readonly clockRate: number;
  readonly make?: MakeClient | undefined;
  readonly records: Records;
}

/** Called at the beginning and end of a boot's life. */
export interface Lives {
  began(client: AuthClient): void;
  ended(): void;
  /** The device's code threw what is no cut of power. */
  threw?(error: unknown): void;
}

enum Happening {
  BOOT,
  BOOT_AFTER_SLEEP,
  DEAD_LINE,
}

/** How long a device that has no readable credential waits before it boots again, ms. */
const AGAIN_MS = 10_000;
/** A device notices a dead line within this time: the keep-alive of 60 s, the ping's time, and what keeps the device busy. */
const NOTICED_MS = 180_000;
/** This many connections in this time are too many, in one boot: only a stable one, of a minute, resets the backoff. */
const OPENS_MAX = 40;
const PACE_MS = 600_000;

/** Code that runs after the present code. */
class Later implements Actor {
  private readonly runs = new Map<number, () => void>();
  private serial = 0;

  constructor(
    private readonly queue: Queue,
    private readonly enter: (run: () => void) => void,
  ) {}

  add(run: () => void): void {
    this.runs.set(++this.serial, run);
    this.queue.after(1, this, 0, this.serial);
  }

  forget(): void {
    this.runs.clear();
  }

  happen(_kind: number, arg: number): void {
    const run = this.runs.get(arg);
    this.runs.delete(arg);
    if (run !== undefined) this.enter(run);
  }
}

/** One device over all its boots: its flash, clock and network persist, its memory does not. */
export class Device implements Actor, Ends, Link {
  readonly flash = new Flash();
  readonly clock: DeviceClock;
  /** The client of the present boot; null: the device is off. */
  client: AuthClient | null = null;
  /** Flash may have lost or aged values: no firmware can repair that, so its consequences are no fault of ours. */
  isDecayed = false;
  /** Incoming bits were wrong: a frame without a proof may say anything. */
  isGarbled = false;
  boots = 0;
  bootedAtMs = 0;
  opens = 0;
  private connection: Connection | null = null;
  private readonly later: Later;
  private readonly pskBytes: Buffer;
  private sleptSinceMs = 0;
  /** The latest connection attempts of this boot. */
  private opened: number[] = [];

  constructor(
    readonly spec: DeviceSpec,
    private readonly queue: Queue,
    private readonly random: Random,
    private readonly network: Random,
    private readonly conditions: Conditions,
    private readonly broker: Broker,
    private readonly trace: Trace,
    private readonly verdict: Verdict,
    private readonly tally: Tally,
    private readonly lives: Lives,
  ) {
    this.clock = new DeviceClock(queue, spec.clockRate, (waker: Waker) => this.enter(() => waker.turn()));
    this.later = new Later(queue, (run) => this.enter(run));
    this.pskBytes = Buffer.from(spec.psk, "latin1");
  }

  /** When an incoming bit was last wrong. */
  get garbledAtMs(): number {
    return this.conditions.corruptedAtMs;
  }

  /** What is on the line: packets to the broker, to the device; empty: there is none. */
  get line(): string {
    return this.connection === null ? "" : this.connection.onTheWay;
  }

  /** At the bench: the credential is written. */
  provision(): void {
    const { id, psk, records } = this.spec;
    const status = records.writeCredential(this.flash, { deviceId: id, psk });
    if (status !== Status.OK) this.verdict.wrong("credential", `provisioning came to ${Status[status]}`);
  }

  /** @param sleptMs how long the app says that it slept; undefined: it says nothing */
  boot(sleptMs: number | undefined): void {
    const { spec, flash, queue } = this;
    this.boots++;
    this.bootedAtMs = this.queue.nowMs;
    this.opened = [];
    this.trace.note(Mark.BOOT, this.boots, sleptMs ?? -1);
    this.enter(() => {
      const { status, credential } = spec.records.readCredential(flash);
      if (status === Status.STORE_FAILED && !flash.isReadable) {
        queue.after(AGAIN_MS, this, Happening.BOOT, 0);
        return;
      }
      if (credential === null || Buffer.from(credential.psk).toString("latin1") !== spec.psk) {
        if (!this.isDecayed) this.verdict.wrong("credential", `a boot found ${Status[status]}`);
        this.provision();
      }
      const ports: Ports = { link: this, clock: this.clock, entropy: this.random, store: flash };
      const auth: AuthOptions = sleptMs === undefined ? spec.auth : { ...spec.auth, sleptMs };
      const make = spec.make ?? (spec.core === "byte" ? createAuth : this.makeLean);
      const client = make(auth, ports);
      this.client = client;
      client.onState = (state) => this.trace.note(Mark.STATE, state);
      this.lives.began(client);
    });
  }

  /** Boots for the first time after this delay. */
  bootAfter(ms: number): void {
    this.queue.after(ms, this, Happening.BOOT, 0);
  }

  /** The power fails, and returns after this long. */
  crash(offMs: number): void {
    this.end();
    this.queue.after(offMs, this, Happening.BOOT, 0);
  }

  /** Closes the client, and turns the device off for this long. */
  sleep(offMs: number, isKnown: boolean): void {
    const { client } = this;
    if (client === null) return;
    this.enter(() => client.close());
    if (this.client === null) return; // the power failed during it
    if (client.state !== State.CLOSED)
      this.verdict.wrong("ends", "close() leaves a client that is not closed");
    this.end();
    this.sleptSinceMs = this.queue.nowMs;
    this.queue.after(offMs, this, isKnown ? Happening.BOOT_AFTER_SLEEP : Happening.BOOT, 0);
  }

  happen(kind: number, arg: number): void {
    if (kind === Happening.DEAD_LINE) {
      if (arg === this.opens && this.connection !== null && this.connection.isDead)
        this.verdict.wrong("service", `a line is not noticed that was dead for ${NOTICED_MS / 1_000} s`);
      return;
    }
    if (this.client !== null) return;
    const isKnown = kind === Happening.BOOT_AFTER_SLEEP;
    this.boot(isKnown ? Math.ceil(this.queue.nowMs - this.sleptSinceMs) : undefined);
  }

  /** Runs the device's code. An exception is a power cut, or a bug. */
  enter(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof PowerCut) this.crash(1_000 + Math.floor(this.random.unit() * 20_000));
      else {
        this.lives.threw?.(error);
        this.verdict.wrong("ends", `the firmware threw ${error instanceof Error ? error.stack : error}`);
      }
    }
  }

  /** Loses the connection, by a reset or silently. */
  cut(isHeard: boolean): void {
    const { connection } = this;
    if (connection === null) return;
    if (isHeard) connection.reset();
    else {
      connection.isDead = true;
      this.queue.after(NOTICED_MS, this, Happening.DEAD_LINE, this.opens);
    }
  }

  open(_address: Address, events: LinkEvents): void {
    this.opens++;
    this.checkPace();
    this.tally.opened(this.queue.nowMs);
    this.trace.note(Mark.OPEN, this.opens);
    if (this.connection !== null) this.verdict.wrong("ends", "a link is opened that was not closed");
    this.connection = new Connection(
      this.queue,
      this.network,
      this.conditions,
      this,
      events,
      this.broker.isUp,
    );
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    const { connection } = this;
    if (connection === null) throw new Error("write to a link that is not open");
    if (to - from > 2) {
      this.trace.noteBytes(Mark.SENT, bytes, from, to);
      this.checkSecrets(bytes, from, to);
    }
    return connection.write(bytes, from, to);
  }

  close(): void {
    this.connection?.close();
    this.connection = null;
  }

  tell(connection: Connection, what: Told, bytes: Uint8Array | null, status: Status): void {
    const { events } = connection;
    if (connection !== this.connection || events === null) return;
    if (what === Told.CLOSED) {
      this.connection = null;
      connection.isOpen = false;
      connection.events = null;
    }
    this.enter(() => {
      if (what === Told.RECEIVED && bytes !== null) events.received(bytes, 0, bytes.length);
      else if (what === Told.OPENED) events.opened();
      else if (what === Told.WRITABLE) events.writable();
      else events.closed(status);
    });
  }

  arrived(connection: Connection, bytes: Uint8Array, sentAtMs: number): void {
    this.broker.arrived(connection, bytes, sentAtMs);
    if (this.broker.broken !== undefined)
      this.verdict.wrong("ends", `the broker closed the connection over ${this.broker.broken}`);
  }

  gone(connection: Connection): void {
    this.broker.gone(connection);
  }

  private end(): void {
    this.clock.cancel();
    this.later.forget();
    this.close();
    if (this.client !== null) {
      this.client = null;
      this.trace.note(Mark.END_OF_LIFE, this.boots);
      this.lives.ended();
    }
  }

  private readonly makeLean: MakeClient = (auth, ports) =>
    leanClient(
      auth,
      nativesOf(ports, {
        later: (run) => this.later.add(run),
        isUnknown: () => this.conditions.isNameless,
      }),
    );

  /** Waits between attempts grow while no connection lasts. */
  private checkPace(): void {
    const { nowMs } = this.queue;
    this.opened.push(nowMs);
    if (this.opened.length <= OPENS_MAX) return;
    const sinceMs = this.opened.shift() as number;
    if (nowMs - sinceMs < PACE_MS)
      this.verdict.wrong(
        "pace",
        `${OPENS_MAX + 1} connections within ${Math.round((nowMs - sinceMs) / 1_000)} s`,
      );
  }

  /** A key crosses the line only where the proof is the key itself. */
  private checkSecrets(bytes: Uint8Array, from: number, to: number): void {
    const { proof } = this.spec;
    if (proof === "password" || proof === "key") return;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
    if (view.includes(this.pskBytes)) this.verdict.wrong("secret", "the key is in what the device sends");
  }
}
