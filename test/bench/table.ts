import { figure } from "./figure.js";
import type { Row } from "./row.js";

const HEADINGS = ["", "ours", "peer", "", "ratio", "goal", ""];
const WIDTHS = [46, 9, 9, 9, 9, 17, 11];
const INDENT = "    ";

const line = (cells: readonly string[]): string =>
  cells
    .map((cell, column) => {
      const width = WIDTHS[column] ?? 0;
      const isFigure = column === 1 || column === 2 || column === 4;
      return isFigure ? cell.padStart(width) : `${column === 0 ? "" : " "}${cell}`.padEnd(width);
    })
    .join("")
    .trimEnd();

/** The table's head. */
export const heading = (): string => line(HEADINGS);

/** A row, what it was measured against, and, where its goal is not reached, what was tried. */
export function lines(row: Row): string {
  const reached = row.reached === null ? "" : row.reached ? "reached" : "not reached";
  const cells = [
    row.name,
    figure(row.ours),
    figure(row.peer),
    row.unit,
    `${figure(row.ratio)}×`,
    row.goal === null ? "" : `  ${row.goal}`,
    reached,
  ];
  const below = [`against ${row.against}`];
  if (row.reached === false && row.tried !== "") below.push(`tried: ${row.tried}`);
  return [line(cells), ...below.map((text) => INDENT + text)].join("\n");
}
