import assert from "node:assert/strict";
import { Unavailable } from "../../host-sim/cloud/frame.js";
import { Batch } from "../../host-sim/service/store/batch.js";

/** Statements that are answered when the test says so. */
class Statements {
  readonly asked: number[][] = [];
  private readonly settlers: ((failure?: Error) => void)[] = [];
  private told: (() => void) | null = null;

  readonly ask = (questions: readonly number[]): Promise<number[]> => {
    this.asked.push([...questions]);
    const answer = new Promise<number[]>((resolve, reject) => {
      this.settlers.push((failure) =>
        failure === undefined ? resolve(questions.map((n) => 10 * n)) : reject(failure),
      );
    });
    this.told?.();
    return answer;
  };

  /** Resolves when so many statements are on their way, or were. */
  async have(count: number): Promise<void> {
    while (this.asked.length < count)
      await new Promise<void>((resolve) => {
        this.told = resolve;
      });
  }

  settle(at: number, failure?: Error): void {
    this.settlers[at]?.(failure);
  }
}

describe("questions put together", () => {
  const TERMS = { lanes: 1, most: 3, limitMs: 60_000 };

  it("go in one statement when they come at once, and each gets its own answer", async () => {
    const statements = new Statements();
    const batch = new Batch(statements.ask, TERMS);
    const answers = Promise.all([1, 2, 3].map((n) => batch.put(n)));
    await statements.have(1);
    statements.settle(0);
    assert.deepEqual(await answers, [10, 20, 30]);
    assert.deepEqual(statements.asked, [[1, 2, 3]]);
  });

  it("wait while another statement is on its way, and fill the next ones in their order", async () => {
    const statements = new Statements();
    const batch = new Batch(statements.ask, TERMS);
    const first = batch.put(1);
    await statements.have(1);
    const rest = Promise.all([2, 3, 4, 5].map((n) => batch.put(n)));
    statements.settle(0);
    await statements.have(2);
    statements.settle(1);
    await statements.have(3);
    statements.settle(2);
    assert.deepEqual([await first, ...(await rest)], [10, 20, 30, 40, 50]);
    assert.deepEqual(statements.asked, [[1], [2, 3, 4], [5]]);
  });

  it("one that cannot be carried out takes no other with it", async () => {
    const batch = new Batch(async (questions: readonly number[]) => {
      if (questions.includes(2)) throw new Error("no such thing");
      return questions.map((n) => 10 * n);
    }, TERMS);
    const answers = await Promise.allSettled([1, 2, 3].map((n) => batch.put(n)));
    assert.deepEqual(
      answers.map((answer) => (answer.status === "fulfilled" ? answer.value : answer.reason.message)),
      [10, "no such thing", 30],
    );
  });

  it("a database that is away is asked once for all of them", async () => {
    const statements = new Statements();
    const batch = new Batch(statements.ask, TERMS);
    const answers = Promise.allSettled([1, 2].map((n) => batch.put(n)));
    await statements.have(1);
    statements.settle(0, new Unavailable("away", 2));
    assert.deepEqual(
      (await answers).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    assert.equal(statements.asked.length, 1);
  });

  it("nobody waits longer than the limit, and who waits no more is not asked for", async () => {
    const statements = new Statements();
    const batch = new Batch(statements.ask, { ...TERMS, limitMs: 20 });
    const [first, second] = await Promise.allSettled([
      batch.put(1),
      statements.have(1).then(() => batch.put(2)),
    ]);
    for (const answer of [first, second]) {
      assert.equal(answer.status, "rejected");
      assert.ok(answer.reason instanceof Unavailable);
    }
    const third = batch.put(3);
    statements.settle(0);
    await statements.have(2);
    statements.settle(1);
    assert.equal(await third, 30);
    assert.deepEqual(statements.asked, [[1], [3]]);
  });

  it("who comes when too many wait is sent away at once", async () => {
    const batch = new Batch(async (questions: readonly number[]) => questions, { ...TERMS, most: 10_000 });
    const all = Array.from({ length: 10_001 }, (_, n) => batch.put(n));
    await assert.rejects(all.pop() as Promise<number>, /Too many requests are waiting/);
    assert.equal((await Promise.all(all)).length, 10_000);
  });
});
