/** CSV as RFC 4180 has it, read strictly, whatever the pieces in which it comes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { rowsOf } from "../../tools/device/batch/csv.js";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Uint8Array, size = 1000) {
  const rows = [];
  for await (const row of rowsOf(pieces(Buffer.from(text), size), "list.csv")) rows.push(row);
  return rows;
}

const cellsOf = async (text: string, size?: number) => (await read(text, size)).map(({ cells }) => cells);

describe("device batch reads CSV", () => {
  it("with quotes, commas, line breaks and quotes within them, a byte order mark, and either line end", async () => {
    const text = '\ufeffid,app.name:string\r\na,"x, ""y""\r\nz"\nb,\n\n"c",""';
    for (const size of [1, 2, 3, 1000])
      assert.deepEqual(await read(text, size), [
        { line: 1, cells: ["id", "app.name:string"] },
        { line: 2, cells: ["a", 'x, "y"\r\nz'] },
        { line: 4, cells: ["b", ""] },
        { line: 6, cells: ["c", ""] },
      ]);
  });

  it("any cells that are written come back, in any pieces", async () => {
    const cell = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r\n", " ", "ü", "😀", "\t") });
    const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 9 }), async (cells, size) => {
        const text = cells
          .map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(","))
          .join("\r\n");
        assert.deepEqual(await cellsOf(text, size), cells);
      }),
    );
  });

  for (const [name, text, message] of [
    ["a quote that nobody closes", 'id\na\n"b\nc\n', /list\.csv, line 3 has a quote that nobody closes/],
    ["text behind a closing quote", 'id\n"a"b\n', /line 2 has text behind a closing quote/],
    ["a quote within a bare value", 'id\na"b\n', /line 2 has a quote within a value/],
    ["a CR alone", "id\na\rb\n", /line 2 has a CR without LF/],
    ["a NUL", "id\na\0\n", /line 2 has the control character 0/],
    ["a row without end", `id\n${"x".repeat(70_000)}`, /line 2 is longer than 65536 characters/],
  ] as const)
    it(`refuses ${name}, with its line`, async () => {
      await assert.rejects(read(text), message);
    });

  it("refuses what is not UTF-8", async () => {
    await assert.rejects(read(Buffer.from("id\nm\xfcller\n", "latin1")), /is not UTF-8/);
  });
});
