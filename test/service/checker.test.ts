/** What the checker of the fault suite says of calls that came while the database was away. */
import assert from "node:assert/strict";
import { violations } from "./faults/checker.js";
import { type Ended, History } from "./faults/history.js";

const AT = "http://127.0.0.1:1";

describe("the fault suite's checker, of a database that is away", () => {
  /** One call that came in the middle of it. */
  function seen(tookMs: number, ended: Ended, at: string | null = AT): string[] {
    const history = new History();
    history.aways.push({ at: [AT], fromMs: 0, toMs: 10_000 });
    const asked = { kind: "check", token: "t" } as const;
    history.entries.push({ asked, startedMs: 1_000, deadlineMs: 3_000, endedMs: 1_000 + tookMs, ended, at });
    return violations(history);
  }
  const failed = (why: string): Ended => ({ kind: "failed", why });

  it("takes 503 with a time to come back, soon, and answers that need no writing", () => {
    assert.deepEqual(seen(460, failed("status 503, retry after 2")), []);
    assert.deepEqual(seen(30, { kind: "check", isActive: true }), []);
  });

  it("finds a call that waited for its own timer, and one that was answered otherwise", () => {
    assert.deepEqual(seen(2_000, failed("This operation was aborted")), [
      "a check waited 2000 ms for a database that was away",
    ]);
    assert.match(seen(30, failed("status 500, retry after null"))[0] ?? "", /was answered "status 500/);
    assert.match(seen(30, failed("status 503, retry after null"))[0] ?? "", /was answered "status 503/);
  });

  it("says nothing of other replicas", () => {
    assert.deepEqual(seen(2_000, failed("This operation was aborted"), "http://127.0.0.1:2"), []);
    assert.deepEqual(seen(2_000, failed("This operation was aborted"), null), []);
  });
});
