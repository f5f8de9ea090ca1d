import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { LeanHost, OnToken } from "./api.js";
import { writeDown } from "./calls.js";
import type { Slots } from "./records.js";
import { type Call, type Host, my, Rejection, Wish } from "./state.js";
import { revokeHost } from "./tokens.js";
import { now, soon, waitFor } from "./turns.js";

/** One app's tokens: the handle, and what the core has of it. What is not named in the constructor is not so yet. */
export class AppHost implements Host, LeanHost {
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
  failures: number;
  status: Status;
  why: Status;
  code: number;
  order: number;

  constructor(name: string) {
    this.name = name;
    this.page = null;
    this.flight = null;
    this.token = "";
    this.generation = 0;
    this.notBefore = 0;
    this.failures = 0;
    this.status = Status.OK;
    this.why = Status.OK;
    this.rejection = Rejection.NONE;
    this.askedAt = -Infinity;
  }

  getToken(onToken: OnToken): Status {
    this.askedAt = now();
    return waitFor(this, Wish.TOKEN, onToken);
  }

  generateToken(onToken: OnToken): Status {
    const status = waitFor(this, Wish.NEW_TOKEN, onToken);
    if (status === Status.OK) this.rejection = Rejection.NONE;
    return status;
  }

  revokeToken(onToken: OnToken | null): Status {
    return revokeHost(this, onToken);
  }

  rejected(generation: number): Status {
    if (my.isClosed) return Status.CLOSED;
    soon();
    if (this.token === "" || generation !== this.generation) return Status.STALE;
    this.token = "";
    if (this.rejection !== Rejection.NONE) {
      this.rejection = Rejection.REPORTED;
      this.rejectedUntil = now() + (my.bounds.backoffCapMs ?? DEFAULT_LIMITS.backoffCapMs);
      writeDown(this, Status.REJECTED, 0);
      return Status.REJECTED;
    }
    this.rejection = Rejection.RETRIED;
    this.mustGenerate = true;
    return Status.OK;
  }
}
