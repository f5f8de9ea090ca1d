import { gzipSync } from "node:zlib";
import { bundleEspruino } from "../../build/espruino.mjs";
import { bundleLean } from "../../build/lean.mjs";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { measureEspruino, ROUNDS } from "../engines/espruino-memory.js";
import { type LeanMemory, leanTimes, measureLean } from "./espruino-lean.js";
import { leastFree } from "./espruino-squeeze.js";
import { peerRoundTripUs, roundTripUs } from "./espruino-time.js";
import type { Figure } from "./figures.js";

const ESP32_VARIABLE_BYTES = 14;
/** Variables that the core of all engines needs, and those that both clients need in memory, the MQTT module's too. */
const [OTHER_NEEDS, BOTH_NEED] = [4_096, 4_096];
const STACK_NOTE = "the build that test/budget/espruino-c3.sh makes: x86's frames, of the round trips above";
const TIMES_NOTE = "in turns with Espruino's MQTT module, minified, in one run; the fastest tenth of 200";

/** What one file for Espruino weighs, and, where ESPRUINO names an interpreter, what it takes there. */
export async function espruinoFigures(): Promise<Figure[]> {
  const source = Buffer.from(await bundleEspruino());
  const lean = Buffer.byteLength(await bundleLean());
  const figures: Figure[] = [
    { name: "Espruino: one file", value: source.length, unit: "B", tolerance: 0 },
    { name: "Espruino: one file, gzipped", value: gzipSync(source, { level: 9 }).length, unit: "B" },
    { name: "Espruino, lean: one file", value: lean, unit: "B", tolerance: 0, aim: 12_000 },
  ];
  const program = process.env.ESPRUINO;
  if (program === undefined || program === "") return figures;
  const cloud = await startCloud();
  try {
    const rounds = Number(process.env.ESPRUINO_ROUNDS ?? 100);
    const memory = await measureLean(program, cloud, rounds);
    figures.push(...leanFigures(memory, rounds), ...(await leanTimeFigures(program, cloud, memory)));
    if (memory.total < OTHER_NEEDS) return figures;
    return [...figures, ...(await otherFigures(program, cloud))];
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
    { name: "Espruino, lean: code and client", value: code + client, unit, aim: 600 },
    { name: "Espruino, lean: in use when a token is told", value: peak, unit, aim: 1_500 },
    { name: `Espruino, lean: left for the app of ${memory.total}`, value: left, unit },
    { name: "Espruino, lean: retained by round trips", value: retained, unit, aim: 0, note },
  ];
  if (stack !== undefined)
    figures.push({ name: "Espruino, lean: stack", value: stack, unit: "B", aim: 9_000, note: STACK_NOTE });
  return figures;
}

/** Both are run from memory: there is room for both on builds of this size. */
async function leanTimeFigures(program: string, cloud: Cloud, { total }: LeanMemory): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const host of total < BOTH_NEED ? [] : ["a.examp.le", `${"a".repeat(49)}.example.io`]) {
    const times = await leanTimes(program, cloud, "counter+mac", host);
    if (times === undefined) break;
    const name = `Espruino, lean: counter+mac, host of ${host.length}`;
    const value = Math.round((10 * times.oursUs) / times.peerUs) / 10;
    figures.push(
      { name, value: times.oursUs, unit: "µs", note: TIMES_NOTE },
      { name: `${name}, to the MQTT module`, value, unit: "times", aim: 3, note: TIMES_NOTE },
    );
  }
  return figures;
}

/** Of the core that all engines have. */
async function otherFigures(program: string, cloud: Cloud): Promise<Figure[]> {
  const { variableBytes, code, client, inUse, retained } = await measureEspruino(program, cloud);
  const unit = `variables of ${variableBytes} B`;
  return [
    { name: "Espruino: code run from Storage", value: code, unit },
    { name: "Espruino: client at default limits", value: client, unit },
    { name: "Espruino: in use after round trips", value: inUse, unit },
    { name: "Espruino: retained by round trips", value: retained, unit, aim: 0, note: `${ROUNDS} of them` },
    ...(variableBytes === ESP32_VARIABLE_BYTES
      ? [{ name: "Espruino: least free for a round trip", value: await leastFree(program, cloud), unit }]
      : await timeFigures(program, cloud)),
  ];
}

/** From memory, so that it is the engine's time: on a computer its flash is a file. The 14-byte build has no room. */
async function timeFigures(program: string, cloud: Cloud): Promise<Figure[]> {
  const [unit, note] = ["µs", "the engine's own time, the fastest tenth; the peer is Espruino's MQTT module"];
  const mac = await roundTripUs(program, cloud, "counter+mac");
  const password = await roundTripUs(program, cloud, "password");
  const peer = await peerRoundTripUs(program, cloud);
  const figures: Figure[] = [
    { name: "Espruino: GenerateToken, counter+mac", value: mac, unit, note },
    { name: "Espruino: GenerateToken, password", value: password, unit, note },
  ];
  if (peer === undefined) return figures;
  const ratio = { value: Math.round((10 * password) / peer) / 10, unit: "times", aim: 3, note };
  return [
    ...figures,
    { name: "Espruino: the peer's, password and JSON", value: peer, unit, note },
    { name: "Espruino: GenerateToken, password, ours to peer", ...ratio },
  ];
}
