import { MacSession, openEnvelope, parseOpening } from "../cloud/mac-session.js";
import { recoveredBy } from "../cloud/recoverer.js";
import { deriveKey, hmac, sameSecret } from "../cloud/secret.js";
import type { Conditions } from "./conditions.js";
import type { Actor, Queue } from "./queue.js";
import type { Random } from "./random.js";

/** A token that the cloud made. */
export interface Issue {
  readonly token: string;
  readonly host: string;
  readonly endsAtMs: number;
  /** When the device sent the request for it. */
  readonly askedAtMs: number;
  /** The cloud ended it early. */
  isEnded: boolean;
}

/** A frame of a device. */
interface Frame {
  readonly src?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly args?: Record<string, unknown>;
  readonly key?: unknown;
  readonly sec?: unknown;
}

/** Members of an answer beside the common ones. */
type Members = Record<string, unknown>;

/** What the cloud reports for the tally. */
export interface CloudEvents {
  /** The device repeated a counter. */
  stale(counter: number): void;
  /** Two requests for the host's token are pending at once, the first since then. */
  doubled(host: string, sinceMs: number): void;
  accepted(method: string): void;
  issued(issue: Issue): void;
}

const ADDRESS = "//api.mongoose-iot.com";
/** The service's processing time for a request, ms. */
const SERVICE_MS = 5;
const ISSUES_KEPT = 200;
const REPLIES_KEPT = 64;
const UNDO_MS = 10_000;
/** A younger request cannot have an answer yet: that takes twice the least latency, ms. */
const AT_ONCE_MS = 16;
const COUNTER_PASSWORD = /^(\d{1,16})\.([A-Za-z0-9_-]{43})$/;
const QUESTION = /^([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;
const UNAUTHENTICATED: Members = { error: { code: 401, message: "prove yourself" } };

/** One device's cloud: logs it in, checks its frames' proofs, keeps its tokens. */
export class Cloud implements Actor {
  deliver: (client: string, payload: Uint8Array) => void = () => undefined;
  /** The tokens that it issued and that may still be valid, by their text. */
  readonly issues = new Map<string, Issue>();
  /** The lifetime of new tokens, s. */
  lifetimeS = 3_600;
  /** Pads tokens to this length, bytes. */
  tokenBytes = 120;
  private readonly current = new Map<string, Issue>();
  private readonly replies = new Map<number, Members>();
  private readonly pending = new Map<number, () => void>();
  private undo: { readonly atMs: number; readonly run: () => void }[] = [];
  private serial = 0;
  private connectCounter = 0;
  private macCounter = 0;
  private session: MacSession | null = null;
  private sent = 0;
  private received_ = -1;
  private readonly nonces = new Map<string, Buffer>();
  private readonly counterKey: Buffer;
  /** The latest request for a token of each host: its id, and when it was sent. */
  private readonly asked = new Map<string, { readonly id: number; readonly sentAtMs: number }>();

  constructor(
    private readonly queue: Queue,
    private readonly random: Random,
    private readonly conditions: Conditions,
    private readonly id: string,
    private readonly psk: string,
    private readonly proof: string,
    private readonly events: CloudEvents,
  ) {
    this.counterKey = deriveKey(psk, "motekey counter v1");
  }

  /** Whether the host has a valid token. */
  has(host: string): boolean {
    const issue = this.current.get(host);
    return issue !== undefined && !issue.isEnded && issue.endsAtMs > this.queue.nowMs;
  }

  /** The host's token, valid or not. */
  latest(host: string): Issue | undefined {
    return this.current.get(host);
  }

  /** An operator ends the host's token. */
  revoke(host: string): void {
    const issue = this.current.get(host);
    if (issue !== undefined) issue.isEnded = true;
    this.current.delete(host);
  }

  /** Restores the cloud from a backup: it forgets the last `ms`. */
  forget(ms: number): void {
    for (let last = this.undo.pop(); last !== undefined; last = this.undo.pop()) {
      if (last.atMs < this.queue.nowMs - ms) break;
      last.run();
    }
    this.undo = [];
    this.replies.clear();
    this.session = null;
  }

  /** Whether this client may connect. */
  login(client: string, user: string, password: string): boolean {
    if (this.proof === "key") return client === this.id;
    if (user !== client) return false;
    if (recoveredBy(client) === this.id) return this.isQuestion(client, password);
    if (client !== this.id) return false;
    if (!this.proof.startsWith("counter")) return sameSecret(password, this.psk);
    const [, digits, mac] = COUNTER_PASSWORD.exec(password) ?? [];
    if (digits === undefined || mac === undefined) return false;
    if (!sameSecret(mac, hmac(this.counterKey, `${client}:${digits}`).toString("base64url"))) return false;
    const counter = Number(digits);
    if (counter <= this.connectCounter) {
      this.events.stale(counter);
      return false;
    }
    const before = this.connectCounter;
    this.connectCounter = counter;
    this.undoable(() => {
      this.connectCounter = before;
    });
    return true;
  }

  /** A message of a client. */
  received(client: string, payload: Uint8Array, sentAtMs: number): void {
    const { conditions } = this;
    if (conditions.isMute) return;
    const copy = new Uint8Array(payload);
    const lateMs = conditions.lateS === 0 ? 0 : this.random.between(0, conditions.lateS * 1_000);
    this.pending.set(++this.serial, () => this.serve(client, copy, sentAtMs));
    this.queue.after(SERVICE_MS + lateMs, this, 0, this.serial);
  }

  happen(_kind: number, arg: number): void {
    const run = this.pending.get(arg);
    this.pending.delete(arg);
    run?.();
  }

  private serve(client: string, payload: Uint8Array, sentAtMs: number): void {
    const envelope = openEnvelope(payload);
    let frame: Frame;
    try {
      frame = JSON.parse(Buffer.from(envelope.frame).toString("utf8")) as Frame;
    } catch {
      return;
    }
    const { id } = frame;
    if (typeof id !== "number" || typeof frame.method !== "string") return;
    if (client !== this.id) {
      if (frame.method === "/v1/Auth.Counter") this.tellCounter(client, id);
      return;
    }
    const isMac = this.proof.endsWith("mac");
    if (isMac && !this.isOpened(frame)) {
      this.answer(id, UNAUTHENTICATED, false);
      return;
    }
    if (isMac) {
      const { session } = this;
      if (session === null || !session.verifies(envelope)) {
        this.answer(id, UNAUTHENTICATED, false);
        return;
      }
      if (envelope.sequence <= this.received_) return;
      this.received_ = envelope.sequence;
    } else if (this.proof.includes("key") && frame.key !== this.psk) {
      this.answer(id, UNAUTHENTICATED, false);
      return;
    }
    this.noteAsked(frame.method, String(frame.args?.host), id, sentAtMs);
    const known = this.replies.get(id);
    const members = known ?? this.outcome(frame.method, frame.args ?? {}, sentAtMs);
    if (known === undefined && members.error === undefined) {
      this.replies.set(id, members);
      for (const oldest of this.replies.keys()) {
        if (this.replies.size <= REPLIES_KEPT) break;
        this.replies.delete(oldest);
      }
    }
    this.answer(id, members, isMac);
  }

  /** A second request for a host's token, under another id and before the first answer, is a duplicate. */
  private noteAsked(method: string, host: string, id: number, sentAtMs: number): void {
    if (method !== "/v1/Auth.GenerateToken" && method !== "/v1/Auth.GetToken") return;
    const before = this.asked.get(host);
    if (before !== undefined && before.id !== id && Math.abs(sentAtMs - before.sentAtMs) < AT_ONCE_MS)
      this.events.doubled(host, before.sentAtMs);
    if (before === undefined || before.id !== id) this.asked.set(host, { id, sentAtMs });
  }

  private outcome(method: string, args: Record<string, unknown>, sentAtMs: number): Members {
    const { error, retryAfterS } = this.conditions;
    if (error !== 0 && method !== "/v1/Hello") {
      const wait = retryAfterS === 0 ? {} : { retry_after: retryAfterS };
      return { error: { code: error, message: "not now", ...wait } };
    }
    this.events.accepted(method);
    const host = String(args.host);
    switch (method) {
      case "/v1/Hello":
        return { result: { time: Math.floor(this.queue.nowMs / 1_000) + 1_800_000_000 } };
      case "/v1/Auth.GenerateToken":
        return { result: this.told(this.issue(host, sentAtMs)) };
      case "/v1/Auth.GetToken": {
        const issue = this.current.get(host);
        if (issue === undefined || !this.has(host)) return { result: { exist: false } };
        return { result: { exist: true, ...this.told(issue) } };
      }
      case "/v1/Auth.ListToken":
        return {
          result: [...this.current.keys()].filter((name) => this.has(name)).map((name) => ({ host: name })),
        };
      case "/v1/Auth.RevokeToken": {
        const issue = this.current.get(host);
        this.revoke(host);
        this.undoable(() => {
          if (issue === undefined) return;
          issue.isEnded = false;
          this.current.set(host, issue);
        });
        return {};
      }
      case "/v1/Auth.Authenticate":
        return { result: { success: true } };
      case "/v1/Auth.AuthorizeCommand":
        return { result: true };
      default:
        return { error: { code: 404, message: "no such method" } };
    }
  }

  private issue(host: string, askedAtMs: number): Issue {
    const { nowMs } = this.queue;
    const secret = [0, 0, 0, 0].map(() => this.random.word().toString(16).padStart(8, "0")).join("");
    const token = `tk.${secret}.${host}.`.padEnd(this.tokenBytes, "x");
    const issue: Issue = { token, host, endsAtMs: nowMs + this.lifetimeS * 1_000, askedAtMs, isEnded: false };
    const before = this.current.get(host);
    this.current.set(host, issue);
    this.issues.set(token, issue);
    for (const [oldest, { endsAtMs }] of this.issues) {
      if (this.issues.size <= ISSUES_KEPT && endsAtMs > nowMs) break;
      this.issues.delete(oldest);
    }
    this.undoable(() => {
      issue.isEnded = true;
      if (before === undefined) this.current.delete(host);
      else this.current.set(host, before);
    });
    this.events.issued(issue);
    return issue;
  }

  private told({ token, endsAtMs }: Issue): { token: string; expires_in: number } {
    return { token, expires_in: Math.floor((endsAtMs - this.queue.nowMs) / 1_000) };
  }

  /** A MAC session is open, or this frame opens one. */
  private isOpened(frame: Frame): boolean {
    if (frame.sec === undefined) return this.session !== null;
    const opening = parseOpening(frame.sec);
    if (opening === null) return false;
    if (this.session?.isOpenedBy(opening) === true) return true;
    if (opening.counter <= this.macCounter) return false;
    const before = this.macCounter;
    this.macCounter = opening.counter;
    this.undoable(() => {
      this.macCounter = before;
    });
    this.session = new MacSession(this.psk, opening);
    this.sent = 0;
    this.received_ = -1;
    return true;
  }

  private isQuestion(client: string, password: string): boolean {
    const [, nonceText, mac] = QUESTION.exec(password) ?? [];
    if (nonceText === undefined || mac === undefined) return false;
    const nonce = Buffer.from(nonceText, "base64url");
    this.nonces.set(client, nonce);
    return sameSecret(mac, this.proveCounter("q", nonce, null));
  }

  private proveCounter(purpose: "q" | "a", nonce: Buffer, counter: number | null): string {
    const key = deriveKey(this.psk, "motekey recover v1");
    const parts: (string | Uint8Array)[] = [purpose, Buffer.from([this.id.length]), this.id, nonce];
    if (counter !== null) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(counter));
      parts.push(bytes);
    }
    return hmac(key, ...parts).toString("base64url");
  }

  private tellCounter(client: string, id: number): void {
    const nonce = this.nonces.get(client);
    if (nonce === undefined) return;
    const counter = Math.max(this.connectCounter, this.macCounter);
    const result = { c: counter, mac: this.proveCounter("a", nonce, counter) };
    this.deliver(client, this.frame(client, id, { result }));
  }

  private answer(id: number, members: Members, isMac: boolean): void {
    const frame = this.frame(this.id, id, members);
    const { session } = this;
    this.deliver(this.id, isMac && session !== null ? session.seal(frame, this.sent++, false) : frame);
  }

  private frame(client: string, id: number, members: Members): Uint8Array {
    return Buffer.from(JSON.stringify({ v: 2, src: ADDRESS, dst: client, id, ...members }), "utf8");
  }

  private undoable(run: () => void): void {
    const { nowMs } = this.queue;
    while (this.undo.length > 0 && (this.undo[0] as { atMs: number }).atMs < nowMs - UNDO_MS)
      this.undo.shift();
    this.undo.push({ atMs: nowMs, run });
  }
}
