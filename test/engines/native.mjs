// The XS engine of `install.mjs` with the C of `firmware/native` in it, as a device has it by `manifest_native.json`:
// compiled against the same sources, in seconds, from what that build left. And the same for 32 bit, with slots of 16
// bytes as on a microcontroller: `node test/engines/native.mjs` builds that one, which takes half a minute.
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PACKAGE = join(HERE, "node_modules/@agoric/xsnap");
const XSNAP = join(PACKAGE, "xsnap-native/xsnap");
const MODDABLE = join(PACKAGE, "moddable");
const OBJECTS = "tmp/lin/release/xsnap-worker";
const PROGRAM = "bin/lin/release/xsnap-worker";
const CACHE = fileURLToPath(new URL("../../.cache/xs/", import.meta.url));

/** The eFuses' C, and a chip that has a key. */
const EFUSE = fileURLToPath(new URL("../../firmware/native/motekey-efuse.c", import.meta.url));
const EFUSE_CHIP = join(HERE, "moddable/efuse-chip.c");
/** The header that stands in for ESP-IDF's. */
const ESP_IDF = `-I${join(HERE, "moddable/esp-idf")}`;

/** The C, and what it is called by. */
export const NATIVE = fileURLToPath(new URL("../../firmware/native/motekey-native.c", import.meta.url));

/**
 * The engine's heap, by number: slots and bytes of chunks in use; the most of each; all that there are. -1: garbage is
 * collected, and what was most is what is left. -2: from here on the heap does not grow, as with `"incremental": 0`.
 */
const HEAP_IN_ENGINE = `
txInteger fxHeap(txMachine* the, txInteger which)
{
  switch (which) {
    case 0: return the->currentHeapCount;
    case 1: return the->currentChunksSize;
    case 2: return the->peakHeapCount;
    case 3: return the->peakChunksSize;
    case 4: return the->maximumHeapCount;
    case 5: return the->maximumChunksSize;
    case -2: the->minimumHeapCount = the->minimumChunksSize = 0; return 0;
  }
  fxCollectGarbage(the);
  the->peakHeapCount = the->currentHeapCount;
  the->peakChunksSize = the->currentChunksSize;
  return 0;
}`;

/**
 * Kinds of builds. With AddressSanitizer each chunk is an allocation of its own, so that a byte beyond a buffer is
 * seen; the engine itself is not watched. The chip's has 32 bit, and tells what its heap holds.
 */
const KINDS = {
  plain: { flags: [], objects: [], more: "" },
  efuse: {
    flags: [ESP_IDF],
    objects: [],
    more: [EFUSE, EFUSE_CHIP].map((file) => readFileSync(file, "utf8")).join("\n"),
  },
  chip: {
    flags: ["-m32"],
    objects: null, // all anew
    engine: HEAP_IN_ENGINE,
    more: `extern xsIntegerValue fxHeap(xsMachine*, xsIntegerValue);
void xs_heap(xsMachine* the) { xsmcSetInteger(xsResult, fxHeap(the, xsmcToInteger(xsArg(0)))); }`,
  },
  asan: {
    flags: ["-fsanitize=address", "-fno-omit-frame-pointer", "-DmxNoChunks=1"],
    objects: ["xsMemory.o"],
    // What must be seen: so that it is known that it would be.
    more: "void xs_watched_overrun(xsMachine* the) { Buffer it = bufferAt(the, 0, 1); it.bytes[it.length]++; }",
  },
};

/** Makes each text in place of the one before it. @throws where one is absent */
function edited(source, edits) {
  return edits.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2)
      throw new Error(`xsnap-worker.c is another one: not once in it: ${from}`);
    return text.replace(from, () => to);
  }, source);
}

/** The worker's source with our functions as globals, and in its snapshots. */
function workerSource(more) {
  const native = readFileSync(NATIVE, "utf8");
  const functions = [...`${native}\n${more}`.matchAll(/^void (xs_\w+)\(/gm)].map(([, name]) => name);
  const identifiers = new Set([...native.matchAll(/\bxsID_(\w+)/g)].map(([, name]) => name));
  const define = (name) =>
    `xsResult = xsNewHostFunction(${name}, 0); xsDefine(xsGlobal, xsID("${name}"), xsResult, xsDontEnum);`;
  const worker = readFileSync(join(XSNAP, "sources/xsnap-worker.c"), "utf8");
  const source = edited(worker, [
    [
      "static void xsBuildAgent(xsMachine* the);",
      functions.map((name) => `void ${name}(xsMachine*);`).join("\n"),
    ],
    ["void xsBuildAgent(xsMachine* machine)\n{", "static void xsBuildAgent(xsMachine* machine)\n{"],
    ["#define mxSnapshotCallbackCount 18", `#define mxSnapshotCallbackCount ${18 + functions.length}`],
    ["\tfx_harden, // 17", `\tfx_harden,\n${functions.join(",\n")},`],
    ["\tmodInstallBase64(the);", `\tmodInstallBase64(the);\n${functions.map(define).join("\n")}`],
  ]);
  return {
    "xsnap-worker.c": `${source.replace("int main(", "static void xsBuildAgent(xsMachine*);\nint main(")}\n#include ${JSON.stringify(NATIVE)}\n${more}\n`,
    "mc.xs.h": [...identifiers].map((name) => `#define xsID_${name} xsID("${name}")\n`).join(""),
  };
}

function isFresh(program) {
  const changedMs = [NATIVE, EFUSE, EFUSE_CHIP, fileURLToPath(import.meta.url)].map(
    (path) => statSync(path).mtimeMs,
  );
  return existsSync(program) && changedMs.every((ms) => ms < statSync(program).mtimeMs);
}

function copyAll(from, to, accepts) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter(accepts)) {
    copyFileSync(join(from, name), join(to, name));
    const { atime, mtime } = statSync(join(from, name));
    utimesSync(join(to, name), atime, mtime);
  }
}

/**
 * Builds it unless that is done.
 *
 * @param kind "plain"; "efuse": with a chip's eFuses; or "asan": with AddressSanitizer
 * @returns the path of the program
 * @throws with what the compiler wrote
 */
export function buildNative(kind) {
  const folder = join(CACHE, kind);
  const program = join(folder, PROGRAM);
  if (isFresh(program)) return program;
  const { flags, objects, more, engine = "" } = KINDS[kind];
  const anew = new Set(["xsnap-worker.o", ...(objects ?? [])]);
  if (objects !== null)
    copyAll(join(XSNAP, "build", OBJECTS), join(folder, OBJECTS), (name) => !anew.has(name));
  copyAll(join(XSNAP, "sources"), join(folder, "sources"), (name) => name !== "xsnap-worker.c");
  for (const [name, text] of Object.entries(workerSource(more)))
    writeFileSync(join(folder, "sources", name), text);
  if (engine !== "") appendFileSync(join(folder, "sources/xsnapPlatform.c"), engine);
  const make = spawnSync(
    "make",
    [
      "-j2",
      "-f",
      "xsnap-worker.mk",
      "GOAL=release",
      "XSNAP_VERSION=0",
      `MODDABLE=${MODDABLE}`,
      `BUILD_DIR=${folder}`,
      `TLS_DIR=${join(folder, "sources")}`,
      `CC=${["cc", ...flags].join(" ")}`,
    ],
    { cwd: join(XSNAP, "makefiles/lin"), encoding: "utf8" },
  );
  if (make.status !== 0) throw new Error(`XS with ${NATIVE} did not build: ${make.stderr}`);
  return program;
}

/** The program of the 32-bit engine: the engine itself, or a script that has an emulator run it. */
const CHIP = join(CACHE, "chip/xs");

/** Why there is no engine of 32 bit, and what to do about it; null when it is built. */
export function chipMissing() {
  return existsSync(CHIP) && isFresh(CHIP)
    ? null
    : "XS of 32 bit is not built: install gcc-multilib and qemu-user, then run node test/engines/native.mjs";
}

/** Builds it unless that is done. Kernels that run no programs of 32 bit need qemu-user. @returns the program's path */
export function buildChip() {
  if (chipMissing() === null) return CHIP;
  const program = buildNative("chip");
  const runs = (command) =>
    spawnSync(command, [...(command === program ? [] : [program]), "-v"]).status === 0;
  const runner = runs(program) ? "" : "qemu-i386 ";
  if (runner !== "" && !runs("qemu-i386"))
    throw new Error("This kernel runs no programs of 32 bit: install qemu-user");
  writeFileSync(CHIP, `#!/bin/sh\nexec ${runner}${program} "$@"\n`);
  chmodSync(CHIP, 0o755);
  return CHIP;
}

/** Has the compiler judge the C alone, strictly; the eFuses' against a header that stands in for ESP-IDF's. @returns what it wrote */
export function warningsOfNative() {
  const includes = ["xs/includes", "xs/platforms", "xs/sources"].map((name) => `-I${join(MODDABLE, name)}`);
  buildNative("plain"); // which writes mc.xs.h
  const options = ["-std=c99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fsyntax-only"];
  const sources = join(CACHE, "plain/sources");
  const engine = ["-DINCLUDE_XSPLATFORM", '-DXSPLATFORM="xsnapPlatform.h"', `-I${sources}`];
  return [NATIVE, EFUSE]
    .map((file) => spawnSync("cc", [...options, ...includes, ...engine, ESP_IDF, file], { encoding: "utf8" }))
    .map(({ stdout, stderr }) => stdout + stderr)
    .join("");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(`XS of 32 bit is built: ${buildChip()}`);
