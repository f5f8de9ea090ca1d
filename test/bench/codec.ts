import { run } from "./program.js";
import type { CodecAnswer, CodecName, CodecTask } from "./programs/codec.js";
import { atMost, type Group, information, type Row, timesBetter } from "./row.js";
import { median, medianRatio } from "./samples.js";

/** A young generation of 64 MB, so that garbage is counted before any of it is collected. */
/** Without a JIT there is no WebAssembly: before Node 24 V8 warns of that unless it is switched off. */
const JITLESS =
  Number.parseInt(process.versions.node, 10) < 24 ? ["--jitless", "--no-expose-wasm"] : ["--jitless"];
const COUNTING = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];

/** What the rows of one direction say. */
interface Direction {
  readonly what: CodecTask["what"];
  readonly times: number;
  readonly timesJitless: number;
  readonly peer: string;
  readonly copy: string;
  readonly macPeer: string;
  readonly tried: string;
}

const measure = (direction: Direction, isJitless: boolean, quick: boolean): Promise<CodecAnswer> => {
  const task: CodecTask = {
    what: direction.what,
    rounds: quick ? 3 : 25,
    batchMs: quick ? 2 : 20,
    garbageOps: isJitless ? 0 : 5_000,
  };
  return run("codec", task, isJitless ? JITLESS : COUNTING);
};

const speed = ({ ns }: CodecAnswer, ours: CodecName, peer: CodecName) => ({
  ours: median(ns[ours]) / 1000,
  peer: median(ns[peer]) / 1000,
  unit: "µs",
  ratio: medianRatio(ns[peer], ns[ours]),
});

const rowsOf = async (direction: Direction, quick: boolean): Promise<Row[]> => {
  const { what, peer, copy, macPeer, tried } = direction;
  const jit = await measure(direction, false, quick);
  const jitless = await measure(direction, true, quick);
  const { garbage } = jit;
  const against = `${peer}, both without a proof in the frame`;
  return [
    timesBetter(direction.times, { name: what, ...speed(jit, "ours", "peer"), against, tried }),
    atMost(0.1, {
      name: `${what}, garbage`,
      ours: Math.max(0, garbage.ours),
      peer: garbage.peer,
      unit: "B",
      ratio: garbage.peer / Math.max(0, garbage.ours),
      against: `${peer}; heap and buffers, with no collection in between`,
    }),
    information({ name: `${what}, a byte copy`, ...speed(jit, "ours", "copy"), against: copy }),
    information({ name: `${what} with MAC`, ...speed(jit, "mac", "macPeer"), against: macPeer }),
    timesBetter(direction.timesJitless, {
      name: `${what} --jitless`,
      ...speed(jitless, "ours", "peer"),
      against,
      tried,
    }),
    information({
      name: `${what} --jitless, a byte copy`,
      ...speed(jitless, "ours", "copy"),
      against: copy,
    }),
    information({
      name: `${what} --jitless with MAC`,
      ...speed(jitless, "mac", "macPeer"),
      against: macPeer,
    }),
  ];
};

/** A GenerateToken request: PUBLISH and frame, into the send buffer. */
export const encode: Group = {
  name: "encode",
  rows: (quick) =>
    rowsOf(
      {
        what: "encode",
        times: 5,
        timesJitless: 3,
        peer: "mqtt-packet generate + JSON.stringify",
        copy: "set() of the packet's prepared bytes",
        macPeer: "mqtt-packet + JSON.stringify + node:crypto HMAC; ours hashes in JavaScript",
        tried:
          "prepared pieces joined with set(), digits eight at a time; what is left under --jitless is one call a piece, twice, because PUBLISH names its length first",
      },
      quick,
    ),
};

/** An answer of 329 bytes with a token of 200. */
export const decode: Group = {
  name: "decode",
  rows: (quick) =>
    rowsOf(
      {
        what: "decode",
        times: 8,
        timesJitless: 1.5,
        peer: "mqtt-packet parser + JSON.parse",
        copy: "a loop that copies the packet's bytes",
        macPeer: "mqtt-packet + node:crypto HMAC + JSON.parse; ours hashes in JavaScript",
        tried:
          "four plain bytes a turn, whole keys, strings and integers without the split-proof path, members chosen by their first byte; each byte is still looked at in JavaScript, and a loop that only copies them takes the time in the row a byte copy, while the peer scans in C++",
      },
      quick,
    ),
};
