import type { Comeback, WorldTally } from "../../host-sim/index.js";
import { HERD_STYLE, herdFigure } from "./herd-figure.js";
import type { Answer } from "./summary.js";

const MINUTE_S = 60;
const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 56;
const BOTTOM = 26;
const TOP = 10;
/** Points of a line at the most: one is about a pixel and a half. */
const POINTS_MAX = 440;
/** Reasons that are shown one by one. */
const REASONS_MAX = 12;
const BAR = 22;

const safe = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (found) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[found] as string,
  );

const count = (number: number): string => number.toLocaleString("en-US");

/** A round number that is not less. */
function ceiling(number: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, number)));
  const step = [1, 1.5, 2, 3, 4, 6, 8, 10].find((factor) => factor * power >= number) as number;
  return step * power;
}

/**
 * One file for a browser, with nothing from elsewhere: what was run, whether all held, and plots of what happened.
 * @param ways how devices of the seed come back when their network was away
 * @param flags with which it is run again, beside devices, days and seed
 */
export function reportOf(
  answer: Answer,
  tally: WorldTally,
  ways: readonly Comeback[],
  flags: readonly string[],
): string {
  const { seed, devices, days, faults, hash, violations } = answer;
  const title = `${count(devices)} devices for ${days} days, seed ${seed}, faults: ${faults}`;
  const seconds = days * 86_400;
  const tiles: [string, string][] = [
    ["checks that failed", count(violations.length)],
    ["faults", count(answer.fault_count)],
    ["boots", count(answer.boots)],
    ["connections tried", count(answer.connects)],
    ["requests accepted", count(answer.requests)],
    ["flash writes per device and year", count(answer.flash_writes_per_device_year)],
  ];
  const failed = violations.map(
    ({ check, what, device, core, at_s }) =>
      `<tr><td>${safe(check)}</td><td>${safe(what.split("\n")[0] as string)}</td><td>${device === null ? "all" : `${device} (${core})`}</td><td>${at_s.toFixed(1)} s</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>motekey sim: ${safe(title)}</title><style>${STYLE}</style></head>
<body><main>
<h1>motekey sim</h1><p>${safe(title)}</p>
<p class="${violations.length === 0 ? "good" : "bad"}">${violations.length === 0 ? "All checks held." : `${count(violations.length)} checks failed.`} Hash <code>${hash}</code></p>
<dl>${tiles.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>
${failed.length === 0 ? "" : `<h2>What failed</h2><table><tr><th>check</th><th>what</th><th>device</th><th>when</th></tr>${failed.join("")}</table>`}
${figure("Requests that the cloud accepted, each minute", lineOf(tally.requestsAt, seconds, "requests"))}
${figure("Connections that were tried, each minute", lineOf(tally.opensAt, seconds, "connections"))}
${figure(`${count(ways[0]?.devices ?? 0)} of these devices, without other faults, lose their network for ${ways[0]?.awayS ?? 0} s at one moment`, herdFigure(ways))}<p class="note">The firmware each time, and the same seed: with its waits, and with others in their place.</p>
${figure("Age of tokens when they were handed out, in percent of their life", columnsOf(answer.token_age))}
${figure("Calls of the app that came to nothing, by reason", barsOf(answer.calls_by_end))}
<p class="foot">Again: <code>motekey sim --devices ${devices} --days ${days} --seed ${seed} ${safe(flags.join(" "))}</code></p>
</main></body></html>
`;
}

const figure = (title: string, plot: string): string => `<h2>${title}</h2>${plot}`;

const svg = (height: number, label: string, body: string): string =>
  `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">${body}</svg>`;

const yOf = (value: number, most: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);

/** The horizontal lines, and what stands beside them. */
const grid = (most: number): string =>
  [0, most / 2, most]
    .map((value) => {
      const y = yOf(value, most).toFixed(1);
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - 8}" y1="${y}" y2="${y}"/><text class="y" x="${LEFT - 8}" y="${Number(y) + 4}">${count(value)}</text>`;
    })
    .join("");

/** Counts of seconds as a line: of each minute, or of the busiest minute of each point where there are more. */
function lineOf(bySecond: ReadonlyMap<number, number>, seconds: number, what: string): string {
  const minutes: number[] = new Array(Math.max(1, Math.ceil(seconds / MINUTE_S))).fill(0);
  for (const [second, number] of bySecond) {
    const minute = Math.floor(second / MINUTE_S);
    if (minute < minutes.length) minutes[minute] = (minutes[minute] as number) + number;
  }
  const each = Math.ceil(minutes.length / POINTS_MAX);
  const points: number[] = [];
  for (let from = 0; from < minutes.length; from += each)
    points.push(Math.max(...minutes.slice(from, from + each)));
  const most = ceiling(Math.max(1, ...points));
  const x = (share: number): number => LEFT + share * (WIDTH - LEFT - 8);
  const line = points.map(
    (value, i) =>
      `${x(points.length === 1 ? 0 : i / (points.length - 1)).toFixed(1)},${yOf(value, most).toFixed(1)}`,
  );
  const hours = seconds / 3_600;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = hours * share;
    const text =
      hours >= 72
        ? `day ${(at / 24).toFixed(1).replace(/\.0$/, "")}`
        : `${at.toFixed(1).replace(/\.0$/, "")} h`;
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    return `<text x="${x(share).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="${anchor}">${text}</text>`;
  });
  const peak = Math.max(...minutes);
  const busiest = minutes.indexOf(peak);
  return `${svg(HEIGHT, `${what} each minute`, `${grid(most)}<polyline class="line" points="${line.join(" ")}"/>${marks.join("")}`)}<p class="note">Busiest minute: ${count(peak)}, at ${(busiest / MINUTE_S).toFixed(1)} h.${each > 1 ? ` A point is the busiest of ${each} minutes.` : ""}</p>`;
}

/** Shares of a life as columns. */
function columnsOf(ages: readonly number[]): string {
  const most = ceiling(Math.max(1, ...ages));
  const width = (WIDTH - LEFT - 8) / ages.length;
  const columns = ages.map((value, i) => {
    const y = yOf(value, most);
    const from = (100 * i) / ages.length;
    return `<rect class="bar" x="${(LEFT + i * width + 1).toFixed(1)}" y="${y.toFixed(1)}" width="${(width - 2).toFixed(1)}" height="${(yOf(0, most) - y).toFixed(1)}"><title>${from} to ${from + 100 / ages.length} %: ${count(value)}</title></rect>`;
  });
  const marks = [0, 25, 50, 75, 100].map(
    (percent) =>
      `<text x="${LEFT + (percent / 100) * (WIDTH - LEFT - 8)}" y="${HEIGHT - 6}" text-anchor="${percent === 0 ? "start" : percent === 100 ? "end" : "middle"}">${percent} %</text>`,
  );
  return svg(HEIGHT, "tokens by age", `${grid(most)}${columns.join("")}${marks.join("")}`);
}

/** Ends of calls but OK as bars, the most frequent first. */
function barsOf(ends: Readonly<Record<string, number>>): string {
  const failed = Object.entries(ends)
    .filter(([name]) => !name.endsWith(" OK"))
    .sort(([, one], [, other]) => other - one);
  if (failed.length === 0) return `<p class="note">None did.</p>`;
  const shown = failed.slice(0, REASONS_MAX);
  const most = Math.max(...shown.map(([, number]) => number));
  const left = 240;
  const bars = shown.map(([name, number], i) => {
    const y = i * BAR;
    const width = Math.max(1, (number / most) * (WIDTH - left - 80));
    return `<text class="y" x="${left - 8}" y="${y + 15}">${safe(name)}</text><rect class="bar" x="${left}" y="${y + 3}" width="${width.toFixed(1)}" height="${BAR - 6}"/><text x="${(left + width + 6).toFixed(1)}" y="${y + 15}">${count(number)}</text>`;
  });
  const more = failed.slice(REASONS_MAX).reduce((sum, [, number]) => sum + number, 0);
  const rest =
    more === 0
      ? ""
      : `<p class="note">And ${count(more)} for ${failed.length - REASONS_MAX} other reasons.</p>`;
  return svg(shown.length * BAR, "calls by reason", bars.join("")) + rest;
}

const STYLE = `${HERD_STYLE}:root{color-scheme:light dark;--page:#fcfcfb;--ink:#1f1f1e;--muted:#6b6a67;--grid:#e4e3df;--mark:#2a78d6;--good:#0f7b3a;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#eeedea;--muted:#a3a29d;--grid:#363633;--mark:#5c9ee8;--good:#5cc98a;--bad:#ff8a80}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:720px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:24px;margin:0}h2{font-size:15px;margin:32px 0 6px;font-weight:600}p{margin:4px 0}
code{font:13px ui-monospace,monospace}.good{color:var(--good)}.bad{color:var(--bad)}.note,.foot{color:var(--muted);font-size:13px}.foot{margin-top:32px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:12px;margin:24px 0 0}dl div{border-top:1px solid var(--grid);padding-top:6px}
dt{color:var(--muted);font-size:13px}dd{margin:0;font-size:22px;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}svg text{fill:var(--muted);font-size:12px}svg text.y{text-anchor:end}
.grid{stroke:var(--grid)}.line{fill:none;stroke:var(--mark);stroke-width:1.5;stroke-linejoin:round}.bar{fill:var(--mark)}
table{border-collapse:collapse;font-size:13px;width:100%}td,th{text-align:left;padding:4px 8px 4px 0;border-top:1px solid var(--grid)}
`;
