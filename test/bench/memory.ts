import { besideResponder, run } from "./program.js";
import type { MemoryAnswer, MemoryKind, MemoryTask } from "./programs/memory.js";
import { atMost, type Group, information, type Row } from "./row.js";

const KIB = 1024;
const WARM = 500;
const DEFAULT_TRIED =
  "one receive window for all devices, exact tables; the buffers alone take 2.5 KiB at these limits, a socket of Node 2";
const FLEET_TRIED =
  "smaller limits, exact tables, shared scratch; a socket of Node takes 2 KiB, the buffers of one token 1.5, and each typed array 200 bytes";

/** Each kind in a fresh process, beside a responder of its own: its ports are free of those before. */
const measure = (kind: MemoryKind, count: number): Promise<MemoryAnswer> =>
  besideResponder((port) => {
    const task: MemoryTask = { port, kind, warm: Math.min(WARM, count), count };
    return run<MemoryAnswer>("memory", task);
  });

const rowsAt = async (count: number): Promise<Row[]> => {
  const raw = await measure("raw", count);
  const mqttJs = await measure("mqttJs", count);
  const byDefault = await measure("default", count);
  const fleet = await measure("fleet", count);
  const figures = (what: keyof MemoryAnswer, ours: MemoryAnswer, peer: MemoryAnswer) => ({
    ours: ours[what] / KIB,
    peer: peer[what] / KIB,
    unit: "KiB",
  });
  const devices = `${count.toLocaleString("en")} connections`;
  const against = "MQTT.js, each client with one connection and one token";
  const bare = "a net socket that keeps nothing: the floor";
  return [
    atMost(8, {
      name: `heap, ${devices}`,
      ...figures("heapBytes", byDefault, mqttJs),
      against,
      tried: DEFAULT_TRIED,
    }),
    atMost(12, {
      name: `RSS, ${devices}`,
      ...figures("rssBytes", byDefault, mqttJs),
      against,
      tried: DEFAULT_TRIED,
    }),
    atMost(3, {
      name: `heap at fleet limits, ${devices}`,
      ...figures("heapBytes", fleet, mqttJs),
      against,
      tried: FLEET_TRIED,
    }),
    atMost(10, {
      name: `RSS at fleet limits, ${devices}`,
      ...figures("rssBytes", fleet, mqttJs),
      against,
      tried: FLEET_TRIED,
    }),
    information({
      name: `heap at fleet limits, ${devices}, raw`,
      ...figures("heapBytes", fleet, raw),
      against: bare,
    }),
    information({
      name: `RSS at fleet limits, ${devices}, raw`,
      ...figures("rssBytes", fleet, raw),
      against: bare,
    }),
  ];
};

/** JS heap, buffers included, and RSS per device. */
export const memory: Group = {
  name: "memory",
  rows: async (quick) => (quick ? rowsAt(200) : [...(await rowsAt(2_000)), ...(await rowsAt(8_000))]),
};
