/** The picture of the simulated world: a day of some devices, drawn from a run, with the hash that `motekey sim` prints. */
import { State } from "../firmware/index.js";
import {
  drawPlan,
  type Fault,
  hashOf,
  KINDS,
  LEVELS,
  type Plan,
  runCell,
  Tally,
} from "../host-sim/world/index.js";

/** A run that is drawn. */
export interface Run {
  readonly seed: number;
  readonly devices: number;
  readonly days: number;
}

/** What a device was, from one moment to the next. */
interface Span {
  readonly kind: "ready" | "waiting" | "off";
  readonly fromMs: number;
  readonly toMs: number;
}

/** One device's day. */
interface Row {
  readonly plan: Plan;
  readonly spans: readonly Span[];
}

/** All that is drawn of a run. */
export interface Picture {
  readonly run: Run;
  readonly hash: string;
  readonly tally: Tally;
  readonly violations: number;
  readonly rows: readonly Row[];
}

const DAY_MS = 86_400_000;
/** As `motekey sim` has it where nothing is said. */
const SPREAD_MS = 300_000;
/** Shorter spans than this are seen by nobody: a pixel is about two minutes. */
const SEEN_MS = 60_000;

/** The spans of a device, from the lines of its trace. */
function spansOf(lines: readonly string[], endMs: number): Span[] {
  const spans: Span[] = [];
  let kind: Span["kind"] = "off";
  let fromMs = 0;
  const turn = (next: Span["kind"], atMs: number): void => {
    if (next === kind) return;
    spans.push({ kind, fromMs, toMs: Math.min(atMs, endMs) });
    [kind, fromMs] = [next, atMs];
  };
  for (const line of lines) {
    const [, seconds, mark, value] = /^([\d.]+) s (\w+) (-?\d+)/.exec(line) ?? [];
    const atMs = Number(seconds) * 1000;
    if (atMs >= endMs) break;
    if (mark === "END_OF_LIFE") turn("off", atMs);
    else if (mark === "BOOT") turn("waiting", atMs);
    else if (mark === "STATE") turn(Number(value) === State.READY ? "ready" : "waiting", atMs);
  }
  turn(kind === "off" ? "ready" : "off", endMs);
  return spans;
}

/** Runs the devices, as `motekey sim` does. */
export function drawRun(run: Run): Picture {
  const tally = new Tally();
  const hashes: string[] = [];
  const rows: Row[] = [];
  let violations = 0;
  for (let device = 0; device < run.devices; device++) {
    const draw = { seed: run.seed, forMs: run.days * DAY_MS, rates: LEVELS.ordinary, spreadMs: SPREAD_MS };
    const plan = drawPlan(draw, device);
    const result = runCell(plan, { lines: true });
    tally.add(result.tally);
    hashes.push(result.hash);
    if (result.violation !== undefined) violations++;
    rows.push({ plan, spans: spansOf(result.lines, plan.forMs) });
  }
  return { run, hash: hashOf(hashes), tally, violations, rows };
}

const WIDTH = 880;
const LEFT = 140;
const TOP = 8;
const ROW = 24;
const HOURS = [0, 4, 8, 12, 16, 20, 24];

/** One line of SVG, for Markdown ends HTML at an empty line. Its colours are the page's: site/.vitepress/theme/site.css. */
export function svgOf({ rows, run }: Picture): string {
  const height = TOP + rows.length * ROW + 26;
  const x = (ms: number): string => (LEFT + (ms / (run.days * DAY_MS)) * (WIDTH - LEFT - 12)).toFixed(1);
  const width = (span: Span): string => (Number(x(span.toMs)) - Number(x(span.fromMs))).toFixed(1);
  const grid = HOURS.map((hour) => {
    const at = x((hour / 24) * run.days * DAY_MS);
    return `<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${height - 24}"/><text class="hour" x="${at}" y="${height - 8}">${hour} h</text>`;
  });
  const drawn = rows.map(({ plan, spans }, index) => {
    const y = TOP + index * ROW;
    const core = plan.core === "byte" ? "XS" : "Espruino";
    const bars = spans
      .filter((span) => span.kind !== "off" && (span.kind === "ready" || span.toMs - span.fromMs > SEEN_MS))
      .map(
        (span) =>
          `<rect class="${span.kind}" x="${x(span.fromMs)}" y="${y + 8}" width="${width(span)}" height="12"/>`,
      );
    const ticks = plan.faults.map((fault) => tick(fault, x(fault.atMs), y));
    return `<text class="device" x="${LEFT - 10}" y="${y + 18}">${core}, ${plan.profile}</text><rect class="off" x="${LEFT}" y="${y + 8}" width="${WIDTH - LEFT - 12}" height="12"/>${bars.join("")}${ticks.join("")}`;
  });
  return `<svg class="world" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="A day of ${rows.length} simulated devices">${grid.join("")}${drawn.join("")}</svg>`;
}

const tick = ({ kind }: Fault, x: string, y: number): string => {
  const { part } = KINDS[kind];
  return `<rect class="fault ${part === "clock" ? "device" : part}" x="${x}" y="${y + 1}" width="2.5" height="6"><title>${part}: ${kind}</title></rect>`;
};

/** The picture with its legend and what it was drawn from, as a part of a Markdown page. */
export function pictureText(picture: Picture): string {
  const { run, tally, violations, hash } = picture;
  const count = (number: number): string => number.toLocaleString("en-US");
  const failed = Object.entries(tally.ends).reduce(
    (sum, [name, n]) => sum + (/ (?:OK|NOT_ALLOWED)$/.test(name) ? 0 : n),
    0,
  );
  const legend = [
    ...["ready", "waiting", "off"].map((kind) => `<span class="key ${kind}">${kind}</span>`),
    ...["network", "broker", "cloud", "device", "flash"].map(
      (part) => `<span class="key fault ${part}">${part} fault</span>`,
    ),
  ];
  return [
    `<div class="world-frame">${svgOf(picture)}</div>`,
    `<div class="world-legend">${legend.join("")}</div>`,
    "",
    `${run.devices} devices, each at a broker with the manners of a real one, through ${count(tally.faults)} faults: ${count(tally.calls)} calls of the app, ${count(failed)} of them ended with an error, ${count(tally.issued)} tokens, ${count(tally.boots)} boots, ${violations} checks that failed.`,
    "",
    `\`motekey sim --devices ${run.devices} --days ${run.days} --seed ${run.seed}\` runs it again, to the same hash: \`${hash}\`. [What runs, and what is checked](./docs/simulation.md).`,
  ].join("\n");
}
