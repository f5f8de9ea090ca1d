import { Unavailable } from "../../cloud/frame.js";

/** How queries are batched. */
export interface BatchTerms {
  /** Statements on their way at once. */
  lanes: number;
  /** Questions in one statement. */
  most: number;
  /** How long a question may take, with the wait for its turn, ms. */
  limitMs: number;
}

/** More than can be answered within a question's time: the next ones fail at once. */
const WAITING_MAX = 10_000;
const RETRY_AFTER_SECONDS = 2;

interface Waiting<Question, Answer> {
  question: Question;
  /** Nobody waits for it any more: skip it. */
  isOver: boolean;
  resolve: (answer: Answer) => void;
  reject: (failure: unknown) => void;
}

/**
 * Questions of one kind that come while others are on their way go to the database together, in one statement and, where
 * they change something, in one commit, the dearest part of a call. Nobody gets an answer before the commit.
 */
export class Batch<Question, Answer> {
  private readonly waiting: Waiting<Question, Answer>[] = [];
  private lanesLeft: number;
  private isDue = false;

  /** @param ask answers each question at its place; or rejects, and then none of them took effect, or all did */
  constructor(
    private readonly ask: (questions: readonly Question[]) => Promise<readonly Answer[]>,
    private readonly terms: BatchTerms,
  ) {
    this.lanesLeft = terms.lanes;
  }

  /** Rejects with `Unavailable` after the deadline; a query that was sent by then may still take effect. */
  put(question: Question): Promise<Answer> {
    if (this.waiting.length >= WAITING_MAX) {
      const left = this.waiting.filter(({ isOver }) => !isOver);
      this.waiting.splice(0, this.waiting.length, ...left);
      if (left.length >= WAITING_MAX) return Promise.reject(tooMany());
    }
    return new Promise((resolve, reject) => {
      const one: Waiting<Question, Answer> = {
        question,
        isOver: false,
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (failure) => {
          clearTimeout(timer);
          reject(failure);
        },
      };
      const timer = setTimeout(() => {
        one.isOver = true;
        reject(late());
      }, this.terms.limitMs);
      this.waiting.push(one);
      this.plan();
    });
  }

  /** Once per turn of the event loop: what came in it goes together. */
  private plan(): void {
    if (this.isDue || this.lanesLeft === 0) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      while (this.lanesLeft > 0 && this.waiting.length > 0) {
        const batch = this.take();
        if (batch.length > 0) void this.send(batch);
      }
    });
  }

  private take(): Waiting<Question, Answer>[] {
    const batch: Waiting<Question, Answer>[] = [];
    while (batch.length < this.terms.most) {
      const one = this.waiting.shift();
      if (one === undefined) break;
      if (!one.isOver) batch.push(one);
    }
    return batch;
  }

  private async send(batch: readonly Waiting<Question, Answer>[]): Promise<void> {
    this.lanesLeft--;
    try {
      await this.settle(batch);
    } finally {
      this.lanesLeft++;
      if (this.waiting.length > 0) this.plan();
    }
  }

  private async settle(batch: readonly Waiting<Question, Answer>[]): Promise<void> {
    try {
      const answers = await this.ask(batch.map(({ question }) => question));
      for (const [at, one] of batch.entries()) one.resolve(answers[at] as Answer);
    } catch (failure) {
      // One that fails does not fail the others.
      if (batch.length > 1 && !(failure instanceof Unavailable))
        for (const one of batch) await this.settle([one]);
      else for (const one of batch) one.reject(failure);
    }
  }
}

function late(): Unavailable {
  return new Unavailable("The database is away; try again later", RETRY_AFTER_SECONDS);
}

function tooMany(): Unavailable {
  return new Unavailable("Too many requests are waiting; try again later", RETRY_AFTER_SECONDS);
}
