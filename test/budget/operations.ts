import { fileURLToPath } from "node:url";
import { bundle } from "../engines/bundle.js";
import type { Xs } from "../engines/xs.js";
import { COMPUTRON_TOLERANCE, type Figure } from "./figures.js";
import { chunkBytesPer, collectionsIn, slotsPer, startMeter, timeStep } from "./meter.js";

/** One thing that a ready device does over and over. */
interface Operation {
  name: string;
  /** What stands in the engine; `step(i)` does it once. */
  setup: string;
  /** The far end alone, where its share is worth subtracting. */
  farEnd?: string;
}

/** The proofs whose round trip is measured. The others are made of the same parts. */
const PROOFS = ["counter+mac", "counter", "password", "password+key", "digest"];
/** Steps for what must be zero: one chunk of 8 bytes in any of them is seen. */
const STEPS = 20;
/** Steps of one go, and how many goes: the quickest counts. Short ones find a moment of their own on a busy machine. */
const TIMED_STEPS = 20;
const GOES = 50;
const PEER_GOES = 200;
const SUSTAINED = 100_000;
const SUSTAINED_AT_ONCE = 1000;

const steps = (maker: string, call: string) =>
  `const it = ${maker}; globalThis.step = () => it.${call}(); globalThis.told = () => it.told;`;
const rig = (proof: string, hasStore = false) => `new rig.Rig(${JSON.stringify(proof)}, ${hasStore}, false)`;
const roundTrip = (proof: string): Operation => ({
  name: `GenerateToken, ${proof}`,
  setup: steps(rig(proof), "roundTrip"),
  farEnd: steps(rig(proof), "answer"),
});

const SEALED: Operation = {
  name: "GenerateToken, counter+mac, sealed",
  setup: steps(`new rig.Rig("counter+mac", false, true)`, "roundTrip"),
  farEnd: steps(`new rig.Rig("counter+mac", false, true)`, "answer"),
};

const ROUND_TRIP = roundTrip("password");
const FAR_END = steps(rig("password"), "answer");
/** Nothing at all, where each brings a far end of its own. */
const IDLE = "globalThis.step = () => {};";
const PEER = steps("new peer.Peer()", "roundTrip");

const codec = (spelling: string, call: "read" | "write"): Operation => ({
  name: `${call === "read" ? "reply read" : "request written"}, ${spelling}`,
  setup: steps(`new codec.Codec(${spelling === "CBOR"})`, call),
});

const OPERATIONS: Operation[] = [
  ...[codec("JSON", "write"), codec("CBOR", "write"), codec("JSON", "read"), codec("CBOR", "read")],
  { name: "getToken, cached", setup: steps(rig("counter+mac"), "cached") },
  ...PROOFS.map(roundTrip),
  SEALED,
  { name: "GenerateToken, counter+mac, a store", setup: steps(rig("counter+mac", true), "roundTrip") },
  { name: "RevokeToken and GenerateToken, a store", setup: steps(rig("counter+mac", true), "revoke") },
  { name: "PINGREQ/PINGRESP", setup: steps(rig("counter+mac"), "ping") },
  {
    name: "GenerateToken, password, 1 kB of unknown members",
    setup: `${ROUND_TRIP.setup} it.skipMore();`,
    farEnd: `${FAR_END} it.skipMore();`,
  },
];

const webSocket = (isRpc: boolean) => `new webSocket.WebSocketRig("counter+mac", ${isRpc})`;

/** What is held to make no garbage, and whose work is that of its parts. */
const WEBSOCKET_OPERATIONS: Operation[] = [
  { name: "GenerateToken, counter+mac, mqtt+ws", setup: steps(webSocket(false), "roundTrip") },
  { name: "GenerateToken, counter+mac, rpc+ws", setup: steps(webSocket(true), "roundTrip") },
  { name: "Ping/Pong, rpc+ws", setup: steps(webSocket(true), "ping") },
];

const MQTT5 = "new mqtt5.Mqtt5Rig()";

/** The same over MQTT 5, and a message of the app's own, there and back. */
const MQTT5_OPERATIONS: Operation[] = [
  { name: "GenerateToken, counter+mac, mqtt5", setup: steps(MQTT5, "roundTrip") },
  { name: "a message out and in, mqtt5", setup: steps(MQTT5, "echo") },
];

let sources: Promise<string> | undefined;

/** What a file's exports are called in the engine, where that is not the file's name. */
const GLOBALS: Readonly<Record<string, string>> = { "websocket-rig": "webSocket", "mqtt5-rig": "mqtt5" };

const inEngine = (file: string) =>
  bundle(fileURLToPath(new URL(`${file}.ts`, import.meta.url)), GLOBALS[file] ?? file);

async function startEngine(setup: string): Promise<Xs> {
  sources ??= Promise.all(["rig", "websocket-rig", "mqtt5-rig", "peer", "codec"].map(inEngine)).then((s) =>
    s.join("\n"),
  );
  return startMeter(`${await sources}\n{${setup}}`);
}

async function withEngine<T>(setup: string, use: (xs: Xs) => Promise<T>): Promise<T> {
  const xs = await startEngine(setup);
  try {
    return await use(xs);
  } finally {
    await xs.close();
  }
}

/** Slots and chunk bytes of each operation: zero is wanted, garbage of the far end included. */
export async function garbageFigures(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { name, setup } of [...OPERATIONS, ...WEBSOCKET_OPERATIONS, ...MQTT5_OPERATIONS]) {
    await withEngine(setup, async (xs) => {
      const slots = await slotsPer(xs, STEPS);
      const chunkBytes = await chunkBytesPer(xs, STEPS);
      figures.push({ name: `${name}: slots`, value: slots, unit: "slots", tolerance: 0, aim: 0 });
      figures.push({ name: `${name}: chunks`, value: chunkBytes, unit: "B", tolerance: 0, aim: 0 });
    });
  }
  return figures;
}

interface Work {
  microseconds: number;
  computrons: number;
}

function work(setup: string): Promise<Work> {
  return withEngine(setup, async (xs) => {
    const best: Work = { microseconds: Number.POSITIVE_INFINITY, computrons: Number.POSITIVE_INFINITY };
    for (let i = 0; i < GOES; i++) {
      const { microseconds, computrons } = await timeStep(xs, TIMED_STEPS);
      best.microseconds = Math.min(best.microseconds, microseconds);
      best.computrons = Math.min(best.computrons, computrons);
    }
    return best;
  });
}

/** The device's own work: that of the far end, measured alone, is taken away. */
async function ownWork({ setup, farEnd }: Pick<Operation, "setup" | "farEnd">): Promise<Work> {
  const all = await work(setup);
  if (farEnd === undefined) return all;
  const far = await work(farEnd);
  return {
    microseconds: all.microseconds - far.microseconds,
    computrons: all.computrons - far.computrons,
  };
}

const rounded = (value: number) => Math.round(value * 10) / 10;

/** Computrons and microseconds of each operation. */
export async function workFigures(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const operation of OPERATIONS) {
    const { microseconds, computrons } = await ownWork(operation);
    figures.push(
      {
        name: `${operation.name}: work`,
        value: Math.round(computrons),
        unit: "computrons",
        tolerance: COMPUTRON_TOLERANCE,
      },
      { name: `${operation.name}: time`, value: rounded(microseconds), unit: "µs" },
    );
  }
  return figures;
}

/**
 * A round trip beside the same one by JSON.stringify and JSON.parse, and both for a long time. The two and the far
 * end, whose share is taken away from both, take turns, so that what else this machine does burdens them alike.
 */
export async function peerFigures(): Promise<Figure[]> {
  const [ours, peer] = await quickest([ROUND_TRIP.setup, PEER, FAR_END]);
  const ratio: Figure = {
    name: "round trip, ours to peer",
    value: rounded(ours / peer),
    unit: "times",
    aim: 15,
    note: "proof password; reply of 329 bytes, token of 200; without the far end's share",
  };
  const garbage = await withEngine(PEER, async (xs) => [
    await slotsPer(xs, STEPS),
    await chunkBytesPer(xs, STEPS),
  ]);
  return [
    { name: "round trip, ours: time", value: rounded(ours), unit: "µs" },
    { name: "round trip, JSON peer: time", value: rounded(peer), unit: "µs" },
    ratio,
    { name: "round trip, JSON peer: slots", value: garbage[0], unit: "slots" },
    { name: "round trip, JSON peer: chunks", value: garbage[1], unit: "B" },
    { ...(await sustained("ours", ROUND_TRIP.setup)), tolerance: 0, aim: 0 },
    await sustained("JSON peer", PEER),
  ];
}

/** A token that comes sealed beside one in the clear, both under MACs, in turns. */
export async function sealFigures(): Promise<Figure[]> {
  const plain = roundTrip("counter+mac");
  const all = await quickest([SEALED.setup, SEALED.farEnd ?? "", plain.setup, plain.farEnd ?? "", IDLE]);
  const [sealed = 0, sealedFar = 0, clear = 0, clearFar = 0] = all;
  const ratio = Math.round((100 * (sealed - sealedFar)) / (clear - clearFar)) / 100;
  return [{ name: "round trip with counter+mac, sealed to not", value: ratio, unit: "times", aim: 1.6 }];
}

/** Microseconds per step of each setup but the last, and without the last's. */
async function quickest(setups: string[]): Promise<number[]> {
  const best = setups.map(() => Number.POSITIVE_INFINITY);
  const engines = await Promise.all(setups.map(startEngine));
  try {
    for (let go = 0; go < PEER_GOES; go++) {
      for (const [i, xs] of engines.entries()) {
        best[i] = Math.min(best[i], (await timeStep(xs, TIMED_STEPS)).microseconds);
      }
    }
  } finally {
    await Promise.all(engines.map((xs) => xs.close()));
  }
  const farEnd = best.pop() ?? 0;
  return best.map((microseconds) => microseconds - farEnd);
}

/** Garbage collections in 100,000 round trips. */
function sustained(who: string, setup: string): Promise<Figure> {
  return withEngine(setup, async (xs) => {
    const before = Number(await xs.text("told()"));
    const value = await collectionsIn(xs, SUSTAINED, SUSTAINED_AT_ONCE);
    const told = Number(await xs.text("told()")) - before;
    if (told !== SUSTAINED) throw new Error(`${told} instead of ${SUSTAINED} round trips were made`);
    return { name: `100,000 round trips, ${who}: garbage collections`, value, unit: "times" };
  });
}
