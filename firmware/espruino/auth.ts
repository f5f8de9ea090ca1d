import { State } from "../auth.js";
import { RecordKind } from "../keep/record.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { LeanAuth, LeanExplanation, LeanLimits, LeanOptions, OnAnswer, OnToken } from "./api.js";
import { end, idSoFar, judgeFrame, Reading, readFrame, readText } from "./json.js";
import { identityOf } from "./options.js";
import {
  base64url,
  chr,
  derive,
  hmac,
  isSame,
  type Key,
  keyOf,
  random,
  seed,
  u16,
  u32,
  u64,
  uint,
  unit,
} from "./proofs.js";
import { kept, Slots, Unread } from "./records.js";

enum Phase {
  RESTING,
  WAITING,
  OPENING,
  CONNECTING,
  READY,
}

enum Method {
  HELLO,
  GENERATE,
  GET,
  LIST,
  REVOKE,
  AUTHENTICATE,
  AUTHORIZE,
  COUNTER,
}

enum Wish {
  TOKEN,
  NEW_TOKEN,
  REVOCATION,
}

enum Rejection {
  NONE,
  RETRIED,
  REPORTED,
}

enum CallPhase {
  QUEUED,
  SENT,
  DONE,
}

const SECONDS_MAX = 9007199254740991;
const NO_END = 4294967295;

interface Failure {
  why: Status;
  code: number;
  order: number;
}

/** What the backoff counts. */
interface Tries {
  failures: number;
}

interface Call extends Failure {
  phase: CallPhase;
  method: Method;
  id: number;
  packet: number;
  attempts: number;
  sentAt: number;
  attemptAt: number;
  deadline: number;
  cause: Status;
  status: Status;
  isAbandoned: boolean;
  args: string;
  host: Host | null;
  onDone: OnAnswer<never> | null;
  value: unknown;
}

interface Waiter {
  host: Host;
  wish: Wish;
  onToken: OnToken | null;
  deadline: number;
  isDone: boolean;
  status: Status;
}

/** One app's tokens. */
class Host implements Failure {
  why: Status;
  code: number;
  order: number;
  readonly name: string;
  private readonly auth: Auth;
  isClaimed: boolean;
  page: Slots | null;
  token: string;
  sentAt: number;
  lifetime: number;
  refreshAt: number;
  isSpread: boolean;
  isGuess: boolean;
  generation: number;
  flight: Call | null;
  isKnown: boolean;
  mustGenerate: boolean;
  owesRevoke: boolean;
  rejection: Rejection;
  rejectedUntil: number;
  askedAt: number;
  notBefore: number;
  failures: number;
  status: Status;

  constructor(name: string, auth: Auth) {
    this.name = name;
    this.auth = auth;
    this.page = null;
    this.token = "";
    this.generation = 0;
    this.flight = null;
    this.notBefore = 0;
    this.failures = 0;
    this.status = 0;
    this.why = 0;
    this.order = 0;
    this.rejection = 0;
    this.askedAt = -Infinity;
  }

  getToken(onToken: OnToken): Status {
    this.askedAt = this.auth.now();
    return this.auth.wait(this, Wish.TOKEN, onToken);
  }

  generateToken(onToken: OnToken): Status {
    const status = this.auth.wait(this, Wish.NEW_TOKEN, onToken);
    if (status === Status.OK) this.rejection = Rejection.NONE;
    return status;
  }

  revokeToken(onToken: OnToken | null): Status {
    return this.auth.revoke(this, onToken);
  }

  rejected(generation: number): Status {
    const auth = this.auth;
    if (auth.isClosed) return Status.CLOSED;
    auth.soon();
    if (this.token === "" || generation !== this.generation) return Status.STALE;
    this.token = "";
    if (this.rejection !== Rejection.NONE) {
      this.rejection = Rejection.REPORTED;
      this.rejectedUntil = auth.now() + (auth.limits.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs);
      auth.write(this, Status.REJECTED, 0);
      return Status.REJECTED;
    }
    this.rejection = Rejection.RETRIED;
    this.mustGenerate = true;
    return Status.OK;
  }
}

/** A device's client of the Auth service: what is wanted is read off the state at every turn, as in the other core. */
export class Auth implements LeanAuth {
  onState: ((state: State) => void) | null;
  isClosed: boolean;
  readonly limits: LeanLimits;
  private readonly options: LeanOptions;
  private readonly deviceId: string;
  private readonly psk: string;
  private readonly proof: string;
  private readonly isMac: boolean;
  /** Spreads refreshes. */
  private readonly secret: Key;
  /** Whose the records are. */
  private readonly owner: string;
  private readonly pages: Slots[];
  private isOpened: boolean;
  private readonly hosts: Host[];
  private readonly waiters: Waiter[];
  /** The first place is Hello's. */
  private readonly calls: (Call | null)[];
  /** Of the latest call that asked for no token, and of the connection. */
  private readonly asked: Failure;
  private readonly lost: Failure;
  private order: number;
  private lastId: number;
  private lastPacket: number;

  private phase: Phase;
  /** Why the last connection ended or could not be made. */
  private status: Status;
  private phaseEnds: number;
  private readyAt: number;
  /** The next attempt begins when the app has heard of the loss. */
  private isUntold: boolean;
  private told: State;

  private time: number;
  private clock: number;
  private timer: number;
  private armedAt: number;
  private wakeAt: number;
  private isTurning: boolean;
  private isRung: boolean;
  private isRestless: boolean;
  private isBlocked: boolean;
  private isForgetful: boolean;

  private socket: Socket | null;
  private isOpen: boolean;
  private isHeard: boolean;
  private isAccepted: boolean;
  private buffer: string;
  /** Bytes of a packet that is too long, still to come. */
  private skip: number;
  private skipped: string;
  private outbox: string;
  private queued: number;
  private sentAt: number;
  private heardAt: number;
  private answerBy: number;
  private isPinging: boolean;
  private subscription: number;

  private place: number;
  private nextPlace: number;
  private refusals: number;
  /** Attempts since the last stable connection. */
  failures: number;

  private counters: Slots | null;
  private latest: number;
  private reserved: number;
  private needsMac: boolean;
  private isFresh: boolean;
  private sec: string;
  private key: Key;
  private sends: number;
  private receives: number;

  /** The present connection asks for the counter (the wire's B8); so does the next. */
  private isAsking: boolean;
  private asksNext: boolean;
  private isFound: boolean;
  private wasAsked: boolean;
  private nonce: string;
  private strangerAt: number;
  private readonly isKeyed: boolean;

  constructor(options: LeanOptions) {
    const who = identityOf(options);
    const cloud = options.cloud;
    const proof = who.proof.split("+");
    const credential = options.credential;
    const counter = credential === undefined ? undefined : credential.counter;
    this.options = options;
    this.limits = options.limits ?? {};
    this.deviceId = who.deviceId;
    this.psk = who.psk;
    this.proof = proof[0];
    this.isMac = proof.indexOf("mac") >= 0;
    this.isKeyed = proof.indexOf("key") >= 0;
    this.strangerAt = -1000;
    seed(kept() + who.psk);
    this.secret = keyOf(who.psk === "" ? random(16) : who.psk);
    this.owner = hmac(
      keyOf(who.psk),
      `${who.deviceId}\n${cloud.host}:${cloud.port ?? 1883}\n${this.address()}\0\0\0\0`,
    ).substr(0, 4);
    this.lastId = unit(random(6)) * 281474976710656;
    this.time = 0;
    this.clock = Math.round(getTime() * 1000);
    this.isTurning = false;
    this.armedAt = Infinity;
    this.hosts = [];
    this.waiters = [];
    this.calls = [];
    this.asked = { why: 0, code: 0, order: 0 };
    this.lost = { why: 0, code: 0, order: 0 };
    this.order = 0;
    this.lastPacket = 0;
    this.phase = Phase.RESTING;
    this.status = Status.OK;
    this.told = State.SUSPENDED;
    this.outbox = "";
    this.place = 0;
    this.nextPlace = 0;
    this.refusals = 0;
    this.failures = 0;
    this.heardAt = -1;
    this.socket = null;
    this.onState = null;
    this.isClosed = false;
    this.latest = counter === undefined ? 0 : counter - 1;
    this.reserved = this.isMac || proof[0] === "counter" ? this.latest : SECONDS_MAX;
    this.counters = null;
    this.pages = [];
    this.isOpened = false;
    for (let i = 0; i < (this.limits.hosts ?? DEFAULT_LIMITS.hosts); i++)
      this.pages.push(new Slots(`motekey-h${i}`, RecordKind.VACANT, RecordKind.TOKEN));
    this.openPages();
    this.resume();
  }

  get state(): State {
    if (this.isClosed) return State.CLOSED;
    if (this.phase === Phase.RESTING) return State.SUSPENDED;
    if (this.phase === Phase.WAITING) return State.WAITING;
    return this.phase === Phase.READY ? State.READY : State.CONNECTING;
  }

  host(name: string): Host {
    const known = this.named(name);
    const host = known ?? new Host(name, this);
    let claimed = 0;
    for (let i = 0; i < this.hosts.length; i++) if (this.hosts[i].isClaimed) claimed++;
    if (!this.isHostName(name)) throw new Error("motekey: host");
    if (!host.isClaimed && claimed >= this.pages.length) throw new Error("motekey: raise limits.hosts");
    if (known === null) this.hosts.push(host);
    host.isClaimed = true;
    return host;
  }

  listTokens(onDone: OnAnswer<readonly string[] | null>): Status {
    return this.call(Method.LIST, "", onDone);
  }

  authenticate(id: string, credentials: { psk?: string; cert?: string }, onDone: OnAnswer<boolean>): Status {
    const psk = credentials.psk ? `"psk":${quoted(credentials.psk)}` : "";
    const cert = credentials.cert ? `${psk ? "," : ""}"cert":${quoted(credentials.cert)}` : "";
    return this.call(Method.AUTHENTICATE, `"credentials":{${psk}${cert}},"id":${quoted(id)}`, onDone);
  }

  authorizeCommand(src: string, dst: string, command: string, onDone: OnAnswer<boolean>): Status {
    const args = `"cmd":${quoted(command)},"dst":${quoted(dst)},"src":${quoted(src)}`;
    return this.call(Method.AUTHORIZE, args, onDone);
  }

  suspend(): void {
    if (this.isClosed) return;
    this.stop(Status.SUSPENDED);
    this.soon();
  }

  resume(): void {
    if (this.isClosed) return;
    this.now();
    if (this.phase === Phase.RESTING) {
      this.phaseEnds = this.time;
      this.phase = Phase.WAITING;
      this.write(this.lost, Status.OK, 0);
    }
    this.soon();
  }

  explain(): LeanExplanation {
    let latest = this.lost;
    if (latest.why === Status.OK) {
      latest = this.asked;
      for (let i = 0; i < this.hosts.length; i++) {
        const host = this.hosts[i];
        if (host.why !== Status.OK && (latest.why === Status.OK || host.order > latest.order)) latest = host;
      }
    }
    const isForgetful = latest.why === Status.OK && this.isForgetful;
    return { status: isForgetful ? Status.STORE_FAILED : latest.why, code: latest.code };
  }

  close(): void {
    if (this.isClosed) return;
    const wasTurning = this.isTurning;
    this.isTurning = true;
    this.isClosed = true;
    this.now();
    for (let i = 0; i < this.hosts.length; i++) this.keep(this.hosts[i]);
    this.putTokens();
    for (let i = 0; i < this.waiters.length; i++) {
      this.waiters[i].isDone = true;
      this.waiters[i].status = Status.CLOSED;
    }
    for (let i = 0; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (call === null || call === undefined) continue;
      if (call.onDone === null) this.calls[i] = null;
      call.phase = CallPhase.DONE;
      call.status = Status.CLOSED;
    }
    this.stop(Status.CLOSED);
    if (this.timer) clearTimeout(this.timer);
    for (let i = 0; i < this.hosts.length; i++) this.hosts[i].token = "";
    this.key = this.secret;
    while (this.tell());
    this.tellState();
    this.isTurning = wasTurning;
  }

  /** Monotonic, ms. The engine has the wall clock only: a step forward counts as time that passed, one back as none. */
  now(): number {
    const clock = Math.round(getTime() * 1000);
    if (clock > this.clock) this.time += clock - this.clock;
    this.clock = clock;
    return this.time;
  }

  /** A turn as soon as this one, or the app's code, is over. */
  soon(): void {
    if (this.isTurning) this.isRung = true;
    else this.arm(this.time);
  }

  /** Somebody waits. */
  wait(host: Host, wish: Wish, onToken: OnToken | null): Status {
    if (this.isClosed) return Status.CLOSED;
    if (this.waiters.length >= (this.limits.waiters ?? DEFAULT_LIMITS.waiters)) return Status.BUSY;
    this.waiters.push({
      host,
      wish,
      onToken,
      deadline: this.now() + this.callMs(),
      isDone: false,
      status: 0,
    });
    this.soon();
    return Status.OK;
  }

  revoke(host: Host, onToken: OnToken | null): Status {
    let status = this.isClosed ? Status.CLOSED : Status.OK;
    if (onToken !== null) status = this.wait(host, Wish.REVOCATION, onToken);
    if (status !== Status.OK) return status;
    const flight = host.flight;
    this.soon();
    if (flight !== null && flight.method !== Method.REVOKE) {
      host.flight = null;
      if (flight.attempts === 0) this.calls[this.calls.indexOf(flight)] = null;
      else {
        flight.isAbandoned = true;
        flight.phase = CallPhase.SENT;
        flight.attemptAt = Infinity;
      }
    }
    host.token = "";
    host.isKnown = false;
    host.mustGenerate = false;
    host.rejection = Rejection.NONE;
    host.owesRevoke = true;
    const isKept = this.keep(host);
    this.finish(host, Wish.TOKEN, Status.REVOKED);
    this.finish(host, Wish.NEW_TOKEN, Status.REVOKED);
    return isKept ? Status.OK : Status.STORE_FAILED;
  }

  /** Writes down what went wrong. */
  write(failure: Failure, why: Status, code: number): void {
    failure.why = why;
    failure.code = code;
    failure.order = ++this.order;
  }

  private callMs(): number {
    return this.limits.callDeadlineMs ?? DEFAULT_LIMITS.callDeadlineMs;
  }

  private address(): string {
    return this.options.cloud.address ?? "//api.mongoose-iot.com";
  }

  private named(name: string): Host | null {
    for (let i = 0; i < this.hosts.length; i++) if (this.hosts[i].name === name) return this.hosts[i];
    return null;
  }

  /** A host's name goes into a request as it is. */
  private isHostName(name: string): boolean {
    const most = this.limits.hostBytes ?? DEFAULT_LIMITS.hostBytes;
    return name.length > 0 && name.length <= most && quoted(name).length === name.length + 2;
  }

  private arm(at: number): void {
    if (at >= this.armedAt && this.armedAt > this.time) return;
    this.armedAt = at;
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.timer = 0;
        this.armedAt = Infinity;
        this.turn();
      },
      Math.min(Math.max(0, at - this.time), 86400000),
    );
  }

  /** Tells the app what is over, does what is wanted now, and sleeps. */
  private turn(): void {
    if (this.isTurning) {
      this.isRung = true;
      return;
    }
    let isAtRest = false;
    this.isTurning = true;
    try {
      do {
        while (this.tell());
        this.isRung = false;
        this.act();
        while (this.tell() || this.tellState());
      } while (this.isRung);
      isAtRest = true;
    } finally {
      this.isTurning = false;
      if (!this.isClosed) this.arm(isAtRest ? this.wakeAt : this.time);
    }
  }

  /** Calls one callback of the app, if one is due. */
  private tell(): boolean {
    for (let i = 0; i < this.waiters.length; i++) {
      const waiter = this.waiters[i];
      if (!waiter.isDone) continue;
      const host = waiter.host;
      const isTold = waiter.status === Status.OK && waiter.wish !== Wish.REVOCATION;
      if (isTold && !this.isLive(host)) {
        // The token left between its coming and this moment: the caller goes on waiting.
        waiter.isDone = false;
        this.soon();
        return true;
      }
      this.waiters.splice(i, 1);
      if (this.isBlocked) this.soon();
      if (waiter.onToken !== null)
        waiter.onToken(
          waiter.status,
          isTold
            ? {
                token: host.token,
                generation: host.generation,
                remainingMs: host.sentAt + host.lifetime - this.time,
              }
            : null,
        );
      return true;
    }
    for (let i = 1; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (!call || call.phase !== CallPhase.DONE) continue;
      this.calls[i] = null;
      if (this.isBlocked) this.soon();
      if (call.onDone !== null) (call.onDone as OnAnswer<unknown>)(call.status, call.value);
      return true;
    }
    return false;
  }

  private tellState(): boolean {
    const state = this.state;
    this.isUntold = false;
    if (state === this.told) return false;
    this.told = state;
    if (this.onState !== null) this.onState(state);
    return true;
  }

  private act(): void {
    for (;;) {
      this.now();
      do {
        this.isRestless = false;
        this.wakeAt = Infinity;
        this.tendTokens();
        this.tendCalls();
      } while (this.isRestless);
      if (this.phase !== Phase.WAITING || this.time < this.phaseEnds || this.isUntold) break;
      if (this.reserve()) this.open();
      else this.lose(Status.STORE_FAILED, false);
    }
    this.flush();
  }

  private flush(): void {
    const outbox = this.outbox;
    if (outbox === "" || this.socket === null) return;
    this.outbox = "";
    this.sentAt = this.time;
    this.queued += outbox.length;
    this.socket.write(outbox);
  }

  private isLive(host: Host): boolean {
    return host.token !== "" && this.time < host.sentAt + host.lifetime;
  }

  /** The next moment at which something can be sent: now, or at the end of the backoff. */
  private chance(): number {
    return this.phase === Phase.WAITING ? Math.max(this.time, this.phaseEnds) : this.time;
  }

  /** Why a call ends that got no answer. */
  private excuse(): Status {
    return this.phase === Phase.READY || this.status === Status.OK ? Status.TIMEOUT : this.status;
  }

  private finish(host: Host, wish: Wish, status: Status): void {
    for (let i = 0; i < this.waiters.length; i++) {
      const waiter = this.waiters[i];
      if (waiter.host === host && waiter.wish === wish && !waiter.isDone) {
        waiter.isDone = true;
        waiter.status = status;
      }
    }
  }

  private isAwaited(host: Host, wish: Wish): boolean {
    for (let i = 0; i < this.waiters.length; i++) {
      const waiter = this.waiters[i];
      if (waiter.host === host && waiter.wish === wish && !waiter.isDone) return true;
    }
    return false;
  }

  private hasAbandoned(host: Host): boolean {
    for (let i = 1; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (call?.isAbandoned && call.host === host) return true;
    }
    return false;
  }

  /** Ends what has waited too long, and starts the calls that are wanted now. */
  private tendTokens(): void {
    this.isBlocked = false;
    this.isForgetful = false;
    if (!this.isOpened && !this.isClosed && this.phase < Phase.CONNECTING) this.openPages();
    for (let i = 0; i < this.hosts.length; i++) this.tendHost(this.hosts[i]);
    const chance = this.chance();
    for (let i = 0; i < this.waiters.length; i++) {
      const waiter = this.waiters[i];
      const host = waiter.host;
      if (!waiter.isDone) {
        this.wakeAt = Math.min(this.wakeAt, waiter.deadline);
        const isHeld = host.flight === null && host.notBefore >= waiter.deadline;
        if (!isHeld && chance < waiter.deadline) continue;
        const excuse = this.excuse();
        waiter.isDone = true;
        if (excuse === Status.TIMEOUT && host.status === Status.OK) {
          host.status = excuse;
          this.note(host, excuse, host.flight);
        }
        waiter.status = excuse === Status.TIMEOUT ? host.status : excuse;
      }
    }
  }

  private tendHost(host: Host): void {
    const isLive = this.isLive(host);
    if (isLive) this.finish(host, Wish.TOKEN, Status.OK);
    else host.token = "";
    if (host.rejection === Rejection.REPORTED) {
      if (this.time >= host.rejectedUntil) host.rejection = Rejection.NONE;
      else this.finish(host, Wish.TOKEN, Status.REJECTED);
    }
    if (!this.isClosed && !this.keep(host)) this.isForgetful = true;
    if (host.flight !== null || this.isClosed || this.phase === Phase.RESTING) return;
    const isInUse = isLive && this.time - host.askedAt <= host.lifetime;
    let method = Method.HELLO;
    if (host.owesRevoke) method = Method.REVOKE;
    else if (this.hasAbandoned(host)) method = Method.HELLO;
    else if (host.mustGenerate || this.isAwaited(host, Wish.NEW_TOKEN)) method = Method.GENERATE;
    else if (this.isAwaited(host, Wish.TOKEN)) method = host.isKnown ? Method.GET : Method.GENERATE;
    else if (isInUse && this.isDue(host)) method = Method.GENERATE;
    let startAt = Math.max(host.notBefore, host.refreshAt);
    if (method !== Method.HELLO) {
      // Now, or when the next connection is tried if a call of now would be over by then.
      const chance = this.chance();
      startAt = Math.max(host.notBefore, chance >= this.time + this.callMs() ? chance : 0);
      if (this.time >= startAt) {
        const call = this.take(method, host, `"host":"${host.name}"`, null);
        if (call === null) this.isBlocked = true;
        host.flight = call;
        return;
      }
    } else if (!isInUse) return;
    this.wakeAt = Math.min(this.wakeAt, startAt);
  }

  /** Whether the host's token is to be replaced now: at a moment of its own, between 70 and 90 % of its life. */
  private isDue(host: Host): boolean {
    if (this.time < host.refreshAt) return false;
    if (!host.isSpread) this.spread(host, unit(hmac(this.secret, host.name + u32(host.generation))));
    return this.time >= host.refreshAt;
  }

  private spread(host: Host, share: number): void {
    const life = host.lifetime;
    const latest = Math.min(life * (0.7 + 0.2 * share), life - 2 * this.callMs());
    host.refreshAt = host.sentAt + Math.max(latest, life / 2);
    host.isSpread = true;
  }

  private begin(host: Host, sentAt: number, lifetime: number): void {
    host.generation++;
    host.sentAt = sentAt;
    host.lifetime = lifetime;
    this.spread(host, 0);
    host.isSpread = false;
  }

  /** A place for a call, with an id; null where all are taken. */
  private take(method: Method, host: Host | null, args: string, onDone: OnAnswer<never> | null): Call | null {
    let place = method === Method.HELLO || method === Method.COUNTER ? 0 : 1;
    while (this.calls[place]) place++;
    if (place > (this.limits.calls ?? DEFAULT_LIMITS.calls)) return null;
    const call: Call = {
      method,
      host,
      args,
      onDone,
      phase: CallPhase.QUEUED,
      id: ++this.lastId,
      attempts: 0,
      deadline: this.time + this.callMs(),
      cause: 0,
    } as Call;
    this.calls[place] = call;
    return call;
  }

  private call(method: Method, args: string, onDone: OnAnswer<never>): Status {
    if (this.isClosed) return Status.CLOSED;
    this.now();
    if (this.take(method, null, args, onDone) === null) return Status.BUSY;
    this.soon();
    return Status.OK;
  }

  private patience(call: Call): number {
    return (this.limits.callAttemptMs ?? DEFAULT_LIMITS.callAttemptMs) * Math.pow(2, call.attempts - 1);
  }

  /** Ends calls without hope, publishes what is due, and keeps the connection alive. */
  private tendCalls(): void {
    const chance = this.chance();
    const calls = this.calls;
    for (let i = 0; i < calls.length; i++) {
      const call = calls[i];
      if (!call || call.phase === CallPhase.DONE) continue;
      if (chance >= call.deadline) this.end(call, this.excuse(), null);
      else if (call.phase === CallPhase.SENT && this.time >= call.attemptAt) {
        call.phase = CallPhase.QUEUED;
        this.needsMac = true;
        this.isFresh = false;
        if (this.heardAt < call.attemptAt - this.patience(call) && this.answerBy === Infinity)
          this.isPinging = true;
      }
    }
    if (this.phase >= Phase.CONNECTING) this.tendConnection();
    for (let i = 0; i < calls.length; i++) {
      const call = calls[i];
      if (call && call.phase !== CallPhase.DONE)
        this.wakeAt = Math.min(
          this.wakeAt,
          call.phase === CallPhase.SENT ? Math.min(call.attemptAt, call.deadline) : call.deadline,
        );
    }
    if (this.phase === Phase.READY) this.wakeAt = Math.min(this.wakeAt, this.aliveAt());
    else if (this.phase !== Phase.RESTING) this.wakeAt = Math.min(this.wakeAt, this.phaseEnds);
  }

  private aliveAt(): number {
    if (this.answerBy !== Infinity) return this.answerBy;
    const keepAliveS = this.limits.keepAliveS ?? DEFAULT_LIMITS.keepAliveS;
    return keepAliveS > 0 ? Math.min(this.sentAt, this.heardAt) + keepAliveS * 750 : Infinity;
  }

  private tendConnection(): void {
    const isReady = this.phase === Phase.READY;
    if (!isReady && this.time >= this.phaseEnds) return this.lose(Status.CONNECT_TIMEOUT, false);
    if (this.time >= this.answerBy) return this.lose(Status.KEEP_ALIVE_TIMEOUT, false);
    if (isReady && (this.isPinging || (this.answerBy === Infinity && this.time >= this.aliveAt()))) {
      this.isPinging = false;
      this.outbox += "\xc0\0";
      this.answerBy = Math.min(
        this.answerBy,
        this.time + (this.limits.pingTimeoutMs ?? DEFAULT_LIMITS.pingTimeoutMs),
      );
    }
    if (!isReady && (this.isAsking || this.options.cloud.pipeline === false)) return;
    if (this.isMac && this.needsMac) {
      const counter = this.isFresh || this.reserve() ? (this.isFresh ? this.latest : ++this.latest) : 0;
      if (counter === 0) return this.lose(Status.STORE_FAILED, false);
      const nonce = random(16);
      this.sec = `,"sec":{"c":${counter},"n":"${base64url(nonce, 22)}"}`;
      this.key = keyOf(hmac(derive(this.psk, "mac"), `s${u64(counter)}${nonce}`));
      this.sends = 0;
      this.receives = 0;
      this.isFresh = false;
      this.needsMac = false;
    }
    for (let i = this.calls.length - 1; i >= 0; i--) {
      const call = this.calls[i];
      if (call && call.phase === CallPhase.QUEUED) this.publish(call);
    }
  }

  private nextPacket(): string {
    let isTaken = true;
    while (isTaken) {
      isTaken = false;
      this.lastPacket = (this.lastPacket % 65535) + 1;
      for (let i = 0; i < this.calls.length; i++) {
        const call = this.calls[i];
        if (call && call.phase === CallPhase.SENT && call.packet === this.lastPacket) isTaken = true;
      }
    }
    return u16(this.lastPacket);
  }

  private publish(call: Call): void {
    const id = this.name();
    const method = call.method;
    let name = "Auth.GenerateToken";
    if (method !== Method.GENERATE)
      name =
        "Hello,,Auth.GetToken,Auth.ListToken,Auth.RevokeToken,Auth.Authenticate,Auth.AuthorizeCommand,Auth.Counter".split(
          ",",
        )[method];
    let frame = `{"v":2,"src":"${id}","id":${call.id},"method":"/v1/${name}","args":{${call.args}}`;
    const packet = this.nextPacket();
    if (this.isAsking) frame += "}";
    else {
      if (this.isMac) frame += this.sec;
      frame += this.isKeyed ? `,"key":${quoted(this.psk)}}` : "}";
      if (this.isMac) {
        frame += `\n${this.sends}`;
        frame += `.${base64url(hmac(this.key, `d${frame}`), 43)}`;
      }
    }
    const bytes = mqttPacket(50, text(this.requestTopic(id)) + packet + frame);
    if (bytes.length > (this.limits.sendBytes ?? DEFAULT_LIMITS.sendBytes))
      return this.end(call, Status.TOO_LONG, null);
    if (!this.isAsking) this.sec = "";
    this.sends++;
    this.outbox += bytes;
    if (call.attempts === 0) call.sentAt = this.time;
    call.attempts++;
    call.packet = this.lastPacket;
    call.phase = CallPhase.SENT;
    call.attemptAt =
      method === Method.HELLO || method === Method.COUNTER ? Infinity : this.time + this.patience(call);
  }

  /** Who this connection is of. */
  private name(): string {
    return this.isAsking ? `${this.deviceId}-recover` : this.deviceId;
  }

  private requestTopic(id: string): string {
    return (this.options.cloud.requestTopic ?? "cloud/from/{id}/rpc").split("{id}").join(id);
  }

  private reserve(): boolean {
    if (this.latest < this.reserved) return true;
    if (this.counters === null) {
      const counters = new Slots("motekey-ctr", RecordKind.COUNTER, RecordKind.COUNTER);
      const payload = counters.load(this.time);
      if (payload === Unread.UNREADABLE) return false;
      if (typeof payload === "string" && payload.length === 8)
        this.latest = Math.max(this.latest, uint(payload, 0, 8));
      this.counters = counters;
    }
    const reserved = this.latest + 64;
    if (reserved > SECONDS_MAX || !this.counters.save(RecordKind.COUNTER, u64(reserved), this.time))
      return false;
    this.reserved = reserved;
    return true;
  }

  private open(): void {
    const cloud = this.options.cloud;
    const tls = this.options.tls;
    const places = cloud.alternatives ?? [];
    this.phase = Phase.OPENING;
    this.phaseEnds = this.time + (this.limits.connectTimeoutMs ?? DEFAULT_LIMITS.connectTimeoutMs);
    this.place = this.nextPlace;
    this.isOpen = false;
    this.isHeard = false;
    const place = this.place === 0 ? cloud : places[this.place - 1];
    const address = { host: place.host, port: place.port ?? cloud.port ?? 1883 };
    let status = Status.UNREACHABLE;
    try {
      const socket: Socket =
        tls === undefined
          ? require("net").connect(address, () => this.opened(socket))
          : require("tls").connect(Object.assign(address, { key: tls.key, cert: tls.cert, ca: tls.ca }), () => this.opened(socket));
      this.socket = socket;
      this.queued = 0;
      socket.on("data", (data) => {
        if (this.socket === socket) this.data(data);
      });
      socket.on("drain", () => {
        this.queued = 0;
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        if (this.isOpen)
          status = tls === undefined || this.isHeard ? Status.CONNECTION_LOST : Status.TLS_FAILED;
        this.closed(socket, status);
      });
    } catch (error) {
      const message = (error as Error).message;
      if (message.split("locate host").length > 1) status = Status.HOST_UNKNOWN;
      if (message.split("mbedtls").length > 1) status = Status.TLS_FAILED;
      const none = {} as Socket;
      this.socket = none;
      setTimeout(() => this.closed(none, status), 0);
    }
  }

  private closed(socket: Socket, status: Status): void {
    if (this.socket !== socket) return;
    this.socket = null;
    this.now();
    this.lose(status, false);
    this.turn();
  }

  private opened(socket: Socket): void {
    if (this.socket !== socket || this.isOpen) return;
    const id = this.name();
    let password = "";
    this.now();
    this.isOpen = true;
    this.phase = Phase.CONNECTING;
    this.isAccepted = false;
    this.buffer = "";
    this.skip = 0;
    this.answerBy = Infinity;
    this.isPinging = false;
    this.sentAt = this.time;
    if (this.isAsking) {
      this.nonce = random(16);
      password = `${base64url(this.nonce, 22)}.${this.proofOfCounter("q", "")}`;
    } else if (this.proof === "counter") {
      password = `${++this.latest}`;
      password += `.${base64url(hmac(derive(this.psk, "counter"), `${id}:${password}`), 43)}`;
    } else if (this.proof === "password") password = this.psk;
    this.outbox = mqttPacket(
      16,
      `\0\x04MQTT\x04${password === "" ? "\x02" : "\xc2"}${u16(this.limits.keepAliveS ?? DEFAULT_LIMITS.keepAliveS)}${text(id)}${password === "" ? "" : text(id) + text(password)}`,
    );
    if (!this.isAsking) {
      if (this.options.cloud.pipeline !== false) this.subscribe();
      this.needsMac = true;
      this.isFresh = this.proof === "counter";
      if (!this.calls[0]) this.take(Method.HELLO, null, "", null);
    }
    this.turn();
  }

  private subscribe(): void {
    const packet = this.nextPacket();
    this.subscription = this.lastPacket;
    this.outbox += mqttPacket(130, `${packet}${text(`${this.name()}/rpc/#`)}\x01`);
  }

  /** The MAC of the wire's B8: of a question, or with a counter of its answer. */
  private proofOfCounter(purpose: string, counter: string): string {
    const id = this.deviceId;
    const proved = purpose + chr(id.length) + id + this.nonce + counter;
    return base64url(hmac(derive(this.psk, "recover"), proved), 43);
  }

  private data(data: string): void {
    let bytes = this.buffer === "" ? data : this.buffer + data;
    let isStirred = false;
    this.now();
    this.heardAt = this.time;
    this.isHeard = true;
    while (bytes.length > 1 && this.phase >= Phase.CONNECTING) {
      let at = 1;
      let length = 0;
      let unit = 1;
      let byte = 0;
      if (this.skip > 0) {
        const count = Math.min(this.skip, bytes.length);
        this.skip -= count;
        bytes = bytes.substr(count);
        continue;
      }
      do {
        byte = bytes.charCodeAt(at++);
        length += (byte & 127) * unit;
        unit *= 128;
      } while (byte > 127 && at < 5);
      if (at > bytes.length) break;
      const first = bytes.charCodeAt(0);
      if (!this.isPacket(first, length, byte)) return this.turn();
      const most = (this.limits.frameBytes ?? 1536) + 200;
      if (length > most) {
        if (bytes.length < most) break;
        this.skip = at + length;
        isStirred = this.packet(first, bytes.substr(at, most), length) || isStirred;
        continue;
      }
      if (bytes.length < at + length) break;
      isStirred = this.packet(first, bytes.substr(at, length), length) || isStirred;
      bytes = bytes.length === at + length ? "" : bytes.substr(at + length);
    }
    this.buffer = bytes;
    if (this.queued + this.outbox.length > 2 * (this.limits.sendBytes ?? DEFAULT_LIMITS.sendBytes))
      this.lose(Status.CONGESTED, false);
    if (isStirred || this.outbox !== "") this.turn();
  }

  /** Gives the connection up. @returns that there is something to tell */
  private broken(status: Status): boolean {
    this.lose(status, false);
    return true;
  }

  /** Whether this begins a packet of a server (2.2); else the connection is given up. */
  private isPacket(first: number, length: number, last: number): boolean {
    const type = first >> 4;
    const flags = first & 15;
    const known = "--2P2222-3-2-0--"[type];
    let status = Status.OK;
    if (known === "-") status = Status.MQTT_PACKET_TYPE;
    else if (known === "P") {
      if ((flags & 6) === 6) status = Status.MQTT_QOS;
      else if (flags > 7 && (flags & 6) === 0) status = Status.MQTT_FLAGS;
      else if (length < 2 || last > 127) status = Status.MQTT_LENGTH;
    } else if (flags !== (type === 6 ? 2 : 0)) status = Status.MQTT_FLAGS;
    else if (last > 127 || length !== Number(known)) status = Status.MQTT_LENGTH;
    if (status !== Status.OK) this.lose(status, false);
    return status === Status.OK;
  }

  /**
   * Takes a packet.
   * @param length of `body` as it was sent; a longer one was cut
   * @returns whether a turn is to follow
   */
  private packet(first: number, body: string, length: number): boolean {
    if (first >> 4 !== 3) return this.control(first >> 4, body);
    const own = `${this.name()}/rpc`;
    const topicTo = 2 + uint(body, 0, 2);
    const from = topicTo + (first & 6 ? 2 : 0);
    const topic = body.substr(2, topicTo - 2);
    if (from > length || topic !== own) {
      if (topicTo === 2) return this.broken(Status.MQTT_TOPIC);
      if (from > length) return this.broken(Status.MQTT_LENGTH);
      if (!isTopic(topic)) return this.broken(Status.MQTT_TOPIC);
    }
    if (!this.isAccepted) return this.broken(Status.MQTT_UNEXPECTED);
    if (first & 4) return this.broken(Status.MQTT_QOS);
    if (first & 2) {
      if (uint(body, topicTo, 2) === 0) return this.broken(Status.MQTT_PACKET_IDENTIFIER);
      this.outbox += `@\x02${body.substr(topicTo, 2)}`;
    }
    const isOwn = topic === own || topic.substr(0, own.length + 1) === `${own}/`;
    if (!isOwn) return true;
    if (length > body.length) this.overflow();
    else this.message(body.substr(from), topic.length > own.length + 1);
    return true;
  }

  /** Any packet but PUBLISH. */
  private control(type: number, body: string): boolean {
    const code = body.charCodeAt(type === 2 ? 1 : 2);
    if (type === 2) {
      if (body.charCodeAt(0) > 1 || (code > 0 && body.charCodeAt(0) === 1))
        return this.broken(Status.MQTT_FLAGS);
      if (code > 5) return this.broken(Status.MQTT_RETURN_CODE);
      if (this.isAccepted || body.charCodeAt(0) === 1) return this.broken(Status.MQTT_UNEXPECTED);
      if (code > 0) return this.broken(Status.VERSION_REFUSED - 1 + code);
      this.isAccepted = true;
      if (this.isAsking || this.options.cloud.pipeline === false) this.subscribe();
      return false;
    }
    if (type !== 13 && uint(body, 0, 2) === 0) return this.broken(Status.MQTT_PACKET_IDENTIFIER);
    if (type === 9 && code > 2 && code !== 128) return this.broken(Status.MQTT_RETURN_CODE);
    if (!this.isAccepted || type === 5 || type === 7) return this.broken(Status.MQTT_UNEXPECTED);
    if (type === 13) this.answerBy = Infinity;
    if (type === 6) this.outbox += `p\x02${body}`;
    if (type !== 9) return type === 13 || type === 6;
    if (this.subscription === 0 || uint(body, 0, 2) !== this.subscription)
      return this.broken(Status.MQTT_UNEXPECTED);
    if (code === 128) return this.broken(Status.SUBSCRIPTION_REFUSED);
    this.subscription = 0;
    if (this.isAsking) {
      const question = this.take(Method.COUNTER, null, "", null);
      if (question !== null) this.publish(question);
      return true;
    }
    this.phase = Phase.READY;
    this.status = Status.OK;
    this.readyAt = this.time;
    this.write(this.lost, Status.OK, 0);
    return true;
  }

  /** A frame is longer than is kept: of a list nothing else can be said. */
  private overflow(): void {
    this.suspect(0, Status.TOO_LONG);
    for (let i = 1; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (call && call.method === Method.LIST && call.phase === CallPhase.SENT)
        this.end(call, Status.TOO_LONG, null);
    }
  }

  /** A frame for us was dropped: it may have been the answer to the call that it names, or to any. */
  private suspect(id: number, status: Status): void {
    for (let i = 0; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (call && call.attempts > 0 && call.phase !== CallPhase.DONE && (id === 0 || call.id === id))
        call.cause = status;
    }
  }

  /** The published call with this id, or null. */
  private awaited(id: number): Call | null {
    for (let i = 0; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (call && call.id === id && call.attempts > 0 && call.phase !== CallPhase.DONE) return call;
    }
    return null;
  }

  /** A message for us. @param isRequest its topic names a method */
  private message(message: string, isRequest: boolean): void {
    let frame: Frame = {};
    let status = Status.OK;
    try {
      frame = readFrame(message, this.isAsking ? Reading.COUNTER : Reading.FRAME);
      status = judgeFrame(frame);
      if (status === Status.OK) status = this.checkTrailer(message);
    } catch (refusal) {
      status = refusal as Status;
    }
    const id = typeof frame.id === "number" ? frame.id : idSoFar;
    if (status !== Status.OK) {
      if (status !== Status.MAC_REPLAYED && !isRequest) this.suspect(id, status);
      const isHint =
        this.isMac &&
        !this.isAsking &&
        this.receives === 0 &&
        !this.wasAsked &&
        frame.error !== undefined &&
        frame.error.code === 401;
      // Nobody can prove that the counter is refused: it is believed once, and while nothing came that was proved.
      if (isHint && this.awaited(id) !== null) this.lose(Status.MAC_MISSING, true);
    } else if (this.isAsking) this.takeCounter(frame);
    else if (isRequest || frame.method !== undefined) this.refuseStranger(frame);
    else this.answer(frame, id);
  }

  /** What stands behind the frame: its MAC, or nothing but white space. */
  private checkTrailer(message: string): Status {
    const from = end;
    if (!this.isMac || this.isAsking) {
      const isBlank = from === message.length || !/[^ \t\r\n]/.test(message.substr(from));
      return isBlank ? Status.OK : Status.FRAME_TRAILING;
    }
    if (message[from] !== "\n") return Status.MAC_MISSING;
    const dot = message.indexOf(".", from);
    const digits = message.substr(from + 1, dot - from - 1);
    const sequence = Number(digits);
    const mac = message.substr(dot + 1);
    if (dot < 0 || `${sequence}` !== digits || !(sequence >= 0 && sequence <= NO_END) || mac.length !== 43)
      return Status.MAC_WRONG;
    const right = base64url(hmac(this.key, `c${message.substr(0, dot)}`), 43);
    if (!isSame(mac, right, this.key)) return Status.MAC_WRONG;
    if (sequence < this.receives) return Status.MAC_REPLAYED;
    this.receives = sequence + 1;
    return Status.OK;
  }

  /** The cloud's answer to the question for our counter, or its refusal; what is neither is dropped. */
  private takeCounter(frame: Frame): void {
    const question = this.calls[0];
    const result = frame.result;
    const counter = result ? (result.c as number) : -1;
    if (frame.method !== undefined || !question || frame.id !== question.id) return;
    if (frame.error === undefined) {
      if (!result || !(counter >= 0 && counter < 4503599627370496 && counter % 1 === 0)) return;
      if (
        typeof result.mac !== "string" ||
        !isSame(result.mac, this.proofOfCounter("a", u64(counter)), this.secret)
      )
        return;
      if (counter >= this.latest) {
        this.latest = counter;
        this.isFound = true;
        this.status = Status.COUNTER_BEHIND;
      }
    }
    this.lose(this.status, true);
  }

  /** We serve no method: a valid sender learns it, once a second; under a MAC nobody does. */
  private refuseStranger(frame: Frame): void {
    const src = frame.src;
    if (this.isMac || src === undefined || src === this.deviceId || frame.nr === true) return;
    if (typeof frame.id !== "number" || !isId(src) || this.time - this.strangerAt < 1000) return;
    this.strangerAt = this.time;
    const answer = `{"v":2,"src":"${this.deviceId}","dst":"${src}","id":${frame.id},"error":{"code":404,"message":"no such method"}}`;
    this.outbox += mqttPacket(48, text(`${src}/rpc`) + answer);
  }

  private answer(frame: Frame, id: number): void {
    const isOurs = frame.dst === undefined || frame.dst === this.deviceId;
    if (!isOurs || (frame.src !== undefined && frame.src !== this.address())) {
      if (isOurs && id > 0) this.suspect(id, Status.FOREIGN_ANSWER);
      return;
    }
    const call = this.awaited(id);
    if (call === null) return;
    let status = Status.OK;
    if (frame.error !== undefined) {
      call.code = frame.error.code as number;
      status = statusOf(call.code);
    } else {
      const result = frame.result;
      const method = call.method;
      if (method === Method.LIST) {
        const hosts: string[] = [];
        if (!Array.isArray(result)) status = Status.BAD_RESULT;
        else
          for (let i = 0; i < result.length; i++) {
            const item = result[i] as { host?: unknown } | null;
            const host = item ? item.host : undefined;
            if (typeof host !== "string") continue;
            if (host.length > (this.limits.hostBytes ?? DEFAULT_LIMITS.hostBytes))
              status = Status.HOST_TOO_LONG;
            else hosts.push(host);
          }
        call.value = status === Status.OK ? hosts : null;
      } else if (method === Method.AUTHENTICATE || method === Method.AUTHORIZE) {
        let verdict: unknown = result;
        if (method === Method.AUTHENTICATE && typeof result === "object" && result !== null)
          verdict = result.success;
        call.value = verdict === true;
        status = verdict === true ? Status.OK : verdict === false ? Status.NOT_ALLOWED : Status.BAD_RESULT;
      } else if (method < Method.LIST && method !== Method.HELLO) {
        const token = tokenIn(result);
        if (token.length > (this.limits.tokenBytes ?? DEFAULT_LIMITS.tokenBytes))
          status = Status.TOKEN_TOO_LONG;
        else if (token === "" && (method === Method.GENERATE || !isAbsent(result)))
          status = Status.BAD_RESULT;
      }
    }
    this.end(call, status, frame);
  }

  /** A call is over. */
  private end(call: Call, status: Status, frame: Frame | null): void {
    const host = call.host;
    call.status = status;
    call.phase = CallPhase.DONE;
    this.isRestless = true;
    if (call.onDone !== null) this.note(this.asked, status, call);
    else {
      if (host !== null) this.ended(call, host, frame);
      this.calls[this.calls.indexOf(call)] = null;
    }
  }

  private note(failure: Failure, status: Status, call: Call | null): void {
    const code = call === null || call.code === undefined ? 0 : call.code;
    const isConnections = this.phase !== Phase.READY && code === 0 && status !== Status.TOO_LONG;
    if (isConnections) this.write(failure, Status.OK, 0);
    else if (call !== null && status === Status.TIMEOUT && call.cause !== Status.OK)
      this.write(failure, call.cause, 0);
    else this.write(failure, status, code);
  }

  /** A call about a host is over. */
  private ended(call: Call, host: Host, frame: Frame | null): void {
    const status = call.status;
    if (host.flight === call) host.flight = null;
    if (call.isAbandoned) {
      // The answer came after the revocation, or may still be made: revoke once more.
      if (status === Status.OK || !call.code) host.owesRevoke = true;
      call.host = null;
      return;
    }
    if (status !== Status.OK) this.fail(host, call, frame);
    else {
      host.status = Status.OK;
      host.failures = 0;
      if (call.method === Method.REVOKE) {
        host.owesRevoke = false;
        this.finish(host, Wish.REVOCATION, this.keep(host) ? Status.OK : Status.STORE_FAILED);
      } else if (frame !== null) this.takeToken(host, call, frame);
    }
    this.note(host, call.status, call);
  }

  private takeToken(host: Host, call: Call, frame: Frame): void {
    const isNew = call.method === Method.GENERATE;
    const result = frame.result;
    const token = tokenIn(result);
    const seconds = typeof result === "object" && result !== null ? secondsOf(result.expires_in) : -1;
    if (!isNew && (isAbsent(result) || seconds === 0)) {
      host.mustGenerate = true;
      return;
    }
    if (seconds === 0) {
      call.status = Status.BAD_RESULT;
      this.fail(host, call, frame);
      return;
    }
    const isGuess = !isNew && seconds < 0;
    if (isGuess && host.generation === 0) {
      // It was had before a reboot, and nobody says what is left of it.
      host.mustGenerate = true;
      return;
    }
    // A token that was not refused until its refresh clears the one before it of suspicion.
    if (isNew && !host.mustGenerate && this.isLive(host)) host.rejection = Rejection.NONE;
    host.token = token;
    this.begin(
      host,
      call.sentAt,
      seconds > 0
        ? seconds * 1000
        : (claimedMs(token) ?? this.limits.tokenMaxAgeMs ?? DEFAULT_LIMITS.tokenMaxAgeMs),
    );
    host.isGuess = isGuess;
    if (isGuess) {
      host.refreshAt = this.time;
      host.isSpread = true;
    }
    host.isKnown = true;
    host.mustGenerate = false;
    if (isNew) this.finish(host, Wish.NEW_TOKEN, Status.OK);
    this.finish(host, Wish.TOKEN, Status.OK);
  }

  /** The wait before the next attempt, full jitter; a bound at the cap stays there. */
  private backoff(of: Tries, share: number): number {
    const cap = this.limits.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs;
    const base = this.limits.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs;
    const bound = Math.min(cap, base * Math.pow(2, of.failures));
    if (bound < cap) of.failures++;
    return share * bound;
  }

  private fail(host: Host, call: Call, frame: Frame | null): void {
    const status = call.status;
    const code = call.code ? call.code : 0;
    const isPassing =
      status === this.status ||
      (status >= Status.TIMEOUT && status <= Status.SUBSCRIPTION_REFUSED) ||
      status === Status.THROTTLED ||
      status === Status.UNAVAILABLE ||
      (status === Status.CLOUD_ERROR && (code === 500 || code === 504));
    host.status = status;
    // Where no answer came because there was no connection, the session's backoff is wait enough.
    if (code !== 0 || !isPassing || this.phase === Phase.READY) {
      const asked =
        frame !== null && frame.error !== undefined ? Math.max(0, secondsOf(frame.error.retry_after)) : 0;
      const most = this.limits.retryAfterCapMs ?? DEFAULT_LIMITS.retryAfterCapMs;
      host.notBefore = this.time + Math.min(asked * 1000, most) + this.backoff(host, unit(random(6)));
    }
    if (call.method === Method.REVOKE) {
      if (isPassing) return;
      host.owesRevoke = false;
      this.finish(host, Wish.REVOCATION, status);
      return;
    }
    // The cloud may have made the new token all the same, and then ends ours soon.
    if (this.isLive(host) && code === 0 && call.attempts > 0) {
      host.refreshAt = this.time;
      host.isSpread = true;
    }
    if (isPassing) return;
    host.mustGenerate = false;
    this.finish(host, Wish.TOKEN, status);
    this.finish(host, Wish.NEW_TOKEN, status);
  }

  /** The connection is over, or could not be made: what was under way is prepared for the next one. */
  private lose(status: Status, isPolite: boolean): void {
    const isReady = this.phase === Phase.READY;
    const isStable = isReady && this.time - this.readyAt >= (this.limits.stableMs ?? DEFAULT_LIMITS.stableMs);
    const isNew = this.phase === Phase.CONNECTING;
    const share = unit(random(6));
    const isRefusal =
      status >= Status.VERSION_REFUSED &&
      status <= Status.SUBSCRIPTION_REFUSED &&
      status !== Status.SERVER_UNAVAILABLE;
    const places = 1 + (this.options.cloud.alternatives ?? []).length;
    let isSoon = false;
    let isHopeless = false;
    if (this.isAsking) {
      isSoon = this.isFound;
      // A hint that led nowhere is not followed again: the connection may still be of use.
      this.wasAsked = this.isFound || this.status === Status.MAC_MISSING;
      this.isAsking = false;
    } else {
      const isUnproved =
        status === Status.BAD_CREDENTIALS ||
        status === Status.NOT_AUTHORIZED ||
        status === Status.MAC_MISSING;
      this.isAsking = isUnproved && !this.wasAsked && (this.isMac || this.proof === "counter");
      isSoon = this.isAsking;
      this.status = status;
      this.isFound = false;
      this.wasAsked = false;
    }
    if (isStable) this.failures = 0;
    if (isStable && !isRefusal) this.nextPlace = 0;
    else if (!isSoon && status !== Status.STORE_FAILED) {
      this.nextPlace = (this.place + 1) % places;
      this.refusals = isRefusal ? this.refusals + 1 : 0;
      isHopeless = this.refusals === places;
      if (isHopeless) this.refusals = 0;
    }
    const base = this.limits.backoffBaseMs ?? DEFAULT_LIMITS.backoffBaseMs;
    if (isSoon) this.phaseEnds = share * base * 0.25;
    else if (isHopeless)
      this.phaseEnds = (this.limits.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs) * (0.5 + 0.5 * share);
    else this.phaseEnds = this.backoff(this, share);
    this.phaseEnds += this.time;
    this.phase = Phase.WAITING;
    this.isUntold = true;
    this.leave(isNew && this.status === Status.CONNECTION_LOST ? Status.HUNG_UP : this.status, isPolite);
  }

  /** No connection is wanted any more. */
  private stop(why: Status): void {
    const isConnected = this.phase >= Phase.CONNECTING;
    this.now();
    this.phase = Phase.RESTING;
    this.leave(why, isConnected);
  }

  private leave(why: Status, isPolite: boolean): void {
    const socket = this.socket;
    this.write(this.lost, why, 0);
    this.socket = null;
    this.outbox = "";
    this.buffer = "";
    for (let i = 0; i < this.calls.length; i++) {
      const call = this.calls[i];
      if (!call || call.phase === CallPhase.DONE) continue;
      if (i === 0) this.calls[0] = null;
      else if (call.isAbandoned) this.end(call, Status.CONNECTION_LOST, null);
      else if (call.phase === CallPhase.SENT) {
        call.phase = CallPhase.QUEUED;
        call.cause = Status.OK;
      }
    }
    this.isRestless = true;
    if (socket === null || socket.end === undefined) return;
    if (isPolite) socket.write("\xe0\0");
    socket.end();
  }

  private isOwing(host: Host): boolean {
    return host.owesRevoke || this.hasAbandoned(host);
  }

  /** Whether Storage says of this host what is so; it is written where something changed. */
  private keep(host: Host): boolean {
    const kind = this.isOwing(host)
      ? RecordKind.REVOCATION
      : host.isKnown
        ? RecordKind.HOST
        : RecordKind.VACANT;
    let page = host.page;
    if (page !== null) {
      if (page.kind === kind && !page.isOld) return true;
    } else {
      page = this.freePage();
      if (this.isOpened) {
        if (kind === RecordKind.VACANT) return true;
        if (kind === RecordKind.HOST && (!host.isClaimed || page === null)) return true;
      }
      if (!this.isOpened || page === null) return false;
    }
    return this.save(page, kind, host, "");
  }

  private save(page: Slots, kind: RecordKind, host: Host | null, token: string): boolean {
    let payload = "";
    if (host !== null && kind !== RecordKind.VACANT)
      payload = this.owner + (token === "" ? host.name : token);
    if (!page.save(kind, payload, this.time)) return false;
    const before = page.host as Host | null;
    if (before) before.page = null;
    page.host = null;
    if (host !== null && kind !== RecordKind.VACANT) {
      page.host = host;
      host.page = page;
    }
    return true;
  }

  /** A page that nobody has, or whose host the app does not ask for any more; null: all are taken. */
  private freePage(): Slots | null {
    let unclaimed: Slots | null = null;
    for (let i = 0; i < this.pages.length; i++) {
      const page = this.pages[i];
      const host = page.host as Host | null;
      if (!host) return page;
      if (!host.isClaimed && page.kind === RecordKind.HOST) unclaimed = page;
    }
    return unclaimed;
  }

  /** Takes over what the life before left. */
  private openPages(): void {
    for (let i = 0; i < this.pages.length; i++) if (!this.openPage(this.pages[i])) return;
    this.isOpened = true;
  }

  private openPage(page: Slots): boolean {
    if (page.isRead) return true;
    const payload = page.load(this.time);
    if (payload === Unread.UNREADABLE) return false;
    page.isRead = true;
    const kind = page.kind;
    if (kind === RecordKind.VACANT || typeof payload !== "string") return true;
    const at = page.isOld ? 0 : 4;
    const isToken = kind === RecordKind.TOKEN;
    const nameAt = isToken ? at + 9 : at;
    const nameTo = isToken ? nameAt + payload.charCodeAt(at + 8) : payload.length;
    const name = payload.substr(nameAt, nameTo - nameAt);
    const isOurs = page.isOld || payload.substr(0, 4) === this.owner;
    let host: Host | null = null;
    if (isOurs && nameTo <= payload.length && this.isHostName(name)) {
      host = this.named(name);
      if (host === null) this.hosts.push((host = new Host(name, this)));
      if (kind === RecordKind.REVOCATION) {
        host.isKnown = false;
        host.owesRevoke = true;
        host.token = "";
      } else host.isKnown = !host.owesRevoke;
    }
    if (host === null || host.page !== null) {
      // Nothing of it is left in either slot.
      for (let i = 0; i < 2; i++) this.save(page, RecordKind.VACANT, null, "");
      return true;
    }
    page.host = host;
    host.page = page;
    if (!isToken) return true;
    // The store forgets a token before anybody gets it, or a crash would give it its life again.
    const seconds = uint(payload, at, 4);
    const sleptMs = this.options.sleptMs ?? -1;
    const lifetime =
      seconds === NO_END ? (this.limits.tokenMaxAgeMs ?? DEFAULT_LIMITS.tokenMaxAgeMs) : seconds * 1000;
    const age = uint(payload, at + 4, 4) * 1000 + sleptMs;
    const isGood = sleptMs >= 0 && age < lifetime && !host.isClaimed;
    if (this.save(page, RecordKind.HOST, host, "") && isGood) {
      host.token = payload.substr(nameTo);
      host.isGuess = false;
      this.begin(host, -age, lifetime);
    }
    return true;
  }

  /** The client ends: its tokens go into Storage, with what was consumed of their lives. */
  private putTokens(): void {
    if (!this.isOpened) this.openPages();
    for (let i = 0; i < this.hosts.length && this.isOpened; i++) {
      const host = this.hosts[i];
      const page = host.page;
      const call = host.flight;
      if (page === null || page.kind !== RecordKind.HOST || host.isGuess || !this.isLive(host)) continue;
      // A new token may be under way, and would end this one soon.
      if (call !== null && call.attempts > 0) continue;
      const age = Math.floor((this.time - host.sentAt) / 1000) + 1;
      const life = Math.min(Math.floor(host.lifetime / 1000), NO_END - 2);
      const record = u32(life) + u32(age) + chr(host.name.length) + host.name + host.token;
      if (record.length + 18 <= (this.limits.tokenBytes ?? DEFAULT_LIMITS.tokenBytes))
        this.save(page, RecordKind.TOKEN, host, record);
    }
  }
}

/** A text as JSON; bytes beyond ASCII stay as they are. */
const quoted = (plain: string): string => {
  let quote = '"';
  for (let i = 0; i < plain.length; i++) {
    const code = plain.charCodeAt(i);
    const isPlain = code > 31 && code !== 34 && code !== 92;
    const escaped = isPlain ? plain[i] : JSON.stringify(plain[i]);
    quote += isPlain ? escaped : escaped.substr(1, escaped.length - 2);
  }
  return `${quote}"`;
};

/** A text or binary data behind its length (MQTT 3.1.1, 1.5.3). */
const text = (plain: string): string => u16(plain.length) + plain;

const mqttPacket = (first: number, body: string): string => {
  const length = body.length;
  return (length < 128 ? chr(first, length) : chr(first, (length & 127) | 128, length >> 7)) + body;
};

const isId = (name: string): boolean => name.length < 65 && /^[A-Za-z0-9_-]+$/.test(name);

/** No wildcards and no zero. */
const isTopic = (topic: string): boolean => !/[+#\0]/.test(topic);

const tokenIn = (result: Result | undefined): string => {
  const token = typeof result === "object" && result !== null ? result.token : result;
  return typeof token === "string" ? token : "";
};

/** GetToken says that there is none. */
const isAbsent = (result: Result | undefined): boolean =>
  typeof result === "object" && result !== null && result.exist === false;

const secondsOf = (value: unknown): number =>
  typeof value === "number" && value >= 0 && value <= SECONDS_MAX ? value : -1;

const statusOf = (code: number): Status => {
  const place = [400, 401, 403, 404, 429, 503, 418].indexOf(code);
  if (place < 0) return Status.CLOUD_ERROR;
  return Math.min(Status.BAD_ARGUMENTS + place, Status.UNAVAILABLE);
};

/** `exp − iat` of a JWT's claims, ms, for scheduling only; undefined where it is none. */
const claimedMs = (token: string): number | undefined => {
  const parts = token.split(".");
  if (parts.length < 3) return undefined;
  try {
    const plain = parts[1].split("-").join("+").split("_").join("/");
    const json = atob(plain + "===".substr(0, -plain.length & 3));
    if (base64url(json, plain.length) !== parts[1]) return undefined;
    const claims: Claims = readText(json, Reading.CLAIMS) as Claims;
    const seconds = (claims.exp as number) - (claims.iat as number);
    const isBlank = !/[^ \t\r\n]/.test(json.substr(end));
    const areNumbers = typeof claims.exp === "number" && typeof claims.iat === "number";
    return isBlank && areNumbers && (claims.iat as number) >= 0 && seconds > 0 && seconds <= SECONDS_MAX
      ? seconds * 1000
      : undefined;
  } catch (_noClaims) {
    return undefined;
  }
};
