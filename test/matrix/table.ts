import { type Cell, LEAN_LINKS, LEAN_ROAD, LINKS, MODES, ROADS } from "./cells.js";

const BEGIN = "<!-- npm run matrix -- --update -->\n";
const END = "<!-- end of the matrix -->";

const LEAN = [LEAN_ROAD, [...LEAN_LINKS]] as const;

/** The cells as a Markdown table, aligned for terminals. */
export function tableOf(cells: readonly Cell[]): string {
  const roads = [...Object.keys(ROADS).map((road) => [road, Object.keys(LINKS)] as const), LEAN];
  const rows = roads.flatMap(([road, links]) =>
    links.map((link) => {
      const row = cells.filter((cell) => cell.transport === road && cell.link === link);
      return [road, link, ...MODES.map((mode) => textOf(row.find(({ proof }) => proof === mode)))];
    }),
  );
  const lines = [["", "", ...MODES], ...rows];
  const widths = ["", "", ...MODES].map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const printed = lines.map(
    (line) => `| ${line.map((text, i) => text.padEnd(widths[i] ?? 0)).join(" | ")} |\n`,
  );
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|\n`;
  return [printed[0], rule, ...printed.slice(1)].join("");
}

function textOf(cell: Cell | undefined): string {
  if (cell === undefined) return "not run";
  if (cell.outcome === "passes") return "✓";
  return cell.outcome === "refused" ? cell.status : `fails: ${cell.status}`;
}

/** The text with this table between its markers. @throws Error where it has none */
export function withTable(text: string, table: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`The markers are missing: ${BEGIN.trim()} and ${END}`);
  return text.slice(0, from + BEGIN.length) + table + text.slice(to);
}
