import { gzipSync } from "node:zlib";
import { bundleEspruino } from "../../build/espruino.mjs";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { measureEspruino, ROUNDS } from "../engines/espruino-memory.js";
import { leastFree } from "./espruino-squeeze.js";
import { peerRoundTripUs, roundTripUs } from "./espruino-time.js";
import type { Figure } from "./figures.js";

const ESP32_VARIABLE_BYTES = 14;

/** What one file for Espruino weighs, and, where ESPRUINO names an interpreter, what it takes there. */
export async function espruinoFigures(): Promise<Figure[]> {
  const source = Buffer.from(await bundleEspruino());
  const figures: Figure[] = [
    { name: "Espruino: one file", value: source.length, unit: "B", tolerance: 0 },
    { name: "Espruino: one file, gzipped", value: gzipSync(source, { level: 9 }).length, unit: "B" },
  ];
  const program = process.env.ESPRUINO;
  if (program === undefined || program === "") return figures;
  const cloud = await startCloud();
  try {
    const { variableBytes, code, client, inUse, retained } = await measureEspruino(program, cloud);
    const unit = `variables of ${variableBytes} B`;
    return [
      ...figures,
      { name: "Espruino: code run from Storage", value: code, unit },
      { name: "Espruino: client at default limits", value: client, unit },
      { name: "Espruino: in use after round trips", value: inUse, unit },
      { name: "Espruino: retained by round trips", value: retained, unit, aim: 0, note: `${ROUNDS} of them` },
      ...(variableBytes === ESP32_VARIABLE_BYTES
        ? [{ name: "Espruino: least free for a round trip", value: await leastFree(program, cloud), unit }]
        : await timeFigures(program, cloud)),
    ];
  } finally {
    await cloud.close();
  }
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
