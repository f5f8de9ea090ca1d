import Table from "cli-table3";

/**
 * Rows below a head; on a terminal that is too narrow for them, a paragraph for each row with a line for each cell.
 * @param head may be empty for a column of marks
 * @param columns the terminal's; null: no terminal
 */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | null,
): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 2 },
    chars: NO_LINES,
  });
  for (const row of rows) table.push([...row]);
  const lines = table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  const isWide = columns === null || lines.every((line) => line.length <= columns);
  return isWide ? lines.join("\n") : rows.map((row) => stacked(head, row)).join("\n\n");
}

function stacked(head: readonly string[], row: readonly string[]): string {
  const width = Math.max(...head.map((name) => name.length));
  return head
    .map((name, index) => (name === "" ? (row[index] ?? "") : `${name.padEnd(width)}  ${row[index] ?? ""}`))
    .filter((line) => line !== "")
    .join("\n");
}

const NO_LINES = Object.fromEntries(
  [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
    ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
  ].map((name) => [name, ""]),
);
