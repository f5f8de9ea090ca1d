// The XS engine of `install.mjs` with the C of `firmware/native` in it, as a device has it by `manifest_native.json`:
// compiled against the same sources, in seconds, from what that build left.
import { spawnSync } from "node:child_process";
import {
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

/** The C, and what it is called by. */
export const NATIVE = fileURLToPath(new URL("../../firmware/native/motekey-native.c", import.meta.url));

/**
 * Kinds of builds. With AddressSanitizer each chunk is an allocation of its own, so that a byte beyond a buffer is
 * seen; the engine itself is not watched.
 */
const KINDS = {
  plain: { flags: [], objects: [], more: "" },
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
  const changedMs = [NATIVE, fileURLToPath(import.meta.url)].map((path) => statSync(path).mtimeMs);
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
 * @param kind "plain", or "asan": with AddressSanitizer
 * @returns the path of the program
 * @throws with what the compiler wrote
 */
export function buildNative(kind) {
  const folder = join(CACHE, kind);
  const program = join(folder, PROGRAM);
  if (isFresh(program)) return program;
  const { flags, objects, more } = KINDS[kind];
  const anew = new Set(["xsnap-worker.o", ...objects]);
  copyAll(join(XSNAP, "build", OBJECTS), join(folder, OBJECTS), (name) => !anew.has(name));
  copyAll(join(XSNAP, "sources"), join(folder, "sources"), (name) => name !== "xsnap-worker.c");
  for (const [name, text] of Object.entries(workerSource(more)))
    writeFileSync(join(folder, "sources", name), text);
  const make = spawnSync(
    "make",
    [
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

/** Has the compiler judge the C alone, strictly. @returns what it wrote */
export function warningsOfNative() {
  const includes = ["xs/includes", "xs/platforms", "xs/sources"].map((name) => `-I${join(MODDABLE, name)}`);
  buildNative("plain"); // which writes mc.xs.h
  const options = ["-std=c99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fsyntax-only"];
  const sources = join(CACHE, "plain/sources");
  const engine = ["-DINCLUDE_XSPLATFORM", '-DXSPLATFORM="xsnapPlatform.h"', `-I${sources}`];
  const { stdout, stderr } = spawnSync("cc", [...options, ...includes, ...engine, NATIVE], {
    encoding: "utf8",
  });
  return stdout + stderr;
}
