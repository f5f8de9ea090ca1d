import {
  type AuthClient,
  type AuthOptions,
  type Host,
  type LimitOptions,
  type Link,
  type LinkEvents,
  type LinkSecurity,
  type Ports,
  type Proof,
  Status,
  type Store,
  type Waker,
  writeCredential,
} from "../../firmware/index.js";
import { Trace } from "../../firmware/trace.js";
import { MacSession, openEnvelope, parseOpening } from "../cloud/mac-session.js";
import { recoveredBy } from "../cloud/recoverer.js";
import { deriveKey, hmac } from "../cloud/secret.js";
import { type CellResult, type Plan, runCell } from "./cell.js";
import * as mqtt from "./mqtt.js";

/** What a trace's replay came to. */
export interface Replayed {
  /** Lines of the trace that were replayed. */
  readonly lines: number;
  readonly boots: number;
  /** The states that the device was in, in their order. */
  readonly states: readonly string[];
  /** Where the firmware did otherwise than the trace says; undefined: nowhere. */
  readonly difference: Difference | undefined;
}

/** A line of the trace, from 1, and what the firmware did in its place. */
export interface Difference {
  readonly line: number;
  readonly expected: string;
  /** Empty: nothing. */
  readonly found: string;
}

/** How a client was made. */
interface Boot {
  readonly version: number;
  readonly proof?: Proof;
  readonly link: LinkSecurity;
  readonly hasStore: boolean;
  readonly isKept: boolean;
  readonly cleanSession?: boolean;
  readonly pipeline?: boolean;
  readonly places: number;
  readonly limits?: LimitOptions;
  readonly sleptMs?: number;
}

/** A line; docs/trace.schema.json says what each member means. */
interface Line {
  readonly text: string;
  readonly t: number;
  readonly boot?: Boot;
  readonly made?: string;
  readonly spread?: string;
  readonly in?: string;
  readonly first?: number;
  readonly identifier?: number;
  readonly topic?: string;
  readonly frame?: Record<string, unknown>;
  readonly sequence?: number;
  readonly bytes?: number;
  readonly closed?: keyof typeof Status;
  readonly taken?: number;
  readonly draw?: string;
  readonly read?: string;
  readonly found?: string;
  readonly write?: string;
  readonly ok?: boolean;
  readonly call?: string;
  readonly host?: string;
  readonly generation?: number;
  readonly method?: string;
  readonly nested?: boolean;
  readonly state?: string;
}

const VERSION = 1;
/** The stand-in for the key that no trace has. */
const PSK = "stand-in-of-the-key-that-no-trace-has-in-it";
/** Before what is sealed. */
const SALT_BYTES = 12;
const PUBLISH = 3;
const PUBLISH_QOS = 6;

/** What comes from outside; all other lines are what the firmware does about it. */
const EVENTS = ["boot", "opened", "closed", "writable", "in", "wake"];

const isEvent = (line: Line): boolean =>
  EVENTS.some((name) => name in line) || (line.call !== undefined && line.nested !== true);

/** @throws Error that says which line is none, and why */
function readLines(text: string): Line[] {
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, at): Line => {
      try {
        const told = JSON.parse(line) as Line;
        if (typeof told.t !== "number") throw new Error("t is no number");
        return { ...told, text: line.trim() };
      } catch (error) {
        throw new Error(`line ${at + 1}: ${(error as Error).message}`);
      }
    });
  const first = lines.findIndex(({ boot }) => boot !== undefined);
  if (first < 0)
    throw new Error("no line has a boot: a trace replays from there on; record with more entries");
  const { version } = (lines[first] as Line).boot as Boot;
  if (version !== VERSION) throw new Error(`its version is ${version}, not ${VERSION}`);
  return lines.slice(first);
}

/** Whether a text is a trace, by its first line. */
export const isTrace = (text: string): boolean => /^\s*\{"t":/.test(text);

/**
 * Has the firmware live through a trace: each event of it happens again, at its time, with its random numbers; frames
 * are proved by a stand-in for the key. All that the firmware does is compared with the trace.
 * @throws Error where the text is no trace
 */
export function replayTrace(text: string): Replayed {
  const lines = readLines(text);
  return new Replay(lines).run();
}

/** Runs one cell and hands its device's trace over, line by line. */
export function recordCell(plan: Plan, onLine: (line: string) => void): CellResult {
  const trace = new Trace({ entries: 1, onLine });
  return runCell(plan, { make: (auth, ports) => trace.createAuth(auth, ports) });
}

class Replay {
  private at = 0;
  private boots = 0;
  private difference: Difference | undefined;
  /** The trace's next line is another life: what the firmware would do yet was cut off. */
  private isOver = false;
  /** An event begins: its own line comes next. */
  private isEntering = false;
  private readonly trace = new Trace({ entries: 1, onLine: (line) => this.compare(line) });
  private readonly link: Link = {
    open: (_address, events) => {
      this.events = events;
      this.rest = Buffer.alloc(0);
    },
    write: (bytes, from, to) => {
      const taken = this.line?.taken ?? to - from;
      this.look(Buffer.from(bytes.subarray(from, from + taken)));
      return taken;
    },
    close: () => {
      this.events = null;
    },
  };
  private readonly values = new Map<string, Buffer>();
  /** What it keeps, and fails to keep, as the trace says. */
  private readonly store: Store = {
    read: (name, out) => {
      const found = this.line?.found;
      if (found === "none") this.values.delete(name);
      const value = this.values.get(name);
      if (found === "failed") return -2;
      if (value === undefined) return -1;
      out.set(value.subarray(0, out.length));
      if (found === "other") out[value.length >> 1] = (out[value.length >> 1] as number) ^ 1;
      return value.length;
    },
    write: (name, bytes, length) => {
      const isDone = this.line?.ok ?? true;
      if (isDone) this.values.set(name, Buffer.from(bytes.slice(0, length)));
      else this.values.delete(name);
      return isDone;
    },
  };
  private client: AuthClient | null = null;
  private events: LinkEvents | null = null;
  private waker: Waker | null = null;
  private session: MacSession | null = null;
  private nonce = Buffer.alloc(0);
  private readonly packet = new mqtt.Packet();
  private rest = Buffer.alloc(0);

  constructor(private readonly lines: readonly Line[]) {}

  run(): Replayed {
    for (let line = this.line; line !== undefined && this.difference === undefined; line = this.line) {
      const { at } = this;
      this.happen(line);
      if (this.at === at) this.difference ??= { line: at + 1, expected: line.text, found: "" };
    }
    const states = this.lines.slice(0, this.at).flatMap(({ state }) => (state === undefined ? [] : [state]));
    return { lines: this.at, boots: this.boots, states, difference: this.difference };
  }

  private get line(): Line | undefined {
    return this.lines[this.at];
  }

  /** The time of what the firmware does next: within an event never that of another one. */
  private nowMs(): number {
    const { line } = this;
    const isWithin = !this.isEntering && (line === undefined || isEvent(line));
    return isWithin ? (this.lines[this.at - 1] as Line).t : (line as Line).t;
  }

  /** What the firmware does, beside what it did. */
  private compare(found: string): void {
    const { line } = this;
    this.isEntering = false;
    if (this.difference !== undefined || this.isOver) return;
    const isRead = line?.read !== undefined && found.includes(`"read":"${line.read}"`);
    if (line?.text === found || isRead) this.at++;
    else if (line === undefined || line.boot !== undefined) this.isOver = true;
    else this.difference = { line: this.at + 1, expected: line.text, found };
  }

  private happen(line: Line): void {
    const { events } = this;
    this.isEntering = true;
    if (line.boot !== undefined) this.boot(line.boot);
    else if ("opened" in line) events?.opened();
    else if ("writable" in line) events?.writable();
    else if (line.closed !== undefined) events?.closed(Status[line.closed]);
    else if ("wake" in line) this.waker?.turn();
    else if (line.in !== undefined) this.receive(line);
    else if (line.call !== undefined) this.call(line);
  }

  private boot({
    link,
    proof,
    hasStore,
    isKept,
    cleanSession,
    pipeline,
    places,
    limits,
    sleptMs,
  }: Boot): void {
    const id = this.lines.slice(this.at).find(({ made }) => made !== undefined)?.made ?? "device";
    this.isOver = false;
    this.boots++;
    this.events = null;
    this.waker = null;
    if (isKept && this.boots === 1) writeCredential(this.store, { deviceId: id, psk: PSK });
    const alternatives = Array.from({ length: places - 1 }, (_, at) => ({
      host: `place${at + 2}.example.com`,
    }));
    const auth: AuthOptions = {
      cloud: {
        host: "cloud.example.com",
        ...(cleanSession === undefined ? {} : { cleanSession }),
        ...(pipeline === undefined ? {} : { pipeline }),
        ...(places > 1 ? { alternatives } : {}),
      },
      ...(isKept ? {} : { deviceId: id, credential: { psk: PSK, counter: 1 } }),
      ...(proof === undefined ? {} : { proof }),
      ...(limits === undefined ? {} : { limits }),
      ...(sleptMs === undefined ? {} : { sleptMs }),
      allowInsecure: true,
    };
    const client = this.trace.createAuth(auth, this.ports(link, hasStore));
    client.onState = () => this.callNested();
    this.client = client;
  }

  private ports(security: LinkSecurity, hasStore: boolean): Ports {
    const ports: Ports = {
      link: { ...this.link, security },
      clock: {
        now: () => this.nowMs(),
        wakeAfter: (_delayMs, waker) => {
          this.waker = waker;
        },
        cancel: () => {
          this.waker = null;
        },
      },
      entropy: {
        fill: (bytes, from, to) => {
          const shown = Buffer.from(this.line?.draw ?? this.line?.spread ?? "", "hex");
          for (let at = from; at < to; at++) bytes[at] = shown[at - from] ?? (at * 37 + this.at) & 255;
        },
      },
    };
    return hasStore ? { ...ports, store: this.store } : ports;
  }

  /** The app's calls of a callback. */
  private callNested(): void {
    for (let { line } = this; line?.nested === true && this.difference === undefined; line = this.line) {
      const { at } = this;
      this.call(line);
      if (this.at === at) return;
    }
  }

  private call({ call, host, generation, method }: Line): void {
    this.isEntering = true;
    const client = this.client as AuthClient;
    const onEnd = (): void => this.callNested();
    const handle = (): Host => client.host(host as string);
    if (call === "host") handle();
    else if (call === "get") handle().getToken(onEnd);
    else if (call === "generate") handle().generateToken(onEnd);
    else if (call === "revoke") handle().revokeToken(onEnd);
    else if (call === "rejected") handle().rejected(generation as number);
    else if (call === "list") client.listTokens(() => undefined, onEnd);
    else if (call === "authenticate") client.authenticate("user", { psk: "stand-in" }, onEnd);
    else if (call === "authorize") client.authorizeCommand("user", "device", "/v1/Command", onEnd);
    else if (call === "method") client.call(method as string, Buffer.from("{}"), new Uint8Array(16), onEnd);
    else if (call === "suspend") client.suspend();
    else if (call === "resume") client.resume();
    else if (call === "close") client.close();
  }

  /** Looks for what frames are proved by. */
  private look(bytes: Buffer): void {
    const all = Buffer.concat([this.rest, bytes]);
    const { packet } = this;
    let at = 0;
    while (packet.find(all, at, all.length)) {
      at = packet.to;
      if (packet.type === mqtt.CONNECT) {
        const { password } = mqtt.readConnect(all, packet.from);
        this.nonce = Buffer.from(password.split(".")[0] as string, "base64url");
      } else if (packet.type === mqtt.PUBLISH) {
        const behind = packet.from + 2 + mqtt.u16At(all, packet.from) + (packet.flags & PUBLISH_QOS ? 2 : 0);
        this.lookAtFrame(all.subarray(behind, packet.to));
      }
    }
    this.rest = all.subarray(at);
  }

  private lookAtFrame(payload: Buffer): void {
    const { frame } = openEnvelope(payload);
    const { sec } = JSON.parse(Buffer.from(frame).toString("utf8")) as { sec?: unknown };
    const opening = parseOpening(sec);
    if (opening !== null && this.session?.isOpenedBy(opening) !== true)
      this.session = new MacSession(PSK, opening);
  }

  private receive(line: Line): void {
    const { first = 0, topic = "", identifier = 0 } = line;
    let bytes: Uint8Array;
    if (line.in !== "PUBLISH") bytes = Buffer.from(line.in as string, "hex");
    else {
      const isNumbered = (first & PUBLISH_QOS) !== 0;
      bytes = mqtt.publish(topic, this.payload(line), identifier, isNumbered);
      bytes[0] = (PUBLISH << 4) | (first & 15);
    }
    this.events?.received(bytes, 0, bytes.length);
  }

  /** The frame as the cloud sent it, but for its secrets. */
  private payload({ frame, bytes = 0, topic = "", sequence = -1 }: Line): Uint8Array {
    if (frame === undefined) return Buffer.alloc(bytes, "?");
    const id = recoveredBy(topic.split("/")[0] as string);
    const result = frame.result as { c?: number; sealed?: string } | undefined;
    let shown = frame;
    if (id !== null && typeof result?.c === "number")
      shown = { ...frame, result: this.counterOf(id, result.c) };
    if (typeof result?.sealed === "string" && this.session !== null) {
      const token = "x".repeat(Math.floor((result.sealed.length * 3) / 4) - SALT_BYTES);
      shown = { ...frame, result: { ...result, sealed: this.session.sealToken(token) } };
    }
    const text = Buffer.from(JSON.stringify(shown), "latin1");
    if (sequence < 0 || this.session === null) return text;
    return this.session.seal(text, sequence, this.isRefused());
  }

  /** The device refused the MAC of what happens now: it was made for an earlier session, or bits were wrong. */
  private isRefused(): boolean {
    for (let { at } = this; at + 1 < this.lines.length; at++) {
      const next = this.lines[at + 1] as Line;
      if (isEvent(next)) return false;
      if ("refused" in next) return true;
    }
    return false;
  }

  private counterOf(id: string, counter: number): object {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(counter));
    const key = deriveKey(PSK, "motekey recover v1");
    const mac = hmac(key, "a", Buffer.from([id.length]), id, this.nonce, bytes).toString("base64url");
    return { c: counter, mac };
  }
}
