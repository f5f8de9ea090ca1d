import type { Config } from "./config.js";
import type { Counters } from "./counters.js";
import type { Turns } from "./ports.js";
import { type Call, CallPhase } from "./rpc/calls.js";
import { Phase } from "./session/phases.js";
import type { Session } from "./session.js";
import { Status } from "./status.js";
import { type Host, type HostCalls, Rejection } from "./tokens/host.js";
import { Hosts } from "./tokens/hosts.js";
import type { Leases } from "./tokens/leases.js";
import type { Slot } from "./tokens/slot.js";
import { Slots } from "./tokens/slots.js";
import { type OnToken, type Token, TokenView } from "./tokens/token.js";
import { TokenStore } from "./tokens/token-store.js";
import { Waiters, Wish } from "./tokens/waiters.js";
import { NO_BYTES } from "./wire/bytes.js";
import { Method } from "./wire/frame/methods.js";

/** Errors that may be gone at the next try, beside those of the connection, which always may. */
const isPassing = (status: Status, code: number): boolean =>
  (status >= Status.TIMEOUT && status <= Status.SUBSCRIPTION_REFUSED) ||
  status === Status.THROTTLED ||
  status === Status.UNAVAILABLE ||
  (status === Status.CLOUD_ERROR && (code === 500 || code === 504));

/**
 * The tokens of all hosts: who waits for one, which it keeps, when to fetch and refresh them. At most one
 * call per host is pending; every turn derives what to do from the state, without a stored plan.
 */
export class Tokens implements HostCalls {
  readonly hosts: Hosts;
  readonly waiters: Waiters;
  /** A host lacks a slot in the call table or for its token: look again when one is free. */
  isBlocked: boolean;
  /** The store failed to keep what must survive a reboot, at the last turn. */
  isForgetful: boolean;
  private readonly config: Config;
  private readonly session: Session;
  private readonly counters: Counters;
  private readonly turns: Turns;
  /** @internal */ readonly leases: Leases;
  private readonly slots: Slots;
  private readonly view: TokenView;
  /** null where there is no store. */
  private readonly tokenStore: TokenStore | null;
  private nowMs: number;
  private isClosed: boolean;

  constructor(config: Config, session: Session, counters: Counters, leases: Leases, turns: Turns) {
    const limits = config.limits;
    this.config = config;
    this.session = session;
    this.counters = counters;
    this.turns = turns;
    this.leases = leases;
    this.hosts = new Hosts(limits, this);
    this.waiters = new Waiters(limits.waiters);
    this.slots = new Slots(limits.slots, limits.tokenBytes, this.hosts, this.waiters);
    this.view = new TokenView();
    this.isBlocked = false;
    this.isForgetful = false;
    this.nowMs = 0;
    this.isClosed = false;
    this.tokenStore =
      config.keeper === null
        ? null
        : new TokenStore(config.keeper, config, session.frame, this.hosts, this.slots, leases, counters);
    if (this.tokenStore !== null) this.tokenStore.open();
  }

  getToken(host: Host, onToken: OnToken): Status {
    host.askedAtMs = this.turns.nowMs();
    return this.wait(host, Wish.TOKEN, onToken);
  }

  generateToken(host: Host, onToken: OnToken): Status {
    const status = this.wait(host, Wish.NEW_TOKEN, onToken);
    if (status === Status.OK) host.rejection = Rejection.NONE;
    return status;
  }

  revokeToken(host: Host, onToken: OnToken | null): Status {
    const status = onToken === null ? this.ready() : this.wait(host, Wish.REVOCATION, onToken);
    if (status !== Status.OK) return status;
    const flight = host.flight;
    if (flight !== null && flight.method !== Method.REVOKE_TOKEN) {
      host.flight = null;
      this.abandon(flight);
    }
    if (host.slot !== null) host.slot.wipe();
    host.isKnown = false;
    host.mustGenerate = false;
    host.rejection = Rejection.NONE;
    host.owesRevoke = true;
    const isKept = this.keep(host);
    this.waiters.finish(host, Wish.TOKEN, Status.REVOKED);
    this.waiters.finish(host, Wish.NEW_TOKEN, Status.REVOKED);
    return isKept ? status : Status.STORE_FAILED;
  }

  rejected(host: Host, generation: number): Status {
    const status = this.ready();
    if (status !== Status.OK) return status;
    const slot = host.slot;
    if (slot === null || slot.length === 0 || generation !== host.generation) return Status.STALE;
    slot.wipe();
    if (host.rejection !== Rejection.NONE) {
      host.rejection = Rejection.REPORTED;
      host.rejectedUntilMs = this.turns.nowMs() + this.config.limits.backoffCapMs;
      this.session.failures.write(host.failure, Status.REJECTED, 0, 0);
      return Status.REJECTED;
    }
    host.rejection = Rejection.RETRIED;
    host.mustGenerate = true;
    return Status.OK;
  }

  /** Ends what waits too long, and starts the calls that are due. */
  tend(nowMs: number): void {
    this.nowMs = nowMs;
    this.isBlocked = false;
    this.isForgetful = false;
    const hosts = this.hosts.list;
    if (this.config.keeper !== null) this.config.keeper.nowMs = nowMs;
    if (this.tokenStore !== null && !this.isClosed && this.session.phase < Phase.CONNECTING)
      this.tokenStore.open();
    for (let i = 0; i < hosts.length; i++) this.tendHost(hosts[i]);
    for (let i = 0; i < this.waiters.count; i++) {
      const waiter = this.waiters.at(i);
      const host = waiter.host;
      if (waiter.isDone || host === null) continue;
      const isHeld = host.flight === null && host.notBeforeMs >= waiter.deadlineMs;
      if (!isHeld && this.session.nextChanceMs() < waiter.deadlineMs) continue;
      const excuse = this.session.excuse();
      waiter.isDone = true;
      if (excuse === Status.TIMEOUT && host.status === Status.OK) {
        host.status = excuse; // before its call's end
        this.session.failures.note(host.failure, excuse, host.flight);
      }
      waiter.status = excuse === Status.TIMEOUT ? host.status : excuse;
    }
  }

  /** When {@link tend} has something to do if nothing happens before; Infinity when never. */
  wakeAtMs(): number {
    const hosts = this.hosts.list;
    let atMs = Infinity;
    for (let i = 0; i < hosts.length; i++) atMs = Math.min(atMs, hosts[i].wakeAtMs);
    for (let i = 0; i < this.waiters.count; i++) {
      const waiter = this.waiters.at(i);
      atMs = Math.min(atMs, waiter.isDone ? this.nowMs : waiter.deadlineMs);
    }
    return atMs;
  }

  /** Calls one caller back with how its call ended. Returns whether there was one. */
  deliver(nowMs: number): boolean {
    const index = this.waiters.firstDone();
    return index >= 0 && this.tell(index, nowMs);
  }

  private tell(index: number, nowMs: number): boolean {
    this.nowMs = nowMs;
    const waiter = this.waiters.at(index);
    const host = waiter.host;
    const status = waiter.status;
    const onToken = waiter.onToken;
    const slot = host === null ? null : host.slot;
    if (host === null || onToken === null) this.waiters.remove(index);
    else if (status !== Status.OK || waiter.wish === Wish.REVOCATION) {
      this.waiters.remove(index);
      onToken(status, null);
    } else if (slot === null || !slot.isLive(nowMs)) {
      // The token was evicted before this callback: the caller keeps waiting.
      waiter.isDone = false;
      this.turns.soon();
    } else {
      this.waiters.remove(index);
      slot.usedAtMs = nowMs;
      onToken(status, this.show(host, slot));
    }
    return true;
  }

  /** A call that was started here is over. */
  ended(call: Call, host: Host): void {
    const status = call.status;
    const isFlight = host.flight === call;
    // This answer may be the first event since the last turn: waits count from it.
    this.nowMs = this.turns.nowMs();
    if (isFlight) host.flight = null;
    if (call.isAbandoned) {
      // The answer came after the revocation, or may still be made: revoke once more.
      if (status === Status.OK || call.code === 0) host.owesRevoke = true;
    } else if (status !== Status.OK) this.fail(host, call);
    else {
      host.status = Status.OK;
      host.backoff.reset();
      if (call.method === Method.REVOKE_TOKEN) {
        host.owesRevoke = false;
        this.waiters.finish(host, Wish.REVOCATION, this.keep(host) ? Status.OK : Status.STORE_FAILED);
      } else this.take(host, call);
    }
    if (!call.isAbandoned) this.session.failures.note(host.failure, call.status, call);
    call.release();
  }

  /** Ends all callers with CLOSED, has the store take the tokens, and wipes them. */
  close(nowMs: number): void {
    const hosts = this.hosts.list;
    this.isClosed = true;
    for (let i = 0; i < hosts.length; i++) this.keep(hosts[i]);
    if (this.tokenStore !== null) this.tokenStore.close(nowMs);
    for (let i = 0; i < this.waiters.count; i++) {
      const waiter = this.waiters.at(i);
      waiter.isDone = true;
      waiter.status = Status.CLOSED;
    }
    this.slots.wipe();
    this.leases.wipe();
    this.view.bytes = NO_BYTES;
  }

  private ready(): Status {
    if (this.isClosed) return Status.CLOSED;
    this.turns.soon();
    return Status.OK;
  }

  private wait(host: Host, wish: Wish, onToken: OnToken): Status {
    if (this.isClosed) return Status.CLOSED;
    const deadlineMs = this.turns.nowMs() + this.config.limits.callDeadlineMs;
    return this.waiters.add(host, wish, onToken, deadlineMs) === null ? Status.BUSY : this.ready();
  }

  private show(host: Host, slot: Slot): Token {
    const view = this.view;
    view.bytes = slot.bytes;
    view.length = slot.length;
    view.generation = host.generation;
    view.remainingMs = slot.lease.remainingMs(this.nowMs);
    return view;
  }

  private tendHost(host: Host): void {
    const slot = host.slot;
    const isLive = slot !== null && slot.isLive(this.nowMs);
    host.wakeAtMs = Infinity;
    if (isLive) this.waiters.finish(host, Wish.TOKEN, Status.OK);
    else if (slot !== null && slot.length > 0) slot.wipe();
    if (host.rejection === Rejection.REPORTED) this.holdRejection(host);
    if (this.tokenStore !== null && !this.isClosed && !this.keep(host)) this.isForgetful = true;
    if (host.flight !== null || this.isClosed || this.session.phase === Phase.RESTING) return;

    const method = this.methodWanted(host);
    if (method !== Method.HELLO) {
      const startAtMs = Math.max(host.notBeforeMs, this.hopeAtMs());
      if (this.nowMs >= startAtMs) this.start(host, method);
      else host.wakeAtMs = startAtMs;
    } else if (isLive && this.isInUse(host, slot)) {
      host.wakeAtMs = Math.max(host.notBeforeMs, slot.lease.refreshAtMs);
    }
  }

  /** Now, or when the next connection is tried if a call of now would be over by then. */
  private hopeAtMs(): number {
    const chanceMs = this.session.nextChanceMs();
    return chanceMs >= this.nowMs + this.config.limits.callDeadlineMs ? chanceMs : this.nowMs;
  }

  /** Which call to make for this host; HELLO: none. */
  private methodWanted(host: Host): Method {
    const slot = host.slot;
    if (host.owesRevoke) return Method.REVOKE_TOKEN;
    if (this.session.calls.hasAbandoned(host)) return Method.HELLO;
    if (host.mustGenerate || this.waiters.isAwaited(host, Wish.NEW_TOKEN)) return Method.GENERATE_TOKEN;
    if (this.waiters.isAwaited(host, Wish.TOKEN))
      return host.isKnown ? Method.GET_TOKEN : Method.GENERATE_TOKEN;
    const isKept = slot !== null && slot.isLive(this.nowMs) && this.isInUse(host, slot);
    return isKept && this.leases.isDue(host, slot, this.nowMs) ? Method.GENERATE_TOKEN : Method.HELLO;
  }

  /** Only a token that was asked for within its lifetime is refreshed. */
  private isInUse(host: Host, slot: Slot): boolean {
    return this.nowMs - host.askedAtMs <= slot.lease.lifetimeMs;
  }

  private holdRejection(host: Host): void {
    if (this.nowMs >= host.rejectedUntilMs) host.rejection = Rejection.NONE;
    else this.waiters.finish(host, Wish.TOKEN, Status.REJECTED);
  }

  private start(host: Host, method: Method): void {
    const calls = this.session.calls;
    const call = calls.take(method, this.nowMs + this.config.limits.callDeadlineMs);
    const hasRoom = method === Method.REVOKE_TOKEN || this.slots.reserve(host, this.nowMs);
    if (call === null || !hasRoom) {
      this.isBlocked = true;
      if (call !== null) call.release();
      return;
    }
    call.subject = host;
    call.host = host.bytes;
    host.flight = call;
  }

  /** A revoked call's answer will only be undone; a call that never left is dropped. */
  private abandon(call: Call): void {
    if (call.attempts === 0) call.release();
    else {
      call.isAbandoned = true;
      call.phase = CallPhase.SENT;
      call.attemptAtMs = Infinity;
    }
  }

  /** GetToken or GenerateToken succeeded. */
  private take(host: Host, call: Call): void {
    const frame = this.session.frame;
    const isNew = call.method === Method.GENERATE_TOKEN;
    const slot = host.slot;
    if (!isNew && (!frame.exist || frame.expiresInS === 0)) {
      host.mustGenerate = true;
      return;
    }
    const status = frame.expiresInS === 0 ? Status.BAD_RESULT : this.leases.inspect(frame);
    if (slot === null || status !== Status.OK) {
      call.status = slot === null ? Status.BAD_RESULT : status;
      this.fail(host, call);
      return;
    }
    const isTold = frame.expiresInS > 0;
    const lifetimeMs = isTold ? frame.expiresInS * 1000 : this.leases.assumedMs(frame);
    const isGuess = !isNew && !isTold;
    if (isGuess && host.generation === 0) {
      // It is from before a reboot, and its remaining life is unknown.
      host.mustGenerate = true;
      return;
    }
    // A token that served until its refresh clears its predecessor of suspicion.
    if (isNew && !host.mustGenerate && slot.isLive(this.nowMs)) host.rejection = Rejection.NONE;
    this.commit(slot);
    this.leases.begin(host, slot, call.sentAtMs, lifetimeMs);
    slot.isGuess = isGuess;
    if (isGuess) slot.lease.refreshAt(this.nowMs);
    host.isKnown = true;
    host.mustGenerate = false;
    if (isNew) this.waiters.finish(host, Wish.NEW_TOKEN, Status.OK);
    this.waiters.finish(host, Wish.TOKEN, Status.OK);
  }

  /** The staged token becomes the host's: swaps the buffers, copies nothing. */
  private commit(slot: Slot): void {
    const frame = this.session.frame;
    const before = slot.bytes;
    slot.bytes = frame.staging;
    slot.length = frame.tokenLength;
    frame.staging = before;
    before.fill(0);
  }

  private isOwing(host: Host): boolean {
    return host.owesRevoke || this.session.calls.hasAbandoned(host);
  }

  /** @returns false when the store failed to keep this host's state */
  private keep(host: Host): boolean {
    return this.tokenStore === null || this.tokenStore.keep(host, this.isOwing(host));
  }

  private fail(host: Host, call: Call): void {
    const status = call.status;
    const passing = status === this.session.status || isPassing(status, call.code);
    const slot = host.slot;
    host.status = status;
    const phase = this.session.phase;
    // Where no answer came for want of a connection, the session's backoff is wait enough; CONNECT took the request along.
    if (call.code !== 0 || !passing || phase === Phase.CONNECTING || phase === Phase.READY) {
      const askedS = call.code !== 0 ? Math.max(0, this.session.frame.retryAfterS) : 0;
      const floorMs = Math.min(askedS * 1000, this.config.limits.retryAfterCapMs);
      // A cloud that is silent is so to all, and names no time: each of a call's three messages has its spread.
      const spanMs = status === Status.TIMEOUT ? this.config.limits.spreadMs : 0;
      host.notBeforeMs = this.nowMs + host.backoff.nextMs(this.session.random(), floorMs, spanMs, 3 * spanMs);
    }
    if (call.method === Method.REVOKE_TOKEN) {
      if (passing) return;
      host.owesRevoke = false;
      this.waiters.finish(host, Wish.REVOCATION, status);
      return;
    }
    if (slot !== null && slot.isLive(this.nowMs)) {
      this.counters.refreshFailures++;
      // The cloud may have issued the new token all the same, and then soon ends ours.
      if (call.code === 0 && call.attempts > 0) slot.lease.refreshAt(this.nowMs);
    }
    if (passing) return;
    host.mustGenerate = false;
    this.waiters.finish(host, Wish.TOKEN, status);
    this.waiters.finish(host, Wish.NEW_TOKEN, status);
  }
}
