/** Makes partitions in memory, or looks through a full one, alone in its process. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { imageOf, provision } from "../../../tools/device/provision.js";
import { NvsKeys } from "../../../tools/nvs/keys.js";
import { Partition } from "../../../tools/nvs/partition.js";
import { readPartition } from "../../../tools/nvs/read.js";
import { blobValue, numberValue, stringValue } from "../../../tools/nvs/value.js";
import { sampling, task } from "./task.js";

/**
 * `image` makes a device's partition of 24 KiB, `encrypted` the same with its entries encrypted, `copy` copies one.
 * `inspect` reads a file of 1 MiB and looks through all of it, `read` only reads it.
 */
export type NvsName = "image" | "encrypted" | "copy" | "inspect" | "read";

/** A sample of `image`, `encrypted` and `copy` is images per second of processor time, of the others its milliseconds. */
export interface NvsTask {
  readonly name: NvsName;
  readonly batchMs: number;
}

const SIZE = 0x6000;
const MIB = 0x100000;
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const KEYS = new NvsKeys(Buffer.from(Array.from({ length: 64 }, (_, i) => i)));

let number = 0;

function image(keys: NvsKeys | null): Buffer {
  const partition = new Partition(SIZE);
  provision(partition, { id: `device_${number++}`, psk: PSK, counter: 0 });
  return imageOf(partition, keys).bytes;
}

/** A partition of 1 MiB without room for more: blobs of a record's and of a token's size, strings and numbers. */
function full(): Buffer {
  const partition = new Partition(MIB);
  for (let i = 0; i < 920; i++) {
    const namespace = `space${i % 20}`;
    partition.set(namespace, `blob${i}`, blobValue(Buffer.alloc(740, i)));
    partition.set(namespace, `token${i}`, blobValue(Buffer.alloc(64, i)));
    partition.set(namespace, `text${i}`, stringValue("x".repeat(30)));
    partition.set(namespace, `number${i}`, numberValue("u32", BigInt(i)));
  }
  return partition.toBytes();
}

/** What this process has used of the processor, all its threads, in ms: other programs on the machine count little. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function perSecond(batchMs: number, make: () => unknown): number {
  const startedAtMs = performance.now();
  const before = processorMs();
  let made = 0;
  for (; performance.now() - startedAtMs < batchMs; made += 10) for (let i = 0; i < 10; i++) make();
  return (made * 1000) / (processorMs() - before);
}

async function milliseconds(times: number, work: () => Promise<unknown>): Promise<number> {
  const before = processorMs();
  for (let i = 0; i < times; i++) await work();
  return (processorMs() - before) / times;
}

const { name, batchMs } = await task<NvsTask>();
if (name === "inspect" || name === "read") {
  const folder = mkdtempSync(join(tmpdir(), "motekey-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  process.once("SIGTERM", () => process.exit());
  const file = join(folder, "nvs.bin");
  writeFileSync(file, full());
  const read = () => readFile(file);
  const inspect = async () => {
    const { kept, findings } = readPartition(await readFile(file), null);
    if (findings.length > 0 || kept.length < 3_600) throw new Error("not what was written");
  };
  for (let i = 0; i < 200; i++) await inspect();
  sampling(() => milliseconds(10, name === "read" ? read : inspect));
} else {
  const bytes = image(null);
  const make = {
    image: () => image(null),
    encrypted: () => image(KEYS),
    copy: () => Buffer.from(bytes),
  }[name];
  perSecond(10 * batchMs, make);
  sampling(() => perSecond(batchMs, make));
}
