import { type AuthClient, type Host, Status, type Token } from "../../firmware/index.js";
import type { Check, Verdict } from "./checks.js";
import type { Cloud } from "./cloud.js";
import type { Device } from "./device.js";
import type { Actor, Queue } from "./queue.js";
import type { Random } from "./random.js";
import type { Tally } from "./tally.js";
import { Mark, type Trace } from "./trace.js";

/** One call of the app. */
interface Call {
  readonly what: string;
  readonly host: string;
  readonly askedAtMs: number;
  readonly life: number;
  isTold: boolean;
}

/** A call ends within this time: its deadline of 20 s, and what clocks and busy engines add. */
const CALL_MS = 24_000;
const LIST_MS = 46_000;
/** After this long without a fault a call for a token succeeds: two longest backoffs, a retry_after, a dead line. */
const BOUND_MS = 900_000;
/** And so many times the spread: a connection's, and a call's three. */
export const SPREADS = 4;

/** What the app asks for each host, in percent. */
const WISHES = [
  { what: "get", percent: 84 },
  { what: "generate", percent: 4 },
  { what: "revoke", percent: 4 },
  { what: "rejected", percent: 3 },
  { what: "list", percent: 3 },
  { what: "authenticate", percent: 1 },
  { what: "authorize", percent: 1 },
] as const;

/** The app of one device: it asks for tokens now and then, and rarely for anything else. Checks all that it gets. */
export class App implements Actor {
  /** No fault is active from here on; later than now: one is. */
  troubleUntilMs = 0;
  /** Hosts whose latest accepted call is their revocation. */
  readonly revoked = new Set<string>();
  /** Called after each call that did not end as wanted. */
  refused: (what: string, status: Status) => void = () => undefined;
  private readonly handles = new Map<string, Host>();
  private readonly open = new Set<Call>();
  private readonly revokedAtMs = new Map<string, number>();
  private readonly generations = new Map<string, number>();
  private readonly refusedAtMs = new Map<string, number>();
  private client: AuthClient | null = null;
  private life = 0;
  private isTicking = false;
  private isCalling = false;
  private isResting = false;

  constructor(
    readonly hosts: readonly string[],
    private readonly periodMs: number,
    private readonly spreadMs: number,
    private readonly queue: Queue,
    private readonly random: Random,
    private readonly cloud: Cloud,
    private readonly trace: Trace,
    private readonly verdict: Verdict,
    private readonly tally: Tally,
    private readonly device: () => Device,
  ) {}

  began(client: AuthClient): void {
    this.client = client;
    this.life++;
    this.handles.clear();
    this.generations.clear();
    for (const host of this.hosts) this.handles.set(host, client.host(host));
    this.isCalling = true;
    this.ask("get", this.hosts[0] as string);
    this.isCalling = false;
    if (!this.isTicking) this.queue.after(this.random.around(this.periodMs), this, 0, 0);
    this.isTicking = true;
  }

  ended(): void {
    this.client = null;
    this.open.clear();
  }

  /** It makes no more calls. */
  rest(): void {
    this.isResting = true;
  }

  happen(): void {
    if (this.isResting) return;
    this.queue.after(this.random.around(this.periodMs), this, 0, 0);
    this.checkOpen();
    const host = this.random.pick(this.hosts);
    const what = this.draw();
    this.want(what, host);
  }

  /** Asks in the device's own code. */
  want(what: string, host: string): void {
    const device = this.device();
    if (this.client === null) return;
    device.enter(() => {
      this.isCalling = true;
      try {
        this.ask(what, host);
      } finally {
        this.isCalling = false;
      }
    });
  }

  /** Every call of this boot has ended, or still has time. */
  checkOpen(): void {
    for (const call of this.open) {
      const device = this.device();
      const most = (call.what === "list" ? LIST_MS : CALL_MS) + device.clock.slackMs(call.askedAtMs);
      const ageMs = this.queue.nowMs - Math.max(call.askedAtMs, device.clock.busyUntilMs);
      if (ageMs > most) this.wrong("ends", `${call.what} was told nothing for ${Math.round(ageMs)} ms`);
    }
  }

  /** The number of open calls. */
  get calls(): number {
    return this.open.size;
  }

  /** What they ask for, in order. */
  get openCalls(): readonly string[] {
    return [...this.open].map(({ what }) => what);
  }

  /** Whether the app revoked the host since then. */
  isRevokedLately(host: string, sinceMs: number): boolean {
    return (this.revokedAtMs.get(host) ?? -1) > sinceMs;
  }

  /** A call for the host's token came to nothing since then: the next one may be asked though its answer is on the way. */
  isRefusedLately(host: string, sinceMs: number): boolean {
    return (this.refusedAtMs.get(host) ?? -1) >= sinceMs;
  }

  private draw(): string {
    let left = this.random.unit() * 100;
    for (const { what, percent } of WISHES) {
      left -= percent;
      if (left < 0) return what;
    }
    return "get";
  }

  private ask(what: string, host: string): void {
    const client = this.client as AuthClient;
    const handle = this.handles.get(host) as Host;
    this.trace.note(Mark.ASKED, what.length * 256 + (what.charCodeAt(0) as number), this.hosts.indexOf(host));
    if (what === "rejected") {
      handle.rejected(this.generations.get(host) ?? 0);
      return;
    }
    const call: Call = { what, host, askedAtMs: this.queue.nowMs, life: this.life, isTold: false };
    this.open.add(call);
    const status = this.call(client, handle, call);
    if (what === "revoke" && (status === Status.OK || status === Status.STORE_FAILED)) {
      // Where the store failed a reboot may forget the revocation: it does not count as known.
      if (status === Status.OK) this.revokedAtMs.set(host, this.queue.nowMs);
      else this.revokedAtMs.delete(host);
      this.revoked.add(host);
    } else if ((what === "get" || what === "generate") && status === Status.OK) this.revoked.delete(host);
    const isTold = status === Status.OK || (what === "revoke" && status === Status.STORE_FAILED);
    if (!isTold) this.open.delete(call);
    if (!isTold && status !== Status.BUSY)
      this.wrong("ends", `${what} returned ${Status[status]} of a client that is not closed`);
  }

  private call(client: AuthClient, handle: Host, call: Call): Status {
    switch (call.what) {
      case "get":
        return handle.getToken((status, token) => this.told(call, status, token));
      case "generate":
        return handle.generateToken((status, token) => this.told(call, status, token));
      case "revoke":
        return handle.revokeToken((status) => this.told(call, status, null));
      case "list":
        return client.listTokens(
          () => undefined,
          (status) => this.told(call, status, null),
        );
      case "authenticate":
        return client.authenticate("user_1", { psk: "secret" }, (status) => this.told(call, status, null));
      default:
        return client.authorizeCommand("user_1", "device_9", "/v1/Off", (status) =>
          this.told(call, status, null),
        );
    }
  }

  private told(call: Call, status: Status, token: Token | null): void {
    this.trace.note(Mark.TOLD, status, token === null ? -1 : token.length);
    if (this.isCalling && status !== Status.CLOSED) this.wrong("ends", `${call.what} was told within a call`);
    if (call.isTold) this.wrong("ends", `${call.what} was told twice`);
    if (call.life !== this.life || this.client === null)
      this.wrong("ends", `${call.what} was told after the end`);
    call.isTold = true;
    this.open.delete(call);
    this.tally.told(call.what, status, this.queue.nowMs - call.askedAtMs);
    if (status !== Status.OK) {
      this.refusedAtMs.set(call.host, this.queue.nowMs);
      this.refused(call.what, status);
    }
    if (token !== null) this.take(call, token);
    else if (call.what === "get") this.checkRefusal(call, status);
  }

  private take({ what, host }: Call, token: Token): void {
    const text = Buffer.from(token.bytes.buffer, token.bytes.byteOffset, token.length).toString("latin1");
    const issue = this.cloud.issues.get(text);
    const { nowMs } = this.queue;
    this.generations.set(host, token.generation);
    if (issue === undefined) {
      const isGarbled = this.device().isGarbled;
      if (!isGarbled) this.wrong("token", `${what} handed out what the cloud never made, or made long ago`);
      return;
    }
    const slackMs = this.device().clock.slackMs(issue.askedAtMs);
    const lateMs = nowMs - issue.endsAtMs - slackMs;
    if (issue.host !== host) this.wrong("token", `a token of ${issue.host} was handed out for ${host}`);
    if (lateMs > 0) this.wrong("token", `a token was handed out ${Math.round(lateMs)} ms after its end`);
    const revokedAtMs = this.revokedAtMs.get(host) ?? -1;
    if (issue.askedAtMs < revokedAtMs && !this.device().isDecayed)
      this.wrong("token", `a token was handed out that was asked for before its revocation`);
    this.tally.age(nowMs - issue.askedAtMs, issue.endsAtMs - issue.askedAtMs);
  }

  private checkRefusal(call: Call, status: Status): void {
    const isOurs = status === Status.REVOKED || status === Status.REJECTED || status === Status.CLOSED;
    const wellSinceMs = Math.max(this.troubleUntilMs, this.device().garbledAtMs);
    // Power may go long after the fault that armed its cut, and a boot waits for its turn.
    const isUp = call.askedAtMs >= this.device().bootedAtMs + this.spreadMs;
    const isLong = isUp && call.askedAtMs >= wellSinceMs + BOUND_MS + SPREADS * this.spreadMs;
    if (!isOurs && isLong)
      this.wrong("service", `getToken came to ${Status[status]} though nothing has been wrong for a while`);
  }

  private wrong(check: Check, what: string): void {
    this.verdict.wrong(check, what);
  }
}
