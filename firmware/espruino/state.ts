import type { State } from "../auth.js";
import { Status } from "../status.js";
import type { LeanHost, LeanLimits, LeanOptions, OnAnswer, OnToken } from "./api.js";
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
  /** Nothing: the app's server refused the token. */
  REJECTION,
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
  /** The cloud's error code. */
  said: number;
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
  /** How long the answer to the latest publishing is waited for, ms. */
  patience: number;
  deadline: number;
  cause: Status;
  outcome: Status;
  isAbandoned: boolean;
  args: string;
  host: Host | null;
  onDone: OnAnswer<never> | null;
  result: unknown;
}

/** One caller. */
export interface Waiter {
  host: Host;
  wish: Wish;
  onToken: OnToken | null;
  deadline: number;
  isDone: boolean;
  outcome: Status;
}

/** One app's tokens: the handle, and what the core has of it. What is not named in the constructor is not so yet. */
export class Host implements LeanHost, Failure, Tries {
  readonly name: string;
  isClaimed: boolean;
  page: Slots | null;
  text: string;
  sentAt: number;
  lifetime: number;
  refreshAt: number;
  isSpread: boolean;
  isGuess: boolean;
  count: number;
  flight: Call | null;
  isKnown: boolean;
  /** Nothing but a token is to be had for it, as of the last turn. */
  isPlain: boolean;
  mustGenerate: boolean;
  owesRevoke: boolean;
  rejection: Rejection;
  rejectedUntil: number;
  askedAt: number;
  notBefore: number;
  failures: number;
  outcome: Status;
  why: Status;
  said: number;
  order: number;

  constructor(name: string) {
    this.name = name;
    this.page = null;
    this.isPlain = false;
    this.flight = null;
    this.text = "";
    this.count = 0;
    this.notBefore = 0;
    this.failures = 0;
    this.outcome = Status.OK;
    this.why = Status.OK;
    this.rejection = Rejection.NONE;
    this.askedAt = -Infinity;
  }

  getToken(onToken: OnToken): Status {
    return my.serve(this, Wish.TOKEN, onToken, 0);
  }

  generateToken(onToken: OnToken): Status {
    return my.serve(this, Wish.NEW_TOKEN, onToken, 0);
  }

  revokeToken(onToken: OnToken | null): Status {
    return my.serve(this, Wish.REVOCATION, onToken, 0);
  }

  rejected(generation: number): Status {
    return my.serve(this, Wish.REJECTION, null, generation);
  }
}

/** All that is so: one client runs on a device. Made anew by `createAuth`. */
export interface Core extends Tries {
  /** What those below call above them: the turn, and what a handle is asked for. */
  turn: () => void;
  serve: (host: Host, wish: Wish, onToken: OnToken | null, generation: number) => Status;
  tellState: ((state: State) => void) | null;
  isClosed: boolean;
  bounds: LeanLimits;
  given: LeanOptions;
  us: string;
  /** Who the present connection is of: we, or who asks for our counter. */
  caller: string;
  /** The pre-shared key. */
  secret: string;
  /** Spreads refreshes where there is no key. */
  dice: string;
  connectBy: string;
  isMac: boolean;
  callMs: number;
  /** Whose the records are. */
  ownerText: string;
  pages: Slots[];
  isOpened: boolean;
  apps: Host[];
  waiting: Waiter[];
  /** The first place is Hello's. */
  flights: (Call | null)[];
  /** Calls whose answers are awaited only to be undone. */
  abandoned: number;
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
  /** A callback of the app may be due. */
  hasNews: boolean;
  isRestless: boolean;
  isBlocked: boolean;
  isForgetful: boolean;
  socket: Socket | null;
  isOpen: boolean;
  isHeard: boolean;
  isAccepted: boolean;
  rest: string;
  /** What a packet has brought, and whether its topic names a method; null: nothing. */
  message: string | null;
  isRequest: boolean;
  /** Of the last text: where its value ended; of the last frame, one that was refused too: its id; 0: none came. */
  end: number;
  idSoFar: number;
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
  /** Opens what this session's tokens come in. */
  sealKey: string;
  /** The cloud seals tokens on this connection, by its Hello or by one that came: no other is taken. */
  isSealed: boolean;
  /** The floor asks for that, on every connection. */
  mustSeal: boolean;
  sends: number;
  receives: number;
  /** The present connection asks for the counter (the wire's B8); so does the next. */
  isAsking: boolean;
  isFound: boolean;
  wasAsked: boolean;
  nonce: string;
  strangerAt: number;
  isKeyed: boolean;
  /** Frames have a MAC and no key. */
  isSigned: boolean;
  /** Nothing is under way, and a call may leave without a turn. */
  isCalm: boolean;
  /** The one call that is under way, if its answer may be taken without a turn. */
  only: Call | null;
  /** Beginnings of the calls' and the answers' PUBLISH: topics behind their lengths. */
  requestTopic: string;
  answerTopic: string;
  cloud: string;
  sendMost: number;
  attemptMs: number;
  tokenMost: number;
}

/** The client that runs. */
export let my: Core;
/** Writes down what went wrong. */
export function writeDown(failure: Failure, why: Status, code: number): void {
  failure.why = why;
  failure.said = code;
  failure.order = ++my.order;
}

/** Begins anew; what is not named is not so yet. */
export const renew = (core: Partial<Core>): void => {
  my = core as Core;
};
