import type { Comeback } from "../../host-sim/index.js";

const WIDTH = 720;
const ROW = 126;
const PLOT = 78;
const LEFT = 56;
const RIGHT = 8;
const HEAD = 24;

const count = (number: number): string => number.toLocaleString("en-US");

/** Of both themes; what stands alone has it within. */
export const HERD_STYLE = `
:root{color-scheme:light dark;--ink:#1f1f1e;--muted:#6b6a67;--grid:#e4e3df;--mark:#2a78d6;--other:#b8500f}
@media (prefers-color-scheme:dark){:root{--ink:#eeedea;--muted:#a3a29d;--grid:#363633;--mark:#5c9ee8;--other:#f0a267}}
svg text{fill:var(--muted);font:12px system-ui,sans-serif}svg text.y{text-anchor:end}svg text.name{fill:var(--ink);font-weight:600}
.grid{stroke:var(--grid)}.away{fill:var(--grid);opacity:.6}.requests{fill:var(--mark);stroke:var(--mark);stroke-width:1}.connects{fill:none;stroke:var(--other);stroke-width:1.25}
`;

/** A fleet that loses its network, once by each way to wait: requests and connections in each second, on one scale. */
export function herdFigure(ways: readonly Comeback[]): string {
  const most = Math.max(1, ...ways.flatMap(({ requests, connects }) => [...requests, ...connects]));
  const rows = ways.map((way, index) => rowOf(way, HEAD + index * ROW, most));
  const [first] = ways;
  const devices = first?.devices ?? 0;
  const label = `${count(devices)} devices lose their network at one moment: ${ways.map(({ name, requests }) => `${name}: at the most ${count(Math.max(...requests))} requests within a second`).join("; ")}`;
  const legend = `<rect class="requests" x="${LEFT}" y="4" width="12" height="8"/><text x="${LEFT + 18}" y="12">requests that the cloud accepted, each second</text><path class="connects" d="M${LEFT + 330} 8h12"/><text x="${LEFT + 348}" y="12">connections tried, each second</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEAD + ways.length * ROW}" role="img" aria-label="${label}">${legend}${rows.join("")}</svg>`;
}

function rowOf({ name, awayS, forS, requests, connects }: Comeback, top: number, most: number): string {
  const base = top + HEAD + PLOT;
  const x = (second: number): string => (LEFT + (second / forS) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string => (base - (value / most) * PLOT).toFixed(1);
  const busiest = Math.max(...requests);
  /** What is as before and behind needs no point. */
  const points = (values: readonly number[]): string =>
    values
      .map((value, second) =>
        value === values[second - 1] && value === values[second + 1] ? "" : `L${x(second)} ${y(value)}`,
      )
      .join("");
  const marks = [0, awayS, 300, 480, 600, forS].map((second) => {
    const anchor = second === 0 ? "start" : second === forS ? "end" : "middle";
    const text = second === 0 ? "lost" : second === awayS ? "back" : `${second} s`;
    return `<text x="${x(second)}" y="${base + 14}" text-anchor="${anchor}">${text}</text>`;
  });
  return [
    `<text class="name" x="${LEFT}" y="${top + 16}">${name}</text>`,
    `<text x="${WIDTH - RIGHT}" y="${top + 16}" text-anchor="end">busiest second: ${count(busiest)} requests</text>`,
    `<rect class="away" x="${x(0)}" y="${top + HEAD}" width="${(Number(x(awayS)) - LEFT).toFixed(1)}" height="${PLOT}"/>`,
    `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${base}" y2="${base}"/>`,
    `<text class="y" x="${LEFT - 8}" y="${base}">0</text><text class="y" x="${LEFT - 8}" y="${top + HEAD + 10}">${count(most)}</text>`,
    `<path class="requests" d="M${x(0)} ${base}${points(requests)}V${base}Z"/>`,
    `<path class="connects" d="M${x(0)} ${base}${points(connects)}"/>`,
    ...marks,
  ].join("");
}
