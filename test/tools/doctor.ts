/** What doctor said, looked at by tests. */
import assert from "node:assert/strict";
import type { Finding } from "../../tools/doctor/finding.js";
import type { Said } from "./world.js";

/** The findings of a run with --json, which ends with 1 exactly where one of them is a problem. */
export function findingsOf(said: Said): Finding[] {
  assert.notEqual(said.stdout, "", said.stderr);
  const findings: Finding[] = JSON.parse(said.stdout);
  const isSick = findings.some(({ level }) => level === "problem");
  assert.equal(said.exit, isSick ? 1 : 0, said.stdout);
  for (const { level, reason, next, message } of findings) {
    assert.equal(reason === "ok", level === "ok", reason);
    assert.match(message, /[.:]$/, message);
    // One sentence.
    if (next !== null) assert.match(next, /^[A-Z].*[^.]\.$/s);
  }
  return findings;
}

/** The one finding with this code. */
export function found(said: Said, reason: string): Finding {
  const findings = findingsOf(said);
  const [finding, another] = findings.filter((one) => one.reason === reason);
  assert.ok(finding, `${reason} was not among ${findings.map((one) => one.reason).join(", ")}`);
  assert.equal(another, undefined, "told twice");
  return finding;
}
