import { gzipSync } from "node:zlib";
import { bundleEspruino } from "../../build/espruino.mjs";
import { startCloud } from "../../host-sim/cloud/index.js";
import { measureEspruino, ROUNDS } from "../engines/espruino-memory.js";
import type { Figure } from "./figures.js";

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
    ];
  } finally {
    await cloud.close();
  }
}
