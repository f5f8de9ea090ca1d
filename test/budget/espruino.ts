import { gzipSync } from "node:zlib";
import { bundleEspruino } from "../../build/espruino.mjs";
import { bundleLean } from "../../build/lean.mjs";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { measureEspruino, ROUNDS } from "../engines/espruino-memory.js";
import { leanRoundTripUs, measureLean } from "./espruino-lean.js";
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
    const lean = await leanFigures(program, cloud);
    const { variableBytes, code, client, inUse, retained } = await measureEspruino(program, cloud);
    const unit = `variables of ${variableBytes} B`;
    return [
      ...figures,
      ...lean,
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

/** Of the core that is written for this engine, beside its goals. */
async function leanFigures(program: string, cloud: Cloud): Promise<Figure[]> {
  const { variableBytes, code, client, peak, retained } = await measureLean(program, cloud, 100);
  const unit = `variables of ${variableBytes} B`;
  const bytes = Buffer.byteLength(await bundleLean());
  const figures: Figure[] = [
    { name: "Espruino, lean: one file", value: bytes, unit: "B", aim: 12_000 },
    { name: "Espruino, lean: code and client", value: code + client, unit, aim: 600 },
    { name: "Espruino, lean: in use when a token is told", value: peak, unit, aim: 1_500 },
    { name: "Espruino, lean: retained by round trips", value: retained, unit, aim: 0, note: "100 of them" },
  ];
  const peer = variableBytes < 16 ? undefined : await peerRoundTripUs(program, cloud);
  for (const host of peer === undefined ? [] : ["a.examp.le", `${"a".repeat(49)}.example.io`]) {
    const us = await leanRoundTripUs(program, cloud, "counter+mac", host);
    const name = `Espruino, lean: counter+mac, host of ${host.length}, to the MQTT module`;
    figures.push({ name, value: Math.round((10 * us) / (peer ?? us)) / 10, unit: "times", aim: 3 });
  }
  return figures;
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
