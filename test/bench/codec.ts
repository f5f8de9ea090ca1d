import { inTurns, run } from "./program.js";
import type { CodecName, CodecTask } from "./programs/codec.js";
import { atMost, type Group, information, type Row, timesBetter } from "./row.js";
import { median, type Samples } from "./samples.js";

/** Without a JIT there is no WebAssembly: before Node 24 V8 warns of that unless it is switched off. */
const JITLESS =
  Number.parseInt(process.versions.node, 10) < 24 ? ["--jitless", "--no-expose-wasm"] : ["--jitless"];
/** A young generation of 64 MB, so that garbage is counted before any of it is collected. */
const COUNTING = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
const GARBAGE_OPS = 5_000;

/** What the rows of one direction say. */
interface Direction {
  readonly what: CodecTask["what"];
  readonly times: number;
  readonly timesJitless: number;
  readonly peer: string;
  /** What the firmware leaves to others and the peer does itself: as a row's name has it, and in words. */
  readonly whole: string;
  readonly wholeAgainst: string;
  readonly copy: string;
  readonly macPeer: string;
  readonly tried: string;
}

const measure = (
  what: CodecTask["what"],
  isJitless: boolean,
  quick: boolean,
): Promise<Samples<CodecName>> => {
  const of = (name: CodecName): CodecTask => ({ what, name, batchMs: quick ? 2 : 20, garbageOps: 0 });
  const tasks: Record<CodecName, CodecTask> = {
    ours: of("ours"),
    whole: of("whole"),
    peer: of("peer"),
    copy: of("copy"),
    mac: of("mac"),
    macPeer: of("macPeer"),
  };
  return inTurns("codec", tasks, quick ? 3 : 25, isJitless ? JITLESS : []);
};

/** Bytes an operation, never below 0: what is counted beside it is not ours. */
const garbage = async (what: CodecTask["what"], name: CodecName): Promise<number> => {
  const task: CodecTask = { what, name, batchMs: 0, garbageOps: GARBAGE_OPS };
  return Math.max(0, await run<number>("codec", task, COUNTING));
};

const speed = (samples: Samples<CodecName>, ours: CodecName, peer: CodecName) => ({
  ours: median(samples[ours]) / 1000,
  peer: median(samples[peer]) / 1000,
  unit: "µs",
});

const speeds = (direction: Direction, samples: Samples<CodecName>, isJitless: boolean): Row[] => {
  const { what, peer, whole, wholeAgainst, copy, macPeer, tried } = direction;
  const name = isJitless ? `${what} --jitless` : what;
  const times = isJitless ? direction.timesJitless : direction.times;
  const against = `${peer}, both without a proof in the frame`;
  return [
    timesBetter(times, { name, ...speed(samples, "ours", "peer"), against, tried }),
    timesBetter(times, {
      name: `${name}, ${whole}`,
      ...speed(samples, "whole", "peer"),
      against: `${against}; ${wholeAgainst}`,
      tried,
    }),
    information({ name: `${name}, a byte copy`, ...speed(samples, "ours", "copy"), against: copy }),
    information({
      name: `${name} with MAC, ${whole}`,
      ...speed(samples, "mac", "macPeer"),
      against: `${macPeer}; ${wholeAgainst}`,
    }),
  ];
};

const rowsOf = async (direction: Direction, quick: boolean): Promise<Row[]> => {
  const { what, peer, whole, wholeAgainst } = direction;
  const counted = `${peer}; heap and buffers, with no collection in between`;
  const peerBytes = await garbage(what, "peer");
  const common = { peer: peerBytes, unit: "B" };
  return [
    ...speeds(direction, await measure(what, false, quick), false),
    atMost(0.1, { name: `${what}, garbage`, ours: await garbage(what, "ours"), ...common, against: counted }),
    information({
      name: `${what}, garbage, ${whole}`,
      ours: await garbage(what, "whole"),
      ...common,
      against: `${counted}; ${wholeAgainst}`,
    }),
    ...speeds(direction, await measure(what, true, quick), true),
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
        whole: "copied",
        wholeAgainst:
          "ours with the copy that a link of Node makes, since the buffer is the firmware's again",
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
        whole: "to a string",
        wholeAgainst: "ours with the token made a string, as the peer's is",
        copy: "a loop that copies the packet's bytes",
        macPeer: "mqtt-packet + node:crypto HMAC + JSON.parse; ours hashes in JavaScript",
        tried:
          "four plain bytes a turn, whole keys, strings and integers without the split-proof path, members chosen by their first byte; each byte is still looked at in JavaScript, and a loop that only copies them takes the time in the row a byte copy, while the peer scans in C++",
      },
      quick,
    ),
};
