/**
 * `npm run budget`: measures what the firmware costs, compares with `budget.json`, and exits with 1 when a figure
 * grew. `--json` prints an array of `{name, value, unit, kept, aim, reached}`; `--update` keeps the new figures.
 */
import { xsMissing } from "../engines/install.mjs";
import { callFigures } from "./calls.js";
import { chipFigures } from "./chip.js";
import { espruinoFigures } from "./espruino.js";
import { complaint, type Figure, isReached, type Kept, readKept, writeKept } from "./figures.js";
import { flightFigures } from "./flights.js";
import { moddableFigures } from "./moddable.js";
import { garbageFigures, peerFigures, sealFigures, workFigures } from "./operations.js";
import { sealedStoreFigures } from "./sealed-store.js";
import { sizeFigures } from "./sizes.js";

const PARTS: [title: string, measure: () => Promise<Figure[]>][] = [
  ["Garbage on XS, per operation", garbageFigures],
  ["Work on XS, per operation", workFigures],
  ["A round trip on XS beside JSON.stringify and JSON.parse", peerFigures],
  ["A token that comes sealed", sealFigures],
  ["Records sealed at rest, on XS", sealedStoreFigures],
  ["From an open connection to a token", flightFigures],
  ["Calls of functions, per token request", callFigures],
  ["Memory and code", sizeFigures],
  ["On XS of 32 bit, as on a chip", chipFigures],
  ["On Espruino", espruinoFigures],
  ["On Moddable", moddableFigures],
];

const options = new Set(process.argv.slice(2));
const missing = xsMissing();
const unknown = [...options].find((option) => option !== "--json" && option !== "--update");
if (unknown !== undefined) fail(`${unknown} is no option; there are --json and --update`);
else if (missing !== null) fail(missing);
else await run(options.has("--json"), options.has("--update"));

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

async function run(asJson: boolean, updates: boolean): Promise<void> {
  const kept = await readKept();
  const figures: Figure[] = [];
  for (const [title, measure] of PARTS) {
    const measured = await measure();
    figures.push(...measured);
    if (!asJson) print(title, measured, kept);
  }
  if (asJson)
    console.log(
      JSON.stringify(
        figures.map((figure) => shown(figure, kept)),
        null,
        2,
      ),
    );
  if (updates) await writeKept(figures);
  else
    for (const figure of figures) {
      const wrong = complaint(figure, kept);
      if (wrong !== null) fail(wrong);
    }
}

function shown(figure: Figure, kept: Kept): object {
  const { name, value, unit, aim, note } = figure;
  return { name, value, unit, kept: kept[name] ?? null, aim: aim ?? null, reached: isReached(figure), note };
}

function print(title: string, figures: Figure[], kept: Kept): void {
  console.log(`\n${title}`);
  for (const figure of figures) {
    const { name, value, unit, aim } = figure;
    const reached = isReached(figure);
    const isMeasured = !Number.isNaN(value);
    const state = isMeasured ? `aim ${reached ? "reached" : "NOT reached"}` : "not measured; aim";
    const verdict = aim === undefined ? "" : `  ${state}: ${aim}`;
    const before = kept[name];
    const change = before === undefined || before === value ? "" : `  (kept: ${before})`;
    console.log(
      `  ${name.padEnd(58)} ${(isMeasured ? value.toLocaleString("en") : "-").padStart(9)} ${unit.padEnd(10)}${verdict}${change}`,
    );
  }
  for (const note of new Set(figures.map((figure) => figure.note)))
    if (note !== undefined) console.log(`  (${note})`);
}
