import type { Addresses } from "../addresses.js";
import type { Call } from "../rpc/calls.js";
import { Status } from "../status.js";
import { PeerWords } from "../transport/peer-words.js";

/** What went wrong with one connection, or with one call, and where. {@link Failures} alone writes it, and writes it whole. */
export class Failure {
  /** OK: there is none. */
  status: Status;
  /** The cloud's error code; 0: there was none. */
  code: number;
  /** The number of the peer's text about it; 0: there was none. */
  said: number;
  /** Which of the addresses it happened at. */
  place: number;
  /** A later one's is higher. */
  order: number;

  constructor() {
    this.status = Status.OK;
    this.code = 0;
    this.said = 0;
    this.place = 0;
    this.order = 0;
  }
}

/** Records what went wrong, so that no detail outlives its cause or is blamed for anything else. */
export class Failures {
  readonly connection: Failure;
  /** What the peer said last. */
  readonly words: PeerWords;
  private readonly addresses: Addresses;
  private isReady: boolean;
  private count: number;

  constructor(addresses: Addresses) {
    this.connection = new Failure();
    this.words = new PeerWords();
    this.addresses = addresses;
    this.isReady = false;
    this.count = 0;
  }

  /** @param said the number of the peer's text; 0: none */
  write(failure: Failure, status: Status, code: number, said: number): void {
    this.count++;
    failure.status = status;
    failure.code = code;
    failure.said = said;
    failure.place = this.addresses.index;
    failure.order = this.count;
  }

  /** There is a connection: forgets what had prevented it. */
  ready(): void {
    this.write(this.connection, Status.OK, 0, 0);
    this.isReady = true;
  }

  /**
   * There is none.
   * @param status why; OK: it is the first that is wanted
   * @param isNew its peer had not let us in yet
   */
  lost(status: Status, isNew: boolean, said: number): void {
    const isHungUp = isNew && status === Status.CONNECTION_LOST;
    this.write(this.connection, isHungUp ? Status.HUNG_UP : status, 0, said);
    this.isReady = false;
  }

  /**
   * How a call ended. Where the connection prevented its answer, that is the connection's failure.
   * @param call null: it never became one
   */
  note(failure: Failure, status: Status, call: Call | null): void {
    const code = call === null ? 0 : call.code;
    const isConnections = !this.isReady && code === 0 && status !== Status.TOO_LONG;
    const isCaused = call !== null && status === Status.TIMEOUT && call.cause !== Status.OK;
    if (isConnections) this.write(failure, Status.OK, 0, 0);
    else if (isCaused) this.write(failure, call.cause, 0, call.said);
    else this.write(failure, status, code, 0);
  }
}
