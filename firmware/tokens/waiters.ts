import { Status } from "../status.js";
import type { Host } from "./host.js";
import type { OnToken } from "./token.js";

/** What a caller waits for. */
export enum Wish {
  /** Any good token. */
  TOKEN,
  /** A token newer than the one at the asking. */
  NEW_TOKEN,
  /** The end of a revocation. */
  REVOCATION,
}

/** One caller. A place in the table, used again and again. */
export class Waiter {
  host: Host | null;
  wish: Wish;
  onToken: OnToken | null;
  deadlineMs: number;
  /** Ended with `status`; the app is to be called. */
  isDone: boolean;
  status: Status;

  constructor() {
    this.host = null;
    this.wish = Wish.TOKEN;
    this.onToken = null;
    this.deadlineMs = 0;
    this.isDone = false;
    this.status = Status.OK;
  }
}

/** The fixed table of callers, in the order in which they came. */
export class Waiters {
  /** How many of the table's places are taken: the first ones. */
  count: number;
  private readonly table: Waiter[];

  constructor(size: number) {
    this.table = new Array(size);
    for (let i = 0; i < size; i++) this.table[i] = new Waiter();
    this.count = 0;
  }

  at(index: number): Waiter {
    return this.table[index];
  }

  /** A place at the end; null when all are taken. */
  add(host: Host, wish: Wish, onToken: OnToken | null, deadlineMs: number): Waiter | null {
    if (this.count === this.table.length) return null;
    const waiter = this.table[this.count];
    this.count++;
    waiter.host = host;
    waiter.wish = wish;
    waiter.onToken = onToken;
    waiter.deadlineMs = deadlineMs;
    waiter.isDone = false;
    waiter.status = Status.OK;
    return waiter;
  }

  /** Frees a place; those behind it move up. */
  remove(index: number): void {
    const table = this.table;
    const waiter = table[index];
    this.count--;
    for (let i = index; i < this.count; i++) table[i] = table[i + 1];
    table[this.count] = waiter;
    waiter.host = null;
    waiter.onToken = null;
  }

  /** The first that is done, or −1. */
  firstDone(): number {
    for (let i = 0; i < this.count; i++) if (this.table[i].isDone) return i;
    return -1;
  }

  /** Whether somebody waits for this of this host. */
  isAwaited(host: Host, wish: Wish): boolean {
    for (let i = 0; i < this.count; i++) {
      const waiter = this.table[i];
      if (waiter.host === host && waiter.wish === wish && !waiter.isDone) return true;
    }
    return false;
  }

  /** Whether a caller of this host still waits for its token. */
  isPromised(host: Host): boolean {
    for (let i = 0; i < this.count; i++) {
      const waiter = this.table[i];
      if (
        waiter.host === host &&
        waiter.isDone &&
        waiter.status === Status.OK &&
        waiter.wish !== Wish.REVOCATION
      ) {
        return true;
      }
    }
    return false;
  }

  /** Ends all of a host's callers with this wish. */
  finish(host: Host, wish: Wish, status: Status): void {
    for (let i = 0; i < this.count; i++) {
      const waiter = this.table[i];
      if (waiter.host === host && waiter.wish === wish && !waiter.isDone) {
        waiter.isDone = true;
        waiter.status = status;
      }
    }
  }
}
