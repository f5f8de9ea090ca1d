import type { Config, ConfigOptions } from "./config.js";
import { Counters } from "./counters.js";
import type { Scratch } from "./crypto/scratch.js";
import type { Entropy, Ports, Turns } from "./ports.js";
import { type Call, CallPhase, type OnDone, type OnProvisionalHost, type OnResult } from "./rpc/calls.js";
import type { CallOwner } from "./rpc/responses.js";
import { Failure } from "./session/failure.js";
import type { Features, KeyChange } from "./session/features.js";
import { Phase, Want } from "./session/phases.js";
import { Session } from "./session.js";
import { Status } from "./status.js";
import type { Host } from "./tokens/host.js";
import { Leases } from "./tokens/leases.js";
import { Tokens } from "./tokens.js";
import type { Text } from "./wire/bytes.js";
import { Method } from "./wire/frame/methods.js";

/** What `authenticate` presents; at least one of the two. */
export interface Credentials {
  readonly psk?: Text;
  readonly cert?: Text;
}

/** Where the client stands, as the app sees it. */
export enum State {
  CLOSED,
  /** The app called `suspend()`: no connection. */
  SUSPENDED,
  /** The last connection ended or failed; the next attempt waits for its time. */
  WAITING,
  CONNECTING,
  READY,
}

/** Called after the turn in which the state changed. */
export type OnState = (state: State) => void;

/** Changes the device's key while it runs, when the cloud asks for it. @internal */
export interface KeyRotation extends KeyChange {
  /**
   * Chooses the key that the client begins with, before anything depends on it.
   * @construction
   * @throws Error that names the conflicting option
   */
  open(options: ConfigOptions, config: Config, ports: Ports, scratch: Scratch): void;
  /** Does what is due. Called each turn, before the session's. */
  tend(auth: Auth, nowMs: number): void;
  /** When {@link tend} has something to do if nothing happens before; Infinity: never. */
  wakeAtMs(): number;
  /** The cloud has a next key for the device. */
  hinted(): void;
  wipe(): void;
}

/** The session's events, and what only the owner of calls can do. */
export interface AuthFeatures extends Features {
  readonly rotation: KeyRotation | null;
}

/**
 * The Auth service's client without its I/O: the session, the tokens, and the three calls about
 * others. Callbacks wait until `deliver`, after the turn.
 */
export class Auth implements CallOwner {
  readonly counters: Counters;
  readonly session: Session;
  readonly tokens: Tokens;
  onState: OnState | null;
  /** Of the latest call that asked for no token. */
  readonly callFailure: Failure;
  isClosed: boolean;
  private readonly config: Config;
  private readonly rotation: KeyRotation | null;
  private readonly turns: Turns;
  private nowMs: number;
  private toldState: State;
  /** A call ended in this poll: do what follows from it now. */
  private isRestless: boolean;

  constructor(config: Config, features: AuthFeatures, entropy: Entropy, turns: Turns, scratch: Scratch) {
    this.config = config;
    this.rotation = features.rotation;
    this.turns = turns;
    this.counters = new Counters();
    this.session = new Session({ config, entropy, scratch, counters: this.counters }, features, this);
    if (features.messages !== null) features.messages.bind(turns);
    const leases = new Leases(config, features.tokenFormat, scratch);
    this.tokens = new Tokens(config, this.session, this.counters, leases, turns);
    this.onState = null;
    this.callFailure = new Failure();
    this.nowMs = 0;
    this.isClosed = false;
    this.toldState = State.SUSPENDED;
    this.isRestless = false;
  }

  get state(): State {
    if (this.isClosed) return State.CLOSED;
    switch (this.session.phase) {
      case Phase.RESTING:
      case Phase.LEAVING:
        return State.SUSPENDED;
      case Phase.READY:
        return State.READY;
      case Phase.OPENING:
      case Phase.CONNECTING:
        return State.CONNECTING;
      default:
        return State.WAITING;
    }
  }

  /** The apps that the cloud keeps tokens of ours for. Hosts are delivered as they come; they are final with OK only. */
  listTokens(onHost: OnProvisionalHost, onDone: OnDone): Status {
    const call = this.take(Method.LIST_TOKEN, onDone);
    if (call === null) return this.refusal();
    call.onHost = onHost;
    return Status.OK;
  }

  /** Whether `id` has these credentials. For backends. */
  authenticate(id: Text, credentials: Credentials, onDone: OnDone): Status {
    const call = this.take(Method.AUTHENTICATE, onDone);
    if (call === null) return this.refusal();
    if (credentials.psk !== undefined) call.first = credentials.psk;
    if (credentials.cert !== undefined) call.second = credentials.cert;
    call.third = id;
    return Status.OK;
  }

  /** Whether `src` may send the command to `dst`. For backends. */
  authorizeCommand(src: Text, dst: Text, command: Text, onDone: OnDone): Status {
    const call = this.take(Method.AUTHORIZE_COMMAND, onDone);
    if (call === null) return this.refusal();
    call.first = command;
    call.second = dst;
    call.third = src;
    return Status.OK;
  }

  /** Any method of the peer; one at a time. */
  call(method: Text, args: Uint8Array, out: Uint8Array, onResult: OnResult): Status {
    const raw = this.session.frame.raw;
    const call = raw.id === 0 ? this.take(Method.OTHER, null) : null;
    if (call === null) return this.refusal();
    call.first = method;
    call.host = args;
    call.onResult = onResult;
    raw.expect(call.id, out);
    return Status.OK;
  }

  /** What to do now; afterwards {@link wakeAtMs} says when to ask again. */
  poll(nowMs: number): Want {
    this.nowMs = nowMs;
    let want: Want;
    do {
      this.isRestless = false;
      if (this.rotation !== null) this.rotation.tend(this, nowMs);
      this.tokens.tend(nowMs);
      want = this.session.poll(nowMs);
      // OPEN is returned once: everything else waits for the next turn.
    } while (this.isRestless && want !== Want.OPEN);
    return want;
  }

  wakeAtMs(): number {
    const atMs = Math.min(this.session.wakeAtMs, this.tokens.wakeAtMs());
    return this.rotation === null ? atMs : Math.min(atMs, this.rotation.wakeAtMs());
  }

  /** Calls one callback of the app, if one is due. Returns whether there was one. */
  deliver(nowMs: number): boolean {
    return this.deliverAnswer(nowMs) || this.deliverState();
  }

  /** The same without the state, which may still be changing. */
  deliverAnswer(nowMs: number): boolean {
    const app = this.session.app;
    const wasTold =
      this.session.listing.deliver() ||
      this.tokens.deliver(nowMs) ||
      this.deliverDone() ||
      (app !== null && app.deliver());
    // A caller's slot is free: somebody may wait for one.
    if (wasTold && this.tokens.isBlocked) this.turns.soon();
    return wasTold;
  }

  ended(call: Call): void {
    this.isRestless = true;
    const subject = call.subject;
    if (
      this.rotation !== null &&
      subject !== null &&
      call.status === Status.OK &&
      this.session.frame.isOffered
    )
      this.rotation.hinted();
    if (call.onDone !== null || call.onResult !== null)
      this.session.failures.note(this.callFailure, call.status, call);
    if (subject !== null) this.tokens.ended(call, subject as Host);
    else if (call.onDone === null && call.onResult === null) call.release();
    if (call.onResult !== null) this.session.frame.raw.id = 0;
  }

  /** What is wrong with the client: the connection's failure, else the latest call's. */
  failure(): Failure {
    const hosts = this.tokens.hosts.list;
    let latest = this.session.failures.connection;
    if (latest.status !== Status.OK) return latest;
    latest = this.callFailure;
    for (let i = 0; i < hosts.length; i++) {
      const failure = hosts[i].failure;
      const isLater = latest.status === Status.OK || failure.order > latest.order;
      if (failure.status !== Status.OK && isLater) latest = failure;
    }
    return latest;
  }

  /** Ends every call with CLOSED; `deliver` calls their callbacks. */
  close(nowMs: number): void {
    this.isClosed = true;
    this.tokens.close(nowMs);
    const calls = this.session.calls.calls;
    for (let i = 0; i < calls.length; i++) {
      const call = calls[i];
      if (call.onDone === null && call.onResult === null) call.release();
      else {
        call.phase = CallPhase.DONE;
        call.status = Status.CLOSED;
      }
    }
    this.session.stop(nowMs);
    this.session.failures.lost(Status.CLOSED, false, 0);
    if (this.session.app !== null) this.session.app.end();
  }

  /** Wipes every secret, the key first. Nothing works afterwards. */
  wipe(): void {
    this.config.psk.fill(0);
    this.config.jitterSecret.fill(0);
    if (this.rotation !== null) this.rotation.wipe();
    this.session.wipe();
  }

  private take(method: Method, onDone: OnDone | null): Call | null {
    if (this.isClosed) return null;
    const call = this.session.calls.take(method, this.turns.nowMs() + this.config.limits.callDeadlineMs);
    if (call === null) return null;
    call.onDone = onDone;
    this.turns.soon();
    return call;
  }

  private refusal(): Status {
    return this.isClosed ? Status.CLOSED : Status.BUSY;
  }

  private deliverDone(): boolean {
    const table = this.session.calls;
    for (let i = 0; i < table.used; i++) {
      if (table.calls[i].phase === CallPhase.DONE) return this.tell(table.calls[i]);
    }
    return false;
  }

  private tell(call: Call): boolean {
    const onDone = call.onDone;
    const onResult = call.onResult;
    const status = call.status;
    const value = call.value;
    call.release();
    if (onDone !== null) onDone(status, value);
    if (onResult !== null) onResult(status, Math.max(0, this.session.frame.raw.length));
    return true;
  }

  private deliverState(): boolean {
    const state = this.state;
    this.session.isLossUntold = false;
    if (state === this.toldState) return false;
    this.toldState = state;
    if (this.onState !== null) this.onState(state);
    return true;
  }
}
