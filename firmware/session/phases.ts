import { Status } from "../status.js";

/** What the session wants from whoever drives it. */
export enum Want {
  /** Nothing before `wakeAtMs`. */
  IDLE,
  /** Open the link. */
  OPEN,
  /** Write `outbox.bytes[outbox.from..outbox.to)`. */
  WRITE,
  /** Bytes from the peer; there is nothing to write. */
  READ,
  /** Close the link. */
  CLOSE,
}

/** What follows bytes that came. */
export enum After {
  /** Nothing: they were part of something. */
  NOTHING,
  TURN,
  /** A turn, and then the rest of them: the app is called first, or what they say may need room that there is not. */
  PAUSED,
}

/** Where a connection's life stands. */
export enum Phase {
  /** The app wants no connection. */
  RESTING,
  /** The backoff is running. */
  WAITING,
  OPENING,
  /** The link is open; the peer has not let us in yet. */
  CONNECTING,
  READY,
  /** We end the connection: the farewell leaves, then the link is closed. */
  LEAVING,
  /** The connection failed: close the link. */
  FAILING,
}

/** What moves a connection from phase to phase. */
export enum Change {
  /** The app wants a connection. */
  START,
  /** The backoff is over. */
  WOKEN,
  OPENED,
  /** The channel is ready. */
  ACCEPTED,
  /** We give this connection up. */
  FAILED,
  /** The link is gone. */
  GONE,
  /** The app wants no connection any more. */
  STOP,
}

const CHANGES = 7;
const NEVER = 255;

// biome-ignore format: a table
/** Every transition: a row per phase, a column per change. */
const TRANSITIONS = new Uint8Array([
  //            START            WOKEN          OPENED            ACCEPTED     FAILED         GONE           STOP
  /* RESTING */ Phase.WAITING,   NEVER,         NEVER,            NEVER,       NEVER,         NEVER,         Phase.RESTING,
  /* WAITING */ Phase.WAITING,   Phase.OPENING, NEVER,            NEVER,       NEVER,         NEVER,         Phase.RESTING,
  /* OPENING */ Phase.OPENING,   NEVER,         Phase.CONNECTING, NEVER,       Phase.FAILING, Phase.WAITING, Phase.LEAVING,
  /* CONNECT */ Phase.CONNECTING, NEVER,        NEVER,            Phase.READY, Phase.FAILING, Phase.WAITING, Phase.LEAVING,
  /* READY   */ Phase.READY,     NEVER,         NEVER,            NEVER,       Phase.FAILING, Phase.WAITING, Phase.LEAVING,
  /* LEAVING */ Phase.FAILING,   NEVER,         NEVER,            NEVER,       NEVER,         Phase.RESTING, Phase.LEAVING,
  /* FAILING */ Phase.FAILING,   NEVER,         NEVER,            NEVER,       NEVER,         Phase.WAITING, Phase.LEAVING,
]);

/** Where a change leads. A change that the phase does not allow is a bug of ours, and throws. */
export const nextPhase = (phase: Phase, change: Change): Phase => {
  const next = TRANSITIONS[phase * CHANGES + change];
  if (next === NEVER) throw new Error(`motekey: change ${change} in phase ${phase}`);
  return next;
};

/** Whether somebody must do something before a connection can be made: no need to ask often. */
export const needsPerson = (status: Status): boolean =>
  status === Status.METHOD_REFUSED ||
  (status >= Status.WS_REDIRECTED && status <= Status.WS_REFUSED) ||
  (status >= Status.VERSION_REFUSED &&
    status <= Status.SUBSCRIPTION_REFUSED &&
    status !== Status.SERVER_UNAVAILABLE);
