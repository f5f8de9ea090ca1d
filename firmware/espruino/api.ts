import type { State } from "../auth.js";
import type { CloudOptions, Credential } from "../config.js";
import type { Limits } from "../limits.js";
import type { Proof } from "../proof/proofs.js";
import type { Status } from "../status.js";

/** The bounds that this core has; their meaning and their defaults are those of {@link Limits}. */
export type LeanLimits = {
  readonly [name in Exclude<keyof Limits, "slots" | "idBytes">]?: number;
} & {
  /** Longest frame that is taken, bytes; 1,536 when absent. A longer one is skipped, and a list ends with TOO_LONG. */
  readonly frameBytes?: number;
};

/** What TLS takes: DER, its base64, or the name of a file. Nothing makes the engine verify the server. */
export interface TlsOptions {
  readonly key?: string;
  readonly cert?: string;
  /** The engine loads it and does not look at it. */
  readonly ca?: string;
}

/** What the core needs to know. Texts hold one byte per character, UTF-8 where they are not ASCII. */
export interface LeanOptions {
  /** Absent where the credential in Storage names it. */
  readonly deviceId?: string;
  readonly cloud: Omit<CloudOptions, "dialect" | "user" | "cleanSession">;
  /** That of Storage when absent (`writeCredential`). */
  readonly credential?: Omit<Credential, "psk"> & { readonly psk?: string };
  /** `counter+mac` when absent. */
  readonly proof?: Proof;
  readonly allowInsecure?: boolean;
  readonly limits?: LeanLimits;
  /** How long the device slept, ms, as for `createAuth` of the other engines. */
  readonly sleptMs?: number;
  /** With it the link is TLS: hidden from who only listens, but the server is never verified. */
  readonly tls?: TlsOptions;
  /** The app's own messages: `new (require("motekey-messages").Messages)()`. Without them the file is not needed. */
  readonly messages?: LeanTraffic;
}

/** A token as a callback gets it. */
export interface LeanToken {
  readonly token: string;
  /** Counts the tokens of this host; `rejected` asks for it. */
  readonly generation: number;
  /** Milliseconds it is still good. */
  readonly remainingMs: number;
}

/** Called once, at the end of a token call; null unless the status is OK and the call was for a token. */
export type OnToken = (status: Status, token: LeanToken | null) => void;
/** Called once, at the end of any other call, with the cloud's answer. */
export type OnAnswer<Value> = (status: Status, value: Value) => void;

/** One app's tokens. Each call returns a status at once; only after OK does its callback follow. */
export interface LeanHost {
  getToken(onToken: OnToken): Status;
  generateToken(onToken: OnToken): Status;
  revokeToken(onToken: OnToken | null): Status;
  rejected(generation: number): Status;
}

/** What keeps the client from its work: `motekey doctor --status N` has the sentence. */
export interface LeanExplanation {
  readonly status: Status;
  /** The cloud's error code; 0: it answered none. */
  readonly code: number;
  /** Tokens come sealed on this connection. */
  readonly sealed: boolean;
}

/** The credential as `writeCredential` takes it. */
export interface LeanCredential {
  readonly deviceId: string;
  readonly psk?: string;
  readonly floor?: Credential["floor"];
  readonly certificate?: string;
  readonly key?: string;
}

/** What an app on Espruino has, with the words of `motekey` on the other engines. */
export interface LeanAuth {
  readonly state: State;
  set onState(onState: ((state: State) => void) | null);
  host(name: string): LeanHost;
  /** The hosts that the cloud keeps tokens of ours for; TOO_LONG where they do not fit `limits.frameBytes`. */
  listTokens(onDone: OnAnswer<readonly string[] | null>): Status;
  authenticate(id: string, credentials: { psk?: string; cert?: string }, onDone: OnAnswer<boolean>): Status;
  authorizeCommand(src: string, dst: string, command: string, onDone: OnAnswer<boolean>): Status;
  suspend(): void;
  resume(): void;
  explain(): LeanExplanation;
  close(): void;
}

/** Sizes of the app's messages, each with its default. */
export interface LeanMessagesOptions {
  /** Filters at once; 2. */
  readonly filters?: number;
  /** A message or a subscription that was not acknowledged ends with TIMEOUT after this, ms; 20,000. */
  readonly deadlineMs?: number;
}

/** A message as the app gets it: one byte per character. */
export interface LeanMessage {
  readonly topic: string;
  /** Cut where the packet is longer than `limits.frameBytes` + 200 bytes. */
  readonly payload: string;
  /** Bytes that were sent; more than `payload` has where it was cut. */
  readonly payloadLength: number;
  /** The broker had kept the message. */
  readonly retain: boolean;
}

/** Called with each message, in order; `message` is the app's to keep. */
export type OnMessage = (message: LeanMessage) => void;
/** Called once, with how it ended. */
export type OnEnd = (status: Status) => void;

/** The app's own messages on motekey's connection (MQTT 3.1.1), by the rules of `Messages` of the other engines. */
export interface LeanMessages {
  /**
   * Wants the messages of a filter at QoS 1, now and after every reconnect; `$share/<group>/<filter>` shares them.
   * @param onEnd OK, SUBSCRIPTION_REFUSED (also of a filter that overlaps `<id>/rpc/#`), TIMEOUT, REVOKED, TOO_LONG
   * (for `limits.sendBytes`), CONNECTION_LOST or CLOSED
   * @returns OK; BUSY: all places are taken; CLOSED
   * @throws Error when it is no filter, or overlaps a subscription
   */
  subscribe(filter: string, onMessage: OnMessage, onEnd: OnEnd): Status;
  /** Wants them no more. STALE: it was not subscribed to. */
  unsubscribe(filter: string): Status;
  /**
   * Publishes a message, never retained. One is on its way at a time: BUSY until `onEnd` was called.
   * @param qos 0: OK when it was composed; 1: OK when the broker acknowledged it, which may get it twice
   * @param onEnd OK, TIMEOUT, CONNECTION_LOST, TOO_LONG (for `limits.sendBytes`), BAD_ARGUMENTS (no text) or CLOSED
   * @throws Error when no message can be published on the topic
   */
  publish(topic: string, payload: string, qos: 0 | 1, onEnd: OnEnd): Status;
}

/** What the core gives the app's messages. */
export interface LeanCarrier {
  readonly id: string;
  /** Monotonic, ms. */
  now(): number;
  /** A turn soon. */
  soon(): void;
  /** A packet identifier that nobody has, two bytes. */
  nextPacket(): string;
  /** A text behind its length. */
  text(plain: string): string;
  /** Composes a packet of this first byte. BUSY: the link is full yet; TOO_LONG: it is for `limits.sendBytes`. */
  send(first: number, body: string): Status;
}

/** The app's messages as the core sees them. */
export interface LeanTraffic {
  /** @throws Error when they serve a client already */
  bind(core: LeanCarrier): void;
  /** Each turn: ends what waited too long, and composes what is due. @returns when it has something to do again */
  tend(nowMs: number, isReady: boolean): number;
  /** The connection is gone. */
  lost(): void;
  /** PUBACK, SUBACK or UNSUBACK came. */
  acknowledged(packet: number, code: number): void;
  /** Whether the packet identifier is one of its own. */
  has(packet: number): boolean;
  /** A message that is none of the calls'. */
  received(topic: string, payload: string, payloadLength: number, retain: boolean): void;
  /** Calls one callback of the app. @returns whether one was due */
  deliver(): boolean;
  /** The client is closed. */
  end(): void;
}

/** The module `motekey-messages` of Espruino. */
export interface LeanMessagesModule {
  readonly Messages: new (options?: LeanMessagesOptions) => LeanMessages & LeanTraffic;
}

/** The module `motekey` of Espruino. */
export interface LeanModule {
  createAuth(options: LeanOptions): LeanAuth;
  writeCredential(fields: LeanCredential): Status;
}
