/** `motekey device audit verify`: a log's chain of hashes, and the line where it breaks. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { good } from "./acme.js";
import { Line } from "./line.js";

describe("motekey device audit verify", () => {
  let line: Line;
  let lines: string[];
  let head: string;
  before(async () => {
    line = await Line.open();
    line.file("list.csv", `id\n${Array.from({ length: 6 }, (_, i) => `d${i}`).join("\n")}\n`);
    head = (await line.json("device batch list.csv --out lot")).log_head;
    lines = line.read("lot", "batch.jsonl").toString().trimEnd().split("\n");
  });
  after(() => line.close());

  const verified = async (changed: readonly string[], more = "") => {
    line.file("log.jsonl", changed.map((one) => `${one}\n`).join(""));
    const said = await line.world.line(`device audit verify log.jsonl --json ${more}`);
    const answer = JSON.parse(said.stdout);
    assert.equal(said.exit, answer.intact ? 0 : 1);
    return answer;
  };
  const changed = (index: number, text: string): string[] => lines.with(index, text);

  it("a log as 'device batch' wrote it is intact, and ends with the hash that was printed", async () => {
    const answer = await line.json("device audit verify lot/batch.jsonl");
    assert.deepEqual([answer.intact, answer.lines, answer.head], [true, 8, head]);
    assert.match(
      good(await line.world.line("device audit verify lot/batch.jsonl")).stdout,
      /^lot\/batch\.jsonl: 8 lines, each as it was written/,
    );
    assert.equal((await verified(lines, `--head ${head}`)).intact, true);
  });

  it("each line has who did what to whom, and when; its hash is of what stands before it, by any other tool too", () => {
    const [first = "", second = ""] = lines;
    const entry = JSON.parse(second);
    assert.deepEqual([entry.n, entry.by, entry.did, entry.device], [2, "ann@example.com", "made", "d0"]);
    assert.match(entry.at, /^20\d\d-\d\d-\d\dT/);
    const before = second.slice(0, second.indexOf(',"hash":'));
    assert.equal(entry.hash, createHash("sha256").update(before).digest("hex"));
    assert.equal(entry.prev, JSON.parse(first).hash);
  });

  it("names the line that was changed, moved, removed or put in", async () => {
    const rows: [string[], number, RegExp][] = [
      [changed(3, (lines[3] as string).replace('"d2"', '"d9"')), 4, /it was changed/],
      [
        changed(
          2,
          (lines[2] as string).replace(/"hash":"(.)/, (_, digit) => `"hash":"${digit === "0" ? "1" : "0"}`),
        ),
        3,
        /it was changed|line before/,
      ],
      [lines.toSpliced(4, 1), 5, /has the number 6 in this place/],
      [lines.toSpliced(1, 0, lines[1] as string), 3, /has the number 2 in this place/],
      [lines.toSpliced(2, 2, lines[3] as string, lines[2] as string), 3, /has the number 4/],
      [changed(5, "nonsense"), 6, /no line of an audit log/],
      [changed(7, `${lines[7]} `), 8, /no line of an audit log/],
    ];
    for (const [text, where, why] of rows) {
      const answer = await verified(text);
      assert.equal(answer.broken_line, where, answer.broken_why);
      assert.match(answer.broken_why, why);
    }
  });

  it("a line that was forged with a hash of its own breaks at the next one", async () => {
    const forged = (lines[3] as string).replace('"d2"', '"d9"').replace(/,"hash":.*$/, "");
    const hash = createHash("sha256").update(forged).digest("hex");
    const answer = await verified(changed(3, `${forged},"hash":"${hash}"}`));
    assert.equal(answer.broken_line, 5);
    assert.match(answer.broken_why, /does not follow the line before/);
  });

  it("lines missing at the end are found by --head", async () => {
    assert.equal((await verified(lines.slice(0, -1))).intact, true);
    const answer = await verified(lines.slice(0, -1), `--head ${head}`);
    assert.deepEqual([answer.intact, answer.broken_line], [false, 8]);
  });

  it("a write that was cut at the end is no break, and is told", async () => {
    line.file("log.jsonl", `${lines.join("\n")}\n{"n":9`);
    const said = good(await line.world.line("device audit verify log.jsonl"));
    assert.match(said.stderr, /6 bytes of a write that was cut/);
  });

  it("a file that is not there, and a hash that is none, are refused", async () => {
    await line.failed("device audit verify none.jsonl", "storage_denied", /there is no such file/);
    await line.failed("device audit verify log.jsonl --head 12", "usage", /--head is no hash/);
  });
});
