import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { bundleModdable } from "../../build/moddable.mjs";
import type { Proof } from "../../firmware/index.js";
import { startCloud } from "../../host-sim/cloud/index.js";
import { buildApp, type ModdableApp, playApp } from "../engines/moddable.js";
import type { Figure } from "./figures.js";

const HERE = fileURLToPath(new URL("moddable/", import.meta.url));
const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/** Round trips before anything is measured, and of each measurement; the desktop's sockets look about them 50 times a second. */
const WARM = 20;
const ROUNDS = 400;
/** A heap that is never collected, and one of an ESP32 by the SDK's defaults, which does not grow. */
const HEAPS = {
  roomy: { static: 0, stack: 512, chunk: { initial: 1 << 25 }, heap: { initial: 2_000_000 } },
  esp32: {
    static: 0,
    stack: 512,
    chunk: { initial: 78_848, incremental: 0 },
    heap: { initial: 4_928, incremental: 0 },
  },
};

interface Reading {
  slots: number;
  chunkBytes: number;
  slotsMax: number;
  chunkBytesMax: number;
  microseconds: number;
}

/** After a collection, after one more round trip, and after {@link ROUNDS} and one more. */
interface Run {
  before: Reading;
  once: Reading;
  after: Reading;
}

interface Measured {
  /** Per round trip, with a heap that is never collected. */
  slots: number;
  chunkBytes: number;
  /** On an ESP32's heap: per round trip, and the most in use. */
  microseconds: number;
  slotsMax: number;
  chunkBytesMax: number;
}

/**
 * Whole clients on the SDK's desktop build, sockets and all: ours, and the SDK's MQTT client with JSON. Nothing where
 * MODDABLE names no SDK.
 */
export async function moddableFigures(): Promise<Figure[]> {
  const sdk = process.env.MODDABLE;
  if (sdk === undefined || !existsSync(sdk)) return [];
  const stock = await measure(sdk, "stock");
  const figures: Figure[] = [];
  for (const proof of ["password", "counter+mac"] as const) {
    const ours = await measure(sdk, proof);
    const add = (what: string, value: number, unit: string, more: Partial<Figure> = {}) =>
      figures.push({ name: `Moddable, ${proof}: ${what}`, value, unit, ...more });
    add("slots of a round trip", ours.slots, "slots", { aim: 0, tolerance: 0 });
    add("chunks of a round trip", ours.chunkBytes, "B", { aim: 0, tolerance: 0 });
    add("most slots in use", ours.slotsMax, "slots");
    add("most chunks in use", ours.chunkBytesMax, "B");
    add("time of a round trip", ours.microseconds, "µs");
    if (proof === "password") {
      const ratio = Math.round((10 * ours.microseconds) / stock.microseconds) / 10;
      add("time, ours to stock", ratio, "times", { aim: 1.5, note: "processor time, collections counted" });
    }
  }
  return [
    ...figures,
    { name: "Moddable, stock MQTT + JSON: slots of a round trip", value: stock.slots, unit: "slots" },
    { name: "Moddable, stock MQTT + JSON: chunks of a round trip", value: stock.chunkBytes, unit: "B" },
    { name: "Moddable, stock MQTT + JSON: most slots in use", value: stock.slotsMax, unit: "slots" },
    { name: "Moddable, stock MQTT + JSON: most chunks in use", value: stock.chunkBytesMax, unit: "B" },
    { name: "Moddable, stock MQTT + JSON: time of a round trip", value: stock.microseconds, unit: "µs" },
  ];
}

async function measure(sdk: string, who: Proof | "stock"): Promise<Measured> {
  const [roomy, esp32] = [await run(sdk, "roomy", who), await run(sdk, "esp32", who)];
  return {
    slots: perRound(roomy, "slots"),
    chunkBytes: perRound(roomy, "chunkBytes"),
    microseconds: perRound(esp32, "microseconds"),
    slotsMax: esp32.after.slotsMax,
    chunkBytesMax: esp32.after.chunkBytesMax,
  };
}

/** What a round trip adds: the test's own messages, which one round trip has as well as many, are taken away. */
function perRound({ before, once, after }: Run, what: keyof Reading): number {
  return Math.round((after[what] - once[what] - (once[what] - before[what])) / ROUNDS) + 0; // never −0
}

async function run(sdk: string, heap: keyof typeof HEAPS, who: Proof | "stock"): Promise<Run> {
  const library = await build(sdk, heap);
  const cloud = await startCloud({ requireFrameProof: who === "counter+mac" });
  let app: ModdableApp | undefined;
  try {
    await cloud.addDevice({ id: ID, psk: PSK });
    app = await playApp(sdk, library);
    const told = [
      await app.ask({ do: "start", who, port: cloud.port }),
      await app.ask({ do: "go", times: WARM }),
    ];
    const before = await reading(app, "collect");
    told.push(await app.ask({ do: "go", times: 1 }));
    const once = await reading(app, "read");
    told.push(await app.ask({ do: "go", times: ROUNDS + 1 }));
    const after = await reading(app, "read");
    if (told.some((status) => status !== 0)) throw new Error(`${who} on Moddable ended with ${told}`);
    return { before, once, after };
  } finally {
    await app?.close();
    await cloud.close();
  }
}

async function reading(app: ModdableApp, command: "collect" | "read"): Promise<Reading> {
  const told = (await app.ask({ do: command })) as [number, number, number, number, number];
  const [slots, chunkBytes, slotsMax, chunkBytesMax, microseconds] = told;
  return { slots, chunkBytes, slotsMax, chunkBytesMax, microseconds };
}

async function build(sdk: string, heap: keyof typeof HEAPS): Promise<string> {
  const source = (name: string): string => readFileSync(HERE + name, "utf8");
  const main = await transform(source("main.ts"), { loader: "ts", target: "es2022" });
  const manifest = {
    include: [
      "$(MODDABLE)/examples/manifest_base.json",
      "$(MODDABLE)/modules/network/net/manifest.json",
      "$(MODDABLE)/examples/io/tcp/mqttclient/manifest_mqttclient.json",
    ],
    modules: { "*": ["./main", "./motekey", "./meter"] },
    preload: ["motekey", "meter"],
    creation: HEAPS[heap],
  };
  const modules = {
    "main.js": main.code,
    "motekey.js": await bundleModdable(),
    "meter.js": source("meter.xs"),
    "meter.c": source("meter.c"),
  };
  return buildApp(sdk, { name: `budget-${heap}`, manifest, modules });
}
