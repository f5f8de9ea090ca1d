import type { State } from "../auth.js";
import type { Status } from "../status.js";
import type { LeanLimits, LeanOptions, OnAnswer, OnToken } from "./api.js";
import type { Key } from "./proofs.js";
import type { Slots } from "./records.js";

/** Where the connection's life stands. */
export enum Phase {
  RESTING,
  WAITING,
  OPENING,
  CONNECTING,
  READY,
}

/** What is asked of the cloud. */
export enum Method {
  HELLO,
  GENERATE,
  GET,
  LIST,
  REVOKE,
  AUTHENTICATE,
  AUTHORIZE,
  COUNTER,
}

/** What a caller waits for. */
export enum Wish {
  TOKEN,
  NEW_TOKEN,
  REVOCATION,
}

/** How far a token that its app refused got. */
export enum Rejection {
  NONE,
  RETRIED,
  REPORTED,
}

/** Where a call stands. */
export enum CallPhase {
  QUEUED,
  SENT,
  DONE,
}

/** The most that a number of seconds is, and a counter: 2^53 − 1. */
export const SECONDS_MAX = 9007199254740991;
/** A lifetime without an end, as earlier records have it. */
export const NO_END = 4294967295;

/** What went wrong with one connection or call. */
export interface Failure {
  why: Status;
  code: number;
  order: number;
}

/** What the backoff counts. */
export interface Tries {
  failures: number;
}

/** One request from its asking to its end. */
export interface Call extends Failure {
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

/** One caller. */
export interface Waiter {
  host: Host;
  wish: Wish;
  onToken: OnToken | null;
  deadline: number;
  isDone: boolean;
  status: Status;
}

/** One app's tokens, as the core has them. */
export interface Host extends Failure, Tries {
  readonly name: string;
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
  status: Status;
}

/** All that is so: one client runs on a device. Made anew by `createAuth`. */
export interface Core extends Tries {
  onState: ((state: State) => void) | null;
  isClosed: boolean;
  bounds: LeanLimits;
  given: LeanOptions;
  us: string;
  secretText: string;
  connectProof: string;
  isMac: boolean;
  /** Spreads refreshes. */
  secret: Key;
  /** Whose the records are. */
  ownerText: string;
  pages: Slots[];
  isOpened: boolean;
  apps: Host[];
  waiting: Waiter[];
  /** The first place is Hello's. */
  flights: (Call | null)[];
  /** Of the latest call that asked for no token, and of the connection. */
  asked: Failure;
  lost: Failure;
  order: number;
  lastId: number;
  lastPacket: number;
  phase: Phase;
  /** Why the last connection ended or could not be made. */
  lastLoss: Status;
  phaseEnds: number;
  readyAt: number;
  /** The next attempt begins when the app has heard of the loss. */
  isUntold: boolean;
  told: State;
  nowMs: number;
  /** The time of the connection's last turn: its calls end before those who wait for them. */
  heardOfMs: number;
  clock: number;
  timer: number;
  armedAt: number;
  wakeAt: number;
  isTurning: boolean;
  isRung: boolean;
  isRestless: boolean;
  isBlocked: boolean;
  isForgetful: boolean;
  socket: Socket | null;
  isOpen: boolean;
  isHeard: boolean;
  isAccepted: boolean;
  buffer: string;
  /** Bytes of a packet that is too long, still to come. */
  skip: number;
  outbox: string;
  queued: number;
  sentAt: number;
  heardAt: number;
  answerBy: number;
  isPinging: boolean;
  subscription: number;
  place: number;
  nextPlace: number;
  refusals: number;
  counters: Slots | null;
  latest: number;
  reserved: number;
  needsMac: boolean;
  isFresh: boolean;
  sec: string;
  macKey: Key;
  sends: number;
  receives: number;
  /** The present connection asks for the counter (the wire's B8); so does the next. */
  isAsking: boolean;
  isFound: boolean;
  wasAsked: boolean;
  nonce: string;
  strangerAt: number;
  isKeyed: boolean;
}

/** The client that runs. */
export let my: Core;
/** Begins anew; what is not named is not so yet. */
export const renew = (core: Partial<Core>): void => {
  my = core as Core;
};
