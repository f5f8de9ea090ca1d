/** NVS partitions: how many devices' images are made, and how long a full one takes to look through. */
import { inTurns } from "./program.js";
import type { NvsName, NvsTask } from "./programs/nvs.js";
import { atLeast, type Group, information, withinTimes } from "./row.js";
import { median } from "./samples.js";

const PER_SECOND = 15_000;

export const nvs: Group = {
  name: "nvs",
  rows: async (quick) => {
    const of = (name: NvsName): NvsTask => ({ name, batchMs: quick ? 5 : 100 });
    const rounds = quick ? 3 : 15;
    const made = await inTurns(
      "nvs",
      { image: of("image"), encrypted: of("encrypted"), copy: of("copy") },
      rounds,
    );
    const looked = await inTurns("nvs", { inspect: of("inspect"), read: of("read") }, quick ? 3 : 40);
    const copies = median(made.copy);
    return [
      atLeast(PER_SECOND, {
        name: "NVS images, 24 KiB, by processor time",
        ours: median(made.image),
        peer: copies,
        unit: "per s",
        isMoreBetter: true,
        against: "a copy of 24 KiB; ours has the credential and the counter in both slots",
        tried:
          "one pass over one buffer; what is left is filling it, and the firmware's own code for records",
      }),
      information({
        name: "NVS images, encrypted, by processor time",
        ours: median(made.encrypted),
        peer: copies,
        unit: "per s",
        isMoreBetter: true,
        against: "a copy of 24 KiB",
      }),
      withinTimes(3, {
        name: "inspect, 1 MiB, by processor time",
        ours: median(looked.inspect),
        peer: median(looked.read),
        unit: "ms",
        against: "reading the file; ours reads it, checks every CRC and lists 3,680 values",
        tried:
          "four tables for the CRC of entries and zlib's for data; a hash table of entries where they lie in the place of maps of their names; values that are views, made when asked for",
      }),
    ];
  },
};
