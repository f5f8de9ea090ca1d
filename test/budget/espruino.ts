import { gzipSync } from "node:zlib";
import { bundleLean, MESSAGES_ENTRY } from "../../build/lean.mjs";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { type LeanMemory, leanTimes, measureLean } from "./espruino-lean.js";
import type { Figure } from "./figures.js";

/** Variables that both clients need in memory, the MQTT module's too. */
const BOTH_NEED = 4_096;
const STACK_NOTE = "the build that test/budget/espruino-c3.sh makes: x86's frames, of the round trips above";
const TIMES_NOTE = "in turns with Espruino's MQTT module, minified, in one run; the fastest tenth of 200";

const NEEDS = "needs ESPRUINO, a Linux build of the engine: docs/espruino.md";
const TIMES = ["10", "60"].map((length) => `Espruino: counter+mac, host of ${length}, to the MQTT module`);
/** What only an engine can tell, with its goals: NaN is shown as a dash. */
const NEED_ENGINE: Figure[] = [
  { name: "Espruino: code and client", value: Number.NaN, unit: "variables", aim: 600, note: NEEDS },
  {
    name: "Espruino: in use when a token is told",
    value: Number.NaN,
    unit: "variables",
    aim: 1_500,
    note: NEEDS,
  },
  { name: "Espruino: left for the app", value: Number.NaN, unit: "variables", note: NEEDS },
  { name: "Espruino: retained by round trips", value: Number.NaN, unit: "variables", aim: 0, note: NEEDS },
  { name: "Espruino: stack", value: Number.NaN, unit: "B", aim: 9_000, note: NEEDS },
  ...TIMES.map((name) => ({ name, value: Number.NaN, unit: "times", aim: 3, note: NEEDS })),
];

/** What the files for Espruino weigh, and, where ESPRUINO names an interpreter, what it takes there. */
export async function espruinoFigures(): Promise<Figure[]> {
  const source = Buffer.from(await bundleLean());
  const messages = Buffer.byteLength(await bundleLean({ entry: MESSAGES_ENTRY }));
  const figures: Figure[] = [
    { name: "Espruino: one file", value: source.length, unit: "B", tolerance: 0, aim: 12_000 },
    { name: "Espruino: one file, gzipped", value: gzipSync(source, { level: 9 }).length, unit: "B" },
    { name: "Espruino: the app's messages", value: messages, unit: "B", tolerance: 0 },
  ];
  const program = process.env.ESPRUINO;
  if (program === undefined || program === "") return [...figures, ...NEED_ENGINE];
  const cloud = await startCloud();
  try {
    const rounds = Number(process.env.ESPRUINO_ROUNDS ?? 100);
    const memory = await measureLean(program, cloud, rounds);
    figures.push(...leanFigures(memory, rounds), ...(await leanTimeFigures(program, cloud, memory)));
    return figures;
  } finally {
    await cloud.close();
  }
}

/** Of the core that is written for this engine, beside its goals. */
function leanFigures(memory: LeanMemory, rounds: number): Figure[] {
  const { variableBytes, code, client, peak, left, retained, stack } = memory;
  const unit = `variables of ${variableBytes} B`;
  const note = `${rounds} round trips; ESPRUINO_ROUNDS=10000 npm run budget makes as many as that`;
  const figures: Figure[] = [
    { name: "Espruino: code and client", value: code + client, unit, aim: 600 },
    { name: "Espruino: in use when a token is told", value: peak, unit, aim: 1_500 },
    { name: `Espruino: left for the app of ${memory.total}`, value: left, unit },
    { name: "Espruino: retained by round trips", value: retained, unit, aim: 0, note },
  ];
  if (stack !== undefined)
    figures.push({ name: "Espruino: stack", value: stack, unit: "B", aim: 9_000, note: STACK_NOTE });
  return figures;
}

/** Both are run from memory: there is room for both on builds of this size. */
async function leanTimeFigures(program: string, cloud: Cloud, { total }: LeanMemory): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const host of total < BOTH_NEED ? [] : ["a.examp.le", `${"a".repeat(49)}.example.io`]) {
    const times = await leanTimes(program, cloud, "counter+mac", host);
    if (times === undefined) break;
    const name = `Espruino: counter+mac, host of ${host.length}`;
    const value = Math.round((10 * times.oursUs) / times.peerUs) / 10;
    figures.push(
      { name, value: times.oursUs, unit: "µs", note: TIMES_NOTE },
      { name: `${name}, to the MQTT module`, value, unit: "times", aim: 3, note: TIMES_NOTE },
    );
  }
  return figures;
}
