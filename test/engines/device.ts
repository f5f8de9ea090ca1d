/**
 * The firmware as an app on XS runs it. This file runs inside the engine; its ports ask the test process, which is
 * its network card, its clock and its source of random bytes (`xs-device.ts` is the other side).
 */
import {
  type Address,
  type AuthClient,
  type AuthOptions,
  createAuth,
  type LinkEvents,
  type Ports,
  Status,
  type Token,
  type Waker,
} from "../../firmware/index.js";

/** What the device asks of the test process: this byte, then what belongs to it. */
export enum Ask {
  /** Nothing more: the address is known there. */
  OPEN,
  /** The bytes. */
  WRITE,
  CLOSE,
  /** Milliseconds, a double: how long to sleep. */
  WAKE,
  CANCEL,
  /** A byte: how many random bytes are to come back. */
  ENTROPY,
  /** A byte: the status, then the token. */
  TOLD,
}

/** What the test process tells the device: this byte, the time (a double, milliseconds), then what belongs to it. */
export enum Tell {
  OPENED,
  /** The bytes. */
  RECEIVED,
  /** A byte: the status. */
  CLOSED,
  TURN,
  /** The app's host, ASCII: it wants a token, or a new one. */
  GET_TOKEN,
  GENERATE_TOKEN,
  /** The app has had enough. */
  END,
}

/** Where a message's own bytes begin: behind its first byte and the time. */
export const TELL_HEAD_BYTES = 9;

let ask: (bytes: ArrayBuffer) => ArrayBuffer;
let nowMs = 0;
let auth: AuthClient;
let events: LinkEvents | null = null;
let sleeper: Waker | null = null;

function message(kind: Ask, length: number): Uint8Array {
  const bytes = new Uint8Array(1 + length);
  bytes[0] = kind;
  return bytes;
}

function tell(kind: Ask): void {
  ask(message(kind, 0).buffer as ArrayBuffer);
}

const ports: Ports = {
  link: {
    open: (_address: Address, opener: LinkEvents): void => {
      events = opener;
      tell(Ask.OPEN);
    },
    write: (bytes: Uint8Array, from: number, to: number): number => {
      const written = message(Ask.WRITE, to - from);
      written.set(bytes.subarray(from, to), 1);
      ask(written.buffer as ArrayBuffer);
      return to - from;
    },
    close: (): void => {
      events = null;
      tell(Ask.CLOSE);
    },
  },
  clock: {
    now: (): number => nowMs,
    wakeAfter: (delayMs: number, waker: Waker): void => {
      const bytes = message(Ask.WAKE, 8);
      new DataView(bytes.buffer).setFloat64(1, delayMs);
      sleeper = waker;
      ask(bytes.buffer as ArrayBuffer);
    },
    cancel: (): void => {
      sleeper = null;
      tell(Ask.CANCEL);
    },
  },
  entropy: {
    fill: (bytes: Uint8Array, from: number, to: number): void => {
      const question = message(Ask.ENTROPY, 1);
      question[1] = to - from;
      bytes.set(new Uint8Array(ask(question.buffer as ArrayBuffer)), from);
    },
  },
};

function onToken(status: Status, token: Token | null): void {
  const length = token === null ? 0 : token.length;
  const told = message(Ask.TOLD, 1 + length);
  told[1] = status;
  if (token !== null) told.set(token.bytes.subarray(0, length), 2);
  ask(told.buffer as ArrayBuffer);
}

/** Makes the client. `issueCommand` is the engine's way to the test process. */
export function start(options: AuthOptions, issueCommand: (bytes: ArrayBuffer) => ArrayBuffer): void {
  ask = issueCommand;
  auth = createAuth(options, ports);
}

/** The engine's `handleCommand`. */
export function handle(command: ArrayBuffer): void {
  const bytes = new Uint8Array(command);
  nowMs = new DataView(command).getFloat64(1);
  const kind = bytes[0];
  if (kind === Tell.OPENED && events !== null) events.opened();
  else if (kind === Tell.RECEIVED && events !== null) events.received(bytes, TELL_HEAD_BYTES, bytes.length);
  else if (kind === Tell.CLOSED && events !== null) events.closed(bytes[TELL_HEAD_BYTES]);
  else if (kind === Tell.TURN && sleeper !== null) sleeper.turn();
  else if (kind === Tell.END) auth.close();
  else if (kind === Tell.GET_TOKEN || kind === Tell.GENERATE_TOKEN) askToken(bytes, kind);
}

function askToken(bytes: Uint8Array, kind: Tell): void {
  let name = "";
  for (let i = TELL_HEAD_BYTES; i < bytes.length; i++) name += String.fromCharCode(bytes[i]);
  const host = auth.host(name);
  const status = kind === Tell.GET_TOKEN ? host.getToken(onToken) : host.generateToken(onToken);
  if (status !== Status.OK) onToken(status, null);
}
