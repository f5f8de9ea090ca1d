import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { bundleModdable } from "../../build/moddable.mjs";
import type { Proof } from "../../firmware/index.js";
import { startCloud } from "../../host-sim/cloud/index.js";
import { interleave, median, medianRatio } from "../bench/samples.js";
import { buildApp, type ModdableApp, playApp } from "../engines/moddable.js";
import type { Figure } from "./figures.js";

const HERE = fileURLToPath(new URL("moddable/", import.meta.url));
/** The desktop's socket in the SDK, which `moddable/socket.c` wakes. */
const TCP = "modules/io/socket/lin/tcp";
/** The C that stands in the place of the TypeScript, as a manifest names it. */
const NATIVE = fileURLToPath(new URL("../../firmware/native/motekey-native", import.meta.url));
const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/** Round trips before anything is measured, and of each measurement. */
const WARM = 100;
const ROUNDS = 10_000;
/** Measurements of time: one client and the other, in turn. */
const TURNS = 3;
/** What the peer in memory answers (`moddable/socket.c`): as long as the mock cloud's answer is. */
const PEER = {
  PEER_TOPIC: `${ID}/rpc`,
  PEER_FRAME: JSON.stringify({
    v: 2,
    id: "#",
    src: "//api.mongoose-iot.com",
    dst: ID,
    result: { token: "eyJhbGciOiJFUzI1NiJ9.".padEnd(350, "Zm9vYmFy"), expires_in: 3600 },
  }).replace('"#"', "#"),
};
/** A heap that is never collected, and one of an ESP32 by the SDK's defaults, which does not grow. */
const HEAPS = {
  roomy: { static: 0, stack: 512, chunk: { initial: 1 << 26 }, heap: { initial: 3_000_000 } },
  esp32: {
    static: 0,
    stack: 512,
    chunk: { initial: 78_848, incremental: 0 },
    heap: { initial: 4_928, incremental: 0 },
  },
};

/** The firmware in TypeScript alone, or with the C of `firmware/native`. */
type Heart = "TypeScript" | "native";

/** What we want of a round trip's time beside the SDK's own client, over sockets and of the engine alone. */
const TIMES: Readonly<Record<Heart, { readonly sockets: number; readonly alone: number }>> = {
  TypeScript: { sockets: 1.5, alone: 1.5 },
  native: { sockets: 1.2, alone: 4 },
};

/** The SDK, and the app made with each heap. */
interface Apps extends Record<keyof typeof HEAPS, string> {
  readonly sdk: string;
}

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

/** What is printed of a client: garbage of a round trip where nothing is collected, the most in use on an ESP32's heap. */
interface Measured {
  slots: number;
  chunkBytes: number;
  slotsMax: number;
  chunkBytesMax: number;
}

type Client = Proof | "stock";

/**
 * Whole clients on the SDK's desktop build: ours, with and without its C, and the SDK's MQTT client with JSON. Over
 * sockets, against the mock cloud; and what the engine alone takes, against a peer in memory. Nothing where MODDABLE
 * names no SDK.
 */
export async function moddableFigures(): Promise<Figure[]> {
  const sdk = process.env.MODDABLE;
  if (sdk === undefined || !existsSync(sdk)) return [];
  const figures: Figure[] = [];
  for (const heart of ["TypeScript", "native"] as const) {
    const isNative = heart === "native";
    const apps = {
      sdk,
      roomy: await build(sdk, "roomy", isNative),
      esp32: await build(sdk, "esp32", isNative),
    };
    const suffix = isNative ? ", native" : "";
    for (const proof of ["password", "counter+mac"] as const)
      figures.push(...memoryFigures(`${proof}${suffix}`, await measure(apps, proof), 0));
    if (!isNative) figures.push(...memoryFigures("stock MQTT + JSON", await measure(apps, "stock")));
    figures.push(...(await timeFigures(apps, `over sockets${suffix}`, {}, TIMES[heart].sockets)));
    figures.push(...(await timeFigures(apps, `the engine alone${suffix}`, PEER, TIMES[heart].alone)));
  }
  return figures;
}

/** @param aim garbage of a round trip; absent: it is shown, not kept */
function memoryFigures(client: string, measured: Measured, aim?: number): Figure[] {
  const kept = aim === undefined ? {} : { aim, tolerance: 0 };
  const name = `Moddable, ${client}`;
  return [
    { name: `${name}: slots of a round trip`, value: measured.slots, unit: "slots", ...kept },
    { name: `${name}: chunks of a round trip`, value: measured.chunkBytes, unit: "B", ...kept },
    { name: `${name}: most slots in use`, value: measured.slotsMax, unit: "slots" },
    { name: `${name}: most chunks in use`, value: measured.chunkBytesMax, unit: "B" },
  ];
}

/** Processor time of the whole program, both clients in turn: the machine has other work. */
async function timeFigures(
  apps: Apps,
  how: string,
  peer: Readonly<Record<string, string>>,
  aim: number,
): Promise<Figure[]> {
  const time = async (client: Client) => perRound(await run(apps, "esp32", client, peer), "microseconds");
  const times = await interleave({ stock: () => time("stock"), ours: () => time("password") }, TURNS);
  const ratio = Math.round(100 * medianRatio(times.ours, times.stock)) / 100;
  const name = `Moddable, ${how}`;
  const note = `processor time of ${ROUNDS} round trips with collections, median of ${TURNS}`;
  return [
    { name: `${name}: a round trip, password`, value: median(times.ours), unit: "µs" },
    { name: `${name}: a round trip, stock`, value: median(times.stock), unit: "µs" },
    { name: `${name}: time, ours to stock`, value: ratio, unit: "times", aim, note },
  ];
}

async function measure(apps: Apps, client: Client): Promise<Measured> {
  const [roomy, esp32] = [await run(apps, "roomy", client), await run(apps, "esp32", client)];
  return {
    slots: perRound(roomy, "slots"),
    chunkBytes: perRound(roomy, "chunkBytes"),
    slotsMax: esp32.after.slotsMax,
    chunkBytesMax: esp32.after.chunkBytesMax,
  };
}

/** What a round trip adds: the test's own messages, which one round trip has as well as many, are taken away. */
function perRound({ before, once, after }: Run, what: keyof Reading): number {
  return Math.round((after[what] - once[what] - (once[what] - before[what])) / ROUNDS) + 0; // never −0
}

/** @param peer the environment in which the peer is in memory; empty: it is the mock cloud */
async function run(
  apps: Apps,
  heap: keyof typeof HEAPS,
  client: Client,
  peer: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const cloud = await startCloud({ requireFrameProof: client === "counter+mac" });
  let app: ModdableApp | undefined;
  try {
    await cloud.addDevice({ id: ID, psk: PSK });
    app = await playApp(apps.sdk, apps[heap], undefined, peer);
    const told = [
      await app.ask({ do: "start", who: client, port: cloud.port }),
      await app.ask({ do: "go", times: WARM }),
    ];
    const before = await reading(app, "collect");
    told.push(await app.ask({ do: "go", times: 1 }));
    const once = await reading(app, "read");
    told.push(await app.ask({ do: "go", times: ROUNDS + 1 }));
    const after = await reading(app, "read");
    if (told.some((status) => status !== 0)) throw new Error(`${client} on Moddable ended with ${told}`);
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

/** @param native with the C of `firmware/native` */
async function build(sdk: string, heap: keyof typeof HEAPS, native: boolean): Promise<string> {
  const source = (name: string): string => readFileSync(HERE + name, "utf8");
  const main = await transform(source("main.ts"), { loader: "ts", target: "es2022" });
  const manifest = {
    include: [
      "$(MODDABLE)/examples/manifest_base.json",
      "$(MODDABLE)/modules/network/net/manifest.json",
      "$(MODDABLE)/examples/io/tcp/mqttclient/manifest_mqttclient.json",
    ],
    modules: {
      "~": [`$(MODDABLE)/${TCP}`],
      "*": ["./main", "./motekey", "./meter", ...(native ? [NATIVE] : [])],
      "embedded:io/socket/tcp": "./socket",
    },
    preload: ["motekey", "meter"],
    creation: HEAPS[heap],
  };
  const modules = {
    "main.js": main.code,
    "motekey.js": await bundleModdable(undefined, native),
    "meter.js": source("meter.xs"),
    "meter.c": source("meter.c"),
    "socket.js": readFileSync(`${sdk}/${TCP}.js`, "utf8"),
    "socket.c": `${source("socket.c")}#include "${sdk}/${TCP}.c"\n`,
  };
  return buildApp(sdk, { name: `budget-${heap}${native ? "-native" : ""}`, manifest, modules });
}
